// A server that may open few files, and somebody who opens connections until there are none left: whoever uses the
// server in good faith is answered before, meanwhile and afterwards, and the process lives on.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { HALF_HEAD, flood, halfBody } from '../http/floods.ts';
import { JSON_HEADERS, initializeBody, request } from '../http/requests.ts';
import { connect, type TestClient } from '../support/mcp-clients.ts';
import { git, startHttp, temporaryProject } from '../support/program.ts';

const CONNECTIONS = 400;

/**
 * A connection at rest, which clients of a process share, may have made room for others just as it was used again:
 * tried again after a growing pause, as clients do.
 */
async function again<T>(use: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await use();
    } catch (error) {
      if (attempt === 8 || !(error instanceof TypeError && error.message === 'fetch failed')) throw error;
      await sleep(attempt * 50);
    }
  }
}

async function write(client: TestClient, title: string): Promise<void> {
  const task = { item_type: 'task', title, idempotency_key: randomUUID() };
  const { structured, isError, text } = await again(() => client.callTool('create_work_item', task));
  expect(isError, text).toBe(false);
  expect(structured?.['title']).toBe(title);
}

async function titles(client: TestClient): Promise<unknown[]> {
  const { structured } = await again(() => client.callTool('list_work_items', { limit: 100 }));
  return (structured?.['items'] as { title: string }[]).map(({ title }) => title).sort();
}

describe.each([
  ['say half a head', 256, HALF_HEAD],
  ['say nothing', 256, ''],
  ['send half a small body', 256, halfBody(200)],
  ['send half a large body', 256, halfBody(900_000)],
  ['say half a head, to a server that may open next to nothing', 96, HALF_HEAD],
  ['have asked and keep the connection', 256, 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
])('while 400 connections %s', (_what, descriptors, text) => {
  it('answers and saves, and lives on', async () => {
    const project = await temporaryProject();
    await git(project, 'init', '-q');
    const server = await startHttp({ project, args: ['--toolsets', 'all'], descriptors });
    const client = await connect({ generation: 'current', transport: 'http', url: server.url });
    await write(client, 'before');

    const first = await flood(server.url, CONNECTIONS, text);
    await vi.waitUntil(() => first.open() < descriptors, { timeout: 20_000 });
    await write(client, 'during');
    expect(await titles(client)).toEqual(['before', 'during']);
    const other = await again(() =>
      connect({ generation: 'current-2026', transport: 'http', url: server.url }),
    );
    await write(other, 'during, by another');

    const [second] = await Promise.all([
      flood(server.url, CONNECTIONS, text),
      ...Array.from({ length: 10 }, (_, index) => write(client, `meanwhile ${index}`)),
    ]);
    first.end();
    second.end();
    const late = await again(() => connect({ generation: 'previous', transport: 'http', url: server.url }));
    await write(late, 'after');
    expect(await titles(late)).toHaveLength(14);
    expect((await request(`${server.url}/health`)).status).toBe(200);
    expect(server.child.exitCode).toBe(null);
    expect(server.stderr()).not.toMatch(/EMFILE|^\s+at /m);
    // Of 800 connections, not one line each.
    expect(server.stderr().split('\n').length).toBeLessThan(60);
  });
});

it('refuses streams beyond those that leave room for calls', async () => {
  const server = await startHttp({ project: await temporaryProject(), descriptors: 256 });
  const stream = 'GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n';
  const streams = await flood(server.url, CONNECTIONS, stream);
  const body = initializeBody();
  const answer = await request(`${server.url}/mcp`, { method: 'POST', headers: JSON_HEADERS, body });
  expect(answer.status).toBe(200);
  await vi.waitUntil(() => streams.open() < 128, { timeout: 20_000 });
});
