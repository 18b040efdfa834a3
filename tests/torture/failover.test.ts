// A database that loses what it acknowledged, in every way there is: a standby takes over without its last moments, an
// older dump is put in its place and has grown since, an older embedded file is put back. It is noticed before the next
// write is applied, and after `recover` nothing is lost, twice or silently overwritten.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { describe, expect, inject, it } from 'vitest';
import type { Change } from '../../src/domain/change.ts';
import { newRecordId } from '../../src/domain/ids.ts';
import { SQLITE_FILE } from '../../src/storage/opening/open-primary.ts';
import { openStore, type OpenOptions } from '../../src/storage/opening/open-store.ts';
import { recoverWrites } from '../../src/storage/maintenance/recover-writes.ts';
import type { WriteAnswer } from '../../src/storage/contract/store.ts';
import type { TieredStore } from '../../src/storage/tiers/tiered-store.ts';
import { TrackerError } from '../../src/domain/errors.ts';
import { inFolder } from '../storage/backends.ts';
import { creation, edit, noting } from '../storage/changes.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { attachPostgres, postgresSkipReason } from '../support/postgres.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { until } from './scene.ts';
import { TIMEOUT_MS, counted, episodes, isLong, randomFor, report } from './scale.ts';

const FAILOVERS = episodes(2, 40);
const DUMPS = episodes(1, 20);
const OLDER_FILES = episodes(1, 20);
/** From almost nothing to the longest tail that a standby loses. */
const TAIL_MIN_MS = 100;
const TAIL_MAX_MS = isLong ? 10_000 : 400;
/** So many items that a database without them looks like one that lost most of what it had. */
const TAIL_ITEMS_MIN = 12;
const OUTAGE_MS = 700;

interface Acknowledged {
  change: Change;
  by: TieredStore;
}

/** Everything that was acknowledged, to be looked for in the end. */
class Ledger {
  readonly writes: Acknowledged[] = [];

  async write(by: TieredStore, change: Change): Promise<WriteAnswer> {
    const answer = await by.write([change]);
    this.writes.push({ change, by });
    return answer;
  }
}

interface Tally {
  runs: number;
  acknowledged: number;
  tail: number;
  conflicts: number;
}

describeUnless(postgresSkipReason(), 'a database that lost its last moments', () => {
  it(
    'is noticed before the next write, and gets back what folders have',
    { timeout: TIMEOUT_MS },
    async () => {
      const random = randomFor('failover');
      const tally: Tally = { runs: 0, acknowledged: 0, tail: 0, conflicts: 0 };
      for (let run = 0; run < FAILOVERS; run += 1) {
        const tailMs = TAIL_MIN_MS + random.int(TAIL_MAX_MS - TAIL_MIN_MS);
        await failOver({ tailMs, hasOutage: run % 2 === 1, growth: random.int(3), tally });
      }
      report('fail-over', summary(tally));
    },
  );

  it(
    'that was restored from a dump and has grown past it is noticed too',
    { timeout: TIMEOUT_MS },
    async () => {
      const random = randomFor('dump');
      const tally: Tally = { runs: 0, acknowledged: 0, tail: 0, conflicts: 0 };
      for (let run = 0; run < DUMPS; run += 1) {
        await failOver({ tailMs: TAIL_MIN_MS, hasOutage: run % 2 === 0, growth: 20 + random.int(20), tally });
      }
      report('restored dumps', summary(tally));
    },
  );
});

describe('an older embedded file put in place', () => {
  it('is noticed before the next write, and gets back what was lost', { timeout: TIMEOUT_MS }, async () => {
    const tally: Tally = { runs: 0, acknowledged: 0, tail: 0, conflicts: 0 };
    for (let run = 0; run < OLDER_FILES; run += 1) await olderFile(run % 2 === 0, tally);
    report('older embedded files', summary(tally));
  });
});

const summary = ({ runs, acknowledged, tail, conflicts }: Tally) =>
  `${runs} runs, ${counted(acknowledged)} writes acknowledged, ${counted(tail)} of them cut off, ${conflicts} conflicts; always noticed, 0 lost, 0 twice`;

interface Case {
  tailMs: number;
  /** Whether the clients see the database away before the other one answers. */
  hasOutage: boolean;
  /** Writes to the other one before who had seen more writes again. */
  growth: number;
  tally: Tally;
}

