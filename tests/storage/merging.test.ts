// on_conflict "merge": changes to different fields are put together, everything else is refused.
import { beforeAll, describe, expect, it } from 'vitest';
import { partlyShown } from '../../src/domain/provisional-version.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf } from './refusal.ts';
import type { Arguments, Tracker } from './tracker.ts';

const BOB = { actor: 'bob', person: 'bob', client: 'cli', session: 'bob' };

describeEachBackend('merging', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const merge = (read: WorkItem, args: Arguments) => tracker.update(read, { ...args, on_conflict: 'merge' });

  it('puts disjoint changes together and names the versions it merged with', async () => {
    const read = await tracker.create({ metadata: { custom: 1 } });
    const second = await tracker.update(read, { title: 'By Bob' }, BOB);
    await tracker.update(second, { assignee: 'bob', metadata: { blocked_reason: 'theirs' } }, BOB);
    tracker.clock.advance(1);
    const merged = await merge(read, { priority: 1, metadata: { custom: 2 } });
    expect(merged).toMatchObject({
      version: 4,
      title: 'By Bob',
      assignee: 'bob',
      priority: 1,
      metadata: { blocked_reason: 'theirs', custom: 2 },
      merged_with: [2, 3],
      updated_by: 'ada',
    });
    const { items } = await tracker.history({ id: read.id, limit: 1 });
    expect(items[0]).toMatchObject({
      base_version: 1,
      version: 4,
      merged_with: [2, 3],
      fields: [
        { field: 'priority', from: 3, to: 1 },
        { field: 'metadata.custom', from: 1, to: 2 },
      ],
    });
  });

  it('puts no label back that others took out since, where the maker was not shown the labels', async () => {
    const read = await tracker.create({ labels: ['a', 'b'] });
    await tracker.update(read, { labels: ['a'] }, BOB);
    const partly = { ...read, version: partlyShown(read.version) };
    const { error, details } = await refusalOf(merge(partly, { labels: ['a', 'b', 'c'] }));
    expect(error).toBe('VersionConflictError');
    expect(details['not_seen']).toEqual([{ field: 'labels', value: ['a'] }]);
    expect((await merge(partly, { labels: ['c'] })).labels).toEqual(['a', 'c']);
  });

  it('says nothing of merging when the version was current', async () => {
    const read = await tracker.create();
    expect(await merge(read, { priority: 1 })).not.toHaveProperty('merged_with');
  });

  it('refuses fields that both sides changed, and saves none of the others', async () => {
    const read = await tracker.create();
    await tracker.update(read, { title: 'By Bob' }, BOB);
    const refusal = await refusalOf(merge(read, { title: 'Mine', priority: 1 }));
    expect(refusal).toMatchObject({
      error: 'VersionConflictError',
      details: { overlap: ['title'], mergeable: false },
    });
    expect(await tracker.query(read.id)).toMatchObject({ version: 2, title: 'By Bob', priority: 3 });
  });

  it('does not take the same value for a disagreement', async () => {
    const [parent, read] = [await tracker.create(), await tracker.create({ metadata: { custom: 1 } })];
    const theirs = {
      title: 'Agreed',
      status: 'completed',
      parent_id: parent.id,
      metadata: { custom: { a: 1, b: [2] } },
    };
    const second = await tracker.update(read, theirs, BOB);
    tracker.clock.advance(60);
    const merged = await merge(read, { ...theirs, metadata: { custom: { b: [2], a: 1 } }, priority: 2 });
    expect(merged).toMatchObject({
      title: 'Agreed',
      priority: 2,
      completed_at: second.completed_at,
      merged_with: [2],
    });
  });

  it('does not take removing a key that others removed for a disagreement', async () => {
    const read = await tracker.create({ metadata: { custom: 1 } });
    await tracker.update(read, { metadata: { custom: null } }, BOB);
    expect(await merge(read, { metadata: { custom: null } })).toMatchObject({
      metadata: {},
      merged_with: [2],
    });
  });

  it('sees a disagreement in one key of the metadata', async () => {
    const read = await tracker.create({ metadata: { custom: 1 } });
    await tracker.update(read, { metadata: { custom: 2 } }, BOB);
    expect((await refusalOf(merge(read, { metadata: { custom: 3, other: 1 } }))).details).toMatchObject({
      overlap: ['metadata.custom'],
    });
  });

  it.each([
    ['status against completion', { status: 'completed' }, { status: 'blocked' }, 'status'],
    ['description against clearing it', { description: 'theirs' }, { description: null }, 'description'],
  ])('refuses %s', async (_, theirs, mine, field) => {
    const read = await tracker.create({ description: 'old' });
    await tracker.update(read, theirs, BOB);
    expect((await refusalOf(merge(read, mine))).details).toMatchObject({ overlap: [field] });
  });

  it('refuses two different places', async () => {
    const [here, there, read] = [await tracker.create(), await tracker.create(), await tracker.create()];
    await tracker.update(read, { parent_id: here.id }, BOB);
    expect((await refusalOf(merge(read, { parent_id: there.id }))).details).toMatchObject({
      overlap: ['parent_id'],
    });
    expect(await merge(read, { title: 'Elsewhere too' })).toMatchObject({
      parent_id: here.id,
      merged_with: [2],
    });
  });

  it('does not edit what others deleted meanwhile', async () => {
    const read = await tracker.create();
    await tracker.update(read, { deleted_at: tracker.clock.iso }, BOB);
    const { error, details } = await refusalOf(merge(read, { title: 'Too late' }));
    expect(error).toBe('ValidationError');
    expect(details).toMatchObject({ field: 'id', value: read.id });
  });

  it('deletes what others edited meanwhile', async () => {
    const read = await tracker.create();
    await tracker.update(read, { title: 'By Bob' }, BOB);
    const deleted_at = tracker.clock.iso;
    expect(await merge(read, { deleted_at })).toMatchObject({
      deleted_at,
      title: 'By Bob',
      merged_with: [2],
    });
  });

  describe('labels as a set', () => {
    it.each([
      ['both add', ['a'], ['a', 'b'], ['a', 'c'], ['a', 'b', 'c']],
      ['both add the same', ['a'], ['a', 'b'], ['a', 'b'], ['a', 'b']],
      ['they remove what I keep', ['a', 'b'], ['a'], ['a', 'b', 'c'], ['a', 'c']],
      ['I remove what they keep', ['a', 'b'], ['a', 'b', 'c'], ['a'], ['a', 'c']],
      ['both remove', ['a', 'b'], ['a'], ['b'], []],
      ['I clear, they add', ['a'], ['a', 'b'], null, ['b']],
      ['they clear, I add', ['a'], null, ['a', 'b'], ['b']],
    ])('%s', async (_, base, theirs, mine, expected) => {
      const read = await tracker.create({ labels: base });
      await tracker.update(read, { labels: theirs }, BOB);
      const merged = await merge(read, { labels: mine });
      expect(merged.labels).toEqual(expected);
      expect(merged.merged_with).toEqual([2]);
      for (const label of expected) {
        expect(
          (await tracker.list({ label, include_deleted: true, limit: 100 })).items.map(({ id }) => id),
        ).toContain(read.id);
      }
    });

    it('refuses a union of more than 32', async () => {
      const labels = (prefix: string) => Array.from({ length: 20 }, (_, index) => `${prefix}${index}`);
      const read = await tracker.create();
      await tracker.update(read, { labels: labels('theirs') }, BOB);
      const { error, details } = await refusalOf(merge(read, { labels: labels('mine') }));
      expect(error).toBe('ValidationError');
      expect(details).toMatchObject({ field: 'labels' });
      expect((await tracker.query(read.id)).labels).toEqual(labels('theirs'));
    });
  });

  it('checks the merged whole again', async () => {
    const big = 'x'.repeat(60 * 1024);
    const item = await tracker.create();
    await tracker.update(item, { metadata: { theirs: big } }, BOB);
    const { error, details } = await refusalOf(merge(item, { metadata: { mine: big } }));
    expect(error).toBe('ValidationError');
    expect(details).toMatchObject({ field: 'metadata' });
  });

  it('works for vendors', async () => {
    const read = await tracker.register({ name: 'Merged vendor' });
    await tracker.updateVendor(read, { status: 'operational' }, BOB);
    const merged = await tracker.updateVendor(read, { extractor_version: '3.0.0', on_conflict: 'merge' });
    expect(merged).toMatchObject({
      status: 'operational',
      extractor_version: '3.0.0',
      version: 3,
      merged_with: [2],
    });
    const refusal = await refusalOf(
      tracker.updateVendor(read, { extractor_version: '4.0.0', on_conflict: 'merge' }),
    );
    expect(refusal.details).toMatchObject({ overlap: ['extractor_version'] });
  });

  it("takes a vendor's version in its metadata for the version field", async () => {
    const read = await tracker.register({ name: 'Two places' });
    await tracker.updateVendor(read, { extractor_version: '2.0.0' }, BOB);
    const mine = (version: string) => ({ metadata: { extractor_version: version }, on_conflict: 'merge' });
    expect((await refusalOf(tracker.updateVendor(read, mine('3.0.0')))).error).toBe('VersionConflictError');
    expect(await tracker.updateVendor(read, mine('2.0.0'))).toMatchObject({
      extractor_version: '2.0.0',
      merged_with: [2],
    });
  });

  it('works for the configuration', async () => {
    const { version } = await tracker.configuration();
    await tracker.configure(version, { archive_after_days: 90 }, BOB);
    const merged = await tracker.configure(version, {
      active_context_type: 'maintenance',
      on_conflict: 'merge',
    });
    expect(merged).toMatchObject({
      archive_after_days: 90,
      active_context_type: 'maintenance',
      merged_with: [version + 1],
    });
    const refusal = await refusalOf(
      tracker.configure(version, { archive_after_days: 10, on_conflict: 'merge' }),
    );
    expect(refusal.details).toMatchObject({ overlap: ['archive_after_days'] });
  });

  it('loses none of many merges that run at the same time', async () => {
    const read = await tracker.create();
    const keys = Array.from({ length: 16 }, (_, index) => `key_${index}`);
    const answers = await Promise.all(
      keys.map((key) => merge(read, { metadata: { [key]: key }, labels: [key] })),
    );
    expect(answers.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
      keys.map((_, index) => index + 2),
    );
    const after = await tracker.query(read.id);
    expect(after.metadata).toEqual(Object.fromEntries(keys.map((key) => [key, key])));
    expect([...after.labels].sort()).toEqual([...keys].sort());
  });
});
