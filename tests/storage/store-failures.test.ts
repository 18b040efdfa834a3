// A store that cannot be opened, read or written says so in our words, and nothing is changed.
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import type { ErrorBody } from '../../src/domain/errors.ts';
import { SQLITE_FILE, openPrimary, schemaName } from '../../src/storage/opening/open-primary.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { describeEachBackend, freshDatabase, inFolder, openTracker, openTrackerAt } from './backends.ts';
import { refusalOf } from './refusal.ts';
import { Tracker } from './tracker.ts';
import type { PrimaryOptions } from '../../src/storage/opening/primary-options.ts';

/** Nothing of the driver's own words, codes or addresses. */
const DRIVER_TEXT = /ECONN|SQLITE_|SqliteError|Postgres(?:Error)|127\.0\.0\.1|select |relation /i;

function expectDatabaseError(refusal: ErrorBody, layer: string, reason: string): void {
  expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer } });
  expect(Object.keys(refusal.details)).toEqual(['layer', 'reason']);
  expect(refusal.details['reason']).toContain(reason);
  expect(refusal.message).toContain(reason);
  expect(`${refusal.message} ${refusal.next}`).not.toMatch(DRIVER_TEXT);
}

/** The tracker on its primary alone, without a lower layer that takes over. */
async function openPrimaryAt(place: PrimaryOptions): Promise<Tracker> {
  const store = await openPrimary(place);
  cleanUpLater(() => store.close());
  return new Tracker(store, place);
}

describe('an SQLite file that cannot be the store', () => {
  const emptyPlace = async (): Promise<PrimaryOptions & { file: string }> => {
    const place = inFolder(await temporaryProject(), undefined);
    await mkdir(place.dataDir);
    return { ...place, file: path.join(place.dataDir, SQLITE_FILE) };
  };
  /** A store with some items, closed, its journal folded into the file. */
  const usedPlace = async () => {
    const place = await emptyPlace();
    const tracker = new Tracker(await openPrimary(place), place);
    for (let index = 0; index < 50; index += 1)
      await tracker.create({ title: `item ${index}`, description: 'x'.repeat(500) });
    await tracker.store.close();
    return place;
  };

  it('is refused when it is a database of another program, and left alone', async () => {
    const { file, ...place } = await emptyPlace();
    const foreign = new Database(file);
    foreign.exec('create table notes (text); insert into notes values (1)');
    foreign.close();
    const before = await readFile(file);
    expectDatabaseError(await refusalOf(openPrimary(place)), 'sqlite', 'is a database of another program');
    expect(await readFile(file)).toEqual(before);
  });

  it('is refused when it carries the mark of another program', async () => {
    const { file, ...place } = await emptyPlace();
    const foreign = new Database(file);
    foreign.pragma('application_id = 1196444487');
    foreign.close();
    expectDatabaseError(await refusalOf(openPrimary(place)), 'sqlite', 'is a database of another program');
  });

  it.each(['just some text, long enough to be looked at as a header of a database file', '\0'.repeat(4096)])(
    'is refused when it is no database at all, and left alone',
    async (content) => {
      const { file, ...place } = await emptyPlace();
      await writeFile(file, content);
      expectDatabaseError(
        await refusalOf(openPrimary(place)),
        'sqlite',
        'the file is damaged or not a database',
      );
      expect(await readFile(file, 'utf8')).toBe(content);
    },
  );

  it('is refused when it is gone from where a tracker was, until a person says to begin anew', async () => {
    const { file, ...place } = await usedPlace();
    await rm(file);
    expectDatabaseError(
      await refusalOf(openPrimary(place)),
      'sqlite',
      'is missing, although this folder had a tracker',
    );
    expect(existsSync(file)).toBe(false);
    await rm(path.join(place.dataDir, 'project.json'));
    expect(await (await openTrackerAt(place)).titles()).toEqual([]);
  });

  it('is refused when it was cut to nothing where a tracker was: that is a loss, not a new beginning', async () => {
    const { file, ...place } = await usedPlace();
    await writeFile(file, '');
    expectDatabaseError(
      await refusalOf(openPrimary(place)),
      'sqlite',
      'is empty, although this folder had a tracker',
    );
    expect(await readFile(file)).toHaveLength(0);
  });

  it('is refused when its beginning is damaged, and left alone', async () => {
    const { file, ...place } = await usedPlace();
    const bytes = await readFile(file);
    bytes.fill(0xff, 0, 100);
    await writeFile(file, bytes);
    expectDatabaseError(
      await refusalOf(openPrimary(place)),
      'sqlite',
      'the file is damaged or not a database',
    );
    expect(await readFile(file)).toEqual(bytes);
  });

  it('is refused when everything after its beginning is damaged', async () => {
    const { file, ...place } = await usedPlace();
    const bytes = await readFile(file);
    bytes.fill(0xff, 4096);
    await writeFile(file, bytes);
    expectDatabaseError(
      await refusalOf(openPrimary(place)),
      'sqlite',
      'the file is damaged or not a database',
    );
  });

  it('tells so when damage is met only later, on reading and on writing', async () => {
    const { file, ...place } = await usedPlace();
    const inspected = new Database(file);
    const root = inspected
      .prepare("select rootpage from sqlite_master where name = 'work_items'")
      .pluck()
      .get() as number;
    const size = Number(inspected.pragma('page_size', { simple: true }));
    inspected.close();
    const bytes = await readFile(file);
    bytes.fill(0xff, (root - 1) * size, root * size);
    await writeFile(file, bytes);
    const tracker = await openPrimaryAt(place);
    for (const attempt of [() => tracker.list({ text: 'item' }), () => tracker.create()]) {
      expectDatabaseError(await refusalOf(attempt), 'sqlite', 'the file is damaged or not a database');
    }
    // What is not damaged can still be read.
    expect((await tracker.configuration()).version).toBe(1);
  });

  it('is probed by a write to the disk that changes nothing', async () => {
    const { file, ...place } = await usedPlace();
    const primary = await openPrimary(place);
    cleanUpLater(() => primary.close());
    const log = () => statSync(`${file}-wal`).size;
    for (let probe = 1; probe <= 3; probe += 1) {
      const before = log();
      await primary.probe();
      expect(log()).toBeGreaterThan(before);
    }
    expect((await primary.read((reader) => reader.findFeedPosition())).data.seq).toBe(50);
  });

  it('is refused when a file stands where its folder should be', async () => {
    const place = inFolder(await temporaryProject(), undefined);
    await writeFile(place.dataDir, 'in the way');
    expectDatabaseError(await refusalOf(openPrimary(place)), 'sqlite', 'cannot be made or written');
  });

  it('is refused when a folder stands where it should be', async () => {
    const { file, ...place } = await emptyPlace();
    await mkdir(file);
    expectDatabaseError(await refusalOf(openPrimary(place)), 'sqlite', 'cannot be opened');
  });
});

