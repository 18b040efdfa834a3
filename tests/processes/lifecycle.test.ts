// The end of a stdio server, whatever brings it about and whatever it is doing then.
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SQLITE_FILE } from '../../src/storage/opening/open-primary.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { CAUSES, expectEnd, expectInStatusFile, startFor, type Cause, type Ended } from './endings.ts';
import { olderStore, stopMigrations, untilMigrating } from './older-store.ts';
import { describeEachDatabase, type Place } from './place.ts';
import { Server, outcomeOf } from './server.ts';

/** Those that reach a server while it waits for something: it writes nothing then, so no pipe breaks. */
const CAUSES_WHILE_WAITING = [
  'stdin closing',
  'SIGTERM',
  'the death of its parent',
] as const satisfies Cause[];
const REQUESTS_IN_FLIGHT = 5;
/** A little less than the end waits for an answer that does not come. */
const WAITS_AT_LEAST_MS = 600;
const ATTEMPTS_MAX = 5;
/** A little more than pipe and reader take in before the server has to wait. */
const ANSWERS_UNREAD = 220;
/** Answers wait for their reader until shortly before the two seconds are over. */
const READ_LATE_MS = 900;
const READ_TOO_LATE_MS = 1_300;

describeEachDatabase('a stdio server', (newPlace, source) => {
  describe.each(CAUSES)('ends on %s', (cause) => {
    it('while idle, with everything acknowledged stored and told in the status file', async () => {
      const place = await newPlace();
      const server = await startFor(cause, place);
      await server.create({ title: 'acknowledged' });
      await expectKept(place, ['acknowledged'], await expectEnd(server, cause));
    });
  });

  describe.each(CAUSES_WHILE_WAITING)('ends on %s', (cause) => {
    it('while a write waits for the lock of another process', async () => {
      const place = await newPlace();
      const server = await startFor(cause, place);
      const id = await server.create({ title: 'acknowledged' });
      await place.hold(`update work_items set priority = 5 where id = '${id}'`);
      const waiting = server.call('update_work_item', { id, version: 1, title: 'never acknowledged' });
      // Requests begin in the order in which they come: when this read is answered, the write waits.
      await server.answer('get_project_configuration');
      const refused = expect(waiting).rejects.toThrow(/ended/);
      const [ended] = await Promise.all([expectEnd(server, cause), refused]);
      await expectKept(place, ['acknowledged'], ended);
    });

    it('while its store cannot be opened', async () => {
      const place = await withoutStore(await newPlace());
      const server = await startFor(cause, place);
      const pending = server.call('list_work_items').catch(() => undefined);
      // An SQLite file that cannot be opened is known at once; a server that says nothing is waited for.
      if (source === 'sqlite') expect((await pending)?.failure).toMatchObject({ error: 'DatabaseError' });
      await expectEnd(server, cause);
      await pending;
    });

    it('in the middle of its migrations', async () => {
      const place = await newPlace({ bare: true });
      await olderStore(place);
      const release = await stopMigrations(place);
      const server = await startFor(cause, place);
      const pending = server.call('list_work_items').catch(() => undefined);
      await untilMigrating(place);
      await expectEnd(server, cause);
      await pending;
      await release();
      expect(await (await Server.start(place)).answer('list_work_items')).toMatchObject({ total_count: 2 });
    });
  });

  it('answers what it was asked before its stdin closed', async () => {
    let asked = await askAndEnd(await newPlace());
    // Where the machine gave it no time it waited as long as it may: that says nothing of it.
    for (let attempt = 1; asked.unanswered > 0 && attempt < ATTEMPTS_MAX; attempt += 1) {
      expect(asked.waitedMs).toBeGreaterThan(WAITS_AT_LEAST_MS);
      asked = await askAndEnd(await newPlace());
    }
    expect(asked.unanswered).toBe(0);
  });

  it.each(['stdin closing', 'SIGTERM'] as const)(
    'loses no answer to a client that reads late, after %s',
    async (cause) => {
      let read = await readLate(await newPlace(), cause);
      // This process was not let run in time, and read later than it meant to: that says nothing of the server.
      while (read.lateMs > READ_TOO_LATE_MS) read = await readLate(await newPlace(), cause);
      expect(read.ids).toEqual(Array.from({ length: ANSWERS_UNREAD }, (_, index) => 1_000 + index));
    },
  );
});

/** Closes stdin right after several requests. What was answered is kept. */
async function askAndEnd(place: Place): Promise<{ unanswered: number; waitedMs: number }> {
  const server = await Server.start(place);
  await server.create({ title: 'the first opens the store' });
  const titles = Array.from({ length: REQUESTS_IN_FLIGHT }, (_, index) => `item ${index}`);
  const asked = performance.now();
  const answers = Promise.allSettled(titles.map((title) => server.create({ title })));
  const ended = await expectEnd(server, 'stdin closing');
  const waitedMs = performance.now() - asked;
  const unanswered = (await answers).filter(({ status }) => status === 'rejected').length;
  if (unanswered === 0) await expectKept(place, ['the first opens the store', ...titles], ended);
  return { unanswered, waitedMs };
}

/** Asks more than the pipe takes answers to, brings about the end, and reads only then. */
async function readLate(place: Place, cause: Cause): Promise<{ lateMs: number; ids: number[] }> {
  const server = await Server.start(place);
  await server.answer('get_project_configuration');
  const { child } = server.rpc.program;
  const ask = (id: number, name: string, args = {}) =>
    server.rpc.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });
  child.stdout.pause();
  for (let id = 1_000; id < 999 + ANSWERS_UNREAD; id += 1) ask(id, 'get_project_configuration');
  ask(999 + ANSWERS_UNREAD, 'create_work_item', { item_type: 'task', title: 'the last that was asked' });
  // Requests begin in the order in which they come: when the last is done, all were read.
  await expect.poll(() => place.rows('select id from work_items')).toHaveLength(1);
  const asked = performance.now();
  const ended = expectEnd(server, cause);
  await sleep(READ_LATE_MS);
  const lateMs = performance.now() - asked;
  child.stdout.resume();
  await ended;
  const answers = server.rpc.lines
    .map((line) => JSON.parse(line) as { id: number; result: Record<string, unknown> })
    .filter(({ id }) => id >= 1_000);
  for (const response of answers) expect(outcomeOf(response).failure).toBeUndefined();
  return { lateMs, ids: answers.map(({ id }) => id).sort((a, b) => a - b) };
}

/** The items are stored, at their first version, and the status file names them; nothing half-written lies about. */
async function expectKept(place: Place, titles: readonly string[], ended: Ended): Promise<void> {
  const stored = await place.rows('select title, version from work_items order by created_at, title');
  expect(stored.map(({ title }) => String(title)).sort()).toEqual([...titles].sort());
  await expectInStatusFile(place.project, titles, ended);
  expect((await readdir(place.project)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}

/** A place whose database cannot be opened: a folder where the file should be, a server that never answers. */
async function withoutStore(place: Place): Promise<Place> {
  if (place.source === 'sqlite') {
    await mkdir(path.join(place.store.dataDir, SQLITE_FILE), { recursive: true });
    return place;
  }
  const sockets = new Set<net.Socket>();
  const silent = net.createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  cleanUpLater(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const { port } = silent.address() as net.AddressInfo;
  return { ...place, args: [...place.args, '--database', `postgres://worktrail@127.0.0.1:${port}/silent`] };
}
