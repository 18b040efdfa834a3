// 2025 sessions over HTTP: they end for nobody else's sake, and outlive the server.
import { expect, it, vi } from 'vitest';
import { runCli, startHttp, temporaryProject } from '../support/program.ts';
import { JSON_HEADERS, PING, initializeBody, openSession, request } from './requests.ts';

type Headers = Record<string, string>;

const post = (url: string, headers: Headers, body: string) =>
  request(`${url}/mcp`, { method: 'POST', headers, body });
const call = (url: string, headers: Headers, name: string, arguments_: object = {}) =>
  post(
    url,
    headers,
    JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'tools/call', params: { name, arguments: arguments_ } }),
  );
const answerOf = ({ body }: { body: string }) =>
  (
    JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? '') as {
      result: { structuredContent: Record<string, unknown> };
    }
  ).result.structuredContent;

it('a client that listens hears of changes after a thousand scripts that never say goodbye', async () => {
  const server = await startHttp({ project: await temporaryProject() });
  const own = await openSession(server.url);
  const { id } = answerOf(
    await call(server.url, own, 'create_work_item', { item_type: 'task', title: 'watched' }),
  );
  const heard: string[] = [];
  const subscribe = {
    jsonrpc: '2.0',
    id: 4,
    method: 'resources/subscribe',
    params: { uri: 'worktrail://status' },
  };
  expect((await post(server.url, own, JSON.stringify(subscribe))).status).toBe(200);
  const listening = await fetch(`${server.url}/mcp`, { headers: { ...own, accept: 'text/event-stream' } });
  const reader = listening.body?.getReader();
  const read = async () => {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) return;
      heard.push(Buffer.from(value ?? new Uint8Array()).toString());
    }
  };
  const reading = read().catch(() => undefined);
  for (let script = 0; script < 1_100; script += 1) {
    const headers = await openSession(server.url);
    if (script % 100 === 0) await post(server.url, headers, PING);
  }
  await call(server.url, own, 'update_work_item', { id, version: 1, status: 'planned' });
  await vi.waitUntil(() => heard.join('').includes('worktrail://status'), { timeout: 30_000 });
  await reader?.cancel();
  await reading;
});

it('a session goes on after the server was restarted, and holds what it claimed', async () => {
  const project = await temporaryProject();
  const first = await startHttp({ project });
  const { port } = new URL(first.url);
  const own = await openSession(first.url);
  const { id } = answerOf(
    await call(first.url, own, 'create_work_item', { item_type: 'task', title: 'mine' }),
  );
  const { claim_token } = answerOf(await call(first.url, own, 'claim_work_item', { id }));
  const copilot = await openSession(first.url, 'copilot-cli');
  first.kill();
  await first.exited;

  const second = await startHttp({ project, args: ['--port', port] });
  expect(second.url).toBe(first.url);
  // Several at once put it up again once.
  const many = await Promise.all(Array.from({ length: 8 }, () => post(second.url, own, PING)));
  expect(many.map(({ status }) => status)).toEqual(many.map(() => 200));
  const renewed = answerOf(await call(second.url, own, 'claim_work_item', { id, action: 'renew' }));
  expect(renewed).toMatchObject({ claim_token, claimed_by: 'by-hand' });
  await call(second.url, own, 'update_work_item', { id, version: 1, status: 'completed' });
  // Who was sent the text alone is known by name and version: it was promised no structured content.
  const brief = (await call(second.url, copilot, 'get_brief')).body;
  expect([brief.includes('Items: 1 completed'), brief.includes('structuredContent')]).toEqual([true, false]);
  const { stdout } = await runCli(['history', '--json'], { project });
  const { items } = JSON.parse(stdout) as { items: { session: string; client: string }[] };
  expect(items.length).toBeGreaterThan(2);
  expect(new Set(items.map(({ session, client }) => `${session} ${client}`)).size).toBe(1);
  const stream = await fetch(`${second.url}/mcp`, { headers: { ...own, accept: 'text/event-stream' } });
  expect(stream.status).toBe(200);
  await stream.body?.cancel();
  second.kill();
  await second.exited;

  // Another tracker's server on the same port is told apart.
  const other = await startHttp({ project: await temporaryProject(), args: ['--port', port] });
  expect((await post(other.url, own, PING)).status).toBe(404);
});

it('only what this server made, and its client did not end, is a session', async () => {
  const server = await startHttp({ project: await temporaryProject() });
  const own = await openSession(server.url);
  const id = own['mcp-session-id'] ?? '';
  expect(id).toMatch(/^[\x21-\x7e]+$/);
  const [uuid = '', content = '', seal = ''] = id.split('.');
  const other = JSON.parse(Buffer.from(content, 'base64url').toString()) as { session: string };
  const altered = Buffer.from(JSON.stringify({ ...other, session: crypto.randomUUID() })).toString(
    'base64url',
  );
  for (const forged of [
    ...[
      `${uuid}.${altered}.${seal}`,
      `${uuid}.${content}.${seal.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}`,
    ],
    ...[
      `${uuid}.${content}`,
      `${crypto.randomUUID()}.${content}.${seal}`,
      uuid,
      'x'.repeat(10_000),
      '../../etc/passwd',
    ],
  ]) {
    const { status, body } = await post(server.url, { ...own, 'mcp-session-id': forged }, PING);
    expect([status, forged.length > 8_000 || body.includes('initialize a new one')]).toEqual([404, true]);
  }
  const end = () => request(`${server.url}/mcp`, { method: 'DELETE', headers: own });
  expect((await end()).status).toBe(200);
  expect((await end()).status).toBe(404);
  expect((await post(server.url, own, PING)).status).toBe(404);

  // Who begins anew does so, whatever it was before.
  for (const before of [id, 'unknown', (await openSession(server.url))['mcp-session-id'] ?? '']) {
    const { status, headers } = await post(
      server.url,
      { ...JSON_HEADERS, 'mcp-session-id': before },
      initializeBody(),
    );
    expect([status, typeof headers['mcp-session-id']]).toEqual([200, 'string']);
    expect(headers['mcp-session-id']).not.toBe(before);
  }
});

it('a stream belongs to a session, and whoever takes anything takes what is answered', async () => {
  const server = await startHttp({ project: await temporaryProject() });
  const stream = await request(`${server.url}/mcp`, { headers: { accept: 'text/event-stream' } });
  expect([stream.status, stream.headers.allow]).toEqual([405, 'POST']);
  const type = { 'content-type': 'application/json' };
  for (const accept of [{}, { accept: '*/*' }, { accept: 'text/html, */*;q=0.1' }]) {
    const { status, headers } = await post(server.url, { ...type, ...accept }, initializeBody());
    expect(status).toBe(200);
    const session = { 'mcp-session-id': String(headers['mcp-session-id']) };
    expect((await post(server.url, { ...type, ...accept, ...session }, PING)).body).toContain('"result":{}');
    const stream = await fetch(`${server.url}/mcp`, { headers: { ...session, ...accept } });
    expect(stream.status).toBe(200);
    await stream.body?.cancel();
  }
  expect((await post(server.url, { ...type, accept: 'text/html' }, initializeBody())).status).toBe(406);
});
