// HTTP by hand: any method, any header, any body, each on a connection of its own.
import http from 'node:http';
import net from 'node:net';

export interface HttpAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface HttpRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** Resolves when the answer has ended. */
export function request(
  url: string | URL,
  { method = 'GET', headers = {}, body }: HttpRequest = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = http.request(url, { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }),
      );
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A stream that the server keeps open: `first` is what it says first, `close` hangs up. */
export function openStream(
  url: string | URL,
  headers: Record<string, string> = {},
): Promise<{ first: string; close(): void }> {
  return new Promise((resolve, reject) => {
    const sent = http.request(
      url,
      { headers: { accept: 'text/event-stream', ...headers }, agent: false },
      (answer) => {
        answer.once('data', (chunk: Buffer) =>
          resolve({ first: chunk.toString('utf8'), close: () => void sent.destroy() }),
        );
        answer.on('error', () => undefined);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** Sends the very bytes of a request head, which no client library would; answers the first line. */
export function rawRequest(port: number, head: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`${head.join('\r\n')}\r\n\r\n`));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(text.split('\r\n')[0] ?? ''));
  });
}

export const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

export function initializeBody(clientName = 'by-hand'): string {
  const clientInfo = { name: clientName, version: '1.0.0' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
}

export const PING = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' });

/** The 2025 handshake; gives the headers of further requests in this session. */
export async function openSession(url: string, clientName?: string): Promise<Record<string, string>> {
  const { headers } = await request(`${url}/mcp`, {
    method: 'POST',
    headers: JSON_HEADERS,
    body: initializeBody(clientName),
  });
  const id = headers['mcp-session-id'];
  if (typeof id !== 'string') throw new Error('The server opened no session.');
  return { ...JSON_HEADERS, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
}
