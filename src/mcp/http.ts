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
import { SessionIds, handshakeOf, type Handshake, type Sealing } from './session-ids.ts';
import { Sessions, type SessionLimits } from './sessions.ts';
import { SseTransport } from './sse-transport.ts';
import { listenOf } from './stdio-listening.ts';

const ACCEPTED = 'application/json, text/event-stream';
const JSON_BODY = { 'content-type': 'application/json' };
const BUSY = 503;
/** Of more the oldest are forgotten: whoever has its id could use it again. */
const ENDED_MAX = 10_000;

/** Where a request came from, and its answer, by which its end is known. */
export interface Exchange {
  address: string;
  response: ServerResponse;
}

export interface McpHttpOptions {
  log: (message: string) => void;
  sessions: SessionLimits;
  /** Of HTTP+SSE, whose sessions are streams. */
  sseSessions: SessionLimits;
  sealing: Sealing;
  /** The tracker's folder. */
  place: string;
  /** A place for a stream that stays open, to be given back; undefined when there is none. */
  takeStream: (address: string) => (() => void) | undefined;
}

export interface McpHttp {
  /** `/mcp`, any method. `body` is the parsed body of a POST. */
  streamable(request: Request, body: unknown, exchange: Exchange): Promise<Response>;
  /** `GET /sse`: takes over the response and keeps it open; or else answers why not. */
  openSse(exchange: Exchange): Promise<Response | undefined>;
  /** `POST /messages?sessionId=…` */
  postSse(sessionId: string | undefined, body: unknown): Promise<Response>;
  close(): Promise<void>;
}

