// Trees for the tests: made through the tracker, and looked at as a whole.
import { expect } from 'vitest';
import { listWorkItemsInput, shelfOf, type WorkItem } from '../../src/domain/work-item.ts';
import type { Tracker } from './tracker.ts';

type Chain<Length extends number, Items extends WorkItem[] = []> = Items['length'] extends Length
  ? Items
  : Chain<Length, [...Items, WorkItem]>;

/** Items each below the one before it, the root first; titled by their level. */
export async function chainOf<Length extends 1 | 2 | 3 | 4 | 5 | 6>(
  tracker: Tracker,
  length: Length,
): Promise<Chain<Length>> {
  const chain: WorkItem[] = [];
  for (let level = 0; level < length; level += 1) {
    chain.push(await tracker.create({ title: `level ${level}`, parent_id: chain.at(-1)?.id ?? null }));
  }
  return chain as Chain<Length>;
}

/** The live items below one: parents before children, older before younger. */
export async function placesBelow(tracker: Tracker, id: string) {
  const { children = [] } = await tracker.query(id, { include_dependencies: false });
  const ids: string[] = [];
  const visit = (nodes: typeof children): void => {
    for (const { id: nodeId, children: below } of nodes) {
      ids.push(nodeId);
      visit(below);
    }
  };
  visit(children);
  const { data: items } = await tracker.store.read((reader) => reader.findWorkItems(ids));
  return items
    .map(({ id: itemId, path, depth, version }) => ({ id: itemId, path, depth, version }))
    .sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
}

/** Every item there is, deleted ones too. */
async function everyItem(tracker: Tracker): Promise<WorkItem[]> {
  const items: WorkItem[] = [];
  for (let cursor: string | undefined; ;) {
    const input = listWorkItemsInput.parse({ include_deleted: true, sort: 'created', limit: 100, cursor });
    const page = await tracker.store.read((reader) =>
      reader.listWorkItems({ ...input, parent_id: undefined, sort: 'created' }),
    );
    items.push(...page.data.items);
    if (page.data.next_cursor === null) return items;
    cursor = page.data.next_cursor;
  }
}

/** Looks at the store as a whole: the tree is sound, and the numbers kept beside the items are theirs. */
export async function expectSoundStore(tracker: Tracker): Promise<WorkItem[]> {
  const items = await everyItem(tracker);
  expectSoundTree(items);
  const counted = new Map<string, number>();
  for (const item of items) {
    const kind = `${shelfOf(item)} ${item.item_type} ${item.status}`;
    counted.set(kind, (counted.get(kind) ?? 0) + 1);
  }
  const { data: kept } = await tracker.store.read((reader) => reader.countItems());
  const known = kept.filter(({ items: number }) => number !== 0);
  expect(
    new Map(
      known.map(({ shelf, item_type, status, items: number }) => [`${shelf} ${item_type} ${status}`, number]),
    ),
  ).toEqual(counted);
  return items;
}

/** Paths and depths agree with the parents, nothing is deeper than 5, no live item is below a deleted one. */
function expectSoundTree(items: WorkItem[]): void {
  const byId = new Map(items.map((item) => [item.id, item]));
  for (const item of items) {
    const parent = item.parent_id === null ? undefined : byId.get(item.parent_id);
    expect(item.path, `the path of ${item.title}`).toBe(`${parent?.path ?? ''}/${item.id}`);
    expect(item.depth, `the depth of ${item.title}`).toBe(parent === undefined ? 0 : parent.depth + 1);
    expect(item.depth).toBeLessThanOrEqual(5);
    if (item.deleted_at === null) {
      expect(parent?.deleted_at ?? null, `${item.title} is live: so must be its parent`).toBeNull();
    }
  }
}
