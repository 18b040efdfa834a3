/**
 * JSON-RPC over standard input and output, one message a line. Unlike the SDK's own transport it survives
 * what it cannot read: a line that is too long or not JSON is answered with an error and the next one is
 * served; and at the end, whoever brings it about, the requests already received are answered before it closes.
 */
import { isUtf8 } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import {
  INTERNAL_ERROR,
  INVALID_REQUEST,
  PARSE_ERROR,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  parseJSONRPCMessage,
  type JSONRPCMessage,
  type Transport,
} from '@modelcontextprotocol/server';
import { MESSAGE_MAX_BYTES } from '../domain/limits.ts';

const NEWLINE = 0x0a;
/** How much of either end of a request that is too long is kept, to find its id there. */
const END_BYTES = 4_096;
/** How long an end waits while no answer comes: each one that was made and taken by the pipe begins it anew. */
const FINISH_QUIET_MS = 700;
/** And how long altogether. Two seconds are promised for the end of the process, which closes the store after this. */
const FINISH_MAX_MS = 1_200;

type RequestId = string | number;

export class StdioTransport implements Transport {
  onclose?: () => void;
  /** The input is at its end (then it closes by itself, when it has answered), or it has closed. */
  onending?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  /** The parts of the line that is being received. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Set while a line over the limit is being thrown away: its two ends so far. */
  #overlong: { head: Buffer; tail: Buffer } | undefined;
  /** While the pipe is full: resolves when it has room again or is gone. One for all who wait. */
  #room: Promise<void> | undefined;
  readonly #unanswered = new Set<RequestId>();
  #closed = false;
  #finishing: Promise<void> | undefined;
  /** While it finishes: called when a request needs no answer any more. */
  #settled: (() => void) | undefined;
  #finished: (() => void) | undefined;

  constructor(
    private readonly input: Readable,
    private readonly output: Writable,
  ) {}

  start(): Promise<void> {
    this.input.on('data', this.#receive);
    this.input.once('end', this.#end);
    this.input.once('close', this.#end);
    this.input.on('error', this.#end);
    this.output.on('error', this.#lose);
    return Promise.resolve();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed) throw new Error('the connection is closed');
    if (!this.output.write(`${JSON.stringify(message)}\n`)) await (this.#room ??= this.#waitForRoom());
    if ((isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) && message.id !== undefined) {
      this.#settle(message.id);
    }
  }

  #waitForRoom(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.output.off('drain', go);
        this.output.off('close', go);
        this.#room = undefined;
        resolve();
      };
      this.output.once('drain', go);
      this.output.once('close', go);
    });
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#stopReading();
    this.#finished?.();
    this.onending?.();
    this.onclose?.();
    return Promise.resolve();
  }

  /** Reads no more, answers what was asked, and closes: when the pipe has taken it all, or the time is up. */
  finish(): Promise<void> {
    return (this.#finishing ??= this.#closed ? Promise.resolve() : this.#finish());
  }

  /** Resolves when the pipe has taken everything, or is gone. What it has no room for is lost with the process. */
  written(): Promise<void> {
    return new Promise((resolve) => this.output.write('', () => resolve()));
  }

  #finish(): Promise<void> {
    this.#stopReading();
    return new Promise((resolve) => {
      const close = () => void this.close();
      const quiet = setTimeout(close, FINISH_QUIET_MS);
      const longest = setTimeout(close, FINISH_MAX_MS);
      const closeWhenWritten = () => {
        if (this.#unanswered.size === 0) void this.written().then(close);
      };
      this.#settled = () => {
        quiet.refresh();
        closeWhenWritten();
      };
      this.#finished = () => {
        this.#settled = undefined;
        clearTimeout(quiet);
        clearTimeout(longest);
        resolve();
      };
      closeWhenWritten();
    });
  }

  #stopReading(): void {
    this.input.off('data', this.#receive);
    this.input.pause();
  }

  readonly #receive = (chunk: Buffer): void => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end));
      this.#finishLine();
      start = end + 1;
    }
    this.#take(chunk.subarray(start));
  };

  #take(part: Buffer): void {
    if (part.length === 0) return;
    if (this.#overlong !== undefined) {
      this.#overlong.tail = Buffer.concat([this.#overlong.tail, part.subarray(-END_BYTES)]).subarray(
        -END_BYTES,
      );
      return;
    }
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes > MESSAGE_MAX_BYTES) {
      const line = Buffer.concat(this.#parts);
      this.#overlong = { head: line.subarray(0, END_BYTES), tail: line.subarray(-END_BYTES) };
      this.#parts = [];
    }
  }

  #finishLine(): void {
    const overlong = this.#overlong;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    this.#overlong = undefined;
    if (overlong !== undefined) {
      this.#refuse(
        idAtEitherEnd(overlong.head.toString('utf8'), overlong.tail.toString('utf8')),
        INVALID_REQUEST,
        `The message is longer than ${MESSAGE_MAX_BYTES} bytes and was not read. Send less in one call; nothing was changed.`,
      );
      return;
    }
    if (!isUtf8(bytes)) {
      this.#refuse(null, PARSE_ERROR, 'The line is not UTF-8 and was not read; nothing was changed.');
      return;
    }
    const line = bytes.toString('utf8').trim();
    if (line !== '') this.#deliver(line);
  }

  #deliver(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#refuse(null, PARSE_ERROR, 'The line is not JSON and was not read; nothing was changed.');
      return;
    }
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(value);
    } catch {
      this.#refuse(
        idOf(value),
        INVALID_REQUEST,
        'The line is not a JSON-RPC 2.0 message and was not read; nothing was changed.',
      );
      return;
    }
    // A stream of subscriptions is answered when it ends.
    if (isJSONRPCRequest(message) && message.method !== 'subscriptions/listen')
      this.#unanswered.add(message.id);
    else if ('method' in message && message.method === 'notifications/cancelled') {
      // A cancelled request may rightly go unanswered.
      const { requestId } = (message.params ?? {}) as { requestId?: RequestId };
      if (requestId !== undefined) this.#settle(requestId);
    }
    try {
      this.onmessage?.(message);
    } catch (error) {
      this.onerror?.(error as Error);
      if (isJSONRPCRequest(message))
        this.#refuse(message.id, INTERNAL_ERROR, 'The request could not be handled.');
    }
  }

  #refuse(id: RequestId | null, code: number, message: string): void {
    if (this.#closed) return;
    this.output.write(`${JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })}\n`);
    if (id !== null) this.#settle(id);
  }

  #settle(id: RequestId): void {
    this.#unanswered.delete(id);
    this.#settled?.();
  }

  /** The client will say no more. */
  readonly #end = (): void => {
    this.onending?.();
    void this.finish();
  };

  /** Nobody reads the answers any more. */
  readonly #lose = (): void => void this.close();
}

/**
 * The id of a request whose middle is unknown, as far as it stands at the top level: before the first nested
 * object, or (where the official clients write it) as the last member or the one before "jsonrpc".
 */
function idAtEitherEnd(head: string, tail: string): RequestId | null {
  const id = String.raw`"id"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))`;
  const found =
    new RegExp(String.raw`^\s*\{[^{}[\]]*?${id}`).exec(head) ??
    new RegExp(String.raw`${id}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`).exec(tail);
  if (found === null) return null;
  return found[1] ?? Number(found[2]);
}

function idOf(value: unknown): RequestId | null {
  const { id } = (typeof value === 'object' && value !== null ? value : {}) as { id?: unknown };
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}
