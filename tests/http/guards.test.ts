// Who may talk to the HTTP server: programs on this machine that call it by a name of this machine.
import net from 'node:net';
import os from 'node:os';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { connect } from '../support/mcp-clients.ts';
import { type HttpProgram, runCli, startHttp, temporaryProject } from '../support/program.ts';
import {
  JSON_HEADERS,
  type HttpRequest,
  PING,
  initializeBody,
  openStream,
  rawRequest,
  request,
} from './requests.ts';

let server: HttpProgram;
let port: number;
beforeAll(async () => {
  server = await startHttp({ project: await temporaryProject() });
  port = Number(new URL(server.url).port);
});

const ROUTES: [path: string, request: HttpRequest][] = [
  ['/mcp', { method: 'POST', headers: JSON_HEADERS, body: initializeBody() }],
  ['/mcp', { method: 'GET', headers: { accept: 'text/event-stream' } }],
  ['/mcp', { method: 'DELETE' }],
  ['/mcp', { method: 'OPTIONS' }],
  ['/sse', {}],
  ['/messages?sessionId=x', { method: 'POST', headers: JSON_HEADERS, body: PING }],
  ['/health', {}],
  ['/health', { method: 'HEAD' }],
  ['/', {}],
  ['/no/such/route', { method: 'PUT' }],
];

const FOREIGN_HOSTS = [
  'evil.com',
  '127.0.0.1.evil.com',
  'localhost.evil.com',
  'evil.com:7420',
  '127.0.0.1.nip.io:80',
  'evil-localhost',
  'localhost.',
  '0.0.0.0',
  '192.168.1.10',
  '[::2]',
  'xn--lcalhost-54a',
];

const FOREIGN_ORIGINS = [
  'null',
  'http://evil.com',
  'https://127.0.0.1.evil.com',
  'http://localhost.evil.com:3000',
  'http://evil.com/?localhost',
  'http://evil.com#@localhost',
  'http://0.0.0.0:7420',
  'file://',
  'chrome-extension://abcdefgh',
  'nonsense',
];

describe.each(ROUTES)('%s %j', (path, { method = 'GET', headers = {}, ...more }) => {
  const status = async (extra: Record<string, string>): Promise<number> => {
    const { status: answered, body } = await request(server.url + path, {
      method,
      headers: { ...headers, ...extra },
      ...more,
    });
    if (answered === 403 && method !== 'HEAD')
      expect(JSON.parse(body)).toMatchObject({ error: { code: -32000 } });
    return answered;
  };

  it('is refused under a foreign name', async () => {
    for (const host of FOREIGN_HOSTS) expect(await status({ host }), host).toBe(403);
  });

  it('is refused to a page of a foreign origin, also under a name of this machine', async () => {
    for (const origin of FOREIGN_ORIGINS) expect(await status({ origin }), origin).toBe(403);
    expect(await status({ host: 'localhost', origin: 'http://evil.com' })).toBe(403);
    expect(await status({ host: 'evil.com', origin: 'http://localhost' })).toBe(403);
  });
});

it.each(['127.0.0.1', 'localhost', 'LocalHost', '[::1]', '127.0.0.1:1', 'localhost:65535', '[::1]:80'])(
  'answers under the name %s',
  async (host) => {
    expect(await request(`${server.url}/health`, { headers: { host } })).toMatchObject({ status: 200 });
  },
);

it.each(['http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:5173'])(
  'answers a page of the origin %s',
  async (origin) => {
    expect(await request(`${server.url}/health`, { headers: { origin } })).toMatchObject({ status: 200 });
  },
);

it('refuses requests whose host cannot be told', async () => {
  const close = 'Connection: close';
  const heads: [name: string, head: string[]][] = [
    ['no host', ['GET /health HTTP/1.1', close]],
    ['no host, in the old protocol', ['GET /health HTTP/1.0']],
    ['an empty host', ['GET /health HTTP/1.1', 'Host:', close]],
    ['two hosts', ['GET /health HTTP/1.1', 'Host: 127.0.0.1', 'Host: evil.com', close]],
    ['two hosts in one', ['GET /health HTTP/1.1', 'Host: 127.0.0.1, evil.com', close]],
    ['a name before the host', ['GET /health HTTP/1.1', 'Host: 127.0.0.1@evil.com', close]],
    ['a fragment', ['GET /health HTTP/1.1', 'Host: evil.com#127.0.0.1', close]],
    ['a port that is none', ['GET /health HTTP/1.1', 'Host: 127.0.0.1:port', close]],
    ['an absolute address elsewhere', ['GET http://evil.com/health HTTP/1.1', 'Host: evil.com', close]],
  ];
  for (const [name, head] of heads) expect(await rawRequest(port, head), name).toMatch(/^HTTP\/1\.1 40[03] /);
  expect(await rawRequest(port, ['GET /health HTTP/1.1', 'Host: 127.0.0.1', close])).toBe('HTTP/1.1 200 OK');
});