async function failOver({ tailMs, hasOutage, growth, tally }: Case): Promise<void> {
  const server = attachPostgres(inject('postgresUrl'));
  cleanUpLater(() => server.stop());
  const database = new SwitchedDatabase(server.url(), await server.createDatabase());
  const project = await temporaryProject({ git: true });
  const [mine, theirs, late] = [project, await cloneOf(project), await cloneOf(project)].map((folder) =>
    inFolder(folder, database.url),
  ) as [OpenOptions, OpenOptions, OpenOptions];
  const [a, other] = [await opened(mine), await opened(mine)];
  const b = await opened(theirs);
  const ledger = new Ledger();
  const item = newRecordId();
  await ledger.write(a, creation({ entity_id: item, patch: { title: 'shared' } }));
  await a.read((reader) => reader.findWorkItem(item));
  await b.read((reader) => reader.findWorkItem(item));

  await database.keepStandby();
  // The connections were cut for it: a write that is kept now would not be lost with the tail.
  for (const store of [a, other, b]) await until('all are online', () => store.state === 'online');
  const before = ledger.writes.length;
  await ledger.write(
    a,
    edit({ entity_id: item, base_version: 1, patch: { title: 'cut off', labels: ['mine'] } }),
  );
  const end = Date.now() + tailMs;
  for (let made = 0; made < TAIL_ITEMS_MIN || Date.now() < end; made += 1) {
    const id = newRecordId();
    await ledger.write(a, creation({ entity_id: id, patch: { title: `tail ${id}` } }));
    await ledger.write(other, edit({ entity_id: id, base_version: 1, patch: { priority: 1 } }));
    await ledger.write(other, noting({ entity_id: newRecordId(), patch: { item_id: item, text: id } }));
    await ledger.write(
      b,
      noting({ entity_id: newRecordId(), patch: { item_id: id, text: 'from elsewhere' } }),
    );
    await sleep(Math.min(20, Math.max(0, end - Date.now())));
  }
  tally.tail += ledger.writes.length - before;

  await database.switchOver(hasOutage ? OUTAGE_MS : 0);
  // Who has seen nothing of what is gone takes the database as it is.
  const c = await opened(late);
  const taken = await ledger.write(c, edit({ entity_id: item, base_version: 1, patch: { title: 'theirs' } }));
  expect(taken).toMatchObject({ durability: 'postgres', data: [{ record: { version: 2 } }] });
  for (let grown = 0; grown < growth; grown += 1) {
    await ledger.write(c, creation({ entity_id: newRecordId(), patch: { title: 'since' } }));
  }

  // A database that was away under its name was taken for a wrong setting.
  for (const store of [a, other, b]) await until('it is tried again', () => store.state !== 'misconfigured');
  const last = await ledger.write(
    a,
    edit({ entity_id: item, base_version: 2, patch: { title: 'built on what is gone' } }),
  );
  expect(last.durability).toBe('outbox');
  await until('it is refused', () => a.state === 'refused');
  const elsewhere = creation({ entity_id: newRecordId(), patch: { title: 'late' } });
  expect((await ledger.write(b, elsewhere)).durability).toBe('outbox');
  // A read that finds it out is answered by it all the same.
  const isKnown = other.state === 'refused';
  const { data, warnings, source } = await other.read((reader) => reader.findWorkItem(item));
  if (isKnown) {
    expect(source).toBe('sqlite_cache');
    expect(data?.title).not.toBe('theirs');
    expect(warnings.map(({ code }) => code)).toContain('primary_refused');
  }
  await expectRow(database, item, { title: 'theirs', version: 2 });

  await recoverWrites(mine);
  await recoverWrites(theirs);
  for (const store of [a, other, b, c]) await until('all is in use again', () => expectUsed(store));
  await settled(a, database);
  await settled(b, database);
  tally.conflicts += await expectAllOnce(database, ledger);
  tally.acknowledged += ledger.writes.length;
  tally.runs += 1;
  // What names a version that is gone does not fit, although another change has that number.
  const refused = await a
    .write([edit({ entity_id: item, base_version: 2, patch: { title: 'by chance' } })])
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TrackerError);
  expect((refused as TrackerError).code).toBe('VersionConflictError');
  for (const store of [a, other, b, c]) await store.close();
  await database.close();
}

async function olderFile(isRunning: boolean, tally: Tally): Promise<void> {
  const place = inFolder(await temporaryProject({ git: true }), undefined);
  const file = path.join(place.dataDir, SQLITE_FILE);
  const ledger = new Ledger();
  const [item, kept] = [newRecordId(), `${file}.kept`];
  let store = await openStore(place);
  await ledger.write(store, creation({ entity_id: item, patch: { title: 'shared' } }));
  await store.close();
  copyFileSync(file, kept);

  store = await openStore(place);
  await ledger.write(store, edit({ entity_id: item, base_version: 1, patch: { title: 'cut off' } }));
  for (let number = 0; number < 20; number += 1) {
    await ledger.write(store, creation({ entity_id: newRecordId(), patch: { title: `tail ${number}` } }));
  }
  tally.tail += ledger.writes.length - 1;
  if (!isRunning) await store.close();
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) rmSync(file + suffix);
  copyFileSync(kept, file);
  if (!isRunning) store = await openStore(place);

  const late = await ledger.write(store, creation({ entity_id: newRecordId(), patch: { title: 'late' } }));
  expect(late.durability).toBe('outbox');
  await until('it is refused', () => store.state === 'refused');

  await recoverWrites(place);
  await until('it is in use again', () => store.state === 'online');
  await until('nothing waits', async () => (await store.pending()).length === 0);
  for (const { change } of ledger.writes) {
    const { data } = await store.read((reader) => reader.findRowsOfChange(change.id));
    expect(data).toHaveLength(1);
  }
  const { data } = await store.read((reader) => reader.findWorkItem(item));
  expect(data).toMatchObject({ title: 'cut off', version: 2 });
  await store.close();
  tally.acknowledged += ledger.writes.length;
  tally.runs += 1;
}

