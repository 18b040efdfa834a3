/**
 * The HTTP+SSE transport of protocol 2024-11-05, for clients that know no other: answers and notifications go
 * down one event stream, messages come up as POSTs to the address that its first event names.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { parseJSONRPCMessage, type JSONRPCMessage, type Transport } from '@modelcontextprotocol/server';

export class SseTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly sessionId = randomUUID();

  /**
   * @param response taken over for as long as the client listens
   * @param endpoint path that takes the client's messages
   */
  constructor(
    private readonly response: ServerResponse,
    private readonly endpoint: string,
  ) {}

  start(): Promise<void> {
    this.response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      Connection: 'keep-alive',
    });
    this.response.write(`event: endpoint\ndata: ${this.endpoint}?sessionId=${this.sessionId}\n\n`);
    this.response.once('close', () => this.onclose?.());
    this.response.on('error', (error) => this.onerror?.(error));
    return Promise.resolve();
  }

  /** @throws when the body is not a JSON-RPC 2.0 message */
  receive(body: unknown): void {
    const message = parseJSONRPCMessage(body);
    this.onmessage?.(message);
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.response.writableEnded) return Promise.reject(new Error('the connection is closed'));
    this.response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.response.end();
    return Promise.resolve();
  }
}
