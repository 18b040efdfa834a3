// An update that is built on an own write which is not there: it was refused, or deleted before it was applied. And on one
// that is there under another name: that is no reason to refuse it.
import { beforeEach, expect, it } from 'vitest';
import { newChangeId } from '../../src/domain/ids.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import type { Primary } from '../../src/storage/primary/sql-store.ts';
import { provisionalStep } from '../../src/domain/provisional-version.ts';
import { edit, resolving } from './changes.ts';
import { describeEachBackend, openTracker, withPrimary } from './backends.ts';
import { refusalOf } from './refusal.ts';
import { makeEntry } from './tiers/journal-entries.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('an update on top of a lost write', (backend) => {
  let tracker: Tracker;
  let entity_id: string;
  const lost = newChangeId();
  const base_version = 1 + provisionalStep(lost);
  beforeEach(async () => {
    tracker = await openTracker(backend);
    entity_id = (await tracker.create({ title: 'First', labels: ['mine'] })).id;
  });

  const update = async (patch: Record<string, string | string[]>, more: object = {}) => {
    const primary = await openPrimary(tracker.place);
    try {
      await primary.write([edit({ entity_id, base_version, patch, on_conflict: 'merge', ...more })]);
    } finally {
      await primary.close();
    }
  };

  it.each([
    { told: 'names it', more: { own_changes: [lost] } },
    { told: 'does not know its name', more: {} },
    { told: 'names another', more: { own_changes: [newChangeId()] } },
  ])('is refused where its maker $told and did not see what it replaces', async ({ more }) => {
    const refusal = await refusalOf(update({ title: 'Third' }, more));
    expect(refusal).toMatchObject({
      error: 'VersionConflictError',
      details: { overlap: ['title'], not_seen: [{ field: 'title', value: 'First' }] },
    });
    expect(`${refusal.message} ${refusal.next}`).toMatch(/earlier write .* Decide .* version 1\.$/);
    expect(await tracker.query(entity_id)).toMatchObject({ title: 'First', version: 1 });
  });

  it('is refused as a part of a batch too', async () => {
    const item = await tracker.create({ title: 'Another' });
    const refusal = await refusalOf(
      tracker.updateMany([
        { id: item.id, version: 1, title: 'Changed' },
        { id: entity_id, version: base_version, title: 'Third' },
      ]),
    );
    expect(refusal.error).toBe('VersionConflictError');
    expect(await tracker.query(item.id)).toMatchObject({ title: 'Another' });
  });

  it('is applied where it says what its maker saw, and that is there', async () => {
    await update({ title: 'Second' }, { own_changes: [lost], base_fields: { title: 'First' } });
    expect(await tracker.query(entity_id)).toMatchObject({ title: 'Second', version: 2 });
  });

  it('is applied where it sets what is there already', async () => {
    await update({ title: 'First', labels: ['mine', 'new'] }, { own_changes: [lost] });
    expect(await tracker.query(entity_id)).toMatchObject({ title: 'First', labels: ['mine', 'new'] });
  });
});

/** Two ids of changes that raise a version by the same. */
function twoOfOneStep(): [string, string] {
  const byStep = new Map<number, string>();
  for (;;) {
    const id = newChangeId();
    const other = byStep.get(provisionalStep(id));
    if (other !== undefined) return [other, id];
    byStep.set(provisionalStep(id), id);
  }
}

