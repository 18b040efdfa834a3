/** Which links an import adds and which it takes away again. */
import type { RecordedChange } from '../../domain/change.ts';
import { linkMeaning } from '../../domain/dependency.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { ImportPlan, PlannedLink } from './plan.ts';

/** The `client` under which imports write: it tells their changes from everybody else's in the history. */
export const IMPORT_CLIENT = 'import';

/** Changes of one item's dependencies looked through, newest first, for the last one of a link. */
const LINK_CHANGES_READ = 500;

export interface LinkChanges {
  added: PlannedLink[];
  /** Made by an earlier import; the source has them no longer. */
  removed: PlannedLink[];
  /** In the source, but removed here by somebody: they stay removed. */
  keptRemoved: PlannedLink[];
}

/**
 * Compares the plan's links with those that are there. Links that say the same are the same link.
 * @param present the plan's items that exist
 * @param updated ids of those whose source changed; only their links can have gone
 */
export async function findLinkChanges(
  reader: Reader,
  plan: ImportPlan,
  present: ReadonlyMap<string, WorkItem>,
  updated: readonly string[],
): Promise<LinkChanges> {
  const there = (await reader.findLinksFrom([...present.keys()])).filter(({ target_id }) =>
    present.has(target_id),
  );
  const lastChange = lastChanges(reader);
  const meaningsThere = new Set(there.map(linkMeaning));
  const added: PlannedLink[] = [];
  const keptRemoved: PlannedLink[] = [];
  for (const link of plan.links) {
    if (meaningsThere.has(linkMeaning(link))) continue;
    // A link of an item that is made just now cannot have been removed.
    const isNew = !present.has(link.source_id) || !present.has(link.target_id);
    const last = isNew ? undefined : await lastChange(link);
    if (last?.kind === 'unlink' && last.client !== IMPORT_CLIENT) keptRemoved.push(link);
    else added.push(link);
  }
  const removed: PlannedLink[] = [];
  const seen = new Set(plan.links.map(linkMeaning));
  const mayHaveGone = new Set(updated);
  for (const link of there) {
    if (!mayHaveGone.has(link.source_id) && !mayHaveGone.has(link.target_id)) continue;
    const meaning = linkMeaning(link);
    if (seen.has(meaning)) continue;
    seen.add(meaning);
    if ((await lastChange(link))?.client === IMPORT_CLIENT) removed.push(link);
  }
  return { added, removed, keptRemoved };
}

/** The last change of a link; what was done to the links of an item is read once for all of them. */
function lastChanges(reader: Reader): (link: PlannedLink) => Promise<RecordedChange | undefined> {
  const read = new Map<string, Map<string, RecordedChange>>();
  return async (link) => {
    let changes = read.get(link.source_id);
    if (changes === undefined) {
      const { items } = await reader.listChanges({
        entity: 'dependency',
        record_id: link.source_id,
        limit: LINK_CHANGES_READ,
      });
      changes = new Map();
      for (const change of items.toReversed()) {
        for (const one of linksIn(change)) changes.set(linkMeaning(one), change);
      }
      read.set(link.source_id, changes);
    }
    return changes.get(linkMeaning(link));
  };
}

/** What the change of a dependency was about: its one field reads `<type> <target>`, before or after. */
function linksIn({ entity_id, related_id, fields }: RecordedChange): PlannedLink[] {
  if (related_id === null) return [];
  return fields.map(({ from, to }) => ({
    source_id: entity_id,
    target_id: related_id,
    dependency_type: String(to ?? from).split(' ')[0] as PlannedLink['dependency_type'],
  }));
}
