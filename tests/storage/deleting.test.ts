// Soft delete and restoring, alone and with everything below.
import { beforeAll, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf, expectSoundStore } from './trees.ts';

describeEachBackend('deleting', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const remove = (item: { id: string; version: number }, args = {}) => {
    tracker.clock.advance(1);
    return tracker.update(item, { deleted_at: tracker.clock.iso, ...args });
  };
  const restore = async ({ id }: { id: string }, args = {}) => {
    const { version } = await tracker.query(id);
    return await tracker.update({ id, version }, { deleted_at: null, ...args });
  };

  it('keeps the item, out of lists, and restores it as it was', async () => {
    const item = await tracker.create({
      title: 'Comes back',
      labels: ['label-of-deleted'],
      metadata: { custom: 1 },
    });
    const deleted = await remove(item, { updated_by: 'bob' });
    expect(deleted).toEqual({
      ...item,
      version: 2,
      deleted_at: tracker.clock.iso,
      updated_at: tracker.clock.iso,
      updated_by: 'bob',
    });
    expect(await tracker.titles({ label: 'label-of-deleted' })).toEqual([]);
    expect(await tracker.titles({ label: 'label-of-deleted', include_deleted: true })).toEqual([
      'Comes back',
    ]);
    const restored = await restore(item);
    expect(restored).toMatchObject({ ...item, version: 3, updated_at: tracker.clock.iso });
    expect(await tracker.titles({ label: 'label-of-deleted' })).toEqual(['Comes back']);
  });

  it('takes the time of deletion in any zone', async () => {
    const item = await tracker.create();
    const deleted = await tracker.update(item, { deleted_at: '2026-02-01T01:30:00+02:00' });
    expect(deleted.deleted_at).toBe('2026-01-31T23:30:00.000Z');
  });

  it.each([
    'yesterday',
    '2026-02-01',
    '2026-02-01T10:00:00',
    '2026-02-30T10:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:30:00-01:00',
  ])('refuses %j as a time of deletion', async (deleted_at) => {
    const item = await tracker.create();
    expect(await refusedFields(() => tracker.update(item, { deleted_at }))).toEqual(['deleted_at']);
  });

  it('refuses to delete an item with live children, naming some of them', async () => {
    const parent = await tracker.create({ title: 'Parent' });
    for (let index = 0; index < 7; index += 1) {
      await tracker.create({ title: `Child ${index}`, parent_id: parent.id });
      tracker.clock.advance(1);
    }
    const refusal = await refusalOf(remove(parent));
    expect(refusal).toMatchObject({
      error: 'ValidationError',
      details: { field: 'deleted_at', value: parent.id },
    });
    expect((refusal.details['children'] as { title: string }[]).map(({ title }) => title)).toEqual(
      [0, 1, 2, 3, 4].map((index) => `Child ${index}`),
    );
    expect(refusal.message).toContain('7 live item(s)');
    expect(await tracker.query(parent.id)).toMatchObject({ version: 1, deleted_at: null });
  });

  it('deletes a parent whose children are deleted already', async () => {
    const [parent, child] = await chainOf(tracker, 2);
    await remove(child);
    expect(await remove(parent)).toMatchObject({ deleted_at: tracker.clock.iso });
  });

  it('takes the whole subtree along with cascade, each item with its own version', async () => {
    const [top, child, grandchild] = await chainOf(tracker, 3);
    const edited = await tracker.update(grandchild, { title: 'edited before' });
    await remove(top, { cascade: true, updated_by: 'bob' });
    const marks = { deleted_at: tracker.clock.iso, updated_at: tracker.clock.iso, updated_by: 'bob' };
    expect(await tracker.query(top.id)).toMatchObject({ version: 2, ...marks });
    expect(await tracker.query(child.id)).toMatchObject({ version: 2, ...marks });
    expect(await tracker.query(grandchild.id)).toMatchObject({ version: 3, title: edited.title, ...marks });
  });

  it('restores with cascade what went along, and not what was deleted before', async () => {
    const [top, child, grandchild] = await chainOf(tracker, 3);
    const before = await tracker.create({ title: 'deleted before', parent_id: top.id });
    await remove(before);
    await remove(top, { cascade: true });
    await restore(top, { cascade: true });
    for (const { id } of [top, child, grandchild]) {
      expect(await tracker.query(id)).toMatchObject({ version: 3, deleted_at: null });
    }
    expect((await tracker.query(before.id)).deleted_at).not.toBeNull();
  });

  it('restores an item alone without cascade', async () => {
    const [top, child] = await chainOf(tracker, 2);
    await remove(top, { cascade: true });
    expect(await restore(top)).toMatchObject({ deleted_at: null });
    expect((await tracker.query(child.id)).deleted_at).not.toBeNull();
    expect(await restore(child)).toMatchObject({ deleted_at: null, parent_id: top.id });
  });

  it('does not restore an item below a deleted parent, but elsewhere', async () => {
    const [top, child] = await chainOf(tracker, 2);
    await remove(top, { cascade: true });
    expect(await refusedFields(restore(child))).toEqual(['parent_id']);
    expect(await restore(child, { parent_id: null })).toMatchObject({
      deleted_at: null,
      depth: 0,
      path: `/${child.id}`,
    });
  });

  it('keeps the first time of deletion, so that restoring still brings everything back', async () => {
    const [top, child] = await chainOf(tracker, 2);
    const first = await remove(top, { cascade: true });
    const again = await remove(first);
    expect(again.deleted_at).toBe(first.deleted_at);
    await restore(top, { cascade: true });
    expect((await tracker.query(child.id)).deleted_at).toBeNull();
  });

  it('does not edit a deleted item, but can restore and edit it in one step', async () => {
    const item = await tracker.create();
    const deleted = await remove(item);
    const refusal = await refusalOf(tracker.update(deleted, { title: 'Edited' }));
    expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'id', value: item.id } });
    expect(refusal.next).toContain('clear ["deleted_at"]');
    expect(await tracker.update(deleted, { deleted_at: null, title: 'Edited' })).toMatchObject({
      title: 'Edited',
      version: 3,
    });
  });

  it('lets links and history survive', async () => {
    const [a, b] = [await tracker.create({ title: 'a' }), await tracker.create({ title: 'b' })];
    await tracker.link(a, 'blocks', b);
    await remove(a);
    expect((await tracker.query(b.id)).dependencies).toMatchObject([
      { source_id: a.id, other: { id: a.id } },
    ]);
    expect((await tracker.query(a.id)).dependencies).toHaveLength(1);
    await restore(a);
    expect((await tracker.query(a.id)).dependencies).toMatchObject([{ target_id: b.id }]);
    expect((await tracker.history({ id: a.id })).items.map(({ kind }) => kind)).toEqual([
      'update',
      'update',
      'link',
      'create',
    ]);
  });

  it('counts a blocker that was closed by deletion in no cycle check less', async () => {
    const [a, b] = [await tracker.create(), await tracker.create()];
    await tracker.link(a, 'blocks', b);
    await remove(a);
    // The link survives, so the opposite would close a cycle as soon as the item is restored.
    expect((await refusalOf(tracker.link(b, 'blocks', a))).details).toMatchObject({ field: 'target_id' });
  });

  describe('many items', () => {
    it('go and come back together, past the limits of one statement', async () => {
      const place = await openTracker(backend);
      const root = await place.create();
      await Promise.all(
        Array.from({ length: 1_100 }, (_, index) => place.create({ title: `${index}`, parent_id: root.id })),
      );
      const deleted = await place.update(root, { deleted_at: place.clock.iso, cascade: true });
      expect(await place.list()).toMatchObject({ total_count: 0 });
      expect(await place.seq()).toBe(1_101 * 2);
      await place.update(deleted, { deleted_at: null, cascade: true });
      expect(await place.list()).toMatchObject({ total_count: 1_101 });
      const items = await expectSoundStore(place);
      expect(items.every(({ version }) => version === 3)).toBe(true);
    });
  });
});
