/** The HTTP server: loopback only, Host and Origin checked on every route, bodies bounded. */
import { isUtf8 } from 'node:buffer';
import type { Server as NodeServer } from 'node:http';
import { serve, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
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

const METHODS = { '/health': 'GET, HEAD', '/mcp': 'GET, POST, DELETE', '/sse': 'GET', '/messages': 'POST' };

/** @throws DatabaseError naming the port when it is in use or may not be opened */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const mcp = createMcpHttp(options.factory, options.log);
  const app = new Hono<{ Bindings: HttpBindings }>();

  app.use(async (c, next) => refuseForeign(c.req.raw) ?? (await next()));
  app.use(
    bodyLimit({
      maxSize: MESSAGE_MAX_BYTES,
      // The rest of the body is not read, so the connection cannot carry another request.
      onError: () =>
        rpcError(413, -32600, `The body is larger than ${MESSAGE_MAX_BYTES} bytes; send less in one call.`, {
          connection: 'close',
        }),
    }),
  );
  app.get('/health', async (c) => {
    const { source, reachable } = await (await options.store()).health();
    return c.json({ status: reachable ? 'ok' : 'unavailable', data_source: source }, reachable ? 200 : 503);
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
  const bytes = Buffer.from(await c.req.arrayBuffer());
  if (!isUtf8(bytes)) return rpcError(400, -32700, 'The body is not UTF-8.');
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    return rpcError(400, -32700, 'The body is not JSON.');
  }
  return await handle(body);
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
