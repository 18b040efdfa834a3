// An answer is of one moment: what it lists, what it counts and what it says of the rest belong together.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { SQLITE_FILE } from '../../src/storage/opening/open-primary.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { describeEachBackend, inFolder, openTrackerAt } from './backends.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('a read', (backend) => {
  it('sees one moment in all its questions, whatever others write between them', async () => {
    const place = await backend.place();
    const [tracker, other] = [await openTrackerAt(place), await openTrackerAt(place)];
    const item = await tracker.create();
    await tracker.note(item, 'First');
    const request = { item_id: item.id, limit: 10 };
    const { data } = await tracker.store.read(async (reader) => {
      const [notes, { seq }] = [await reader.listNotes(request), await reader.findFeedPosition()];
      await other.note(item, 'Second');
      await other.create({ title: 'Another' });
      const again = [await reader.listNotes(request), await reader.findFeedPosition()] as const;
      return { before: { notes, seq }, after: { notes: again[0], seq: again[1].seq } };
    });
    expect(data.after).toEqual(data.before);
    expect((await tracker.notes(item)).total_count).toBe(2);
  });

  it('that fails leaves the next one whole', async () => {
    const tracker = await openTrackerAt(await backend.place());
    const item = await tracker.create();
    const failing = tracker.store.read(async (reader) => {
      await reader.findWorkItem(item.id);
      throw new Error('the work failed');
    });
    await expect(failing).rejects.toThrow('the work failed');
    await tracker.update(item, { title: 'Later' });
    expect(await tracker.query(item.id)).toMatchObject({ title: 'Later', version: 2 });
  });
});

/** A further row like the first of the table, as another process commits it. */
function cloneRow(database: Database.Database, table: string, changed: Record<string, string>): void {
  const columns = database.pragma(`table_info(${table})`) as { name: string }[];
  const values = columns.map(({ name }) => changed[name] ?? name);
  database.exec(`insert into ${table} select ${values.join()} from ${table} limit 1`);
}

interface Listing {
  list: (tracker: Tracker) => Promise<{ items: unknown[]; total_count: number }>;
  /** What another process commits. */
  commit: (database: Database.Database) => void;
}

const id = () => `'${randomUUID()}'`;
const LISTINGS: Record<string, Listing> = {
  notes: {
    list: async (tracker) => tracker.notes((await tracker.list()).items[0] as { id: string }),
    commit: (database) => cloneRow(database, 'notes', { id: id() }),
  },
  'work items': {
    list: (tracker) => tracker.list(),
    commit: (database) => {
      cloneRow(database, 'work_items', { id: id() });
      database.exec(`update work_item_counts set items = items + 1 where shelf = 'live' and items > 0`);
    },
  },
  vendors: {
    list: (tracker) => tracker.vendors(),
    commit: (database) => cloneRow(database, 'vendors', { id: id(), name: id(), name_key: id() }),
  },
  deployments: {
    list: (tracker) => tracker.deployments(),
    commit: (database) => cloneRow(database, 'deployments', { id: id(), commit_hash: id() }),
  },
  changes: {
    list: (tracker) => tracker.history(),
    commit: (database) =>
      cloneRow(database, 'changes', { seq: '(select max(seq) + 1 from changes)', change_id: id() }),
  },
};

describe('a list', () => {
  it.each(Object.entries(LISTINGS))('of %s counts what it lists', async (_, { list, commit }) => {
    const place = inFolder(await temporaryProject(), undefined);
    let between: (() => void) | undefined;
    const tracker = await openTrackerAt({ ...place, logQuery: () => between?.() });
    const item = await tracker.create();
    await tracker.note(item, 'Said');
    await tracker.register({ name: 'vendor_a', extractor_version: '1' });
    await tracker.deploy();
    const database = new Database(path.join(place.dataDir, SQLITE_FILE));
    try {
      const { total_count: before } = await list(tracker);
      let statements = 0;
      between = () => {
        statements += 1;
        // Before each statement but the first.
        if (statements > 1) commit(database);
      };
      const { items, total_count } = await list(tracker);
      expect(statements).toBeGreaterThan(1);
      expect(total_count).toBe(items.length);
      between = undefined;
      expect((await list(tracker)).total_count).toBeGreaterThan(before);
    } finally {
      database.close();
    }
  });
});