describeEachBackend('a store', (backend) => {
  const withDatabase = async (
    place: PrimaryOptions,
    statement: (table: (name: string) => string) => string,
  ): Promise<void> => {
    if (place.databaseUrl === undefined) {
      const database = new Database(path.join(place.dataDir, SQLITE_FILE));
      database.exec(statement((name) => name));
      database.close();
      return;
    }
    const client = postgres(place.databaseUrl, { max: 1, onnotice: () => undefined });
    await client.unsafe(statement((name) => `"${schemaName(place.slug.value)}".${name}`));
    await client.end();
  };

  it('made by a newer version is read, and not written', async () => {
    const tracker = await openTracker(backend);
    const item = await tracker.create({ title: 'Still readable' });
    await withDatabase(
      tracker.place,
      (table) =>
        `insert into ${table('__drizzle_migrations')} (hash, created_at) values ('from the future', 99999999999999)`,
    );
    const older = await openTrackerAt(tracker.place);
    expect(await older.store.health()).toMatchObject({ reachable: true, schema: 'newer' });
    expect(await older.query(item.id)).toMatchObject({ title: 'Still readable' });
    expect(await older.titles()).toEqual(['Still readable']);
    const refusal = await refusalOf(older.create());
    expectDatabaseError(refusal, backend.source, 'newer Worktrail');
    expect(refusal.next).toContain('Update Worktrail');
    expect(await older.seq()).toBe(1);
  });

  it('that lost its configuration says so', async () => {
    const tracker = await openTracker(backend);
    await withDatabase(tracker.place, (table) => `delete from ${table('project_configuration')}`);
    expectDatabaseError(await refusalOf(tracker.configuration()), 'store', 'has lost its only row');
  });

  it('is not made from an installation without migrations', async () => {
    const place = await backend.place();
    const migrationsFolder = await mkdtemp(path.join(os.tmpdir(), 'worktrail-no-migrations-'));
    cleanUpLater(() => rm(migrationsFolder, { recursive: true, force: true }));
    expectDatabaseError(
      await refusalOf(openPrimary({ ...place, migrationsFolder })),
      backend.source,
      'migrations are missing',
    );
  });
});

describeUnless(postgresSkipReason(), 'a PostgreSQL that', () => {
  it('nobody listens at is unreachable, and nothing is remembered of it', async () => {
    const unused = net.createServer();
    const port = await new Promise<number>((resolve) => {
      unused.listen(0, '127.0.0.1', () => resolve((unused.address() as net.AddressInfo).port));
    });
    await new Promise((resolve) => unused.close(resolve));
    const place = inFolder(await temporaryProject(), `postgres://nobody:secret@127.0.0.1:${port}/none`);
    const refusal = await refusalOf(openPrimary(place));
    expectDatabaseError(refusal, 'postgres', 'nothing accepts connections');
    expect(JSON.stringify(refusal)).not.toContain('secret');
    expect(existsSync(path.join(place.dataDir, 'project.json'))).toBe(false);
  });

  it('has no such database is refused', async () => {
    const url = new URL(await freshDatabase());
    url.pathname = '/no_such_database';
    expectDatabaseError(
      await refusalOf(openPrimary(inFolder(await temporaryProject(), url.href))),
      'postgres',
      'does not exist',
    );
  });

  it('goes away while in use is told of on every call, and used again when it is back', async () => {
    const server = await startPostgres({ own: true });
    cleanUpLater(() => server.stop());
    const tracker = await openPrimaryAt(inFolder(await temporaryProject(), await server.createDatabase()));
    const item = await tracker.create({ title: 'Before' });

    await server.halt('immediate');
    for (const attempt of [
      () => tracker.query(item.id),
      () => tracker.list(),
      () => tracker.create(),
      () => tracker.update(item, { title: 'x' }),
    ]) {
      const { error, details } = await refusalOf(attempt);
      expect(error).toBe('DatabaseError');
      expect(details).toMatchObject({ layer: 'postgres' });
    }
    const health = await tracker.store.health();
    expect(health).toMatchObject({ reachable: false, project_id: null });
    expect(health.problem).not.toMatch(DRIVER_TEXT);

    await server.resume();
    expect(await tracker.titles()).toEqual(['Before']);
    expect(await tracker.update(item, { title: 'After' })).toMatchObject({ version: 2 });
    expect(await tracker.seq()).toBe(2);
    expect(await tracker.store.health()).toMatchObject({ reachable: true, problem: null });
  });
});
