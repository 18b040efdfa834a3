// A right that is missing, or a table that is away, for a few seconds: everything that waited for it is through soon
// after, whatever was tried meanwhile.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { batchPatch } from '../../src/domain/batch.ts';
import { OUTBOX_FILE } from '../../src/storage/open-store.ts';
import { openOutbox } from '../../src/storage/tiers/outbox.ts';
import { freshDatabase, inFolder, openTrackerAt } from '../storage/backends.ts';
import { makeEntry } from '../storage/tiers/journal-entries.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { TABLE_FAULTS, faultyTables, type TableFault } from '../support/table-faults.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { TIMEOUT_MS, isLong, randomFor, report } from './scale.ts';

const TABLES = [
  'notes',
  'claims',
  'work_item_dependencies',
  'work_items',
  'work_item_labels',
  'work_item_counts',
  'ready_queue',
  'vendors',
  'enhancements',
  'changes',
  'applied_changes',
] as const;
const TRIED = isLong ? TABLES : TABLES.slice(0, 3);
const FAULT_MIN_MS = 100;
const FAULT_MAX_MS = 5_000;
/** The bar, from the end of the fault on. */
const THROUGH_MAX_MS = 10_000;
const LOOK_MS = 50;
/** What this machine may be busy with besides, in the short run. */
const SLACK_MS = isLong ? 0 : 20_000;

describeUnless(postgresSkipReason(), 'a table that refuses writes', () => {
  const took: number[] = [];

  it.each(TRIED.flatMap((table) => TABLE_FAULTS.map((fault) => [table, fault] as const)))(
    'holds up %s (%s) no longer than it lasts',
    { timeout: TIMEOUT_MS },
    async (table, fault) => {
      const { ms, kinds } = await disturb(table, fault, randomFor(`${table} ${fault}`).int(FAULT_MAX_MS));
      took.push(ms);
      expect(ms, 'until all was through, in ms').toBeLessThanOrEqual(THROUGH_MAX_MS + SLACK_MS);
      if (took.length < TRIED.length * TABLE_FAULTS.length) return;
      report(
        'table faults',
        `${TRIED.length} tables, ${TABLE_FAULTS.length} faults, ${kinds} kinds of writes: all through within ${Math.max(...took)} ms of the end`,
      );
    },
  );
});

async function disturb(table: string, fault: TableFault, faultMs: number) {
  const url = await freshDatabase();
  const place = inFolder(await temporaryProject(), url);
  const founder = await openTrackerAt(place);
  const [one, two, three] = [await founder.create(), await founder.create(), await founder.create()];
  const vendor = await founder.register({ name: 'Acme' });
  await founder.store.close();
  const tables = await faultyTables(url, 'worktrail_test_project');
  const mend = await tables.break(table, fault);

  const update = (entity_id: string, title: string) => ({
    ...({ entity: 'work_item', kind: 'update', entity_id, base_version: 1, patch: { title } } as const),
  });
  const waiting = [
    makeEntry({ patch: { title: 'New', labels: ['a'] } }),
    makeEntry({ ...update(one.id, 'Changed'), patch: { labels: ['b'], status: 'blocked' } }),
    makeEntry({ entity: 'note', patch: { item_id: one.id, text: 'First' } }),
    makeEntry({ entity: 'note', patch: { item_id: one.id, text: 'Second' } }),
    makeEntry({
      ...{ entity: 'dependency', kind: 'link', entity_id: two.id },
      patch: { target_id: three.id, dependency_type: 'blocks' },
    }),
    makeEntry({ kind: 'claim', entity_id: two.id, patch: { action: 'take', lease_seconds: null } }),
    makeEntry({ kind: 'batch', entity_id: three.id, patch: batchPatch([update(three.id, 'In bulk')]) }),
    makeEntry({
      ...{ entity: 'vendor', kind: 'update', entity_id: vendor.id, base_version: 1 },
      patch: { status: 'operational' },
    }),
    makeEntry({
      entity: 'enhancement',
      patch: {
        ...{ title: 'Wish', description: null, priority: 3, status: 'planned', target_quarter: null },
        ...{ requires_constitutional_principles: [], depends_on: [] },
      },
    }),
  ];
  const outbox = openOutbox(path.join(place.dataDir, OUTBOX_FILE));
  for (const [at, entry] of waiting.entries()) await outbox.append({ ...entry, lamport: entry.lamport + at });

  const tracker = await openTrackerAt({ ...place, databaseUrl: tables.url });
  const until = Date.now() + FAULT_MIN_MS + faultMs;
  // Each call is looked at by whoever replays: none of them may use up attempts.
  while (Date.now() < until) {
    await tracker.store.read((reader) => reader.findFeedPosition()).catch(() => undefined);
    await sleep(LOOK_MS);
  }
  await mend();
  const endedAt = Date.now();
  while ((await outbox.list()).length > 0 && Date.now() - endedAt < THROUGH_MAX_MS) await sleep(LOOK_MS);
  const ms = Date.now() - endedAt;
  expect(await outbox.list(), 'what still waits').toEqual([]);
  await outbox.close();
  const { data: conflicts } = await tracker.store.read((reader) =>
    reader.listConflicts({ resolved: false, limit: 9 }),
  );
  expect(conflicts.items.map(({ reason }) => reason)).toEqual([]);
  const notes = await tracker.notes(one);
  expect(notes.items.map(({ text }) => text).toSorted()).toEqual(['First', 'Second']);
  return { ms, kinds: waiting.length };
}
