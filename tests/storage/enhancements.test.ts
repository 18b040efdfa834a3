// Enhancements: fields, versions, dependencies without cycles, and promotion to a work item.
import { expect, it } from 'vitest';
import { listConflictsInput, resolveConflictInput } from '../../src/domain/conflict-record.ts';
import {
  createEnhancementInput,
  listEnhancementsInput,
  promoteEnhancementInput,
  updateEnhancementInput,
} from '../../src/domain/enhancement.ts';
import { queryHistoryInput } from '../../src/domain/change.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { listConflicts, resolveConflict } from '../../src/use-cases/records/conflicts.ts';
import * as enhancements from '../../src/use-cases/records/enhancements.ts';
import { queryHistory } from '../../src/use-cases/history/history.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { makeEntry } from './tiers/journal-entries.ts';
import type { Arguments, Tracker } from './tracker.ts';

const create = async (tracker: Tracker, args: Arguments = {}) => {
  const input = parseInput(createEnhancementInput, { title: 'Enhancement', ...args });
  return (await enhancements.createEnhancement.run(tracker.context, tracker.caller, input)).data;
};
const update = async (tracker: Tracker, { id, version }: Named, args: Arguments) => {
  const input = parseInput(updateEnhancementInput, { id, version, ...args });
  return (await enhancements.updateEnhancement.run(tracker.context, tracker.caller, input)).data;
};
const list = async (tracker: Tracker, args: Arguments = {}) =>
  (
    await enhancements.listEnhancements.run(
      tracker.context,
      tracker.caller,
      parseInput(listEnhancementsInput, args),
    )
  ).data;
const promote = async (tracker: Tracker, { id, version }: Named, args: Arguments = {}) => {
  const input = parseInput(promoteEnhancementInput, { id, version, ...args });
  return (await enhancements.promoteEnhancement.run(tracker.context, tracker.caller, input)).data;
};
const one = async (tracker: Tracker, id: string) => {
  const [found] = (await list(tracker, { id })).items;
  if (found === undefined) throw new Error('it is not there');
  return found;
};
interface Named {
  id: string;
  version: number;
}

