// The end of the connection as the transport sees it, with a reader that can be held up at will.
import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { StdioTransport } from '../../src/mcp/stdio-transport.ts';

const CLOSE_MAX_MS = 1_500;
const REQUEST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n';

it('stays open until the last answer was taken from the pipe', async () => {
  const { input, reader, closed } = await connect();
  input.end(REQUEST);
  await expect.poll(() => reader.waiting).toBe(1);
  expect(closed()).toBe(false);
  reader.take();
  await expect.poll(closed).toBe(true);
  expect(reader.taken).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
});

it('also waits for answers that were given before the input ended', async () => {
  const { input, reader, closed } = await connect();
  input.write(REQUEST);
  await expect.poll(() => reader.waiting).toBe(1);
  input.end();
  await expect.poll(() => input.readableEnded).toBe(true);
  expect(closed()).toBe(false);
  reader.take();
  await expect.poll(closed).toBe(true);
});

it('closes in good time when nobody takes the answers', async () => {
  const { input, reader, closed } = await connect();
  input.end(REQUEST);
  await expect.poll(closed, { timeout: CLOSE_MAX_MS }).toBe(true);
  expect(reader.taken).toEqual([]);
});

it('closes at once when nothing was asked', async () => {
  const { input, closed } = await connect();
  input.end();
  await expect.poll(closed).toBe(true);
});

/** A connection that answers every request with an empty result. */
async function connect() {
  const input = new PassThrough();
  const reader = new HeldReader();
  const transport = new StdioTransport(input, reader);
  let isClosed = false;
  transport.onclose = () => (isClosed = true);
  transport.onmessage = (message) => {
    if ('id' in message && 'method' in message) {
      void transport.send({ jsonrpc: '2.0', id: message.id, result: {} });
    }
  };
  await transport.start();
  return { input, reader, closed: () => isClosed };
}

/** Takes a line only when it is told to. */
class HeldReader extends Writable {
  readonly taken: unknown[] = [];
  #take: (() => void) | undefined;

  /** How many lines are held up at its end of the pipe. */
  get waiting(): number {
    return this.#take === undefined ? 0 : 1;
  }

  take(): void {
    this.#take?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (chunk.length === 0) return callback();
    this.#take = () => {
      this.#take = undefined;
      this.taken.push(JSON.parse(chunk.toString('utf8')));
      callback();
    };
  }
}
