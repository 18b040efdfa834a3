/**
 * MCP over HTTP for one server factory: Streamable HTTP in both protocol eras, and the older HTTP+SSE. The
 * 2026 era is stateless; 2025 clients get a session, in which their name is remembered.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import {
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  hostHeaderValidationResponse,
  isInitializeRequest,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
  type JSONRPCMessage,
} from '@modelcontextprotocol/server';
import { createHttpListening } from './http-listening.ts';
import type { ServerFactory } from './server.ts';
import { SseTransport } from './sse-transport.ts';

/** Sessions kept at once; the one unused for longest makes room for a new one. */
const SESSIONS_MAX = 200;

interface Session<T> {
  transport: T;
  lastUsed: number;
}

export interface McpHttp {
  /** `/mcp`, any method. `body` is the parsed body of a POST. */
  streamable(request: Request, body: unknown): Promise<Response>;
  /** `GET /sse`: takes over the response and keeps it open. */
  openSse(response: ServerResponse): Promise<void>;
  /** `POST /messages?sessionId=…` */
  postSse(sessionId: string | undefined, body: unknown): Promise<Response>;
  close(): Promise<void>;
}

export function createMcpHttp(factory: ServerFactory, log: (message: string) => void): McpHttp {
  const listening = createHttpListening(factory);
  const modern = createMcpHandler(factory, {
    legacy: 'reject',
    bus: listening.bus,
    onerror: (error) => log(error.message),
  });
  const legacy = new Sessions<SessionTransport>();
  const sse = new Sessions<SseTransport>();

  async function serveLegacy(request: Request, body: unknown): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id !== null) {
      const transport = legacy.use(id);
      if (transport === undefined) return rpcError(404, -32001, 'Session not found: initialize a new one.');
      const response = await transport.handleRequest(request, { parsedBody: body });
      if (request.method === 'GET' && response.ok) transport.streamOpened(request.signal);
      return response;
    }
    if (!isInitializeRequest(body)) {
      return rpcError(400, -32000, 'Send initialize first, then the Mcp-Session-Id header it answered.');
    }
    const transport: SessionTransport = new SessionTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (sessionId) => {
        legacy.add(sessionId, transport);
      },
    });
    transport.onclose = () => legacy.remove(transport.sessionId);
    await factory().connect(transport);
    return await transport.handleRequest(request, { parsedBody: body });
  }

  return {
    streamable: async (request, body) =>
      (await isLegacyRequest(request, body))
        ? await serveLegacy(request, body)
        : await listening.around(body, () => modern.fetch(request, { parsedBody: body })),

    openSse: async (response) => {
      const transport = new SseTransport(response, '/messages');
      sse.add(transport.sessionId, transport);
      transport.onclose = () => sse.remove(transport.sessionId);
      await factory().connect(transport);
    },

    postSse: async (sessionId, body) => {
      const transport = sessionId === undefined ? undefined : sse.use(sessionId);
      if (transport === undefined) return rpcError(404, -32001, 'Session not found: open /sse first.');
      try {
        transport.receive(body);
      } catch {
        return rpcError(400, -32600, 'The body is not a JSON-RPC 2.0 message.');
      }
      return new Response('Accepted', { status: 202 });
    },

    close: async () => {
      await Promise.all([legacy.closeAll(), sse.closeAll(), modern.close()]);
    },
  };
}

/**
 * A refusal (403) for a request that did not come to, or from, this machine by name: what stops a web page
 * that resolves its own domain to the loopback address. Undefined when the request may go on.
 */
export function refuseForeign(request: Request): Response | undefined {
  return (
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
    originValidationResponse(request, localhostAllowedOrigins())
  );
}

export function rpcError(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status, headers });
}

/** A 2025 session. What changes while the client does not listen is told when it does, each resource once. */
class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  #streams = 0;
  readonly #untold = new Map<string, JSONRPCMessage>();

  /** The client opened the stream on which it hears of changes; `signal` aborts when that ends. */
  streamOpened(signal: AbortSignal): void {
    this.#streams += 1;
    signal.addEventListener('abort', () => (this.#streams -= 1), { once: true });
    const untold = [...this.#untold.values()];
    this.#untold.clear();
    for (const message of untold) void this.send(message).catch(() => undefined);
  }

  override async send(
    message: JSONRPCMessage,
    options?: Parameters<WebStandardStreamableHTTPServerTransport['send']>[1],
  ): Promise<void> {
    const isUpdate = 'method' in message && message.method === 'notifications/resources/updated';
    if (isUpdate && this.#streams === 0) this.#untold.set(String(message.params?.['uri']), message);
    else await super.send(message, options);
  }
}

class Sessions<T extends { close(): Promise<void> }> {
  readonly #all = new Map<string, Session<T>>();

  add(id: string, transport: T): void {
    if (this.#all.size >= SESSIONS_MAX) {
      const [oldest] = [...this.#all].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
      if (oldest !== undefined) void oldest[1].transport.close();
    }
    this.#all.set(id, { transport, lastUsed: Date.now() });
  }

  use(id: string): T | undefined {
    const session = this.#all.get(id);
    if (session !== undefined) session.lastUsed = Date.now();
    return session?.transport;
  }

  remove(id: string | undefined): void {
    if (id !== undefined) this.#all.delete(id);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#all.values()].map(({ transport }) => transport.close()));
  }
}
