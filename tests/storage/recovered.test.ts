// A database that lost what it acknowledged gets it back: nothing of others is taken away, and a repetition completes it.
import { copyFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { listConflictsInput, resolveConflictInput } from '../../src/domain/conflict-record.ts';
import { newChangeId } from '../../src/domain/ids.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { listConflicts, resolveConflict } from '../../src/use-cases/records/conflicts.ts';
import { adoptWrites } from '../../src/storage/maintenance/adopt-writes.ts';
import { inOrder, recoverWrites } from '../../src/storage/maintenance/recover-writes.ts';
import { SNAPSHOT_REF } from '../../src/storage/replicas/snapshot.ts';
import type { TrackerStore } from '../../src/storage/contract/store.ts';
import { acceptPrimary, withSeen } from '../../src/storage/maintenance/accept-primary.ts';
import type { SettledWrite, Witness } from '../../src/storage/database/feed-guard.ts';
import { SqlStore } from '../../src/storage/primary/sql-store.ts';
import { openSqlite } from '../../src/storage/primary/sqlite.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { inFolder, openTrackerAt } from './backends.ts';
import { edit } from './changes.ts';
import type { Tracker } from './tracker.ts';
import { PROGRAM } from '../../src/use-cases/support/context.ts';

const TIMEOUT_MS = 60_000;

/** An embedded tracker whose file can be put back to an earlier state. */
async function scene(options: { git?: boolean } = {}) {
  const place = inFolder(await temporaryProject(options), undefined);
  const file = path.join(place.dataDir, 'worktrail.db');
  return {
    place,
    file,
    /** A program that runs, works and ends. */
    during: async <T>(work: (tracker: Tracker) => Promise<T>): Promise<T> => {
      const tracker = await openTrackerAt(place);
      try {
        return await work(tracker);
      } finally {
        await tracker.store.close();
      }
    },
    backUp: () => copyFileSync(file, `${file}.backup`),
    putBack: () => {
      for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
      copyFileSync(`${file}.backup`, file);
    },
    lose: () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    },
  };
}

const NO_WITNESS: Witness = {
  seen: () => undefined,
  answers: 0,
  answered: () => 0,
  noted: () => undefined,
  saw: () => true,
  settled: () => undefined,
};

/** Own writes that this folder keeps, in the order of the feed. */
const keptWrites = ({ dataDir }: { dataDir: string }) => withSeen(dataDir, (tables) => tables.after(0));

/** What others write does not pass through this folder. */
async function asOthers(file: string, work: (store: SqlStore) => Promise<void>): Promise<void> {
  const { session, state } = await openSqlite({ file });
  const store = new SqlStore(session, state, file);
  await work(store);
  await store.close();
}

const otherIds = () => ({ id: newChangeId(), entity_id: randomUUID() });

const conflictsOf = async ({ context }: Tracker) =>
  (await listConflicts.run(context, PROGRAM, parseInput(listConflictsInput, {}))).data.items;

const applied = ({ store }: Tracker) =>
  expect
    .poll(
      async () => {
        const { state, waiting } = await (store as TrackerStore).layers();
        return [state, waiting.total];
      },
      { timeout: TIMEOUT_MS },
    )
    .toEqual(['online', 0]);

describe('recover', () => {
  it('takes no label away that others had added before', { timeout: TIMEOUT_MS }, async () => {
    const { place, during, backUp, putBack } = await scene();
    const item = await during((tracker) => tracker.create({ labels: ['a'] }));
    await during((tracker) => tracker.update(item, { labels: ['a', 'b'] }));
    backUp();
    await during((tracker) => tracker.update(item, { labels: ['a', 'x'], on_conflict: 'merge' }));
    putBack();
    expect((await recoverWrites(place)).entries).toHaveLength(1);
    await during(async (tracker) => {
      await applied(tracker);
      expect((await tracker.query(item.id)).labels.toSorted()).toEqual(['a', 'b', 'x']);
    });
  });

  it('that was cut off keeps its order when it is repeated', { timeout: TIMEOUT_MS }, async () => {
    const { place, during, backUp, putBack } = await scene();
    await during((tracker) => tracker.create({ title: 'In the backup' }));
    backUp();
    const item = await during(async (tracker) => {
      const made = await tracker.create({ title: 'First' });
      const next = await tracker.update(made, { title: 'Second' });
      return await tracker.update(next, { title: 'Third' });
    });
    putBack();
    const cut = acceptPrimary(place, async (lost) => {
      const entries = inOrder(
        lost.map(({ entry }) => entry),
        Number.POSITIVE_INFINITY,
      );
      await adoptWrites(place, entries.slice(0, 1));
      throw new Error('cut off');
    });
    await expect(cut).rejects.toThrow('cut off');
    expect((await recoverWrites(place)).entries).toHaveLength(3);
    await during(async (tracker) => {
      await applied(tracker);
      expect(await tracker.query(item.id)).toMatchObject({ title: 'Third', version: 3 });
      expect(await conflictsOf(tracker)).toEqual([]);
    });
  });
});

