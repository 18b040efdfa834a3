// The local copy of a tracker: equal to it after every refresh, whatever was laid on top or happened to the file.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/domain/change.ts';
import { newChangeId, newRecordId } from '../../../src/domain/ids.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Connection } from '../../../src/storage/database/connection.ts';
import { SQLITE_FILE, openPrimary } from '../../../src/storage/opening/open-primary.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { TABLE_NAMES, readTable } from '../../../src/storage/database/table-copy.ts';
import { IdentityMismatch } from '../../../src/storage/database/feed-guard.ts';
import { CacheReplica } from '../../../src/storage/replicas/cache.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import type { JournalEntry, WaitingWrites } from '../../../src/storage/contract/journal.ts';
import { loadImage } from '../../../src/storage/replicas/replica-sources.ts';
import { LayerUnavailable, applyToReplica } from '../../../src/storage/replicas/replica.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { layerFailure } from '../../../src/storage/database/driver-errors.ts';
import { packageRoot } from '../../../src/platform/package-root.ts';
import { inFolder } from '../backends.ts';
import { Tracker } from '../tracker.ts';
import { provisionalStep } from '../../../src/domain/provisional-version.ts';

const NOTHING: WaitingWrites = { fingerprint: 'nothing', list: () => Promise.resolve([]) };

const findNothing = () => Promise.resolve(NOTHING);

async function scene() {
  const place = inFolder(await temporaryProject(), undefined);
  const primary = await openPrimary(place);
  cleanUpLater(() => primary.close());
  const { project_id } = await primary.health();
  const logged: string[] = [];
  const file = path.join(await temporaryProject(), 'cache.db');
  const open = () => {
    const replica = new CacheReplica(
      file,
      () => project_id ?? undefined,
      systemClock,
      (message) => logged.push(message),
    );
    cleanUpLater(() => replica.close());
    return replica;
  };
  const cache = open();
  const refresh = (waiting = NOTHING) =>
    cache.refresh(
      primary,
      () => Promise.resolve(waiting),
      () => ({}),
    );
  /** The database as it is at this moment. */
  const older = async () => {
    const copy = inFolder(await temporaryProject(), undefined);
    mkdirSync(copy.dataDir, { recursive: true });
    const database = new Database(path.join(place.dataDir, SQLITE_FILE));
    database.prepare('vacuum into ?').run(path.join(copy.dataDir, SQLITE_FILE));
    database.close();
    const opened = await openPrimary(copy);
    cleanUpLater(() => opened.close());
    return opened;
  };
  return { tracker: new Tracker(primary, place), primary, cache, open, refresh, older, file, logged };
}

/** Every row of every table, without what is the copy's own. */
async function contentOf(source: Primary | CacheReplica): Promise<Record<string, unknown[]>> {
  const content: Record<string, unknown[]> = {};
  const read = async (c: Parameters<typeof readTable>[0]) => {
    for (const name of TABLE_NAMES) {
      content[name] = [];
      for await (const rows of readTable(c, name)) content[name].push(...rows);
      if (name === 'workItemCounts')
        content[name] = content[name].filter((row) => (row as { items: number }).items !== 0);
    }
  };
  if (source instanceof CacheReplica) await source.run(NOTHING, ({ session }) => session.read(read));
  else await source.inSnapshot(read);
  return content;
}

function update(entity_id: string, base_version: number, patch: JsonObject): Change {
  return {
    id: newChangeId(),
    at: new Date().toISOString(),
    actor: 'ada',
    client: 'test',
    entity: 'work_item',
    entity_id,
    kind: 'update',
    base_version,
    patch,
    on_conflict: 'reject',
    cascade: false,
    claim_token: null,
    idempotency_key: null,
    schema_version: 1,
  };
}

/** As the migrations before the last made it. */
function earlier(kind: 'TABLE' | 'INDEX', name: string): string {
  const folder = path.join(packageRoot(), 'drizzle', 'sqlite');
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  const statements = files
    .slice(0, -1)
    .flatMap((file) => readFileSync(path.join(folder, file), 'utf8').split('--> statement-breakpoint'));
  const found = statements.findLast((statement) => statement.includes(`CREATE ${kind} \`${name}\``));
  if (found === undefined) throw new Error(`no migration makes ${name}`);
  return found.trim().replace(/;$/, '');
}

