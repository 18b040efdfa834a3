/** Which items of a plan are here already, if the file that was read is one that was imported under a namespace. */
import { stretches } from '../../platform/in-turns.ts';
import { startOfText, type ImportedItem } from '../../storage/queries/imported.ts';
import { groupBy } from '../../domain/grouping.ts';
import { isOther, isTelling, repeatedTimes, type Pair } from './item-comparison.ts';
import { plannedId, type ImportPlan, type ImportSource, type PlannedItem } from './plan.ts';
import {
  findByFirstName,
  firstNames,
  isOfOtherGroup,
  namesGivenAway,
  renamedGroups,
  type Renaming,
} from './renamed-groups.ts';

/** What imports brought under one namespace. */
export interface KnownSource {
  namespace: string;
  items: ImportedItem[];
  /** Where it lay when it was imported; empty when only versions that did not keep that have imported it. */
  places: Set<string>;
}

export function knownSources(items: readonly ImportedItem[]): KnownSource[] {
  const sources = new Map<string, KnownSource>();
  for (const item of items) {
    const { namespace, from } = item;
    const source = sources.get(namespace) ?? { namespace, items: [], places: new Set() };
    sources.set(namespace, source);
    source.items.push(item);
    if (from !== null) source.places.add(from);
  }
  return [...sources.values()];
}

export interface Match extends Pair {
  /** By what: its id in the source, or everything else although the source calls it by another id now. */
  by: 'id' | 'content';
}

export interface MatchOptions {
  /** Whether a file of the project is there, by its path from the project's folder. */
  isThere: (file: string) => boolean;
}

/** Each planned item and each known one in one match at most; with what the source seems to call otherwise now. */
export async function matchItems(
  plan: ImportPlan,
  source: KnownSource,
  { isThere }: MatchOptions,
): Promise<{ matches: Match[]; renamings: Renaming[] }> {
  const turn = stretches();
  const matches: Match[] = [];
  const taken = new Set<string>();
  let open = plan.items;
  const matchBy = (by: Match['by'], find: (planned: PlannedItem) => ImportedItem | undefined) => {
    open = open.filter((planned) => {
      const known = find(planned);
      if (known === undefined || taken.has(known.id)) return true;
      taken.add(known.id);
      matches.push({ planned, known, by });
      return false;
    });
  };
  const isGivenAway = namesGivenAway(plan, source.items);
  await turn();
  const moved = await itemsMovedOn(plan, source, turn);
  await turn();
  const named = source.items.filter((item) => !isGivenAway(item) && !moved.has(item));
  const idOf = ({ made_of: { key } }: PlannedItem) => plannedId(plan.source, source.namespace, key);
  const byForeignId = groupBy(named, ({ foreign_id }) => foreign_id);
  matchBy('id', (planned) => {
    const found = byForeignId.get(planned.foreign_id);
    // One that was changed here has kept the name that its group had; the id of the other could not be made of that.
    return found?.find(({ id }) => id !== idOf(planned)) ?? found?.[0];
  });
  await turn();
  // The source may spell an id otherwise now; the id here is made of one spelling.
  const byId = new Map(named.map((item) => [item.id, item]));
  matchBy('id', (planned) => {
    const known = byId.get(idOf(planned));
    return known === undefined || isOfOtherGroup(plan, planned, known) ? undefined : known;
  });
  await turn();
  const matchByFirstName = () =>
    matchBy('content', findByFirstName(plan, source, firstNames(plan, source, matches)));
  matchByFirstName();
  await turn();
  // A file of the project that is still where it was is another one.
  const isElsewhere = (item: ImportedItem) =>
    plan.source === 'session-prompts' && !moved.has(item) && isThere(item.foreign_id);
  const left = source.items.filter((item) => !taken.has(item.id) && !isElsewhere(item));
  for (const contentOf of CONTENTS[plan.source]) {
    const wanted = single(open, contentOf);
    await turn();
    const found = single(left, contentOf);
    await turn();
    matchBy('content', (planned) => {
      const content = contentOf(planned);
      const known = content === undefined ? undefined : found.get(content);
      return content !== undefined && wanted.get(content) === planned ? known : undefined;
    });
  }
  await turn();
  const unmatched = left.filter((item) => !taken.has(item.id));
  const { renamings, find } = renamedGroups(plan, open, unmatched, isGivenAway);
  matchBy('content', find);
  matchByFirstName();
  return { matches, renamings };
}

