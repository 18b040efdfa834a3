/** Which items of a plan are here already, if the file that was read is one that was imported under a namespace. */
import type { ImportedItem } from '../../storage/sql/queries/imported.ts';
import { plannedId, type ImportPlan, type ImportSource, type PlannedItem } from './plan.ts';

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

export interface Match {
  planned: PlannedItem;
  known: ImportedItem;
  /** By what: its id in the source, or everything else although the source calls it by another id now. */
  by: 'id' | 'content';
}

export interface MatchOptions {
  /** Whether a file of the project is there, by its path from the project's folder. */
  isThere: (file: string) => boolean;
}

/** Each planned item and each known one in one match at most. */
export function matchItems(plan: ImportPlan, source: KnownSource, { isThere }: MatchOptions): Match[] {
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
  const byForeignId = new Map(source.items.map((item) => [item.foreign_id, item]));
  matchBy('id', ({ foreign_id }) => byForeignId.get(foreign_id));
  // The source may spell an id otherwise now; the id here is made of one spelling.
  const byId = new Map(source.items.map((item) => [item.id, item]));
  matchBy('id', ({ key }) => byId.get(plannedId(plan.source, source.namespace, key)));
  const left = source.items.filter(({ id }) => !taken.has(id));
  const contentOf = CONTENTS[plan.source];
  const wanted = single(open, contentOf);
  const found = single(left, contentOf);
  matchBy('content', (planned) => {
    const content = contentOf(planned);
    const known = content === undefined ? undefined : found.get(content);
    if (content === undefined || known === undefined || wanted.get(content) !== planned) return undefined;
    // A file that is still where it was is another one.
    return plan.source === 'session-prompts' && isThere(known.foreign_id) ? undefined : known;
  });
  if (plan.source === 'task-master') {
    const tags = renamedTags(open, left);
    matchBy('content', ({ foreign_id }) => byForeignId.get(tags.get(foreign_id) ?? ''));
    matchBy('content', ({ foreign_id }) => {
      const [tag, ids] = splitTask(foreign_id);
      const old = tags.get(tag);
      return old === undefined ? undefined : byForeignId.get(`${old}/${ids}`);
    });
  }
  return matches;
}

/** What tells an item whose id in the source has changed; undefined where that would be a guess. */
const CONTENTS: Record<ImportSource, (item: ImportedItem | PlannedItem) => string | undefined> = {
  // Another prefix for all ids.
  beads: titleAndTime,
  'backlog-md': titleAndTime,
  // A file or folder of another name.
  'session-prompts': (item) => hashOf(item) ?? undefined,
  'task-master': () => undefined,
  'status-file': () => undefined,
};

function titleAndTime(item: ImportedItem | PlannedItem): string | undefined {
  const { title, created_at } = item;
  const isDated = !('is_dated' in item) || item.is_dated;
  return isDated && isTelling(created_at) ? JSON.stringify([created_at, title]) : undefined;
}

/** What each tag that is new in the source was called before: the tag that has gone and had most of the same tasks. */
function renamedTags(planned: readonly PlannedItem[], left: readonly ImportedItem[]): Map<string, string> {
  const [added, gone] = [tasksByTag(planned), tasksByTag(left)];
  const renamed = new Map<string, string>();
  const taken = new Set<string>();
  for (const [tag, tasks] of added) {
    for (const [old, before] of gone) {
      const same = [...tasks].filter((task) => before.has(task)).length;
      if (taken.has(old) || same * 2 <= Math.max(tasks.size, before.size)) continue;
      renamed.set(tag, old);
      taken.add(old);
      break;
    }
  }
  return renamed;
}

/** Of each tag that is itself among the items: ids and titles of its tasks. */
function tasksByTag(items: readonly (ImportedItem | PlannedItem)[]): Map<string, Set<string>> {
  const tags = new Map(
    items
      .filter(({ foreign_id }) => !foreign_id.includes('/'))
      .map(({ foreign_id }) => [foreign_id, new Set<string>()]),
  );
  for (const { foreign_id, title } of items) {
    const [tag, ids] = splitTask(foreign_id);
    tags.get(tag)?.add(JSON.stringify([ids, title]));
  }
  return tags;
}

function splitTask(foreignId: string): [tag: string, ids: string] {
  const at = foreignId.lastIndexOf('/');
  return at === -1 ? [foreignId, ''] : [foreignId.slice(0, at), foreignId.slice(at + 1)];
}

/** Of what the source says about an item; see `imported-metadata.ts`. */
export function hashOf(item: ImportedItem | PlannedItem): string | null {
  if (!('key' in item)) return item.hash;
  const imported = item.metadata['imported'] as { hash?: string } | undefined;
  return imported?.hash ?? null;
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

/** A day without a time is the day of many items. */
export const isTelling = (time: string): boolean => !time.endsWith('T00:00:00.000Z');
