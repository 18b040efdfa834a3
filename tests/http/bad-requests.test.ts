// Requests that no official client sends: each is answered with a status and an error that says what to do,
// nothing is changed, and the server still answers.
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestClient, connect } from '../support/mcp-clients.ts';
import { type HttpProgram, startHttp, temporaryProject } from '../support/program.ts';
import { type Caller, callerFor } from '../mcp/calls.ts';
import { JSON_HEADERS, PING, initializeBody, openSession, openStream, request } from './requests.ts';

const LIMIT_BYTES = 1024 * 1024;

let server: HttpProgram;
let client: TestClient;
let session: Record<string, string>;
let caller: Caller;
beforeAll(async () => {
  server = await startHttp({ project: await temporaryProject(), args: ['--toolsets', 'all'] });
  client = await connect({ generation: 'current', transport: 'http', url: server.url });
  caller = callerFor(() => client);
  session = await openSession(server.url);
});

let before: unknown;
const state = async (): Promise<unknown> => [
  await caller.feedPosition(),
  (await caller.call('list_work_items', { limit: 1 }))['total_count'],
];
beforeEach(async () => {
  before = await state();
});
afterEach(async () => {
  expect(await state()).toEqual(before);
});

const post = (body: string | Buffer, headers: Record<string, string> = session, path = '/mcp') =>
  request(server.url + path, { method: 'POST', headers, body });

function ofBytes(bytes: number): string {
  const frame = (text: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_work_item","arguments":{"item_type":"task","title":"x","description":"${text}"}}}`;
  return frame('x'.repeat(bytes - frame('').length));
}

describe('the size of a body', () => {
  it('may be 1 MiB', async () => {
    for (const bytes of [LIMIT_BYTES - 1, LIMIT_BYTES]) {
      const { status, body } = await post(ofBytes(bytes));
      expect(status).toBe(200);
      expect(body).toContain('must have at most 65536 bytes');
    }
  });

  it.each([LIMIT_BYTES + 1, 10_000_000, 30_000_000])('is refused past that: %i bytes', async (bytes) => {
    for (const path of ['/mcp', '/messages?sessionId=x']) {
      const { status, body } = await post(ofBytes(bytes), session, path);
      expect(status).toBe(413);
      expect(JSON.parse(body)).toMatchObject({
        error: { message: expect.stringContaining('1048576 bytes') as string },
      });
    }
  });

  it('may cut the connection where it is out of all proportion, and no more than that', async () => {
    const outcome = await post('x'.repeat(40 * LIMIT_BYTES)).catch(
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (typeof outcome === 'object') expect(outcome.status).toBe(413);
    else expect(outcome).toMatch(/^(EPIPE|ECONNRESET)$/);
  });

  it('is counted also where it is not announced', async () => {
    const headers = { ...session, 'transfer-encoding': 'chunked' };
    expect((await post(ofBytes(LIMIT_BYTES + 1), headers)).status).toBe(413);
    expect((await post(PING, headers)).status).toBe(200);
  });

  it('too large is an error for an official client, and the next call works', async () => {
    for (const generation of ['current', 'current-2026', 'previous'] as const) {
      const other = await connect({ generation, transport: 'http', url: server.url });
      const tooLong = { item_type: 'task', title: 'x', description: 'x'.repeat(LIMIT_BYTES) };
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await expect(other.callTool('create_work_item', tooLong)).rejects.toThrow(/413|larger than 1048576/);
        expect((await other.callTool('list_work_items')).isError).toBe(false);
      }
      await other.close();
    }
  });
});

describe('a body that is no message', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonp',
    '',
  ])('is refused as the content type %j', async (type) => {
    const { 'content-type': _type, ...rest } = session;
    for (const path of ['/mcp', '/messages?sessionId=x']) {
      const { status, body } = await post(PING, type === '' ? rest : { ...rest, 'content-type': type }, path);
      expect(status).toBe(415);
      expect(body).toContain('application/json');
    }
  });

  it('is taken as JSON of any spelling', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
      expect((await post(PING, { ...session, 'content-type': type })).status).toBe(200);
    }
  });

  it.each(['', ' ', '{', 'hello', '{"jsonrpc":"2.0",}', 'NaN', "{'id':1}"])(
    'is refused as %j',
    async (body) => {
      for (const path of ['/mcp', '/messages?sessionId=x']) {
        const answer = await post(body, session, path);
        expect(answer.status).toBe(400);
        expect(JSON.parse(answer.body)).toMatchObject({ error: { code: -32700 } });
      }
    },
  );

  it('is refused when it is not UTF-8, instead of storing something else', async () => {
    const [head = '', tail = ''] = ofBytes(300).split('xxx');
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80]]) {
      const answer = await post(Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]));
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { code: -32700 } });
    }
  });

  it.each([
    'null',
    '1',
    '"ping"',
    '{}',
    '[]',
    '[1]',
    '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '['.repeat(100_000) + ']'.repeat(100_000),
  ])('is refused as %.40s', async (body) => {
    for (const headers of [session, JSON_HEADERS]) expect((await post(body, headers)).status).toBe(400);
  });

  it('is refused over SSE, too', async () => {
    const stream = await openStream(`${server.url}/sse`);
    const endpoint = /data: (\S+)/.exec(stream.first)?.[1] ?? '';
    for (const body of ['null', '{}', '[]', '{"jsonrpc":"2.0","id":1}']) {
      expect((await post(body, JSON_HEADERS, endpoint)).status).toBe(400);
    }
    expect((await post(initializeBody(), JSON_HEADERS, endpoint)).status).toBe(202);
    stream.close();
  });
});