/** While something waits behind a conflict it is tried again and again. */
async function expectUsed(store: TieredStore): Promise<true> {
  if (store.state === 'online' || store.state === 'replaying') return true;
  throw new Error(`it is ${store.state}: ${(await store.health()).problem ?? ''}`);
}

async function cloneOf(project: string): Promise<string> {
  const clone = await temporaryProject();
  await git(clone, 'clone', '--quiet', project, '.');
  return clone;
}

async function opened(place: OpenOptions): Promise<TieredStore> {
  const store = await openStore(place);
  cleanUpLater(() => store.close());
  return store;
}

/** Conflicts are left open: what waits behind one is looked for in the journal. */
async function settled(store: TieredStore, database: SwitchedDatabase): Promise<void> {
  await until('what waits is settled', async () => {
    const pending = await store.pending();
    if (pending.length === 0) return true;
    const open = await database.rows('select entity_id from conflicts where resolved_at is null');
    const blocked = new Set(open.map((row) => row['entity_id']));
    return pending.every(({ changes }) =>
      changes.some(({ entity_id, patch }) => blocked.has(entity_id) || blocked.has(patch['item_id'])),
    );
  });
}

/** @returns how many are conflicts */
async function expectAllOnce(database: SwitchedDatabase, ledger: Ledger): Promise<number> {
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
  const applied = ids(await database.rows('select change_id as id from applied_changes'));
  const recorded = ids(await database.rows("select change_id as id from changes where entity <> 'conflict'"));
  const conflicts = new Set(ids(await database.rows('select id from conflicts')));
  const waiting = new Set<string>();
  for (const store of new Set(ledger.writes.map(({ by }) => by))) {
    for (const { id } of await store.pending()) waiting.add(id);
  }
  for (const { change } of ledger.writes) {
    const times = applied.filter((id) => id === change.id).length + (waiting.has(change.id) ? 1 : 0);
    expect(times, `${change.kind} ${change.entity} ${change.id}`).toBe(1);
    const rows = recorded.filter((id) => id === change.id).length;
    expect(rows).toBe(conflicts.has(change.id) || waiting.has(change.id) ? 0 : 1);
  }
  return conflicts.size;
}

async function expectRow(database: SwitchedDatabase, id: string, expected: object): Promise<void> {
  expect((await database.rows(`select title, version from work_items where id = '${id}'`))[0]).toMatchObject(
    expected,
  );
}

/** One address; behind it first a database, then its copy that was made some time before. */
class SwitchedDatabase {
  readonly #name: string;
  #look: postgres.Sql | undefined;

  constructor(
    private readonly adminUrl: string,
    readonly url: string,
  ) {
    this.#name = new URL(url).pathname.slice(1);
  }

  /** The other server, as far as it has received the changes. */
  async keepStandby(): Promise<void> {
    await this.#alone((admin) =>
      admin.unsafe(`create database "${this.#name}_standby" template "${this.#name}"`),
    );
  }

  async switchOver(outageMs: number): Promise<void> {
    await this.#alone(async (admin) => {
      const leave = `alter database "${this.#name}" rename to "${this.#name}_lost"`;
      const come = `alter database "${this.#name}_standby" rename to "${this.#name}"`;
      if (outageMs === 0) return await admin.unsafe(`${leave}; ${come}`);
      await admin.unsafe(leave);
      await sleep(outageMs);
      return await admin.unsafe(come);
    });
  }

  async rows(query: string): Promise<{ id: string; [column: string]: unknown }[]> {
    const schema = 'worktrail_test_project';
    this.#look ??= postgres(this.url, {
      max: 1,
      onnotice: () => undefined,
      connection: { search_path: schema },
    });
    return await this.#look.unsafe(query);
  }

  async close(): Promise<void> {
    await this.#look?.end();
    await this.#alone((admin) => admin.unsafe(`drop database if exists "${this.#name}_lost" with (force)`));
  }

  /** Its connections are cut, as by a server that goes. */
  async #alone(work: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
    const admin = postgres(this.adminUrl, { max: 1, onnotice: () => undefined });
    try {
      for (let attempt = 0; ; attempt += 1) {
        await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${this.#name}`;
        try {
          return void (await work(admin));
        } catch (error) {
          // Somebody was faster and has connected again.
          if (attempt > 50 || (error as { code?: string }).code !== '55006') throw error;
        }
      }
    } finally {
      await admin.end();
    }
  }
}