describeEachBackend(
  'an update on top of what others did, of which its maker knows the own part alone',
  (backend) => {
    let tracker: Tracker;
    let entity_id: string;
    beforeEach(async () => {
      tracker = await openTracker(backend);
      entity_id = (await tracker.create({ title: 'First' })).id;
    });

    const labelled = (labels: string[], more: object = {}) =>
      makeEntry({
        entity: 'work_item',
        kind: 'update',
        entity_id,
        base_version: 1,
        patch: { labels },
        ...more,
      });

    /** Others added a label and took it out again; between the two, the maker read it, after an own write. */
    const between = async (own: 'applied' | 'lost', labels: string[]) => {
      const added = labelled(['theirs'], { base_fields: { labels: [] } });
      const before = makeEntry({
        ...{ entity: 'work_item', kind: 'update', entity_id, base_version: 1, patch: { priority: 1 } },
        base_fields: { priority: 3 },
      });
      const base_version = 1 + provisionalStep(added.id) + provisionalStep(before.id);
      return await withPrimary(tracker.place, async (primary) => {
        expect(await primary.replay(added)).toMatchObject({ outcome: 'applied' });
        if (own === 'applied') expect(await primary.replay(before)).toMatchObject({ outcome: 'applied' });
        const { version } = await tracker.query(entity_id);
        await primary.write([edit({ entity_id, base_version: version, patch: { labels: [] } })]);
        return await primary.replay(labelled(labels, { base_version, own_changes: [before.id] }));
      });
    };

    it('alters what its maker altered, and nothing else', async () => {
      expect(await between('applied', ['theirs', 'new'])).toMatchObject({ outcome: 'applied' });
      expect(await tracker.query(entity_id)).toMatchObject({ labels: ['new'], priority: 1 });
    });

    it('is a conflict where what others did only happens to raise the version by as much', async () => {
      const [theirs, mine] = twoOfOneStep();
      const before = labelled([], { id: mine, patch: { assignee: 'ada' } });
      const base_version = 1 + provisionalStep(before.id);
      await withPrimary(tracker.place, async (primary) => {
        await primary.write([edit({ id: theirs, entity_id, base_version: 1, patch: { title: 'Theirs' } })]);
        expect(await primary.replay(before)).toMatchObject({ outcome: 'applied' });
        const next = edit({ entity_id, base_version, own_changes: [before.id], patch: { title: 'Mine' } });
        expect(await refusalOf(primary.write([next]))).toMatchObject({
          error: 'VersionConflictError',
          details: { overlap: ['title'] },
        });
      });
      expect(await tracker.query(entity_id)).toMatchObject({ title: 'Theirs', assignee: 'ada' });
    });

    it('is a conflict where nobody can tell, and it would put back what others took out', async () => {
      expect(await between('lost', ['theirs', 'new'])).toMatchObject({ outcome: 'conflict' });
      expect(await tracker.query(entity_id)).toMatchObject({ labels: [] });
    });
  },
);

