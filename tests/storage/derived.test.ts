// Tables that follow from others: what other rules made of them is found, and made again.
import { beforeEach, expect, it } from 'vitest';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import type { OpenOptions } from '../../src/storage/opening/open-store.ts';
import { findDifferences, mendDifferences } from '../../src/storage/maintenance/mend-derived.ts';
import { describeEachBackend, openTrackerAt } from './backends.ts';
import { databaseRows, type DatabaseRows } from './database-rows.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('tables that follow from others', (backend) => {
  let place: OpenOptions;
  let tracker: Tracker;
  let rows: DatabaseRows;
  let right: Record<string, string[]>;

  beforeEach(async () => {
    place = await backend.place();
    tracker = await openTrackerAt(place);
    const [a, b] = [await tracker.create({ title: 'Kestrel' }), await tracker.create({ title: 'Heron' })];
    await tracker.link(a, 'blocks', b);
    await tracker.note(b, 'A word about herons');
    await tracker.update(await tracker.create({ title: 'Done' }), { status: 'completed' });
    rows = databaseRows(place);
    right = await kept();
    expect(await findDifferences(place)).toEqual([]);
  });

  const kept = async () => {
    const { ready_queue = [], work_item_counts = [], search_documents = [] } = await rows.all();
    // The ids of documents are given anew.
    const documents = search_documents.map((row) => row.replace(/"id":"?\d+"?,/, '')).sort();
    const counts = work_item_counts.filter((row) => !row.includes('"items":0'));
    return { ready_queue, counts, documents };
  };

  const HARM = {
    'the queue of ready work': [
      `delete from ready_queue where item_id in (select id from work_items where title = 'Kestrel')`,
      `insert into ready_queue (item_id, waits, priority, rank, position) select id, 0, 1, 0, position from work_items where title = 'Done'`,
    ],
    'the number of items of each kind': [
      `update work_item_counts set items = items + 1 where status = 'completed'`,
    ],
    'the search index': [
      `delete from search_documents where title = 'Heron'`,
      `update search_documents set title = 'Stork' where title = 'Kestrel'`,
    ],
  };

  it.each(Object.entries(HARM))('%s that does not fit is found and made again', async (label, statements) => {
    for (const statement of statements) await rows.run(statement);
    expect(await kept()).not.toEqual(right);
    const found = await findDifferences(place);
    expect(found.map(({ derivation }) => derivation.label)).toEqual([label]);
    expect((await mendDifferences(place)).map(({ rows: count }) => count)).toEqual(
      found.map(({ rows: count }) => count),
    );
    expect(await kept()).toEqual(right);
    expect(await findDifferences(place)).toEqual([]);
    expect((await tracker.store.read((r) => r.findFeedPosition())).data.seq).toBe(await tracker.seq());
  });

  it('those of older rules are made again when the store is opened', async () => {
    for (const statement of Object.values(HARM).flat()) await rows.run(statement);
    await rows.run('update derivations set rules = 0');
    await (await openPrimary(place)).close();
    expect(await kept()).toEqual(right);
  });

  it('those of the same rules are not looked at', async () => {
    for (const statement of HARM['the queue of ready work']) await rows.run(statement);
    const harmed = await kept();
    await (await openPrimary(place)).close();
    expect(await kept()).toEqual(harmed);
  });
});