/** The indexes of items that end with their positions. */
const PLACED = ['parent', 'updated', 'created', 'status', 'type', 'assignee', 'priority', 'title'];

/** Makes the file what the program before the last migration left: with the rows that its queue had. */
function asEarlierVersion(file: string): void {
  const database = new Database(file);
  database.exec(`
    create temp table kept as select item_id, priority, rank from ready_queue where waits = 0;
    drop table ready_queue;
    ${earlier('TABLE', 'ready_queue')};
    ${earlier('INDEX', 'ready_queue_order')};
    insert into ready_queue (item_id, priority, rank, created_at) select item_id, priority, rank, '' from kept;
    drop table kept;
    ${PLACED.map((name) => `drop index work_items_${name};`).join(' ')}
    alter table work_items drop column position;
    ${PLACED.map((name) => earlier('INDEX', `work_items_${name}`)).join('; ')};
    drop index claims_expires;
    create index claims_holder on claims (holder, expires_at);
    ${['client', 'person', 'session', 'device'].map((name) => `drop index changes_${name};`).join(' ')}
    ${['claims', 'changes', 'conflicts'].flatMap((table) => ['person', 'session'].map((name) => `alter table ${table} drop column ${name};`)).join(' ')}
    ${['claims', 'changes'].map((table) => `alter table ${table} drop column device;`).join(' ')}
    update derivations set rules = 1 where name = 'ready_queue';
    delete from __drizzle_migrations where created_at = (select max(created_at) from __drizzle_migrations);
  `);
  database.close();
}

