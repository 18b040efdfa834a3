// Reading one item with its surroundings.
import { beforeAll, describe, expect, it } from 'vitest';
import type { TreeNode } from '../../src/use-cases/records/work-item-tree.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf } from './trees.ts';

describeEachBackend('reading an item', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const createMany = async (count: number, parent: WorkItem, title = 'child'): Promise<WorkItem[]> => {
    const items: WorkItem[] = [];
    for (let index = 0; index < count; index += 1) {
      items.push(await tracker.create({ title: `${title} ${index}`, parent_id: parent.id }));
      tracker.clock.advance(0.001);
    }
    return items;
  };
  const shown = (nodes: TreeNode[] = []): number =>
    nodes.reduce((sum, node) => sum + 1 + shown(node.children), 0);
  /** An item as it is shown in a tree: what one needs to choose among many. */
  const asNode = (item: WorkItem, children: TreeNode[] = []): TreeNode => {
    const { id, version, item_type, title, status, priority, labels, assignee, parent_id, depth } = item;
    return { id, version, item_type, title, status, priority, labels, assignee, parent_id, depth, children };
  };
  const ids = (nodes: { id: string }[] = []) => nodes.map(({ id }) => id);

  it('gives the ancestors, root first', async () => {
    const chain = await chainOf(tracker, 6);
    const { ancestors } = await tracker.query(chain[5].id);
    expect(ancestors).toEqual(
      chain.slice(0, 5).map(({ id, version, item_type, title, status, depth }) => ({
        id,
        version,
        item_type,
        title,
        status,
        depth,
      })),
    );
    expect((await tracker.query(chain[0].id)).ancestors).toEqual([]);
  });

  it('gives the children as a nested tree, older first', async () => {
    const root = await tracker.create({ title: 'root' });
    const children = await createMany(3, root);
    const below = await createMany(2, children[1] as WorkItem, 'grandchild');
    const view = await tracker.query(root.id);
    expect(view.children_cut).toBeUndefined();
    expect(view.children).toEqual([
      asNode(children[0] as WorkItem),
      asNode(
        children[1] as WorkItem,
        below.map((item) => asNode(item)),
      ),
      asNode(children[2] as WorkItem),
    ]);
  });

  it('leaves out deleted children, and what was deleted with them', async () => {
    const [root, child] = await chainOf(tracker, 3);
    const [kept] = await createMany(1, root);
    await tracker.update(child, { deleted_at: tracker.clock.iso, cascade: true });
    expect(ids((await tracker.query(root.id)).children)).toEqual([kept?.id]);
  });

  it('reads a deleted item itself, marked as deleted', async () => {
    const item = await tracker.create();
    await tracker.update(item, { deleted_at: tracker.clock.iso });
    expect((await tracker.query(item.id)).deleted_at).toBe(tracker.clock.iso);
  });

  it('gives what was asked for only', async () => {
    const [root, child] = await chainOf(tracker, 2);
    const bare = await tracker.query(root.id, { include_children: false, include_dependencies: false });
    expect(bare).toEqual({ ...root, ancestors: [] });
    expect(ids((await tracker.query(root.id, { include_dependencies: false })).children)).toEqual([child.id]);
  });

  describe('bounded by depth', () => {
    it('shows the levels asked for and says what is below', async () => {
      const [root, child, grandchild] = await chainOf(tracker, 4);
      const view = await tracker.query(root.id, { max_depth: 2 });
      expect(view.children).toEqual([asNode(child, [{ ...asNode(grandchild), children_total: 1 }])]);
      expect(view.children_cut).toEqual({
        reason: 'max_depth 2 was reached',
        children_total: 1,
        next: expect.stringContaining('parent_id') as string,
      });
    });

    it('says nothing of a cut where nothing was cut', async () => {
      const [root, child] = await chainOf(tracker, 2);
      expect(await tracker.query(root.id, { max_depth: 1 })).not.toHaveProperty('children_cut');
      expect(await tracker.query(child.id, { max_depth: 0 })).toMatchObject({ children: [] });
      expect(await tracker.query(child.id, { max_depth: 0 })).not.toHaveProperty('children_cut');
    });

    it('shows none at depth 0, but their number', async () => {
      const root = await tracker.create();
      await createMany(3, root);
      expect(await tracker.query(root.id, { max_depth: 0 })).toMatchObject({
        children: [],
        children_cut: { children_total: 3 },
      });
    });

    it('refuses a depth that no tree has', async () => {
      expect(await refusedFields(() => tracker.query('abcdef', { max_depth: 6 }))).toEqual(['max_depth']);
      expect(await refusedFields(() => tracker.query('abcdef', { max_depth: -1 }))).toEqual(['max_depth']);
    });
  });

  describe('bounded by number', () => {
    it('shows all of 200 children, and the oldest 200 of 201, with the number of all', async () => {
      const root = await tracker.create();
      const children = await createMany(200, root);
      const all = await tracker.query(root.id);
      expect(ids(all.children)).toEqual(ids(children));
      expect(all).not.toHaveProperty('children_cut');

      await createMany(1, root, 'one more');
      const cut = await tracker.query(root.id);
      expect(ids(cut.children)).toEqual(ids(children));
      expect(cut.children_cut).toMatchObject({ reason: 'only 200 items are shown', children_total: 201 });
    });

    it('counts the items of all levels together, and says of whom children are missing', async () => {
      const root = await tracker.create();
      const parents = await createMany(10, root, 'parent');
      for (const parent of parents) await createMany(21, parent);
      const view = await tracker.query(root.id);
      expect(view.children).toHaveLength(10);
      expect(shown(view.children)).toBe(200);
      expect(view.children_cut).toMatchObject({ reason: 'only 200 items are shown', children_total: 10 });
      const cut = view.children?.filter(({ children_total }) => children_total !== undefined) ?? [];
      expect(cut.length).toBeGreaterThan(0);
      for (const node of view.children ?? []) {
        const whole = node.children.length === 21;
        expect(node.children_total).toBe(whole ? undefined : 21);
      }
      expect(await tracker.query(root.id)).toEqual(view);
    });

    it('notices children just below a tree of exactly 200', async () => {
      const root = await tracker.create();
      const children = await createMany(200, root);
      await createMany(1, children[7] as WorkItem, 'grandchild');
      const view = await tracker.query(root.id);
      expect(shown(view.children)).toBe(200);
      expect(view.children_cut).toMatchObject({ reason: 'only 200 items are shown', children_total: 200 });
      expect(view.children?.[7]).toMatchObject({ children: [], children_total: 1 });
    });
  });
});
