/**
 * Items that a source calls otherwise now because what their ids begin with has changed: a tag of Task Master, the
 * prefix of ids of beads and Backlog.md. A new tag that has some tasks of one that has gone may be either.
 */
import type { ImportedItem } from '../../storage/queries/imported.ts';
import {
  isCredible,
  likenessOf,
  repeatedTimes,
  verdictOf,
  type Likeness,
  type Pair,
} from './item-comparison.ts';
import { plannedId, type ImportPlan, type ImportSource, type PlannedItem } from './plan.ts';

/** A tag, or a prefix of ids, and what it seems to have been called before. */
export interface Renaming {
  group: string;
  before: string;
  /** Whether the items say so clearly; else somebody must say which it is. */
  isSure: boolean;
  /** What the items under one id say. */
  likeness: Likeness;
}

interface Grouping {
  /** What all ids of the group begin with, and what tells its items apart: empty for the item of a tag itself. */
  split: (foreignId: string) => { group: string; rest: string };
  /** The key that an item of the group with this one's rest has. */
  keyIn: (group: string, key: string) => string;
}

const BY_PREFIX: Grouping = {
  split: (foreignId) => {
    const at = foreignId.lastIndexOf('-');
    return {
      group: foreignId.slice(0, Math.max(at, 0)).toLowerCase(),
      rest: foreignId.slice(at + 1).toLowerCase(),
    };
  },
  keyIn: (group, key) => `${group}-${key.slice(key.lastIndexOf('-') + 1)}`,
};

const BY_TAG: Grouping = {
  split: (foreignId) => {
    const at = foreignId.lastIndexOf('/');
    return at === -1
      ? { group: foreignId, rest: '' }
      : { group: foreignId.slice(0, at), rest: foreignId.slice(at + 1) };
  },
  keyIn: (tag, key) => JSON.stringify([tag, ...(JSON.parse(key) as string[]).slice(1)]),
};

const GROUPINGS: Partial<Record<ImportSource, Grouping>> = {
  'task-master': BY_TAG,
  beads: BY_PREFIX,
  'backlog-md': BY_PREFIX,
};

type Find = (planned: PlannedItem) => ImportedItem | undefined;

/**
 * Finds items of groups that are here under another name: those that were left when the others got the new one, for
 * somebody had changed them here, or they were not in the source then. The ids here are made of the first name.
 * @param pairs items that were found by the id that the source gives them
 */
export function itemsOfFormerNames(
  { source: kind, items }: ImportPlan,
  { namespace, items: known }: { namespace: string; items: readonly ImportedItem[] },
  pairs: readonly Pair[],
): Find {
  const grouping = GROUPINGS[kind];
  if (grouping === undefined) return () => undefined;
  const { split, keyIn } = grouping;
  const idIn = (group: string, { made_of: { key } }: PlannedItem) =>
    plannedId(kind, namespace, keyIn(group, key));
  const gone = goneGroups(grouping, items, known);
  const former = new Map<string, string>();
  for (const { planned, known: item } of pairs) {
    const { group } = split(planned.foreign_id);
    if (gone.size === 0 || former.has(group) || item.id === planned.id) continue;
    const before = [...gone.keys()].find((name) => idIn(name, planned) === item.id);
    if (before !== undefined) former.set(group, before);
  }
  const byId = new Map(known.map((item) => [item.id, item]));
  return (planned) => {
    const before = former.get(split(planned.foreign_id).group);
    return before === undefined ? undefined : byId.get(idIn(before, planned));
  };
}

/** What the groups of items that were not found were called before: each is one that has gone, with the same items. */
export function renamedGroups(
  { source, items }: ImportPlan,
  open: readonly PlannedItem[],
  left: readonly ImportedItem[],
): { renamings: Renaming[]; find: Find } {
  const grouping = GROUPINGS[source];
  if (grouping === undefined) return { renamings: [], find: () => undefined };
  const gone = goneGroups(grouping, items, left);
  const times = repeatedTimes(items);
  const likely = [...groupsOf(grouping, open)].flatMap(([group, added]) =>
    [...gone].flatMap(([before, known]): Renaming[] => {
      const pairs = [...added].flatMap(([rest, planned]) => {
        const item = known.get(rest);
        return rest === '' || item === undefined ? [] : [{ planned, known: item }];
      });
      const likeness = likenessOf(pairs, times);
      const isSure = isEnough(likeness, known);
      return mayBeSame(likeness) ? [{ group, before, isSure, likeness }] : [];
    }),
  );
  const renamings = oneToOne(likely);
  const before = new Map(renamings.map((renaming) => [renaming.group, gone.get(renaming.before)]));
  const find: Find = ({ foreign_id }) => {
    const { group, rest } = grouping.split(foreign_id);
    return before.get(group)?.get(rest);
  };
  return { renamings, find };
}

/** Fewer items may be the same in any two: every project begins with a set-up. */
const TELLING_ITEMS = 3;

function isEnough(likeness: Likeness, known: ReadonlyMap<string, ImportedItem>): boolean {
  const size = [...known.keys()].filter((rest) => rest !== '').length;
  return verdictOf(likeness) === 'same' && (likeness.same >= TELLING_ITEMS || likeness.same * 2 > size);
}

function mayBeSame(likeness: Likeness): boolean {
  const verdict = verdictOf(likeness);
  return verdict === 'same' || (verdict === 'unclear' && isCredible(likeness));
}

/** The likeliest first; where two are as likely, neither is sure. */
function oneToOne(likely: readonly Renaming[]): Renaming[] {
  const chosen: Renaming[] = [];
  for (const renaming of likely.toSorted((a, b) => b.likeness.same - a.likeness.same)) {
    const { group, before, likeness } = renaming;
    if (chosen.some((one) => one.group === group || one.before === before)) continue;
    const isAlone = !likely.some(
      (one) => one !== renaming && one.group === group && one.likeness.same === likeness.same,
    );
    chosen.push({ ...renaming, isSure: renaming.isSure && isAlone });
  }
  return chosen;
}

/** Those of which the source has nothing any more. */
function goneGroups(grouping: Grouping, items: readonly PlannedItem[], known: readonly ImportedItem[]) {
  const present = new Set(items.flatMap(({ foreign_id }) => [foreign_id, grouping.split(foreign_id).group]));
  return new Map([...groupsOf(grouping, known)].filter(([group]) => group !== '' && !present.has(group)));
}

function groupsOf<Item extends { foreign_id: string }>({ split }: Grouping, items: readonly Item[]) {
  const groups = new Map<string, Map<string, Item>>();
  for (const item of items) {
    const { group, rest } = split(item.foreign_id);
    groups.set(group, (groups.get(group) ?? new Map<string, Item>()).set(rest, item));
  }
  return groups;
}
