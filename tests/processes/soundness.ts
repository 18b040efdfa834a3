// What must be true of a tracker however many processes wrote to it.
import { expect } from 'vitest';
import type { Place, Row } from './place.ts';
import type { Answer, Server } from './server.ts';

const HISTORY_PAGE = 100;
const HISTORY_FIELDS = ['seq', 'entity', 'entity_id', 'version'];
const SECOND_MS = 1_000;

/**
 * The feed stands at `count`, and the changes 1 … count are all there, in the store and in the history told; the
 * total that lists tell (none of the items is deleted) is the number of items.
 */
export async function expectCompleteFeed(place: Place, server: Server, count: number): Promise<void> {
  const whole = Array.from({ length: count }, (_, index) => index + 1);
  const stored = await place.rows('select seq, change_id from changes order by seq');
  expect(stored.map(({ seq }) => Number(seq))).toEqual(whole);
  expect((await place.rows('select seq from feed')).map(({ seq }) => Number(seq))).toEqual([count]);
  const applied = await place.rows('select change_id from applied_changes');
  expect(new Set(applied.map(({ change_id }) => change_id))).toEqual(
    new Set(stored.map(({ change_id }) => change_id)),
  );
  const items = await place.rows('select id from work_items');
  expect(await server.answer('list_work_items', { limit: 1 })).toMatchObject({ total_count: items.length });

  const told: Answer[] = [];
  for (let since = 0; since < count; since += HISTORY_PAGE) {
    const page = { since, limit: HISTORY_PAGE, fields: HISTORY_FIELDS, max_tokens: 20_000 };
    const { items } = (await server.answer('query_history', page)) as { items: Answer[] };
    told.push(...items);
  }
  expect(told.map(({ seq }) => seq)).toEqual(whole);
  expectGaplessVersions(told);
}

/** Every record's history starts at version 1 and skips none. */
function expectGaplessVersions(changes: readonly Answer[]): void {
  const versions = new Map<unknown, unknown[]>();
  for (const { entity, entity_id, version } of changes) {
    if (entity !== 'dependency') versions.set(entity_id, [...(versions.get(entity_id) ?? []), version]);
  }
  for (const [id, found] of versions) {
    expect(found, `versions of ${String(id)}`).toEqual(found.map((_, index) => index + 1));
  }
}

/** Every item's path and depth are those that follow from the parents. */
export async function expectSoundPaths(place: Place): Promise<Row[]> {
  const items = await place.rows('select id, parent_id, path, depth from work_items');
  const parents = new Map(items.map(({ id, parent_id }) => [id, parent_id]));
  for (const { id, path, depth } of items) {
    const chain = [id];
    for (let parent = parents.get(id); parent !== null; parent = parents.get(parent)) {
      expect(chain, 'a parent that is its own descendant').not.toContain(parent);
      chain.unshift(parent);
    }
    expect({ id, path, depth: Number(depth) }).toEqual({
      id,
      path: `/${chain.join('/')}`,
      depth: chain.length - 1,
    });
  }
  return items;
}

/** The blocking links form no cycle: blockers can be taken away first until nothing is left. */
export async function expectNoBlockingCycle(place: Place): Promise<number> {
  const links = await place.rows('select source_id, target_id, dependency_type from work_item_dependencies');
  let pairs = links.flatMap(({ source_id, target_id, dependency_type }) => {
    if (dependency_type === 'blocks') return [{ blocker: source_id, blocked: target_id }];
    return dependency_type === 'depends_on' ? [{ blocker: target_id, blocked: source_id }] : [];
  });
  const count = pairs.length;
  while (pairs.length > 0) {
    const blocked = new Set(pairs.map((pair) => pair.blocked));
    const rest = pairs.filter(({ blocker }) => blocked.has(blocker));
    expect(rest.length, `a cycle among ${JSON.stringify(pairs.slice(0, 4))}`).toBeLessThan(pairs.length);
    pairs = rest;
  }
  return count;
}

/** `n in s (n/s)`, for the log of the run. */
export function rate(count: number, startedAt: number): string {
  const seconds = (performance.now() - startedAt) / SECOND_MS;
  return `${count} writes in ${seconds.toFixed(2)} s (${Math.round(count / seconds)}/s)`;
}
