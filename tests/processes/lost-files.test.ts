// Files of an embedded tracker that are deleted or replaced under running servers: noticed, said, and nothing is lost.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { inspectStore } from '../../src/storage/maintenance/inspect-store.ts';
import { holdAlone } from '../../src/storage/move/source.ts';
import { openingLock } from '../../src/storage/primary/open-in-place.ts';
import { openSqlite } from '../../src/storage/primary/sqlite.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { newPostgresPlace, newSqlitePlace, type Place } from './place.ts';
import { Server } from './server.ts';
import { episodes } from '../torture/scale.ts';

const LONG_MS = 120_000;
const BACK_MS = 20_000;

describe('files of an embedded tracker', () => {
  for (const gone of [['-wal', '-shm'], ['-wal'], ['-shm']]) {
    it(
      `${gone.join(' and ')} deleted under a server: what was in them is put back`,
      { timeout: LONG_MS },
      async () => {
        const place = await newSqlitePlace();
        const server = await Server.start(place);
        const made = await createSome(server, 8);
        remove(place, gone);
        const met = await server.answer('create_work_item', { item_type: 'task', title: 'meets it' });
        made.push(String(met['id']));
        made.push(await server.create({ title: 'after' }));
        await untilListed(server, made);
        await server.rpc.program.stop();
        expect(await idsIn(place)).toEqual(made.toSorted());
        expect(savedFiles(place)).toEqual([]);
        expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      },
    );
  }

  it('the log deleted under two servers loses nothing of either', { timeout: LONG_MS }, async () => {
    const place = await newSqlitePlace();
    const [one, other] = await Server.startMany(place, 2);
    if (one === undefined || other === undefined) throw new Error('no servers');
    const made = [...(await createSome(one, 4)), ...(await createSome(other, 4))];
    remove(place, ['-wal', '-shm']);
    made.push(await one.create(), await other.create(), await one.create());
    await untilListed(one, made);
    await untilListed(other, made);
    await Promise.all([one, other].map((server) => server.rpc.program.stop()));
    expect(await idsIn(place)).toEqual(made.toSorted());
  });

  for (const [first, second] of [
    [['-wal'], ['-wal']],
    [['-wal'], ['-wal', '-shm']],
    [['-wal', '-shm'], ['-wal']],
    [
      ['-wal', '-shm'],
      ['-wal', '-shm'],
    ],
  ] as const) {
    it(
      `${first.join(' and ')} deleted, then ${second.join(' and ')}, under a server that sleeps meanwhile`,
      { timeout: LONG_MS },
      async () => {
        const place = await newSqlitePlace();
        const [one, sleeper] = await Server.startMany(place, 2);
        if (one === undefined || sleeper === undefined) throw new Error('no servers');
        const made = [...(await createSome(one, 4)), ...(await createSome(sleeper, 4))];
        sleeper.rpc.program.kill('SIGSTOP');
        remove(place, first);
        made.push(await one.create());
        await untilListed(one, made);
        made.push(...(await createSome(one, 8)));
        remove(place, second);
        sleeper.rpc.program.kill('SIGCONT');
        made.push(await sleeper.create(), await one.create(), await sleeper.create());
        await untilListed(one, made);
        await untilListed(sleeper, made);
        await Promise.all([one, sleeper].map((server) => server.rpc.program.stop()));
        expect(await idsIn(place)).toEqual(made.toSorted());
        expect(savedFiles(place)).toEqual([]);
        expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      },
    );
  }

  for (const gone of [['-wal', '-shm'], ['-wal'], ['-shm']]) {
    it(
      `${gone.join(' and ')} deleted under a server that sleeps while another starts`,
      { timeout: LONG_MS },
      async () => {
        const place = await newSqlitePlace();
        const sleeper = await Server.start(place);
        const made = await createSome(sleeper, 8);
        sleeper.rpc.program.kill('SIGSTOP');
        remove(place, gone);
        const one = await Server.start(place);
        made.push(await one.create());
        await sleep(2_000);
        made.push(await one.create());
        sleeper.rpc.program.kill('SIGCONT');
        made.push(await sleeper.create(), await one.create(), await sleeper.create());
        await untilListed(one, made);
        await untilListed(sleeper, made);
        await Promise.all([one, sleeper].map((server) => server.rpc.program.stop()));
        expect(await idsIn(place)).toEqual(made.toSorted());
        expect(savedFiles(place)).toEqual([]);
        expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      },
    );
  }

  it(
    'a log that another program began anew is not written over, and what was in the old one is kept in a file',
    { timeout: LONG_MS },
    async () => {
      const place = await newSqlitePlace();
      const old = await Server.start(place);
      const before = await createSome(old, 2);
      await place.rows('pragma wal_checkpoint(full)');
      before.push(...(await createSome(old, 3)));
      // Else it may notice before the other one has begun.
      old.rpc.program.kill('SIGSTOP');
      remove(place, ['-wal', '-shm']);
      writeAndDie(fileOf(place));
      old.rpc.program.kill('SIGCONT');
      const met = await old.answer('create_work_item', { item_type: 'task', title: 'meets it' });
      expect(met['durability']).toBe('outbox');
      await old.rpc.program.stop();
      expect(await place.rows('pragma user_version')).toEqual([{ user_version: 7 }]);
      expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      const [saved] = savedFiles(place);
      expect(idsInFile(saved ?? '')).toEqual(before.toSorted());
    },
  );

  it('an older copy put in its place: what it lacks is kept in a file', { timeout: LONG_MS }, async () => {
    const place = await newSqlitePlace();
    const server = await Server.start(place);
    const early = await createSome(server, 2);
    const copy = new Database(fileOf(place));
    copy.prepare('vacuum into ?').run(`${fileOf(place)}.older`);
    copy.close();
    const late = await createSome(server, 3);
    renameSync(`${fileOf(place)}.older`, fileOf(place));
    const met = await server.answer('create_work_item', { item_type: 'task', title: 'meets it' });
    expect(met['durability']).toBe('outbox');
    const [saved] = savedFiles(place);
    expect(idsInFile(saved ?? '')).toEqual([...early, ...late].toSorted());
    expect(JSON.stringify(met['warnings'])).toContain(saved);
    await server.rpc.program.stop();
    // The log of the file that was replaced is not taken into the one that is there now.
    expect(await idsIn(place)).toEqual(expect.arrayContaining(early));
    expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  it('a file that was cut is noticed by the next write', { timeout: LONG_MS }, async () => {
    const place = await newSqlitePlace();
    const server = await Server.start(place);
    await createSome(server, 3);
    await place.rows('pragma wal_checkpoint(truncate)');
    truncateSync(fileOf(place), 8192);
    const met = await server.answer('create_work_item', { item_type: 'task', title: 'meets it' });
    expect(met['durability']).not.toBe('sqlite');
    expect(JSON.stringify(met['warnings'])).toMatch(/cut or written over|cannot be used|is damaged/);
  });
});

describe('who opens an embedded tracker, or waits for it', () => {
  it('a folder that is away for a while ends no server', { timeout: LONG_MS }, async () => {
    const place = await newSqlitePlace();
    const server = await Server.start(place);
    const made = [await server.create()];
    const { dataDir } = place.store;
    renameSync(dataDir, `${dataDir}.away`);
    writeFileSync(dataDir, '');
    await sleep(1_500);
    rmSync(dataDir);
    renameSync(`${dataDir}.away`, dataDir);
    made.push(await server.create());
    await untilListed(server, made);
    expect(await server.rpc.program.stop()).toEqual({ code: 0, signal: null });
  });

  it('a write that waits for its turn adds nothing to a log that is lost meanwhile', async () => {
    const { file, session } = await newStore();
    const other = new Database(file);
    other.exec('begin immediate');
    let hasRun = false;
    const write = session.write(() => Promise.resolve((hasRun = true)));
    const refused = expect(write).rejects.toThrow('put back');
    await sleep(60);
    removeBeside(file);
    other.exec('commit');
    await refused;
    expect(hasRun).toBe(false);
    other.close();
    await session.close();
  });

  it('a lost log is put back also when another program reads in it at that moment', async () => {
    const { file, session } = await newStore();
    const other = new Database(file);
    other.exec('begin');
    other.prepare('select count(*) from work_items').get();
    await session.probe();
    removeBeside(file);
    const refused = expect(session.probe()).rejects.toThrow('put back');
    await sleep(100);
    other.exec('commit');
    await refused;
    other.close();
    await session.close();
  });

  it('a start whose log is lost while it waits to migrate does not go on with it', async () => {
    const { file, folder } = await newFolder();
    const older = path.join(folder, 'migrations');
    const { session } = await openSqlite({ file, migrationsFolder: withoutTheLast(older) });
    await session.close();
    // With its files in their places, it is opened without the lock.
    writeAndDie(file);
    const lock = new Database(openingLock(file));
    lock.exec('begin exclusive');
    const refused = expect(openSqlite({ file })).rejects.toThrow('deleted or replaced');
    await sleep(100);
    removeBeside(file);
    writeAndDie(file);
    lock.close();
    await refused;
    const again = await openSqlite({ file });
    expect(again.state).toBe('current');
    await again.session.close();
  });

  it('a start waits while the tracker is moved, and for those who have lost their files after that', async () => {
    const { file, session } = await newStore();
    await session.close();
    const held = await holdAlone(file);
    const start = openSqlite({ file });
    await sleep(2_000);
    held.close();
    await (await start).session.close();

    const loser = new Database(file);
    loser.pragma('user_version = 3');
    const lock = new Database(openingLock(file));
    lock.exec('begin exclusive');
    removeBeside(file);
    const late = openSqlite({ file });
    await sleep(2_000);
    lock.close();
    await sleep(300);
    loser.close();
    await (await late).session.close();
  });

  it('a look waits for who opens the files', async () => {
    const { file, folder, session } = await newStore();
    await session.close();
    const lock = new Database(openingLock(file));
    lock.exec('begin exclusive');
    const slug = { value: 'any', explicit: true };
    const look = inspectStore({ dataDir: folder, databaseUrl: undefined, slug });
    await sleep(200);
    lock.close();
    expect(await look).toMatchObject({ schema: 'current', problem: null });
  });

  it('a tracker without a log, as a saved one is, opens while others write to it', async () => {
    const { file, session } = await newStore();
    await session.close();
    const other = new Database(file);
    other.pragma('journal_mode = delete');
    other.exec('begin immediate');
    await (await openSqlite({ file })).session.close();
    other.exec('commit');
    other.close();
  });
});

describeUnless(postgresSkipReason(), 'the copy of a database', () => {
  it(
    'may be replaced by an older one again and again: no server of the folder ends',
    { timeout: LONG_MS },
    async () => {
      const place = await newPostgresPlace();
      const servers = await Server.startMany(place, 2);
      const [one] = servers;
      if (one === undefined) throw new Error('no servers');
      await createSome(one, 3);
      const files = ['cache.db', 'cache.db-wal'].map((name) => path.join(place.store.dataDir, name));
      await expect.poll(() => files.every((file) => existsSync(file)), { timeout: BACK_MS }).toBe(true);
      let isOver = false;
      const made: string[] = [];
      const write = async (server: Server) => {
        while (!isOver) made.push(await server.create({ title: 'meets it' }));
      };
      const writing = [...servers, ...servers, ...servers].map(write);
      for (let round = 0; round < episodes(15, 100); round += 1) {
        for (const file of files) copyFileSync(file, `${file}.older`);
        await sleep(20);
        // New files beside an index that both servers have open.
        for (const file of files) renameSync(`${file}.older`, file);
        await sleep(20);
      }
      isOver = true;
      await Promise.all(writing);
      expect(await place.rows('select id from work_items')).toHaveLength(3 + made.length);
      for (const { rpc } of servers) expect(await rpc.program.stop()).toEqual({ code: 0, signal: null });
    },
  );
});

/** Another program that writes, and leaves its log behind. */
function writeAndDie(file: string): void {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  const script = `const db = new (require(${JSON.stringify(driver)}))(${JSON.stringify(file)});
    db.pragma('user_version = 7'); process.kill(process.pid, 'SIGKILL'); for (;;);`;
  expect(spawnSync(process.execPath, ['-e', script]).signal).toBe('SIGKILL');
}

const fileOf = (place: Place): string => path.join(place.store.dataDir, 'worktrail.db');

async function newFolder(): Promise<{ folder: string; file: string }> {
  const place = await newSqlitePlace();
  const folder = place.store.dataDir;
  mkdirSync(folder, { recursive: true });
  return { folder, file: fileOf(place) };
}

async function newStore() {
  const place = await newFolder();
  return { ...place, ...(await openSqlite({ file: place.file })) };
}

function removeBeside(file: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix);
}

/** The migrations of a program before this one. */
function withoutTheLast(folder: string): string {
  cpSync(path.join('drizzle', 'sqlite'), folder, { recursive: true });
  const file = path.join(folder, 'meta', '_journal.json');
  const journal = JSON.parse(readFileSync(file, 'utf8')) as { entries: unknown[] };
  journal.entries.pop();
  writeFileSync(file, JSON.stringify(journal));
  return folder;
}

function remove(place: Place, suffixes: readonly string[]): void {
  for (const suffix of suffixes) rmSync(fileOf(place) + suffix);
}

async function createSome(server: Server, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) ids.push(await server.create({ title: `item ${at}` }));
  return ids;
}

async function untilListed(server: Server, ids: readonly string[]): Promise<void> {
  const list = async () => {
    const { items, data_source, warnings = [] } = await server.list();
    const listed = items.map(({ id }) => id).toSorted();
    return { listed, data_source, warnings };
  };
  const all = { listed: ids.toSorted(), data_source: 'sqlite', warnings: [] };
  await expect.poll(list, { timeout: BACK_MS, interval: 100 }).toEqual(all);
}

async function idsIn(place: Place): Promise<unknown[]> {
  return (await place.rows('select id from work_items order by id')).map(({ id }) => id);
}

function idsInFile(file: string): unknown[] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare('select id from work_items order by id').pluck().all();
  } finally {
    database.close();
  }
}

function savedFiles({ store: { dataDir } }: Place): string[] {
  return readdirSync(dataDir)
    .filter((name) => /^worktrail\.saved-.*\.db$/.test(name))
    .map((name) => path.join(dataDir, name));
}