describe('a cache', () => {
  it.each(['opened', 'read as a whole'])(
    'of an earlier version has the queue of this one when it is %s',
    async (how) => {
      const { tracker, primary, cache, open, refresh, file } = await scene();
      const root = await tracker.create({ title: 'Root' });
      await tracker.create({ title: 'Child', parent_id: root.id });
      const waiting = await tracker.create({ title: 'Waiting', status: 'blocked' });
      await tracker.create({ title: 'Alone' });
      await refresh();
      await cache.close();
      asEarlierVersion(file);
      // Items of earlier versions stand by their age: their positions are others.
      const queueOf = async (c: Connection) => {
        const { readyQueue: q } = c.tables;
        const rows = await c.db.select().from(q).orderBy(q.item_id);
        return rows.map(({ item_id, waits, priority, rank }) => ({ item_id, waits, priority, rank }));
      };
      const expected = await primary.inSnapshot(queueOf);
      expect(expected.map(({ waits }) => waits).sort()).toEqual([0, 0, 1, 2]);
      expect(waiting.status).toBe('blocked');
      if (how === 'opened') {
        expect(await open().run(NOTHING, ({ session }) => session.read(queueOf))).toEqual(expected);
        return;
      }
      const { session } = await loadImage(file);
      expect(await session.read(queueOf)).toEqual(expected);
      await session.close();
    },
  );

  it('has nothing before it is filled, and says so', async () => {
    const { cache } = await scene();
    expect(await cache.age()).toBeUndefined();
    await expect(cache.run(NOTHING, () => Promise.resolve())).rejects.toThrow(LayerUnavailable);
  });

  it('equals the primary after being filled and after following every kind of change', async () => {
    const { tracker, primary, cache, refresh } = await scene();
    const root = await tracker.create({ title: 'Root', labels: ['a', 'b'] });
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));

    const child = await tracker.create({ title: 'Child', parent_id: root.id });
    const deep = await tracker.create({ title: 'Deep', parent_id: child.id });
    const other = await tracker.create({ title: 'Other', item_type: 'project' });
    await tracker.update(await tracker.query(root.id), { labels: ['b', 'c'], status: 'completed' });
    await tracker.link(deep, 'relates_to', other);
    await tracker.register({ name: 'vendor_a', extractor_version: '1' });
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));

    await tracker.update(await tracker.query(child.id), { parent_id: other.id });
    await tracker.unlink(deep, 'relates_to', other);
    await tracker.update(await tracker.query(root.id), { deleted_at: new Date().toISOString() });
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });

  it('takes back what was laid on top once the primary has another truth', async () => {
    const { tracker, primary, cache, refresh } = await scene();
    const item = await tracker.create({ title: 'Known' });
    await refresh();
    const entries: JournalEntry[] = [];
    const waiting = (): WaitingWrites => ({
      fingerprint: entries.map(({ id }) => id).join(' '),
      list: () => Promise.resolve(entries),
    });
    const change = update(item.id, 1, { title: 'Mine' });
    const made = { ...update(newRecordId(), 0, {}), kind: 'create' as const, base_version: null };
    made.patch = {
      item_type: 'task',
      title: 'New',
      status: 'active',
      priority: 3,
      labels: ['x'],
      metadata: {},
      parent_id: item.id,
      description: null,
      assignee: null,
      branch_name: null,
      commit_hash: null,
      pr_number: null,
    };
    for (const one of [change, made]) {
      await cache.run(waiting(), (ready) =>
        applyToReplica(
          ready,
          [one],
          { ownChanges: () => [], findWaiting: () => Promise.resolve(undefined) },
          (write) => {
            entries.push({
              id: one.id,
              lamport: entries.length,
              device: 'd',
              at: one.at,
              changes: write.changes,
            });
            return Promise.resolve();
          },
        ),
      );
    }
    const shown = await cache.run(waiting(), ({ session }) =>
      session.read(async (c) =>
        (await c.db.select().from(c.tables.workItems)).map(({ title, version }) => ({ title, version })),
      ),
    );
    expect(shown).toEqual(
      expect.arrayContaining([
        { title: 'Mine', version: 1 + provisionalStep(change.id) },
        { title: 'New', version: provisionalStep(made.id) },
      ]),
    );

    // Still waiting: a refresh keeps it on top of what others did meanwhile.
    await tracker.update(await tracker.query(item.id), { priority: 1 });
    await refresh(waiting());
    const merged = await cache.run(waiting(), ({ session }) =>
      session.read(async (c) =>
        (await c.db.select().from(c.tables.workItems)).find(({ id }) => id === item.id),
      ),
    );
    expect(merged).toMatchObject({ title: 'Mine', priority: 1, version: 2 + provisionalStep(change.id) });

    // Settled, one way or another: the primary's rows are all that is left.
    entries.length = 0;
    await refresh(waiting());
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });

  it('knows an own write before the feed brings it, and is equal again afterwards', async () => {
    const { tracker, primary, cache, refresh } = await scene();
    const item = await tracker.create({ title: 'One' });
    await refresh();
    const change = update(item.id, 1, { title: 'Two' });
    const { data } = await primary.write([change]);
    await cache.applyAhead([{ changes: [change], applied: data }]);
    const [row] = await cache.run(NOTHING, ({ session }) =>
      session.read((c) => c.db.select().from(c.tables.workItems)),
    );
    expect(row).toMatchObject({ title: 'Two', version: 2 });
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });

  it('says where a repeated change is, and takes one that is nowhere for a new one', async () => {
    const { tracker, primary, cache, refresh } = await scene();
    const item = await tracker.create({ title: 'Known' });
    await refresh();
    const arrived = update(item.id, 1, { title: 'Arrived' });
    await primary.write([arrived]);
    await refresh();
    const waits = update(item.id, 2, { title: 'Waits' });
    const withdrawn = update(item.id, 2 + provisionalStep(waits.id), { title: 'Withdrawn' });
    const apply = (change: Change) =>
      cache.run(NOTHING, (ready) =>
        applyToReplica(
          ready,
          [change],
          {
            ownChanges: () => [],
            findWaiting: (id) => Promise.resolve(id === waits.id ? 'git' : undefined),
          },
          () => Promise.resolve(),
        ),
      );
    for (const change of [waits, withdrawn]) expect((await apply(change)).changes).toHaveLength(1);
    expect(await apply(arrived)).toMatchObject({ changes: [], keptIn: ['primary'] });
    expect(await apply(waits)).toMatchObject({ changes: [], keptIn: ['git'] });
    expect(await apply(withdrawn)).toMatchObject({
      changes: [{ id: withdrawn.id, base_fields: { title: 'Waits' } }],
      keptIn: [],
      applied: [{ repeated: false, record: { title: 'Withdrawn' } }],
    });
  });

  describe('checks an update whose maker knows by name a part only of what led to its version', () => {
    /** A label was added, another field altered, and the label taken out again; the maker read it before that was. */
    const between = async (before: readonly JsonObject[]) => {
      const { tracker, primary, cache, refresh } = await scene();
      const item = await tracker.create();
      let at = 1;
      const write = async (patch: JsonObject) => {
        const change = update(item.id, at, patch);
        at += (await primary.write([change])).data.length;
        return change.id;
      };
      for (const patch of before) await write(patch);
      const [theirs, mine] = [await write({ labels: ['theirs'] }), await write({ priority: 1 })];
      await write({ labels: [] });
      await refresh();
      const base_version = 1 + provisionalStep(theirs) + provisionalStep(mine);
      const next = update(item.id, base_version, { labels: ['theirs', 'new'] });
      const own = { ownChanges: () => [mine], findWaiting: () => Promise.resolve(undefined) };
      const { changes } = await cache.run(NOTHING, (ready) =>
        applyToReplica(ready, [{ ...next, on_conflict: 'merge' }], own, () => Promise.resolve()),
      );
      const replayed = await primary.replay({ id: next.id, device: 'd', changes });
      return { changes, replayed, led: [theirs, mine], labels: (await tracker.query(item.id)).labels };
    };

    it('and finds the others where they are what was done first', async () => {
      const { changes, replayed, led, labels } = await between([]);
      expect(changes).toMatchObject([{ base_fields: { labels: ['theirs'] }, own_changes: led }]);
      expect(replayed).toMatchObject({ outcome: 'applied' });
      expect(labels).toEqual(['new']);
    });

    it('and says nothing of what he saw where others came before', async () => {
      const { changes, replayed, labels } = await between([{ assignee: 'ben' }]);
      expect(changes[0]).not.toHaveProperty('base_fields');
      expect(replayed).toMatchObject({ outcome: 'conflict' });
      expect(labels).toEqual([]);
    });
  });

  it.each([
    [
      'another project',
      (known: { project_id: string; seq: number; items: number }) => ({
        ...known,
        project_id: newRecordId(),
      }),
    ],
    [
      'an older state',
      (known: { project_id: string; seq: number; items: number }) => ({ ...known, seq: known.seq + 1 }),
    ],
  ])('refuses %s and stays as it is', async (_what, knownOtherwise) => {
    const { tracker, primary, cache, refresh } = await scene();
    await tracker.create();
    await refresh();
    const before = await contentOf(cache);
    await tracker.create();
    const { project_id } = await primary.health();
    const known = knownOtherwise({ project_id: project_id ?? '', seq: 2, items: 2 });
    await expect(cache.refresh(primary, findNothing, () => known)).rejects.toThrow(IdentityMismatch);
    expect(await contentOf(cache)).toEqual(before);
  });

  it('refuses an older one that answers after another process has copied more', async () => {
    const { tracker, primary, cache, open, refresh, older } = await scene();
    await tracker.create();
    await refresh();
    await tracker.create();
    const before = await older();
    await tracker.create();
    const other = open();
    let looks = 0;
    const replaced = Object.assign(Object.create(primary) as Primary, {
      inSnapshot: async <T>(work: (c: Connection) => Promise<T>): Promise<T> => {
        if (++looks > 1) return await before.inSnapshot(work);
        const found = await primary.inSnapshot(work);
        await other.refresh(primary, findNothing, () => ({}));
        return found;
      },
    });
    await expect(cache.refresh(replaced, findNothing, () => ({}))).rejects.toThrow(IdentityMismatch);
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });

  it('refuses a primary that lost more than a fifth of the items', async () => {
    const { tracker, primary, cache, refresh } = await scene();
    for (let index = 0; index < 12; index += 1) await tracker.create();
    await refresh();
    await expect(cache.refresh(primary, findNothing, () => ({ items: 16 }))).rejects.toThrow(
      'holds 12 items where 16 were seen',
    );
    await expect(cache.refresh(primary, findNothing, () => ({ items: 15 }))).resolves.toMatchObject({
      items: 12,
    });
  });

  it.each([
    ['garbage', Buffer.alloc(20_000, 'garbage')],
    ['cut to nothing', Buffer.alloc(0)],
  ])('that is %s is put aside or filled again', async (_what, content) => {
    const { tracker, primary, cache, open, refresh, file } = await scene();
    await tracker.create();
    await refresh();
    await cache.close();
    writeFileSync(file, content);
    const again = open();
    await expect(again.run(NOTHING, () => Promise.resolve())).rejects.toThrow(LayerUnavailable);
    await again.refresh(primary, findNothing, () => ({}));
    expect(await contentOf(again)).toEqual(await contentOf(primary));
    expect(existsSync(file.replace('.db', '.damaged.db'))).toBe(content.length > 0);
  });

  it('that lost tables with its log fails as a layer does, and is put aside and filled again', async () => {
    const { tracker, primary, cache, open, refresh, file } = await scene();
    await tracker.create();
    await refresh();
    await cache.close();
    const database = new Database(file);
    database.exec('drop table work_item_counts');
    database.close();
    const again = open();
    const asked = again.run(NOTHING, ({ session }) =>
      session.read((c) => c.db.select().from(c.tables.workItemCounts)),
    );
    expect(layerFailure(await asked.catch((error: unknown) => error))).toBe('partial');
    await again.refresh(primary, findNothing, () => ({}));
    expect(await contentOf(again)).toEqual(await contentOf(primary));
    expect(existsSync(file.replace('.db', '.damaged.db'))).toBe(true);
  });

  it('in whose place an older one was put beside its log is equal again after a refresh', async () => {
    const { tracker, primary, cache, refresh, file } = await scene();
    const items = [];
    for (let number = 1; number <= 40; number += 1) items.push(await tracker.create());
    await refresh();
    const other = new Database(file);
    other.pragma('wal_checkpoint(truncate)');
    copyFileSync(file, `${file}.older`);
    for (const item of items.slice(0, 30)) await tracker.update(item, { title: 'Later' });
    await refresh();
    other.pragma('wal_checkpoint(truncate)');
    other.close();
    for (const item of items.slice(30, 31)) await tracker.update(item, { title: 'Later' });
    await refresh();
    renameSync(`${file}.older`, file);
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });

  it('is put aside once by all who find it damaged at the same time', async () => {
    const { tracker, primary, cache, open, file } = await scene();
    await tracker.create();
    await cache.close();
    const damage = Buffer.alloc(20_000, 'garbage');
    writeFileSync(file, damage);
    const all = Array.from({ length: 6 }, open);
    await Promise.all(all.map((one) => one.refresh(primary, findNothing, () => ({}))));
    for (const one of all) expect(await contentOf(one)).toEqual(await contentOf(primary));
    expect(readFileSync(file.replace('.db', '.damaged.db')).equals(damage)).toBe(true);
  });

  it('takes its log along when it is put aside', async () => {
    const { tracker, primary, cache, refresh, file } = await scene();
    await tracker.create();
    await refresh();
    // Another process that has it open, and whose last writes are in the log.
    const other = new Database(file);
    cleanUpLater(() => void other.close());
    other.exec('create table kept (word); drop table work_item_counts');
    other.exec(`insert into kept values ('in the log')`);
    const asked = cache.run(NOTHING, ({ session }) =>
      session.read((c) => c.db.select().from(c.tables.workItemCounts)),
    );
    await expect(asked).rejects.toThrow();
    await cache.refresh(primary, findNothing, () => ({}));
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
    const aside = new Database(file.replace('.db', '.damaged.db'));
    cleanUpLater(() => void aside.close());
    expect(aside.prepare('select word from kept').pluck().all()).toEqual(['in the log']);
  });

  it('with a value that is no JSON any more fails as a layer does, and is put aside and filled again', async () => {
    const { tracker, primary, cache, open, refresh, file } = await scene();
    await tracker.create();
    await refresh();
    await cache.close();
    const database = new Database(file);
    database.exec(`update changes set fields = '[{'`);
    database.close();
    const again = open();
    const asked = again.run(NOTHING, ({ session }) =>
      session.read((c) => c.db.select().from(c.tables.changes)),
    );
    expect(layerFailure(await asked.catch((error: unknown) => error))).toBe('partial');
    await again.refresh(primary, findNothing, () => ({}));
    expect(await contentOf(again)).toEqual(await contentOf(primary));
    expect(existsSync(file.replace('.db', '.damaged.db'))).toBe(true);
  });
});
