/** Dependencies between work items. */
import * as z from 'zod';
import { validationError, type TrackerError } from './errors.ts';
import { actorName, idOrPrefix, idempotencyKey, integer, lazily, storedId } from './fields.ts';
import { groupBy } from './grouping.ts';
import { text, type RecordOf } from './record.ts';
import { shortId } from './text.ts';
import type { ItemStatus, ItemType, NamedItem } from './work-item.ts';

export const DEPENDENCY_TYPES = ['blocks', 'depends_on', 'relates_to', 'discovered_from'] as const;
export type DependencyType = (typeof DEPENDENCY_TYPES)[number];

export const dependencyRecord = lazily(() => ({
  source_id: text,
  target_id: text,
  dependency_type: z.enum(DEPENDENCY_TYPES),
  created_at: text,
  created_by: text,
}));
export type Dependency = RecordOf<typeof dependencyRecord>;

/** A dependency as seen from one of its two items. */
export interface DependencyView extends Dependency {
  other: { id: string; title: string; status: ItemStatus; item_type: ItemType };
}

export const linkWorkItemsInput = z.object({
  source_id: idOrPrefix,
  target_id: idOrPrefix,
  dependency_type: z.enum(DEPENDENCY_TYPES),
  remove: z.boolean().default(false),
  claim_token: integer(1).optional(),
  created_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type LinkWorkItemsInput = z.output<typeof linkWorkItemsInput>;

/** What the patch of a link, and of taking one away, says. */
export const linkPatch = lazily(() =>
  z.object({ target_id: storedId, dependency_type: z.enum(DEPENDENCY_TYPES) }),
);

/**
 * The pair in the direction in which it holds work up: the blocker first. Undefined for kinds that do not.
 * `A blocks B` and `B depends_on A` give the same pair.
 */
export function blockingPair(
  link: Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>,
): { blocker: string; blocked: string } | undefined {
  if (link.dependency_type === 'blocks') return { blocker: link.source_id, blocked: link.target_id };
  if (link.dependency_type === 'depends_on') return { blocker: link.target_id, blocked: link.source_id };
  return undefined;
}

/**
 * The same text for links that say the same: `A blocks B` and `B depends_on A`, and `relates_to` from either end.
 */
export function linkMeaning(link: Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>): string {
  const pair = blockingPair(link);
  if (pair !== undefined) return `blocks ${pair.blocker} ${pair.blocked}`;
  const ends = [link.source_id, link.target_id];
  if (link.dependency_type === 'relates_to') ends.sort();
  return `${link.dependency_type} ${ends.join(' ')}`;
}

/**
 * A cycle among pairs of blocker and blocked, as the ids along it, the first again at the end; undefined without
 * one. One walk with its own stack: linear time, however many there are.
 */
export function findCycle(pairs: readonly { blocker: string; blocked: string }[]): string[] | undefined {
  const next = groupBy(pairs, ({ blocker }) => blocker);
  const finished = new Set<string>();
  const onWalk = new Set<string>();
  for (const start of next.keys()) {
    if (finished.has(start)) continue;
    const walk = [{ id: start, at: 0 }];
    onWalk.add(start);
    for (let top = walk.at(-1); top !== undefined; top = walk.at(-1)) {
      const id = next.get(top.id)?.[top.at]?.blocked;
      top.at += 1;
      if (id === undefined) {
        walk.pop();
        onWalk.delete(top.id);
        finished.add(top.id);
      } else if (onWalk.has(id)) {
        const ids = walk.map((step) => step.id);
        return [...ids.slice(ids.indexOf(id)), id];
      } else if (!finished.has(id)) {
        walk.push({ id, at: 0 });
        onWalk.add(id);
      }
    }
  }
  return undefined;
}

/** The refusal of a link that would close a cycle; `cycle` starts and ends with the same item. */
export function cycleError(cycle: NamedItem[]): TrackerError {
  const error = validationError(
    {
      field: 'target_id',
      constraint: `would close a cycle: ${cycle.map(({ title, id }) => `"${title}" (${shortId(id)})`).join(' blocks ')}`,
      value: cycle.at(-1)?.id ?? null,
    },
    'Remove one of the links of this cycle first, or use relates_to; nothing was changed.',
  );
  error.details['cycle'] = cycle;
  return error;
}

export function selfLinkError(id: string): TrackerError {
  return validationError({
    field: 'target_id',
    constraint: 'must be another item than source_id',
    value: id,
  });
}

export function ancestorLinkError(ancestor: NamedItem, item: NamedItem): TrackerError {
  const error = validationError(
    {
      field: 'target_id',
      constraint: `"${ancestor.title}" is an ancestor of "${item.title}"; a blocking link between them would hold both up`,
      value: ancestor.id,
    },
    'Use relates_to between an item and its ancestor; nothing was changed.',
  );
  error.details['cycle'] = [ancestor, item, ancestor];
  return error;
}