describeEachBackend('enhancements', (backend) => {
  it('keep what they are given, with defaults for the rest', async () => {
    const tracker = await openTracker(backend);
    const bare = await create(tracker, { title: 'Sync clients' });
    expect(bare).toEqual({
      ...{
        id: bare.id,
        version: 1,
        title: 'Sync clients',
        description: null,
        priority: 3,
        status: 'planned',
      },
      ...{ target_quarter: null, requires_constitutional_principles: [], depends_on: [], work_item_id: null },
      ...{
        created_at: tracker.clock.iso,
        updated_at: tracker.clock.iso,
        created_by: 'ada',
        updated_by: 'ada',
      },
    });
    const full = await create(tracker, {
      ...{ title: 'Full', description: '# Why\n\nBecause.', priority: 1, status: 'approved' },
      ...{ target_quarter: 'Q3 2026', depends_on: [bare.id.slice(0, 8), bare.id] },
      requires_constitutional_principles: ['Evidence', 'Evidence', 'Calm'],
    });
    expect(full).toMatchObject({
      target_quarter: '2026-Q3',
      depends_on: [bare.id],
      requires_constitutional_principles: ['Evidence', 'Calm'],
    });
    expect(await one(tracker, full.id)).toEqual({
      ...full,
      dependencies: [{ id: bare.id, title: 'Sync clients', status: 'planned' }],
      waiting: [],
    });
    expect((await one(tracker, bare.id)).waiting).toEqual([
      { id: full.id, title: 'Full', status: 'approved' },
    ]);
  });

  it.each([
    ['title', { title: 'x'.repeat(201) }],
    ['title', { title: ' ' }],
    ['description', { description: 'é'.repeat(32 * 1024 + 1) }],
    ['priority', { priority: 0 }],
    ['status', { status: 'done' }],
    ['target_quarter', { target_quarter: '2026-Q5' }],
    ['requires_constitutional_principles[0]', { requires_constitutional_principles: ['a\nb'] }],
    ['requires_constitutional_principles', { requires_constitutional_principles: Array(51).fill('a') }],
    ['depends_on[0]', { depends_on: ['nope'] }],
  ])('refuse a wrong %s', async (field, args) => {
    const tracker = await openTracker(backend);
    await expect(create(tracker, args)).rejects.toMatchObject({
      name: 'ValidationError',
      details: { field },
    });
    expect((await list(tracker)).total_count).toBe(0);
  });

  it('are changed field by field, null clears, and the history tells', async () => {
    const tracker = await openTracker(backend);
    const other = await create(tracker, { title: 'Other' });
    const made = await create(tracker, {
      description: 'Old',
      target_quarter: '2026-Q1',
      depends_on: [other.id],
    });
    const changed = await update(tracker, made, { description: null, target_quarter: null, depends_on: [] });
    expect(changed).toMatchObject({ version: 2, description: null, target_quarter: null, depends_on: [] });
    await expect(update(tracker, changed, {})).rejects.toThrow('name at least one field');
    const input = parseInput(queryHistoryInput, { id: made.id.slice(0, 8) });
    const { data } = await queryHistory.run(tracker.context, tracker.caller, input);
    expect(data.items[0]?.fields).toEqual([
      { field: 'description', from: 'Old', to: null },
      { field: 'target_quarter', from: '2026-Q1', to: null },
      { field: 'depends_on', from: [other.id], to: [] },
    ]);
  });

  it('refuse a stale version, and merge what does not overlap', async () => {
    const tracker = await openTracker(backend);
    const made = await create(tracker);
    await update(tracker, made, { title: 'Theirs' });
    await expect(update(tracker, made, { title: 'Mine' })).rejects.toMatchObject({
      name: 'VersionConflictError',
      details: { current_version: 2, overlap: ['title'], mergeable: false },
    });
    expect(await update(tracker, made, { priority: 1, on_conflict: 'merge' })).toMatchObject({
      ...{ version: 3, title: 'Theirs', priority: 1, merged_with: [2] },
    });
  });

  it('refuse to depend on themselves, on each other in a circle, or on nothing known', async () => {
    const tracker = await openTracker(backend);
    const a = await create(tracker, { title: 'A' });
    const b = await create(tracker, { title: 'B', depends_on: [a.id] });
    const c = await create(tracker, { title: 'C', depends_on: [b.id] });
    const refusal = update(tracker, a, { depends_on: [c.id] });
    await expect(refusal).rejects.toMatchObject({
      name: 'ValidationError',
      details: { field: 'depends_on' },
    });
    await expect(refusal).rejects.toThrow(/"A" .* depends on "C" .* depends on "B" .* depends on "A"/);
    await expect(update(tracker, a, { depends_on: [a.id] })).rejects.toThrow(/"A" .* depends on "A"/);
    const unknown = 'ffffffff-0000-4000-8000-000000000000';
    await expect(update(tracker, a, { depends_on: [unknown] })).rejects.toMatchObject({
      name: 'NotFoundError',
    });
    await expect(create(tracker, { depends_on: [unknown] })).rejects.toMatchObject({ name: 'NotFoundError' });
    expect(await one(tracker, a.id)).toMatchObject({ version: 1, depends_on: [] });
  });

  it('never close a cycle from two sides at once', async () => {
    const tracker = await openTracker(backend);
    for (let round = 0; round < 8; round += 1) {
      const [a, b] = [await create(tracker), await create(tracker)];
      const results = await Promise.allSettled([
        update(tracker, a, { depends_on: [b.id] }),
        update(tracker, b, { depends_on: [a.id] }),
      ]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('are listed by priority and age, filtered, and in pages', async () => {
    const tracker = await openTracker(backend);
    for (const [title, priority, status, target_quarter] of [
      ['c', 2, 'planned', '2026-Q1'],
      ['a', 1, 'approved', null],
      ['d', 2, 'completed', '2026-Q1'],
      ['b', 1, 'planned', '2026-Q2'],
    ]) {
      await create(tracker, { title, priority, status, target_quarter });
      tracker.clock.advance(1);
    }
    const titles = async (args: Arguments) => (await list(tracker, args)).items.map(({ title }) => title);
    expect(await titles({})).toEqual(['a', 'b', 'c', 'd']);
    expect(await titles({ priority: 2 })).toEqual(['c', 'd']);
    expect(await titles({ status: 'planned' })).toEqual(['b', 'c']);
    expect(await titles({ target_quarter: 'Q1 2026' })).toEqual(['c', 'd']);
    const first = await list(tracker, { limit: 3 });
    expect(first).toMatchObject({ total_count: 4, next_cursor: expect.any(String) as string });
    expect(await titles({ limit: 3, cursor: first.next_cursor })).toEqual(['d']);
    await expect(list(tracker, { id: 'ffffff' })).rejects.toMatchObject({ name: 'NotFoundError' });
    await expect(list(tracker, { id: 'ffffffff-0000-4000-8000-000000000000' })).rejects.toMatchObject({
      name: 'NotFoundError',
    });
    await expect(list(tracker, { cursor: 'rubbish' })).rejects.toMatchObject({ name: 'ValidationError' });
  });

  it('become a work item once, linked both ways, or nothing happens', async () => {
    const tracker = await openTracker(backend);
    const parent = await tracker.create({ item_type: 'project', title: 'Parent' });
    const made = await create(tracker, {
      ...{ title: 'Sync', description: 'How', priority: 2, target_quarter: '2026-Q1' },
      requires_constitutional_principles: ['Calm'],
    });
    await expect(promote(tracker, { ...made, version: 9 })).rejects.toMatchObject({
      name: 'VersionConflictError',
    });
    expect((await tracker.list()).total_count).toBe(1);

    const promoted = await promote(tracker, made, { parent_id: parent.id });
    expect(promoted).toMatchObject({
      ...{ id: made.id, version: 2, status: 'implementing', work_item_id: promoted.work_item.id },
      work_item: {
        ...{ title: 'Sync', description: 'How', priority: 2, item_type: 'project', status: 'planned' },
        ...{
          parent_id: parent.id,
          metadata: { target_quarter: '2026-Q1', constitutional_principles: ['Calm'] },
        },
      },
    });
    const item = await tracker.query(promoted.work_item.id);
    expect(item.enhancements).toEqual([{ id: made.id, title: 'Sync', status: 'implementing' }]);
    expect((await one(tracker, made.id)).work_item).toEqual({
      id: item.id,
      title: 'Sync',
      status: 'planned',
    });
    await expect(promote(tracker, promoted)).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining(item.id) as string,
      details: { work_item_id: item.id },
    });
    expect((await tracker.list()).total_count).toBe(2);
    const done = await create(tracker, { status: 'completed' });
    await expect(promote(tracker, done)).rejects.toThrow('is completed');
    expect((await tracker.list()).total_count).toBe(2);
  });

  it('are made and promoted once for one idempotency key', async () => {
    const tracker = await openTracker(backend);
    const made = await create(tracker, { idempotency_key: 'make' });
    expect(await create(tracker, { idempotency_key: 'make' })).toMatchObject({ id: made.id, repeated: true });
    const first = await promote(tracker, made, { idempotency_key: 'go' });
    await update(tracker, first, { title: 'Renamed meanwhile' });
    const again = await promote(tracker, made, { idempotency_key: 'go' });
    expect(again).toMatchObject({ version: 2, repeated: true, work_item: { id: first.work_item.id } });
    expect((await tracker.list()).total_count).toBe(1);
    const twin = await create(tracker, { title: 'At once' });
    const both = await Promise.all([1, 2, 3].map(() => promote(tracker, twin, { idempotency_key: 'twin' })));
    expect(new Set(both.map(({ work_item }) => work_item.id)).size).toBe(1);
  });

  it('are promoted by one of many at the same moment', async () => {
    const tracker = await openTracker(backend);
    const made = await create(tracker);
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => promote(tracker, made)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await tracker.list()).total_count).toBe(1);
  });

  it('keep an offline update that does not fit as a conflict, shown on every read and settled', async () => {
    const tracker = await openTracker(backend);
    const made = await create(tracker, { title: 'As it was' });
    await update(tracker, made, { title: 'Theirs' });
    const entry = makeEntry({
      ...{ entity: 'enhancement', kind: 'update', entity_id: made.id, base_version: 1, actor: 'Ada' },
      patch: { title: 'Mine', priority: 1 },
    });
    const primary = await openPrimary(tracker.place);
    try {
      expect(await primary.replay(entry)).toMatchObject({ outcome: 'conflict' });
    } finally {
      await primary.close();
    }
    expect((await one(tracker, made.id)).open_conflicts).toBe(1);
    const found = await listConflicts.run(
      tracker.context,
      tracker.caller,
      parseInput(listConflictsInput, { id: made.id.slice(0, 8) }),
    );
    expect(found.data.items).toMatchObject([{ id: entry.id, entity: 'enhancement', kind: 'conflict' }]);
    const decision = { id: entry.id, resolution: 'custom', fields: { title: 'Both' } };
    const input = parseInput(resolveConflictInput, decision);
    const settled = await resolveConflict.run(tracker.context, tracker.caller, input);
    expect(settled.data.record).toMatchObject({ id: made.id, title: 'Both', version: 3 });
    expect(await one(tracker, made.id)).not.toHaveProperty('open_conflicts');
  });
});
