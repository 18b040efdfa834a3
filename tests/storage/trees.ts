// Trees for the tests: made through the tracker, and looked at as a whole.
import { expect } from 'vitest';
import { listWorkItemsInput, type WorkItem } from '../../src/domain/work-item.ts';
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
  const places: { id: string; path: string; depth: number; version: number }[] = [];
  const visit = (nodes: typeof children): void => {
    for (const { id: nodeId, path, depth, version, children: below } of nodes) {
      places.push({ id: nodeId, path, depth, version });
      visit(below);
    }
  };
  visit(children);
  return places;
}

/** Every item there is, deleted ones too. */
export async function everyItem(tracker: Tracker): Promise<WorkItem[]> {
  const items: WorkItem[] = [];
  for (let cursor: string | undefined; ; ) {
    const input = listWorkItemsInput.parse({ include_deleted: true, sort: 'created', limit: 100, cursor });
    const page = await tracker.store.read((reader) =>
      reader.listWorkItems({ ...input, parent_id: undefined, sort: 'created', now: tracker.clock.iso }),
    );
    items.push(...page.data.items);
    if (page.data.next_cursor === null) return items;
    cursor = page.data.next_cursor;
  }
}

/** Paths and depths agree with the parents, nothing is deeper than 5, no live item is below a deleted one. */
export function expectSoundTree(items: WorkItem[]): void {
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
