// Dependencies: kinds, equivalent links, removal, and what is refused.
import { beforeAll, describe, expect, it } from 'vitest';
import { DEPENDENCY_TYPES } from '../../src/domain/dependency.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf } from './trees.ts';

describeEachBackend('dependencies', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const pair = async () =>
    [await tracker.create({ title: 'A' }), await tracker.create({ title: 'B' })] as const;
  const kindsOf = async (id: string) =>
    (await tracker.query(id)).dependencies?.map(({ dependency_type }) => dependency_type);

  it.each(DEPENDENCY_TYPES)('joins two items by %s', async (kind) => {
    const [a, b] = await pair();
    const link = await tracker.link(a, kind, b, { created_by: 'bob' });
    expect(link).toEqual({
      source_id: a.id,
      target_id: b.id,
      dependency_type: kind,
      created_at: tracker.clock.iso,
      created_by: 'bob',
      removed: false,
    });
    expect(await kindsOf(a.id)).toEqual([kind]);
    expect(await kindsOf(b.id)).toEqual([kind]);
  });

  it('changes the version of neither item', async () => {
    const [a, b] = await pair();
    await tracker.link(a, 'blocks', b);
    expect([await tracker.query(a.id), await tracker.query(b.id)].map(({ version }) => version)).toEqual([
      1, 1,
    ]);
  });

  it('joins one pair by several kinds at once', async () => {
    const [a, b] = await pair();
    for (const kind of ['blocks', 'relates_to', 'discovered_from']) {
      await tracker.link(a, kind, b);
      tracker.clock.advance(1);
    }
    expect(await kindsOf(b.id)).toEqual(['blocks', 'relates_to', 'discovered_from']);
    await tracker.unlink(a, 'relates_to', b);
    expect(await kindsOf(b.id)).toEqual(['blocks', 'discovered_from']);
  });

  it('shows each side the other item with its id, title, status and type', async () => {
    const a = await tracker.create({ title: 'Design', status: 'planned', item_type: 'research' });
    const b = await tracker.create({ title: 'Build' });
    await tracker.link(a, 'blocks', b);
    const other = (item: typeof a) => ({
      id: item.id,
      title: item.title,
      status: item.status,
      item_type: item.item_type,
    });
    expect((await tracker.query(a.id)).dependencies).toMatchObject([
      { source_id: a.id, target_id: b.id, other: other(b) },
    ]);
    expect((await tracker.query(b.id)).dependencies).toMatchObject([
      { source_id: a.id, target_id: b.id, other: other(a) },
    ]);
  });

  describe('links that say the same are one', () => {
    it.each([
      ['blocks', 'depends_on'],
      ['depends_on', 'blocks'],
    ])('A %s B and B %s A', async (kind, inverse) => {
      const [a, b] = await pair();
      const first = await tracker.link(a, kind, b);
      const before = await tracker.seq();
      const again = await tracker.linkAnswer(b, inverse, a);
      expect(again.data).toEqual(first);
      expect(again.warnings).toMatchObject([{ code: 'already_linked' }]);
      expect(await tracker.seq()).toBe(before);
      expect(await kindsOf(a.id)).toEqual([kind]);
      await tracker.unlink(b, inverse, a);
      expect(await kindsOf(a.id)).toEqual([]);
    });

    it.each(DEPENDENCY_TYPES)('the same %s twice', async (kind) => {
      const [a, b] = await pair();
      await tracker.link(a, kind, b);
      expect((await tracker.linkAnswer(a, kind, b)).warnings).toMatchObject([{ code: 'already_linked' }]);
      expect(await kindsOf(a.id)).toEqual([kind]);
    });

    it('relates_to in either direction, but not discovered_from', async () => {
      const [a, b] = await pair();
      await tracker.link(a, 'relates_to', b);
      expect((await tracker.linkAnswer(b, 'relates_to', a)).warnings).toHaveLength(1);
      await tracker.link(a, 'discovered_from', b);
      expect((await tracker.linkAnswer(b, 'discovered_from', a)).warnings).toEqual([]);
      expect((await kindsOf(a.id))?.sort()).toEqual(['discovered_from', 'discovered_from', 'relates_to']);
    });
  });

  it('removes a link, answering what was removed', async () => {
    const [a, b] = await pair();
    const { removed: _no, ...link } = await tracker.link(a, 'blocks', b);
    expect(await tracker.unlink(a, 'blocks', b)).toEqual({ ...link, removed: true });
    expect(await kindsOf(a.id)).toEqual([]);
    // The way is free again for the opposite.
    await tracker.link(b, 'blocks', a);
  });

  it('says that a link to remove is not there', async () => {
    const [a, b] = await pair();
    await tracker.link(a, 'relates_to', b);
    const before = await tracker.seq();
    expect(await refusalOf(tracker.unlink(a, 'blocks', b))).toMatchObject({
      error: 'NotFoundError',
      details: { entity: 'dependency', name: `${a.id} blocks ${b.id}`, did_you_mean: [] },
    });
    expect(await tracker.seq()).toBe(before);
  });

  it.each(DEPENDENCY_TYPES)('refuses that an item %s itself', async (kind) => {
    const [a] = await pair();
    expect(await refusedFields(tracker.link(a, kind, a))).toEqual(['target_id']);
  });

  it('names the item that does not exist', async () => {
    const [a] = await pair();
    const nobody = { id: '00000000-0000-4000-8000-000000000000' };
    for (const attempt of [
      () => tracker.link(a, 'blocks', nobody),
      () => tracker.link(nobody, 'relates_to', a),
      () => tracker.unlink(a, 'blocks', nobody),
    ]) {
      expect(await refusalOf(attempt)).toMatchObject({
        error: 'NotFoundError',
        details: { entity: 'work item', id: nobody.id },
      });
    }
  });

  it('takes short ids at both ends', async () => {
    const [a, b] = await pair();
    await tracker.link({ id: a.id.slice(0, 12) }, 'blocks', { id: b.id.slice(0, 12).toUpperCase() });
    expect(await kindsOf(b.id)).toEqual(['blocks']);
  });

  describe('between an item and its ancestor', () => {
    it.each([
      ['blocks', 'down'],
      ['blocks', 'up'],
      ['depends_on', 'down'],
      ['depends_on', 'up'],
    ])('refuses %s, looking %s', async (kind, direction) => {
      const [top, , grandchild] = await chainOf(tracker, 3);
      const [source, target] = direction === 'down' ? [top, grandchild] : [grandchild, top];
      const refusal = await refusalOf(tracker.link(source, kind, target));
      expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'target_id' } });
      expect(refusal.details['cycle']).toMatchObject([{ id: top.id }, { id: grandchild.id }, { id: top.id }]);
      expect(await kindsOf(top.id)).toEqual([]);
    });

    it.each(['relates_to', 'discovered_from'])('allows %s', async (kind) => {
      const [top, child] = await chainOf(tracker, 2);
      await tracker.link(child, kind, top);
      expect(await kindsOf(top.id)).toEqual([kind]);
    });

    it('allows blocking links between siblings and cousins', async () => {
      const [top, child, grandchild] = await chainOf(tracker, 3);
      const sibling = await tracker.create({ parent_id: top.id });
      await tracker.link(child, 'blocks', sibling);
      await tracker.link(sibling, 'depends_on', grandchild);
      expect((await kindsOf(sibling.id))?.sort()).toEqual(['blocks', 'depends_on']);
    });
  });
});
