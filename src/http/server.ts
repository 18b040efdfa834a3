/** The HTTP server: loopback only; who asks, and how much, is checked on every route before anything else. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, Server as NodeServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono, type Context } from 'hono';
import { MESSAGE_MAX_BYTES } from '../domain/limits.ts';
import { databaseError, type TrackerError } from '../domain/errors.ts';
import { createMcpHttp, refuseForeign, rpcError, type Exchange } from '../mcp/http.ts';
import type { ServerFactory } from '../mcp/server.ts';
import type { Sealing } from '../mcp/session-ids.ts';
import type { Store } from '../storage/contract/store.ts';
import { Bodies } from './bodies.ts';
import { limitConnections } from './connections.ts';
import {
  HEADERS_MAX,
  RATE_BURST,
  RATE_PER_SECOND,
  SESSIONS_MAX,
  TIMEOUTS,
  httpLimits,
  type HttpLimits,
} from './limits.ts';
import { RateLimit } from './rate.ts';
import { RETRY_AFTER_SECONDS, refuseUnparsed } from './refusals.ts';
import { countRepeated } from './repeated-lines.ts';
import { Taken } from './taken.ts';
import { tokenCheck, type TokenCheck } from './token.ts';

export interface HttpOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  factory: ServerFactory;
  store: () => Promise<Store>;
  /** What every request but `/health` must carry; undefined where none is asked for. */
  token?: string | undefined;
  /** For ids of sessions, which outlive this process. */
  sealing: Sealing;
  /** The tracker's folder. */
  place: string;
  log: (message: string) => void;
}

export interface HttpServer {
  /** As `http://127.0.0.1:7420`. */
  url: string;
  /** Ends open streams and connections; resolves when the port is free. */
  close(): Promise<void>;
}

const METHODS = { '/health': 'GET, HEAD', '/mcp': 'GET, POST, DELETE', '/sse': 'GET', '/messages': 'POST' };

/** For load balancers: a tracker whose primary is away still answers and keeps writes, so it stays in use. */
async function healthOf(store: Store) {
  const { source, reachable } = await store.health();
  if (reachable) return { code: 200, status: 'ok', data_source: source } as const;
  try {
    const answer = await store.read((reader) => reader.findFeedPosition());
    return { code: 200, status: 'degraded', data_source: answer.source } as const;
  } catch {
    return { code: 503, status: 'unavailable', data_source: source } as const;
  }
}

type Call = Context<{ Bindings: HttpBindings }>;

