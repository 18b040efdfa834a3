/** The HTTP server: loopback only, Host and Origin checked on every route, bodies bounded. */
import { isUtf8 } from 'node:buffer';
import type { Server as NodeServer } from 'node:http';
import { serve, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono, type Context } from 'hono';
import { MESSAGE_MAX_BYTES } from '../domain/limits.ts';
import { databaseError, type TrackerError } from '../errors.ts';
import { createMcpHttp, refuseForeign, rpcError } from '../mcp/http.ts';
import type { ServerFactory } from '../mcp/server.ts';
import type { Store } from '../storage/store.ts';

export interface HttpOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  factory: ServerFactory;
  store: () => Promise<Store>;
  log: (message: string) => void;
}

export interface HttpServer {
  /** As `http://127.0.0.1:7420`. */
  url: string;
  /** Ends open streams and connections; resolves when the port is free. */
  close(): Promise<void>;
}

/** A larger body is not read to its end: the connection is cut. */
const DISCARD_MAX_BYTES = 32 * MESSAGE_MAX_BYTES;

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

/** @throws DatabaseError naming the port when it is in use or may not be opened */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const mcp = createMcpHttp(options.factory, options.log);
  const app = new Hono<{ Bindings: HttpBindings }>();

  app.use(async (c, next) => refuseForeign(c.req.raw) ?? (await next()));
  app.get('/health', async (c) => {
    const { code, ...health } = await healthOf(await options.store());
    return c.json(health, code);
  });
  app.post('/mcp', (c) => withBody(c, (body) => mcp.streamable(bodiless(c.req.raw), body)));
  app.on(['GET', 'DELETE'], '/mcp', async (c, next) =>
    isHead(c) ? await next() : await mcp.streamable(c.req.raw, undefined),
  );
  app.get('/sse', async (c, next) => {
    if (isHead(c)) return await next();
    await mcp.openSse(c.env.outgoing as never);
    return RESPONSE_ALREADY_SENT;
  });
  app.post('/messages', (c) => withBody(c, (body) => mcp.postSse(c.req.query('sessionId'), body)));
  for (const [path, allow] of Object.entries(METHODS)) {
    app.all(path, () => rpcError(405, -32000, `Use ${allow} here.`, { allow }));
  }
  app.onError((error) => {
    options.log(error.stack ?? error.message);
    return rpcError(500, -32603, "An unexpected failure; its details are in the server's log.");
  });

  const { server, port } = await listen(app, options);
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

/** Hono hands HEAD to the handlers of GET; those that open a stream are not meant. */
function isHead(c: Context): boolean {
  return c.req.raw.method === 'HEAD';
}

async function withBody(
  c: Context<{ Bindings: HttpBindings }>,
  handle: (body: unknown) => Promise<Response>,
): Promise<Response> {
  if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) {
    return rpcError(415, -32000, 'Send the body as Content-Type: application/json.');
  }
  const bytes = await readBody(c.req.raw);
  if (bytes === undefined) {
    return rpcError(
      413,
      -32600,
      `The body is larger than ${MESSAGE_MAX_BYTES} bytes; send less in one call.`,
    );
  }
  if (!isUtf8(bytes)) return rpcError(400, -32700, 'The body is not UTF-8.');
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    return rpcError(400, -32700, 'The body is not JSON.');
  }
  return await handle(body);
}

/**
 * The body; undefined when it is too large. Then the rest was read and thrown away, because a client that is
 * still sending when the connection closes never hears why.
 */
async function readBody(request: Request): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += part.byteLength;
    if (bytes <= MESSAGE_MAX_BYTES) parts.push(part);
    else if (bytes > DISCARD_MAX_BYTES) break;
  }
  return bytes <= MESSAGE_MAX_BYTES ? Buffer.concat(parts) : undefined;
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
): Promise<{ server: NodeServer; port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) =>
      resolve({ server: server as NodeServer, port: address.port }),
    );
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(host, port, error)));
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