it('listens on the loopback address only', async () => {
  const addresses = Object.values(os.networkInterfaces())
    .flat()
    .filter((entry) => entry !== undefined && !entry.internal && entry.family === 'IPv4')
    .map((entry) => entry?.address ?? '');
  for (const address of addresses) {
    const reached = new Promise((resolve) => {
      const socket = net.connect(port, address, () => resolve(Boolean(socket.destroy())));
      socket.on('error', () => resolve(false));
    });
    expect(await reached, address).toBe(false);
  }
  const { code, stderr } = await runCli(['serve', '--http', '--host', '0.0.0.0'], {
    project: await temporaryProject(),
  });
  expect(code).toBe(2);
  expect(stderr).toContain('must be one of "127.0.0.1", "localhost", "::1"');
});

it('says which port is in use, and ends with 3', async () => {
  const project = await temporaryProject();
  const taken = await runCli(['serve', '--http', '--port', String(port)], { project });
  expect(taken).toMatchObject({ code: 3, stdout: '' });
  expect(taken.stderr).toContain(`port ${port} on 127.0.0.1 is in use by another program`);
  expect(taken.stderr).toContain('--port');
  expect(taken.stderr).not.toMatch(/EADDRINUSE|\bat .*\(/);
  for (const wrong of ['65536', '-1', 'http', '1.5']) {
    const { code, stderr } = await runCli(['serve', '--http', '--port', wrong], { project });
    expect(code, wrong).toBe(2);
    expect(stderr).toContain('--port');
  }
});

describe('sessions', () => {
  const endpointOf = (first: string): string => /data: (\S+)/.exec(first)?.[1] ?? '';
  const post = (path: string, body = PING): Promise<{ status: number }> =>
    request(server.url + path, { method: 'POST', headers: JSON_HEADERS, body });

  it('of SSE end when the client hangs up, and take its requests until then', async () => {
    const stream = await openStream(`${server.url}/sse`);
    const endpoint = endpointOf(stream.first);
    expect(endpoint).toMatch(/^\/messages\?sessionId=[0-9a-f-]{36}$/);
    expect((await post(endpoint, initializeBody())).status).toBe(202);
    stream.close();
    await vi.waitUntil(async () => (await post(endpoint)).status === 404, { timeout: 10_000, interval: 20 });
  });

  it('of one client are not those of another', async () => {
    const [one, other] = await Promise.all(
      ['one', 'other'].map((clientName) =>
        connect({ generation: 'current', transport: 'sse', url: server.url, clientName }),
      ),
    );
    const create = { item_type: 'task', title: 'Whose?' };
    const results = await Promise.all(
      [one, other].map(async (client) => await client?.callTool('create_work_item', create)),
    );
    expect(results.map((result) => result?.structured?.['created_by'])).toEqual(['one', 'other']);
    await one?.close();
    expect((await other?.callTool('list_work_items'))?.isError).toBe(false);
  });

  it('are kept for two hundred clients at once; the one unused for longest makes room', async () => {
    const streams = await Promise.all(Array.from({ length: 200 }, () => openStream(`${server.url}/sse`)));
    const first = endpointOf(streams[0]?.first ?? '');
    for (const { first: greeting } of streams.slice(1)) await post(endpointOf(greeting), initializeBody());
    const late = await openStream(`${server.url}/sse`);
    expect((await post(endpointOf(late.first), initializeBody())).status).toBe(202);
    const statuses = await Promise.all(streams.map(({ first: greeting }) => post(endpointOf(greeting))));
    expect(statuses.filter(({ status }) => status === 404)).toHaveLength(1);
    expect((await post(first)).status).toBe(404);
    for (const { close } of [...streams, late]) close();
  });
});