describe('an own write that the database lacks', () => {
  it('is found before one that both branches have at the same place', { timeout: TIMEOUT_MS }, async () => {
    const { place, file, during, backUp, putBack } = await scene();
    await during((tracker) => tracker.create({ title: 'In the backup' }));
    backUp();
    await during(async (tracker) => {
      await tracker.create({ title: 'Lost' });
      await tracker.create({ title: 'In both' });
    });
    putBack();
    const own = keptWrites(place);
    const [lost, inBoth] = own.slice(-2);
    const theirs = lost?.entry.changes.map((change) => ({ ...change, ...otherIds(), client: 'other/1' }));
    await asOthers(file, async (store) => {
      for (const changes of [theirs, inBoth?.entry.changes]) await store.write(changes ?? []);
    });
    const { entries } = await recoverWrites(place);
    expect(entries.map(({ id }) => id)).toEqual([lost?.entry.id]);
    await during(async (tracker) => {
      await applied(tracker);
      expect(await tracker.query(lost?.entry.changes[0]?.entity_id ?? '')).toMatchObject({ title: 'Lost' });
    });
  });

  it('and one that both branches have leave no version that stands for something else', async () => {
    const { place, file, during, backUp, putBack } = await scene();
    const item = await during((tracker) => tracker.create());
    backUp();
    await during(async (tracker) => {
      await tracker.update(item, { priority: 1 });
      await tracker.update(item, { title: 'In both', on_conflict: 'merge' });
    });
    putBack();
    const inBoth = keptWrites(place).at(-1)?.entry;
    await asOthers(file, async (store) => {
      if (inBoth !== undefined) await store.replay(inBoth);
      const patch = { assignee: 'theirs' };
      await store.write([edit({ entity_id: item.id, base_version: 2, patch, client: 'other/1' })]);
    });
    await acceptPrimary(place);
    const isVoid = (version: number) =>
      withSeen(place.dataDir, (tables) => tables.tellVoid(item.id, version, 'ada'));
    expect([1, 2, 3].map(isVoid)).toEqual([false, true, true]);
  });

  it('is kept when the database has it after all, and may lose it again', async () => {
    const { place, file, during, backUp, putBack } = await scene();
    await during((tracker) => tracker.create({ title: 'In the backup' }));
    backUp();
    await during((tracker) => tracker.create({ title: 'Lost' }));
    copyFileSync(file, `${file}.whole`);
    putBack();
    expect(await acceptPrimary(place)).toMatchObject({ lacking: 1 });
    copyFileSync(`${file}.whole`, file);
    expect(await acceptPrimary(place)).toMatchObject({ lacking: 0 });
    putBack();
    expect((await recoverWrites(place)).entries).toHaveLength(1);
  });

  it('is kept although whoever settled it ended before that was noted', { timeout: TIMEOUT_MS }, async () => {
    const { place, during } = await scene();
    await during((tracker) => tracker.create({ title: 'First' }));
    await during((tracker) => tracker.create({ title: 'Not noted' }));
    const [first, last] = keptWrites(place);
    if (first === undefined || last === undefined) throw new Error('both were kept');
    withSeen(place.dataDir, (tables) => tables.forget([last.number]));
    await adoptWrites(place, [first.entry, last.entry]);
    await during(applied);
    const ids = keptWrites(place).map(({ entry }) => entry.id);
    expect(ids).toEqual([first.entry.id, last.entry.id]);
  });
});

describe('a write that was settled before', () => {
  it('is noted without a look at all that is recorded, also where it is a conflict', async () => {
    const { file, during } = await scene();
    const item = await during((tracker) => tracker.create());
    const queries: string[] = [];
    const settled: SettledWrite[] = [];
    const { session, state } = await openSqlite({ file, logQuery: (query) => queries.push(query) });
    const witness = { ...NO_WITNESS, settled: (write: SettledWrite) => void settled.push(write) };
    const store = new SqlStore(session, state, file, { witness });
    for (const entity_id of [item.id, randomUUID()]) {
      // Made long before it was found to be a conflict.
      const id = `01900000-0000-7000-8000-${entity_id.slice(-12)}`;
      const change = edit({ id, entity_id, base_version: 1, patch: { title: 'Other' } });
      const write = { id: change.id, device: 'a', changes: [change] };
      await store.replay(write);
      queries.length = 0;
      expect(await store.replay(write)).toEqual({ outcome: 'repeated' });
    }
    await store.close();
    expect(settled.map(({ rows }) => rows)).toEqual(
      [settled[0], settled[0], settled[2], settled[2]].map((one) =>
        one?.rows.map((row) => expect.objectContaining({ seq: row.seq })),
      ),
    );
    const database = new Database(file);
    const plans = queries
      .filter((query) => query.includes('"changes"'))
      .flatMap((query) => database.prepare(`explain query plan ${query}`).all(...(query.match(/\?/g) ?? [])));
    database.close();
    expect(plans.length).toBeGreaterThan(0);
    expect(JSON.stringify(plans)).not.toContain('SCAN changes');
  });
});

