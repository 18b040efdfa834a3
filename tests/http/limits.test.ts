// What one client may take of the server, and that the others go on meanwhile.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import type net from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { Bodies } from '../../src/http/bodies.ts';
import { TIMEOUTS, httpLimits } from '../../src/http/limits.ts';
import { RateLimit } from '../../src/http/rate.ts';
import { countRepeated } from '../../src/http/repeated-lines.ts';
import { Sessions } from '../../src/mcp/sessions.ts';
import { connect } from '../support/mcp-clients.ts';
import { startHttp, temporaryProject, type HttpProgram } from '../support/program.ts';
import { HALF_HEAD, flood, halfBody } from './floods.ts';
import {
  JSON_HEADERS,
  PING,
  initializeBody,
  openSession,
  openStream,
  rawRequest,
  request,
} from './requests.ts';

const start = async (): Promise<HttpProgram> => await startHttp({ project: await temporaryProject() });

describe('bodies that do not come to their end', () => {
  it('take only so much memory, and are logged by the dozen', async () => {
    const server = await start();
    const residentMb = (): number =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'latin1'))?.[1]) / 1024;
    const own = await openSession(server.url);
    const before = residentMb();
    const bodies = await flood(server.url, 300, halfBody(900_000));
    const ping = await request(`${server.url}/mcp`, { method: 'POST', headers: own, body: PING });
    expect(ping.status).toBe(200);
    bodies.end();
    // Without a limit it was 240 MB more, and stayed so.
    await vi.waitUntil(() => residentMb() < before + 160, { timeout: 10_000 });
    expect(server.stderr().split('\n').length).toBeLessThan(40);
    expect(server.stderr()).not.toMatch(/^\s+at /m);
  });

  it('are told that they made room, when the client listens', async () => {
    const server = await start();
    const bodies = await flood(server.url, 40, halfBody(1_000_000));
    await vi.waitUntil(() => bodies.answers().length > 0, { timeout: 20_000 });
    const [answer = ''] = bodies.answers();
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/retry-after: 1/i);
    expect(answer).toContain('repeat the call');
  });

  it('cost what they hold, also where they come byte by byte', async () => {
    const bodies = new Bodies(100_000);
    const send = () => new PassThrough() as unknown as IncomingMessage & PassThrough;
    const [first, second] = [send(), send()];
    const answers = [bodies.read(first), bodies.read(second)];
    first.write(Buffer.alloc(60_000, 'a'));
    second.write('x');
    for (let index = 0; index < 999; index += 1) second.write('y');
    second.write(Buffer.alloc(60_000, 'b'));
    expect(await answers[0]).toEqual({ kind: 'put-off' });
    second.end();
    const whole = await answers[1];
    expect(whole?.kind === 'whole' && whole.bytes.toString()).toBe(
      `x${'y'.repeat(999)}${'b'.repeat(60_000)}`,
    );
  });
});

// Beside each other: both wait for the time that a head may take.
describe.concurrent('time-outs', () => {
  it('end who never says what it wants', { timeout: 120_000 }, async () => {
    const server = await start();
    const silent = await flood(server.url, 3, '');
    const half = await flood(server.url, 3, HALF_HEAD);
    await vi.waitUntil(() => silent.open() + half.open() === 0, { timeout: 90_000, interval: 200 });
    expect(half.answers().join()).toMatch(/HTTP\/1\.1 408 .*did not come in time/s);
  });

  it('leave an idle connection that was of use before', { timeout: 120_000 }, async () => {
    const server = await start();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (): Promise<net.Socket> => {
      const asked = http.get(`${server.url}/health`, { agent });
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      const { socket } = answer;
      await once(answer.resume(), 'end');
      return socket;
    };
    const first = await ask();
    await sleep(TIMEOUTS.headersTimeout + 2 * TIMEOUTS.connectionsCheckingInterval);
    expect(await ask()).toBe(first);
    agent.destroy();
  });
});

describe('an idle connection', () => {
  const LIBRARIES_KEEP_AT_MOST_MS = 120_000;

  it('is held longer than any client keeps it, and much longer than clients are told', async () => {
    const server = await start();
    const { headers } = await request(`${server.url}/health`, { headers: { connection: 'keep-alive' } });
    const told = Number(/^timeout=(\d+)$/.exec(String(headers['keep-alive']))?.[1]);
    expect(told).toBeGreaterThan(0);
    expect(TIMEOUTS.keepAliveTimeout).toBeGreaterThan(LIBRARIES_KEEP_AT_MOST_MS);
    expect(TIMEOUTS.keepAliveTimeout).toBeGreaterThan(4 * told * 1_000);
  });

  it('is not promised to who wants it closed', async () => {
    const server = await start();
    const { headers } = await request(`${server.url}/health`, { headers: { connection: 'close' } });
    expect(headers).toMatchObject({ connection: 'close' });
    expect(headers).not.toHaveProperty('keep-alive');
  });
});

it('refuses headers beyond a hundred, instead of looking at some of them', async () => {
  const server = await start();
  const many = Array.from({ length: 150 }, (_, index) => `X-${index}: 1`);
  const head = ['GET /health HTTP/1.1', 'Host: 127.0.0.1', ...many, 'Connection: close'];
  expect(await rawRequest(Number(new URL(server.url).port), head)).toMatch(/^HTTP\/1\.1 431 /);
});