export function createMcpHttp(factory: ServerFactory, options: McpHttpOptions): McpHttp {
  const { log } = options;
  const listening = createHttpListening(factory);
  const modern = createMcpHandler(factory, {
    legacy: 'reject',
    bus: listening.bus,
    onerror: (error) => log(error.message),
  });
  const legacy = new Sessions<SessionTransport>(options.sessions);
  const sse = new Sessions<SseTransport>(options.sseSessions);

  const ids = new SessionIds(options.sealing, options.place);
  /** Sessions that their clients ended. */
  const ended = new Set<string>();
  /** Whether there was room. */
  const resuming = new Map<string, Promise<boolean>>();

  async function serveLegacy(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
    // Also where it names a session of before: a client that lost one says so.
    if (isInitializeRequest(body)) return await begin(request, body, exchange);
    const id = request.headers.get('mcp-session-id');
    if (id === null) {
      if (request.method === 'GET') return rpcError(405, -32000, 'Use POST here.', { allow: 'POST' });
      return rpcError(400, -32000, 'Send initialize first, then the Mcp-Session-Id header it answered.');
    }
    const refused = await resumed(id, request.url, exchange);
    if (refused !== undefined) return refused;
    const used = legacy.use(id);
    if (used === undefined) return rpcError(404, -32001, 'Session not found: initialize a new one.');
    whenClosed(exchange.response, used.ended);
    const { transport } = used;
    const response = await transport.handleRequest(request, { parsedBody: body });
    if (request.method === 'GET' && response.ok) transport.streamOpened(request.signal);
    if (response.ok) transport.subscribed(body);
    return response;
  }

  async function begin(request: Request, body: { params?: unknown }, exchange: Exchange): Promise<Response> {
    const handshake = handshakeOf(body.params);
    return await open(ids.make(handshake), handshake.session, exchange.address, (transport) =>
      transport.handleRequest(request, { parsedBody: body }),
    );
  }

  /** Puts a session up again that ended without its client. @returns the refusal, where it may not be */
  async function resumed(id: string, url: string, { address }: Exchange): Promise<Response | undefined> {
    let underWay = resuming.get(id);
    if (underWay === undefined) {
      const handshake = legacy.has(id) || ended.has(nameOf(id)) ? undefined : ids.read(id);
      if (handshake === undefined) return undefined;
      underWay = resume(id, handshake, url, address).finally(() => resuming.delete(id));
      resuming.set(id, underWay);
    }
    // Of one answer only one request may read the body.
    return (await underWay) ? undefined : tooMany('sessions');
  }

  async function resume(id: string, handshake: Handshake, url: string, address: string): Promise<boolean> {
    const parsedBody = { jsonrpc: '2.0', id: 0, method: 'initialize', params: handshake.params };
    const greeting = new Request(url, { method: 'POST', headers: { ...JSON_BODY, accept: ACCEPTED } });
    const response = await open(id, handshake.session, address, (transport) =>
      transport.handleRequest(greeting, { parsedBody }),
    );
    await response.text();
    return response.status !== BUSY;
  }

  /** It takes its place before anybody is waited for: however many come at once, there are as many as may be. */
  async function open(
    id: string,
    session: string,
    address: string,
    greet: (transport: SessionTransport) => Promise<Response>,
  ): Promise<Response> {
    if (!legacy.makeRoom(address)) return tooMany('sessions');
    const transport: SessionTransport = new SessionTransport({
      sessionIdGenerator: () => id,
      // Before it closes, so that no request that comes in meanwhile puts it up again.
      onsessionclosed: () => keepLast(ended, nameOf(id), ENDED_MAX),
    });
    transport.onclose = () => legacy.remove(id);
    legacy.add(id, transport, address);
    await factory.forSession(session).connect(transport);
    const response = await greet(transport);
    if (!response.ok) await transport.close();
    return response;
  }

  async function serve(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
    return (await isLegacyRequest(request, body))
      ? await serveLegacy(request, body, exchange)
      : await listening.around(body, () => modern.fetch(request, { parsedBody: body }));
  }

  return {
    streamable: async (received, body, exchange) => {
      const request = acceptingAny(received);
      const staysOpen = request.method === 'GET' || listenOf(body) !== undefined;
      if (!staysOpen) return await serve(request, body, exchange);
      const giveBack = options.takeStream(exchange.address);
      if (giveBack === undefined) return tooMany('streams');
      whenClosed(exchange.response, giveBack);
      return await serve(request, body, exchange);
    },

    openSse: async ({ address, response }) => {
      if (!sse.makeRoom(address)) return tooMany('sessions');
      const transport = new SseTransport(response, '/messages');
      sse.add(transport.sessionId, transport, address);
      transport.onclose = () => sse.remove(transport.sessionId);
      await factory.forSession(randomUUID()).connect(transport);
      return undefined;
    },

    postSse: async (sessionId, body) => {
      // Not ended with the request: what is open is the stream, and the session ends with that.
      const used = sessionId === undefined ? undefined : sse.use(sessionId);
      if (used === undefined) return rpcError(404, -32001, 'Session not found: open /sse first.');
      try {
        used.transport.receive(body);
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
 * A refusal (403) for a request that did not come to, or from, this machine by name, or that a page of another origin
 * made its browser send: what stops a web page that resolves its own domain to the loopback address, or that names us
 * in an `<img>`, which carries no Origin. Undefined when the request may go on.
 */
export function refuseForeign(request: Request): Response | undefined {
  return (
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
    originValidationResponse(request, localhostAllowedOrigins()) ??
    refuseOtherSites(request)
  );
}

/** Browsers say it themselves; programs that are none say nothing. `none` is an address that a person typed. */
function refuseOtherSites(request: Request): Response | undefined {
  const site = request.headers.get('sec-fetch-site');
  if (site === null || site === 'none' || site === 'same-origin') return undefined;
  return rpcError(403, -32000, 'Pages of another origin may not call this server.');
}

/** A client that takes anything, or does not say what it takes, takes what this server answers. */
function acceptingAny(request: Request): Request {
  const accept = request.headers.get('accept') ?? '*/*';
  if (!/(^|,)\s*\*\/\*/.test(accept)) return request;
  const { url, method, signal } = request;
  const headers = new Headers(request.headers);
  headers.set('accept', ACCEPTED);
  return new Request(url, { method, headers, signal });
}

function keepLast(all: Set<string>, one: string, max: number): void {
  all.add(one);
  const [oldest] = all;
  if (all.size > max && oldest !== undefined) all.delete(oldest);
}

/** Also of an answer that nobody waits for any more. */
function whenClosed(response: ServerResponse, then: () => void): void {
  if (response.closed) then();
  else response.once('close', then);
}

/** What of an id is another one each time. */
const nameOf = (id: string): string => id.slice(0, 36);

function tooMany(what: string): Response {
  const message = `This server has as many ${what} as it may; end some, or try again later.`;
  return rpcError(BUSY, -32000, message, { 'retry-after': '10' });
}

export function rpcError(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status, headers });
}

/** What its client waits for is counted, so that the session is kept: more, or longer ones, make no difference. */
const URIS_MAX = 200;
const URI_MAX_CHARACTERS = 500;

/** A 2025 session. What changes while the client does not listen is told when it does, each resource once. */
class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  readonly #uris = new Set<string>();
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

  /** Takes note of what its client subscribes to, by the request that was carried out. */
  subscribed(body: unknown): void {
    const { method, params } = (body ?? {}) as { method?: unknown; params?: { uri?: unknown } };
    const uri = String(params?.uri);
    if (method === 'resources/unsubscribe') this.#uris.delete(uri);
    const isOurs = uri.startsWith('worktrail://') && uri.length <= URI_MAX_CHARACTERS;
    if (method === 'resources/subscribe' && isOurs && this.#uris.size < URIS_MAX) this.#uris.add(uri);
  }

  get isSubscribed(): boolean {
    return this.#uris.size > 0;
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
