// JSON-RPC by hand over a program's stdin and stdout, for what the official clients hide: exact
// lines, bad input, broken pipes, exits.
import { createInterface } from 'node:readline';
import type { RunningProgram } from './child-program.ts';

export interface JsonRpcResponse {
  jsonrpc: '2.0';
  id: number;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data?: unknown };
}

const REQUEST_TIMEOUT_MS = 120_000;

export class JsonRpcProcess {
  /** Every line of stdout so far, as it was written. */
  readonly lines: string[] = [];
  readonly program: RunningProgram;
  readonly #waiting = new Map<number, (response: JsonRpcResponse) => void>();
  #lastId = 0;

  constructor(program: RunningProgram) {
    this.program = program;
    createInterface({ input: program.child.stdout }).on('line', (line) => {
      this.lines.push(line);
      const message = parseJsonRpc(line);
      if (message && isResponse(message)) this.#waiting.get(message.id)?.(message);
    });
  }

  /** Lines of stdout that are not JSON-RPC: a correct server has none. */
  strayLines(): string[] {
    return this.lines.filter((line) => parseJsonRpc(line) === undefined);
  }

  /** The 2025 handshake; answers the server's `initialize` result. */
  async initialize(
    options: { protocolVersion?: string; clientName?: string } = {},
  ): Promise<JsonRpcResponse> {
    const response = await this.request('initialize', {
      protocolVersion: options.protocolVersion ?? '2025-11-25',
      capabilities: {},
      clientInfo: { name: options.clientName ?? 'test-client', version: '1.0.0' },
    });
    this.notify('notifications/initialized');
    return response;
  }

  /**
   * Resolves with the response, also if it is an error; rejects when the process ends first or after
   * two minutes. Requests may overlap.
   */
  async request(method: string, params: Record<string, unknown> = {}): Promise<JsonRpcResponse> {
    const id = (this.#lastId += 1);
    let impatience: NodeJS.Timeout | undefined;
    const answered = new Promise<JsonRpcResponse>((resolve) => this.#waiting.set(id, resolve));
    const gone = this.program.exited.then(({ code, signal }) => this.#fail(method, `exit ${signal ?? code}`));
    const late = new Promise<never>((_resolve, reject) => {
      impatience = setTimeout(() => {
        reject(new Error(`No answer to ${method} after ${REQUEST_TIMEOUT_MS} ms.\n${this.program.stderr()}`));
      }, REQUEST_TIMEOUT_MS);
    });
    gone.catch(() => undefined); // reported by the race; unobserved once the answer has come
    this.send({ jsonrpc: '2.0', id, method, params });
    try {
      return await Promise.race([answered, gone, late]);
    } finally {
      clearTimeout(impatience);
      this.#waiting.delete(id);
    }
  }

  notify(method: string, params: Record<string, unknown> = {}): void {
    this.send({ jsonrpc: '2.0', method, params });
  }

  /** Writes one line; a string goes out as it is, so that it may be no JSON at all. */
  send(message: string | Record<string, unknown>): void {
    this.program.child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  }

  closeStdin(): void {
    this.program.child.stdin.end();
  }

  #fail(method: string, why: string): never {
    throw new Error(`The program ended (${why}) before it answered ${method}.\n${this.program.stderr()}`);
  }
}

function parseJsonRpc(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('jsonrpc' in value)) return undefined;
    return value.jsonrpc === '2.0' ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isResponse(message: Record<string, unknown>): message is Record<string, unknown> & JsonRpcResponse {
  return typeof message['id'] === 'number' && ('result' in message || 'error' in message);
}
