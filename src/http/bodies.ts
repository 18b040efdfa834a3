/**
 * Bodies of requests, and how much of them may be in memory before they are whole. When that is used up, the one that
 * has been coming in for longest makes room: a client that means it sends its body within milliseconds.
 */
import type { IncomingMessage } from 'node:http';
import { MESSAGE_MAX_BYTES } from '../domain/limits.ts';
import { BODIES_MAX_BYTES, DISCARD_MAX_BYTES } from './limits.ts';

export type Body =
  | { kind: 'whole'; bytes: Buffer }
  | { kind: 'too-large' }
  /** Made room for another. */
  | { kind: 'put-off' }
  /** The client hung up, or was cut off. */
  | { kind: 'aborted' };

const FIRST_BYTES = 4 * 1024;

export class Bodies {
  /** Those that are coming in, the oldest first. */
  readonly #open = new Set<OpenBody>();
  #bytes = 0;

  constructor(private readonly maxBytes = BODIES_MAX_BYTES) {}

  /** Reads to the end, of a body that is too large as well: a client that is still sending never hears why. */
  read(incoming: IncomingMessage): Promise<Body> {
    return new Promise((resolve) => {
      const body = new OpenBody((bytes) => this.#need(bytes, body));
      const end = (outcome: Body): void => {
        incoming.off('data', take).off('end', finish).off('close', abort).off('error', abort);
        // What comes after the end of our interest must not be an uncaught error.
        incoming.on('error', () => undefined);
        this.#open.delete(body);
        this.#bytes -= body.release();
        resolve(outcome);
      };
      const take = (part: Buffer): void => {
        body.add(part);
        if (body.length > DISCARD_MAX_BYTES) end({ kind: 'too-large' });
      };
      const finish = (): void => {
        end(body.length > MESSAGE_MAX_BYTES ? { kind: 'too-large' } : { kind: 'whole', bytes: body.whole() });
      };
      const abort = (): void => end({ kind: 'aborted' });
      body.putOff = () => end({ kind: 'put-off' });
      this.#open.add(body);
      incoming.on('data', take).once('end', finish).once('close', abort).once('error', abort);
      if (incoming.destroyed) abort();
    });
  }

  /** Called before a body grows by so many bytes. */
  #need(bytes: number, by: OpenBody): void {
    for (const oldest of this.#open) {
      if (this.#bytes + bytes <= this.maxBytes) break;
      if (oldest !== by && oldest.size > 0) oldest.putOff();
    }
    this.#bytes += bytes;
  }
}

/** One buffer that grows: a list of parts would cost a hundred times as much where each is a byte. */
class OpenBody {
  #buffer = Buffer.alloc(0);
  length = 0;
  putOff: () => void = () => undefined;

  constructor(private readonly beforeGrowing: (bytes: number) => void) {}

  /** What it takes in memory. */
  get size(): number {
    return this.#buffer.length;
  }

  add(part: Buffer): void {
    const length = this.length + part.length;
    if (length <= MESSAGE_MAX_BYTES) {
      if (length > this.size) this.#grow(length);
      part.copy(this.#buffer, this.length);
    }
    this.length = length;
  }

  whole(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /** @returns what it took */
  release(): number {
    const { size } = this;
    this.#buffer = Buffer.alloc(0);
    return size;
  }

  #grow(length: number): void {
    const size = Math.min(MESSAGE_MAX_BYTES, Math.max(length, this.size * 2, FIRST_BYTES));
    this.beforeGrowing(size - this.size);
    const grown = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(grown, 0, 0, this.length);
    this.#buffer = grown;
  }
}