/** Those whose id another item has now that has nothing in common with them, where one of the two is known by what it says. */
async function itemsMovedOn(
  { source: kind, items }: ImportPlan,
  source: KnownSource,
  turn: () => Promise<void>,
): Promise<ReadonlySet<ImportedItem>> {
  const times = repeatedTimes(items);
  const plannedAt = new Map(items.map((planned) => [planned.foreign_id, planned]));
  const knownAt = new Map(source.items.map((known) => [known.foreign_id, known]));
  const isReplaced = (planned: PlannedItem | undefined, known: ImportedItem | undefined) =>
    planned !== undefined && known !== undefined && isOther({ planned, known }, times);
  const moved = new Set<ImportedItem>();
  for (const contentOf of CONTENTS[kind]) {
    const wanted = single(items, contentOf);
    await turn();
    const there = single(source.items, contentOf);
    await turn();
    for (const [content, known] of there) {
      const planned = wanted.get(content);
      if (planned === undefined || !isReplaced(plannedAt.get(known.foreign_id), known)) continue;
      const before = knownAt.get(planned.foreign_id);
      if (before !== undefined && !isReplaced(planned, before)) continue;
      // What was there before is not what came there.
      for (const one of [known, ...(before === undefined ? [] : [before])]) moved.add(one);
    }
  }
  return moved;
}

type Content = (item: ImportedItem | PlannedItem) => string | undefined;

/** What tells an item whose id in the source has changed, the surest first; undefined where that would be a guess. */
const CONTENTS: Record<ImportSource, Content[]> = {
  // Another prefix for all ids.
  beads: [restOfId, titleAndTime],
  'backlog-md': [restOfId, titleAndTime],
  // A file or folder of another name; the file's name may be its title.
  'session-prompts': [titleAndText, longText],
  'task-master': [],
  'status-file': [],
};

function titleAndTime(item: ImportedItem | PlannedItem): string | undefined {
  const { title, created_at } = item;
  const isDated = !('made_of' in item) || item.made_of.is_dated;
  return isDated && isTelling(created_at) ? JSON.stringify([created_at, title]) : undefined;
}

/** Who changes the prefix changes it in titles too; and items that were made at once may have one title. */
function restOfId(item: ImportedItem | PlannedItem): string | undefined {
  const { foreign_id } = item;
  const rest = foreign_id.slice(foreign_id.lastIndexOf('-') + 1).toLowerCase();
  return titleAndTime(item) === undefined ? undefined : JSON.stringify([rest, item.created_at]);
}

function titleAndText(item: ImportedItem | PlannedItem): string | undefined {
  const text = startOf(item);
  return text === null ? undefined : JSON.stringify([item.title, text]);
}

const LONG_CHARACTERS = 100;

function longText(item: ImportedItem | PlannedItem): string | undefined {
  const text = startOf(item);
  return text === null || text.length < LONG_CHARACTERS ? undefined : text;
}

function startOf(item: ImportedItem | PlannedItem): string | null {
  if (!('made_of' in item)) return item.start;
  return item.description === null ? null : startOfText(item.description);
}

/** Those that are alone with what `keyOf` says of them. */
function single<Item>(items: readonly Item[], keyOf: (item: Item) => string | undefined): Map<string, Item> {
  const found = new Map<string, Item>();
  const several = new Set<string>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    if (found.has(key)) several.add(key);
    found.set(key, item);
  }
  for (const key of several) found.delete(key);
  return found;
}