describe('a state that was accepted', () => {
  it('is not answered with a snapshot of what it lacks', { timeout: TIMEOUT_MS }, async () => {
    const { place, during, backUp, putBack, lose } = await scene({ git: true });
    const snapshot = () => git(place.projectDir, 'for-each-ref', '--format=%(objectname)', SNAPSHOT_REF);
    const item = await during((tracker) => tracker.create({ title: 'In the backup' }));
    backUp();
    // Or there would be none that is newer within a minute.
    await git(place.projectDir, 'update-ref', '-d', SNAPSHOT_REF);
    await during(async (tracker) => {
      await tracker.update(item, { title: 'Lost', priority: 1 });
      await tracker.create({ title: 'Lost too' });
    });
    // A program that ends waits a moment for it: on a busy machine the next one takes it.
    for (let tries = 0; (await snapshot()) === ''; tries += 1) {
      expect(tries).toBeLessThan(20);
      await during((tracker) => tracker.create({ title: 'Lost too' }));
    }
    putBack();
    await acceptPrimary(place);
    await during(async (tracker) => {
      await tracker.update(item, { title: 'After it' });
      // The database is further now than the lost state was.
      for (let more = 0; more < 25; more += 1) await tracker.create({ title: 'After it too' });
      lose();
      const asked = tracker.store.read((reader) => reader.findWorkItem(item.id));
      await expect(asked).rejects.toThrow('the last snapshot is of changes that the database has lost');
    });
  });
});

describe('a conflict that is applied again', () => {
  it('keeps the labels that others added', { timeout: TIMEOUT_MS }, async () => {
    const { place, during, backUp, putBack } = await scene();
    const item = await during((tracker) => tracker.create({ title: 'One', labels: ['a'] }));
    backUp();
    await during((tracker) => tracker.update(item, { title: 'Mine', labels: ['a', 'x'] }));
    putBack();
    await acceptPrimary(place);
    const { version } = await during((tracker) =>
      tracker.update(item, { title: 'Theirs', labels: ['a', 'b'] }),
    );
    await recoverWrites(place);
    await during(async (tracker) => {
      await applied(tracker);
      const [conflict] = await conflictsOf(tracker);
      const input = parseInput(resolveConflictInput, { id: conflict?.id, resolution: 'reapply' });
      await resolveConflict.run(tracker.context, tracker.caller, input);
      const found = await tracker.query(item.id);
      expect([found.title, found.labels.toSorted(), found.version > version]).toEqual([
        'Mine',
        ['a', 'b', 'x'],
        true,
      ]);
    });
  });

  it('has no conflicts where a status was set on own lost versions', { timeout: TIMEOUT_MS }, async () => {
    const { place, during, backUp, putBack } = await scene();
    const item = await during((tracker) => tracker.create({ title: 'One' }));
    backUp();
    await during(async (tracker) => {
      let at = await tracker.update(item, { title: 'Two' });
      at = await tracker.update(at, { title: 'Three' });
      await tracker.update(at, { status: 'blocked' });
    });
    putBack();
    await recoverWrites(place);
    await during(async (tracker) => {
      await applied(tracker);
      expect(await conflictsOf(tracker)).toEqual([]);
      expect(await tracker.query(item.id)).toMatchObject({ title: 'Three', status: 'blocked' });
    });
  });

  it('has none where it was set on a lost version of others', { timeout: TIMEOUT_MS }, async () => {
    const { place, file, during, backUp, putBack } = await scene();
    const item = await during((tracker) => tracker.create({ title: 'One' }));
    backUp();
    const theirs = { entity_id: item.id, base_version: 1, patch: { assignee: 'theirs' }, client: 'other/1' };
    await asOthers(file, async (store) => void (await store.write([edit(theirs)])));
    await during(
      async (tracker) => void (await tracker.update({ ...item, version: 2 }, { status: 'blocked' })),
    );
    putBack();
    await recoverWrites(place);
    await during(async (tracker) => {
      await applied(tracker);
      expect(await conflictsOf(tracker)).toEqual([]);
      expect(await tracker.query(item.id)).toMatchObject({ status: 'blocked' });
    });
  });
});