describe('a page of another origin', () => {
  it.each(['cross-site', 'same-site', 'nonsense'])(
    'is refused, by what its browser says: %s',
    async (site) => {
      const server = await start();
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
      for (const path of ['/sse', '/health', '/mcp'])
        expect((await request(server.url + path, { headers })).status, path).toBe(403);
    },
  );

  it('is not what an address typed by a person is, nor a program', async () => {
    const server = await start();
    for (const site of ['none', 'same-origin']) {
      const answer = await request(`${server.url}/health`, { headers: { 'sec-fetch-site': site } });
      expect(answer.status).toBe(200);
    }
  });
});

describe('sessions', () => {
  it('in use are kept while others open one after the other', async () => {
    const server = await start();
    const idle = await openSession(server.url);
    const used = await request(`${server.url}/mcp`, { method: 'POST', headers: idle, body: PING });
    expect(used.status).toBe(200);
    const unused = await openSession(server.url);
    const stream = await connect({ generation: 'current', transport: 'http', url: server.url });
    const sse = await openStream(`${server.url}/sse`);
    for (let index = 0; index < 1_100; index += 1) {
      const body = initializeBody();
      await request(`${server.url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body });
    }
    expect((await request(`${server.url}/mcp`, { method: 'POST', headers: idle, body: PING })).status).toBe(
      200,
    );
    expect((await stream.callTool('list_work_items')).isError).toBe(false);
    const endpoint = /data: (\S+)/.exec(sse.first)?.[1] ?? '';
    const posted = await request(server.url + endpoint, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: PING,
    });
    expect(posted.status).toBe(202);
    sse.close();
    // Never used: it made room, and goes on all the same.
    const back = await request(`${server.url}/mcp`, { method: 'POST', headers: unused, body: PING });
    expect(back.status).toBe(200);
  });

  it('make room in order: never used, then idle for longest; never one at work', () => {
    let now = 0;
    const closed: string[] = [];
    const sessions = new Sessions<{ isSubscribed?: boolean; close(): Promise<void> }>(
      { total: 4, perAddress: 3 },
      () => now,
    );
    const add = (id: string, address = 'a'): boolean => {
      if (!sessions.makeRoom(address)) return false;
      sessions.add(id, { close: () => Promise.resolve(void closed.push(id)) }, address);
      now += 1;
      return true;
    };
    add('working');
    const work = sessions.use('working');
    add('used');
    sessions.use('used')?.ended();
    add('one-shot');
    expect([add('second'), closed]).toEqual([true, ['one-shot']]);
    sessions.use('second');
    // The share of this address is full; another one has its own.
    expect([add('third'), closed]).toEqual([true, ['one-shot', 'used']]);
    sessions.use('third');
    expect(add('fourth')).toBe(false);
    expect(add('other', 'b')).toBe(true);
    // Whoever is at work for however long is not idle.
    now += 31 * 60_000;
    sessions.endIdle();
    expect([closed.at(-1), sessions.size]).toEqual(['other', 3]);
    work?.ended();
    sessions.endIdle();
    expect(sessions.has('working')).toBe(true);
    now += 31 * 60_000;
    sessions.endIdle();
    expect([closed.at(-1), sessions.size]).toEqual(['working', 2]);
    // Whose client waits to be told something stays.
    sessions.add('subscribed', { isSubscribed: true, close: () => Promise.resolve() }, 'b');
    now += 31 * 60_000;
    sessions.endIdle();
    expect(sessions.has('subscribed')).toBe(true);
    void sessions.closeAll();
  });
});

it('holds an address to a rate, and no other', () => {
  const rate = new RateLimit(10, 20);
  const allowed = (address: string, at: number): number =>
    Array.from({ length: 100 }).filter(() => rate.allows(address, at)).length;
  expect(allowed('a', 0)).toBe(20);
  expect(allowed('b', 0)).toBe(20);
  expect(allowed('a', 500)).toBe(5);
  expect(allowed('a', 60_000)).toBe(20);
});

it('answers more than any client sends', { timeout: 60_000 }, async () => {
  const server = await start();
  const client = await connect({ generation: 'current', transport: 'http', url: server.url });
  for (let round = 0; round < 20; round += 1) {
    const calls = Array.from({ length: 50 }, () => client.callTool('list_work_items', { limit: 1 }));
    for (const { isError } of await Promise.all(calls)) expect(isError).toBe(false);
  }
});

it('leaves half of the descriptors to the store, and half of the connections to calls', () => {
  expect(httpLimits(256)).toEqual({
    connections: { total: 128, perAddress: 96 },
    streams: { total: 64, perAddress: 48 },
  });
  expect(httpLimits(1_000_000).connections.total).toBe(1_000);
  expect(httpLimits().connections.total).toBeGreaterThan(100);
});

it('counts log lines that come again', () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const log = countRepeated((line) => lines.push(line));
  for (let index = 0; index < 300; index += 1) log('the same');
  for (let index = 0; index < 300; index += 1) log(`another ${index}`);
  expect(lines).toHaveLength(50);
  vi.advanceTimersByTime(10_000);
  expect(lines.slice(50)).toEqual([
    'the same (299 more times in 10 seconds)',
    'more kinds of messages (251 more times in 10 seconds)',
  ]);
  log('the same');
  expect(lines.at(-1)).toBe('the same');
  vi.useRealTimers();
});