describe('sessions', () => {
  it('must be opened first', async () => {
    for (const headers of [JSON_HEADERS, { ...JSON_HEADERS, 'mcp-protocol-version': '2025-06-18' }]) {
      const { status, body } = await post(PING, headers);
      expect(status).toBe(400);
      expect(body).toContain('initialize');
    }
    const get = await request(`${server.url}/mcp`, { headers: { accept: 'text/event-stream' } });
    expect(get.status).toBe(405);
    expect((await request(`${server.url}/mcp`, { method: 'DELETE' })).status).toBe(400);
  });

  it.each(['x', '00000000-0000-4000-8000-000000000000', '__proto__', '../..', 'x'.repeat(4_000)])(
    'that do not exist are not found: %.20s',
    async (id) => {
      for (const method of ['POST', 'GET', 'DELETE']) {
        const headers = { ...session, 'mcp-session-id': id };
        const answer = await request(`${server.url}/mcp`, {
          method,
          headers,
          ...(method === 'POST' && { body: PING }),
        });
        expect(answer.status, method).toBe(404);
        expect(answer.body).toContain('initialize');
      }
      expect((await post(PING, JSON_HEADERS, `/messages?sessionId=${encodeURIComponent(id)}`)).status).toBe(
        404,
      );
    },
  );

  it('end with DELETE, and only once', async () => {
    const own = await openSession(server.url);
    expect((await post(PING, own)).status).toBe(200);
    expect((await request(`${server.url}/mcp`, { method: 'DELETE', headers: own })).status).toBe(200);
    expect((await post(PING, own)).status).toBe(404);
    expect((await request(`${server.url}/mcp`, { method: 'DELETE', headers: own })).status).toBe(404);
    expect((await post(PING)).status).toBe(200);
  });

  it('speak a version of the protocol that exists', async () => {
    for (const version of ['1999-01-01', '2025-11-26', 'latest']) {
      const { status, body } = await post(PING, { ...session, 'mcp-protocol-version': version });
      expect(status).toBe(400);
      expect(body).toMatch(/protocol (version|revision)/i);
    }
    const withoutEnvelope = { ...JSON_HEADERS, 'mcp-protocol-version': '2026-07-28' };
    expect((await post(PING, withoutEnvelope)).status).toBe(400);
  });

  it('need a client that takes what the server sends', async () => {
    for (const accept of ['application/json', 'text/event-stream', 'text/html']) {
      expect((await post(PING, { ...session, accept })).status).toBe(406);
    }
    expect(
      (await request(`${server.url}/mcp`, { headers: { ...session, accept: 'application/json' } })).status,
    ).toBe(406);
  });
});

describe('wrong methods and paths', () => {
  it.each([
    ['/mcp', ['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE'], 'GET, POST, DELETE'],
    ['/sse', ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'], 'GET'],
    ['/messages', ['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'], 'POST'],
    ['/health', ['POST', 'PUT', 'DELETE', 'OPTIONS'], 'GET, HEAD'],
  ])('%s refuses %j', async (path, methods, allow) => {
    for (const method of methods) {
      const answer = await request(server.url + path, { method, headers: session });
      expect(answer.status, method).toBe(405);
      expect(answer.headers.allow).toBe(allow);
    }
  });

  it('are not found', async () => {
    for (const path of [
      '/',
      '/mcp/',
      '/MCP',
      '/mcp/../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/health/x',
      '//evil.com/health',
    ]) {
      expect((await request(server.url + path)).status, path).toBe(404);
    }
    expect(await request(`${server.url}/health`, { method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
    });
  });
});
