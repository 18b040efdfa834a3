/**
 * Items that a source calls otherwise now because what their ids begin with has changed: a tag of Task Master, the
 * prefix of ids of beads and Backlog.md. A new tag that has some tasks of one that has gone may be either.
 */
import { isPlainObject, type JsonObject } from '../../domain/json.ts';
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
 * Tells the items of groups whose name the source has given to other items, while what was called so is in it by another
 * name: an id says nothing of those.
 */
export function namesGivenAway(
  { source, items }: ImportPlan,
  known: readonly ImportedItem[],
): (item: { foreign_id: string }) => boolean {
  const grouping = GROUPINGS[source];
  if (grouping === undefined) return () => false;
  const [now, then] = [groupsOf(grouping, items), groupsOf(grouping, known)];
  const times = repeatedTimes(items);
  const likenessOfGroups = (group: string, before: string) =>
    likenessOf(pairsOf(now.get(group), then.get(before)), times);
  const others = [...then.keys()].filter(
    (group) =>
      group !== '' && now.has(group) && /^(other|none)$/.test(verdictOf(likenessOfGroups(group, group))),
  );
  const isFree = (group: string) => !then.has(group) || others.includes(group);
  const given = new Set(
    others.filter((name) =>
      [...now.keys()].some(
        (group) => group !== name && isFree(group) && mayBeSame(likenessOfGroups(group, name)),
      ),
    ),
  );
  return ({ foreign_id }) => given.has(grouping.split(foreign_id).group);
}

/** Whether the id of a known item was made of a name that its group had once, and a planned one has its group's now. */
export function isOfOtherGroup({ source }: ImportPlan, planned: PlannedItem, known: ImportedItem): boolean {
  const grouping = GROUPINGS[source];
  if (grouping === undefined || known.first_group === null) return false;
  return grouping.split(planned.foreign_id).group !== grouping.split(known.foreign_id).group;
}

/**
 * Of each group that was called otherwise when it was first imported, its name then: the ids here are made of it.
 * @param pairs what was found so far
 */
export function firstNames(
  { source: kind }: ImportPlan,
  { namespace, items: known }: { namespace: string; items: readonly ImportedItem[] },
  pairs: readonly Pair[],
): Map<string, string> {
  const first = new Map<string, string>();
  const grouping = GROUPINGS[kind];
  if (grouping === undefined) return first;
  const moved = pairs.filter((pair) => pair.known.id !== pair.planned.id);
  if (moved.length === 0) return first;
  const remembered = known.flatMap(({ first_group }) => first_group ?? []);
  const names = new Set([...groupsOf(grouping, known).keys(), ...remembered]);
  for (const { planned, known: item } of moved) {
    const { group } = grouping.split(planned.foreign_id);
    if (first.has(group)) continue;
    const idIn = (name: string) => plannedId(kind, namespace, grouping.keyIn(name, planned.made_of.key));
    const name = [...names].find((one) => idIn(one) === item.id);
    if (name !== undefined) first.set(group, name);
  }
  return first;
}

/**
 * Finds items of such groups that did not get the new name with the others, because somebody had changed them here or
 * they were not in the source then.
 */
export function findByFirstName(
  { source: kind }: ImportPlan,
  { namespace, items: known }: { namespace: string; items: readonly ImportedItem[] },
  first: ReadonlyMap<string, string>,
): Find {
  const grouping = GROUPINGS[kind];
  if (grouping === undefined || first.size === 0) return () => undefined;
  const byId = new Map(known.map((item) => [item.id, item]));
  return ({ foreign_id, made_of: { key } }) => {
    const name = first.get(grouping.split(foreign_id).group);
    return name === undefined ? undefined : byId.get(plannedId(kind, namespace, grouping.keyIn(name, key)));
  };
}

/** A longer name is not kept. */
const NAME_KEPT_CHARACTERS = 100;

/** The plan whose items keep the first name of their group. */
export function withFirstNames(plan: ImportPlan, first: ReadonlyMap<string, string>): ImportPlan {
  const grouping = GROUPINGS[plan.source];
  if (grouping === undefined || first.size === 0) return plan;
  const items = plan.items.map((item) => {
    const first_group = first.get(grouping.split(item.foreign_id).group);
    const { imported } = item.metadata;
    const isKept = first_group !== undefined && first_group.length <= NAME_KEPT_CHARACTERS;
    if (!isKept || !isPlainObject(imported)) return item;
    return {
      ...item,
      metadata: { ...item.metadata, imported: { first_group, ...(imported as JsonObject) } },
    };
  });
  return { ...plan, items };
}

/**
 * What the groups of items that were not found were called before: each is one that has gone, with the same items.
 * @param isGivenAway see `namesGivenAway`
 */
export function renamedGroups(
  { source, items }: ImportPlan,
  open: readonly PlannedItem[],
  left: readonly ImportedItem[],
  isGivenAway: (item: { foreign_id: string }) => boolean,
): { renamings: Renaming[]; find: Find } {
  const grouping = GROUPINGS[source];
  if (grouping === undefined) return { renamings: [], find: () => undefined };
  const present = items.filter((item) => !isGivenAway(item));
  const gone = goneGroups(grouping, present, left);
  const times = repeatedTimes(items);
  const likely = [...groupsOf(grouping, open)].flatMap(([group, added]) =>
    [...gone].flatMap(([before, known]): Renaming[] => {
      const likeness = likenessOf(pairsOf(added, known), times);
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

function pairsOf(
  added: ReadonlyMap<string, PlannedItem> = new Map(),
  known: ReadonlyMap<string, ImportedItem> = new Map(),
): Pair[] {
  return [...added].flatMap(([rest, planned]) => {
    const item = known.get(rest);
    return rest === '' || item === undefined ? [] : [{ planned, known: item }];
  });
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
      (one) =>
        one !== renaming &&
        (one.group === group || one.before === before) &&
        one.likeness.same === likeness.same,
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