/** @throws DatabaseError naming the port when it is in use or may not be opened */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const log = countRepeated(options.log);
  const limits = httpLimits();
  const streams = new Taken(limits.streams);
  const mcp = createMcpHttp(options.factory, {
    log,
    sessions: SESSIONS_MAX,
    sseSessions: limits.streams,
    sealing: options.sealing,
    place: options.place,
    takeStream: (address) => streams.take(address),
  });
  const bodies = new Bodies();
  const rate = new RateLimit(RATE_PER_SECOND, RATE_BURST);
  const isTokenRight = options.token === undefined ? undefined : tokenCheck(options.token);
  const app = new Hono<{ Bindings: HttpBindings }>();

  app.use(async (c, next) => refuse(c, rate, isTokenRight) ?? (await next()));
  app.get('/health', async (c) => {
    // Who has no token learns that the server is up, and costs no look at the store.
    if (isTokenRight?.(c.req.header('authorization')) === false) return c.json({ status: 'ok' });
    const { code, ...health } = await healthOf(await options.store());
    return c.json(health, code);
  });
  app.post('/mcp', (c) =>
    withBody(c, bodies, log, (body) => mcp.streamable(bodiless(c.req.raw), body, exchangeOf(c))),
  );
  app.on(['GET', 'DELETE'], '/mcp', async (c, next) =>
    isHead(c) ? await next() : await mcp.streamable(c.req.raw, undefined, exchangeOf(c)),
  );
  app.get('/sse', async (c, next) =>
    isHead(c) ? await next() : ((await mcp.openSse(exchangeOf(c))) ?? RESPONSE_ALREADY_SENT),
  );
  app.post('/messages', (c) =>
    withBody(c, bodies, log, (body) => mcp.postSse(c.req.query('sessionId'), body)),
  );
  for (const [path, allow] of Object.entries(METHODS)) {
    app.all(path, () => rpcError(405, -32000, `Use ${allow} here.`, { allow }));
  }
  app.onError((error) => {
    log(error.stack ?? error.message);
    return rpcError(500, -32603, "An unexpected failure; its details are in the server's log.");
  });

  const { server, port } = await listen(app, options, limits, log);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    close: async () => {
      await mcp.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What is refused before anything is done for it; undefined when the request may go on. */
function refuse(c: Call, rate: RateLimit, isTokenRight: TokenCheck | undefined): Response | undefined {
  if (c.env.incoming.rawHeaders.length > 2 * HEADERS_MAX) {
    return rpcError(431, -32000, `Send at most ${HEADERS_MAX} headers.`);
  }
  if (!rate.allows(exchangeOf(c).address, performance.now())) {
    const message = `This server answers ${RATE_PER_SECOND} requests per second; send fewer.`;
    return rpcError(429, -32000, message, { 'retry-after': String(RETRY_AFTER_SECONDS) });
  }
  const foreign = refuseForeign(c.req.raw);
  if (foreign !== undefined || c.req.path === '/health') return foreign;
  if (isTokenRight?.(c.req.header('authorization')) === false) {
    const message =
      'Send the token of this server as Authorization: Bearer TOKEN; whoever started it knows it.';
    return rpcError(401, -32000, message, { 'www-authenticate': 'Bearer' });
  }
  return undefined;
}

function exchangeOf(c: Call): Exchange {
  const { incoming, outgoing } = c.env;
  return { address: incoming.socket.remoteAddress ?? '', response: outgoing as Exchange['response'] };
}

/** Hono hands HEAD to the handlers of GET; those that open a stream are not meant. */
function isHead(c: Context): boolean {
  return c.req.raw.method === 'HEAD';
}

async function withBody(
  c: Call,
  bodies: Bodies,
  log: (message: string) => void,
  handle: (body: unknown) => Promise<Response>,
): Promise<Response> {
  if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) {
    return rpcError(415, -32000, 'Send the body as Content-Type: application/json.');
  }
  const read = await bodies.read(c.env.incoming as IncomingMessage);
  switch (read.kind) {
    case 'too-large':
      return rpcError(
        413,
        -32600,
        `The body is larger than ${MESSAGE_MAX_BYTES} bytes; send less in one call.`,
      );
    case 'put-off':
      log('a request that came in slowly made room for others');
      return rpcError(503, -32000, 'Too much is being sent to this server at once; repeat the call.', {
        'retry-after': String(RETRY_AFTER_SECONDS),
        connection: 'close',
      });
    case 'aborted':
      log('a client hung up in the middle of a request');
      // Nobody hears it.
      return rpcError(408, -32000, 'The request did not come in to its end.');
    case 'whole': {
      const body = parsed(read.bytes);
      return body instanceof Response ? body : await handle(body.value);
    }
  }
}

function parsed(bytes: Buffer): { value: unknown } | Response {
  if (!isUtf8(bytes)) return rpcError(400, -32700, 'The body is not UTF-8.');
  try {
    return { value: JSON.parse(bytes.toString('utf8')) };
  } catch {
    return rpcError(400, -32700, 'The body is not JSON.');
  }
}

/** The same request for handlers that get the parsed body beside it; its stream has been read. */
function bodiless(request: Request): Request {
  return new Request(request.url, {
    method: request.method,
    headers: request.headers,
    signal: request.signal,
  });
}

function listen(
  app: Hono<{ Bindings: HttpBindings }>,
  { host, port }: HttpOptions,
  limits: HttpLimits,
  log: (message: string) => void,
): Promise<{ server: NodeServer; port: number }> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    hostname: host,
    serverOptions: TIMEOUTS,
  }) as NodeServer;
  // Node would leave out what is too much, which may be the header that a check looks for.
  server.maxHeadersCount = 0;
  server.on('clientError', (error, socket) => refuseUnparsed(error, socket as Socket));
  limitConnections(server, limits.connections, log);
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenError(host, port, error));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      // Of a connection that could not be accepted, mostly: the next one may be.
      server.on('error', (error: NodeJS.ErrnoException) =>
        log(`connections cannot be accepted at the moment (${error.code ?? error.message})`),
      );
      resolve({ server, port: (server.address() as AddressInfo).port });
    });
  });
}

function listenError(host: string, port: number, error: NodeJS.ErrnoException): TrackerError {
  const reason =
    error.code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be opened (${error.code})`;
  return databaseError(
    'http',
    `port ${port} on ${host} ${reason}`,
    'Choose another with --port (0 takes a free one), or stop the program that uses it.',
    error,
  );
}