describeEachBackend('an update on top of an own write', (backend) => {
  let tracker: Tracker;
  let entity_id: string;
  beforeEach(async () => {
    tracker = await openTracker(backend);
    entity_id = (await tracker.create({ title: 'First', labels: ['a', 'b'] })).id;
  });

  const onPrimary = <T>(work: (primary: Primary) => Promise<T>) => withPrimary(tracker.place, work);
  const kept = (fields: object) =>
    makeEntry({ entity: 'work_item', kind: 'update', entity_id, base_version: 1, ...fields });
  const onTopOf = (root: number, id: string, fields: object) => ({
    ...{ entity_id, base_version: root + provisionalStep(id), own_changes: [id] },
    ...(fields as { patch: Record<string, string> }),
  });

  it.each(['reapply', 'custom'])(
    'is refused where that was a decision (%s) that came too late',
    async (resolution) => {
      await tracker.update({ id: entity_id, version: 1 }, { title: 'Theirs' });
      const mine = kept({ patch: { title: 'Mine' } });
      const decision = makeEntry({
        ...{ entity: 'conflict', kind: 'resolve', entity_id: mine.id },
        patch: resolution === 'custom' ? { resolution, fields: { title: 'Mine too' } } : { resolution },
      });
      await onPrimary(async (primary) => {
        expect(await primary.replay(mine)).toMatchObject({ outcome: 'conflict' });
        await primary.write([resolving(mine.id, 'keep_theirs')]);
        expect(await primary.replay(decision)).toMatchObject({ outcome: 'rejected' });
        const better = edit(onTopOf(2, decision.id, { patch: { title: 'Better' } }));
        expect(await refusalOf(primary.write([better]))).toMatchObject({ error: 'VersionConflictError' });
        await primary.write([edit(onTopOf(2, decision.id, { patch: { assignee: 'ada' } }))]);
      });
      expect(await tracker.query(entity_id)).toMatchObject({ title: 'Theirs', assignee: 'ada' });
    },
  );

  it('is refused where a group that had set the same became a conflict by its first change', async () => {
    const group = makeEntry({
      entity: 'vendor',
      kind: 'update',
      entity_id: newChangeId(),
      base_version: 1,
      patch: {},
    });
    const second = edit({ entity_id, base_version: 1, patch: { title: 'Mine' } });
    await onPrimary(async (primary) => {
      const write = { ...group, changes: [...group.changes, second] };
      expect(await primary.replay(write)).toMatchObject({ outcome: 'rejected' });
      const better = edit(onTopOf(1, second.id, { patch: { title: 'Better' } }));
      expect(await refusalOf(primary.write([better]))).toMatchObject({ error: 'VersionConflictError' });
    });
    expect(await tracker.query(entity_id)).toMatchObject({ title: 'First' });
  });

  it('is merged where that was applied, and its maker does not know its name', async () => {
    const mine = kept({ patch: { title: 'Mine' } });
    await onPrimary(async (primary) => {
      await primary.replay(mine);
      const { own_changes: _unknown, ...next } = onTopOf(1, mine.id, { patch: { assignee: 'ada' } });
      await primary.write([edit({ ...next, on_conflict: 'merge' })]);
    });
    expect(await tracker.query(entity_id)).toMatchObject({ title: 'Mine', assignee: 'ada' });
  });

  const more = { on_conflict: 'merge' as const };
  /** Two, one on top of the other: others changed the title, so the first is a conflict, and is made again. */
  const two = async (primary: Primary, one: JsonObject, other: JsonObject) => {
    await tracker.update({ id: entity_id, version: 1 }, { title: 'Theirs' });
    const seen = { title: 'First', labels: ['a', 'b'], assignee: null, priority: 3 };
    const first = kept({ patch: { title: 'Mine', ...one }, base_fields: seen });
    const base_version = 1 + provisionalStep(first.id);
    const base_fields = { ...seen, title: 'Mine', ...one };
    const second = kept({ base_version, patch: other, base_fields, own_changes: [first.id] });
    expect(await primary.replay(first)).toMatchObject({ outcome: 'conflict' });
    await primary.write([resolving(first.id, 'reapply')]);
    const own_changes = [first.id, second.id];
    return {
      second,
      onTop: { base_version: base_version + provisionalStep(second.id), own_changes, ...more },
    };
  };

  it('takes a label out that was taken out by one that was made again, and added again', async () => {
    await onPrimary(async (primary) => {
      const { second, onTop } = await two(primary, { labels: ['a'] }, { labels: ['a', 'b'] });
      expect(await primary.replay(second)).toMatchObject({ outcome: 'applied' });
      expect(await tracker.query(entity_id)).toMatchObject({ labels: ['a', 'b'] });
      await primary.write([edit({ entity_id, ...onTop, patch: { labels: ['a'] } })]);
    });
    expect(await tracker.query(entity_id)).toMatchObject({ labels: ['a'] });
  });

  it('is refused where a later one that set the same was refused after one that was made again', async () => {
    await onPrimary(async (primary) => {
      const { second, onTop } = await two(primary, { assignee: 'ada' }, { assignee: 'ben', priority: 1 });
      const { version } = await tracker.query(entity_id);
      await tracker.update({ id: entity_id, version }, { priority: 5 });
      expect(await primary.replay(second)).toMatchObject({ outcome: 'conflict' });
      await primary.write([resolving(second.id, 'keep_theirs')]);
      const third = edit({ entity_id, ...onTop, patch: { assignee: 'eve' } });
      expect(await refusalOf(primary.write([third]))).toMatchObject({
        error: 'VersionConflictError',
        details: { overlap: ['assignee'] },
      });
    });
    expect(await tracker.query(entity_id)).toMatchObject({ assignee: 'ada' });
  });

  it('is refused where another one, built on the same group that was refused, has set the same', async () => {
    const [entity, kind] = ['vendor', 'update'] as const;
    const group = makeEntry({ entity, kind, entity_id: newChangeId(), base_version: 1, patch: {} });
    const second = edit({ entity_id, base_version: 1, patch: { priority: 1 } });
    await onPrimary(async (primary) => {
      await primary.replay({ ...group, changes: [...group.changes, second] });
      await primary.write([resolving(group.id, 'keep_theirs')]);
      const base_fields = { title: 'First', priority: 1 };
      const one = kept({ ...onTopOf(1, second.id, { patch: { title: 'One', priority: 2 } }), base_fields });
      expect(await primary.replay(one)).toMatchObject({ outcome: 'conflict' });
      await primary.write([resolving(one.id, 'reapply')]);
      const other = edit({ ...onTopOf(1, second.id, { patch: { title: 'Other' } }), ...more });
      expect(await refusalOf(primary.write([other]))).toMatchObject({ error: 'VersionConflictError' });
    });
    expect(await tracker.query(entity_id)).toMatchObject({ title: 'One' });
  });
});
