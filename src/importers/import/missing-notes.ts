/** Which comments of a plan are not here as notes yet. */
import type { Reader } from '../../storage/queries/reader.ts';
import type { ChangeRequest } from '../../use-cases/support/context.ts';
import type { PlannedComment } from './plan.ts';
import type { Settled } from './settle-source.ts';

/** Notes are never removed here, so one that is not there was not imported yet. */
export async function findMissingNotes(
  reader: Reader,
  { plan: { items }, renamedIds }: Settled,
): Promise<ChangeRequest[]> {
  const present = await reader.findNoteIds(items.flatMap(({ comments }) => comments.map(({ id }) => id)));
  const said = new Map<string, Set<string>>();
  for (const { id, comments } of items) {
    if (renamedIds.has(id) && comments.length > 0) said.set(id, await contentOfNotes(reader, id));
  }
  return items.flatMap(({ id: item_id, comments }) =>
    comments
      .filter(({ id, ...note }) => !present.has(id) && said.get(item_id)?.has(contentOf(note)) !== true)
      .map(({ id, author: created_by, text, created_at }) => ({
        entity: 'note' as const,
        entity_id: id,
        kind: 'create' as const,
        patch: { item_id, text, created_at, created_by },
      })),
  );
}

/** The ids of its notes were made of the id that the source called the item by before. */
async function contentOfNotes(reader: Reader, item_id: string): Promise<Set<string>> {
  const contents = new Set<string>();
  for (let offset = 0; ;) {
    const { items, total_count } = await reader.listNotes({ item_id, limit: NOTES_READ, offset });
    for (const { created_by: author, text, created_at } of items)
      contents.add(contentOf({ author, text, created_at }));
    offset += items.length;
    if (items.length === 0 || offset >= total_count) return contents;
  }
}

const NOTES_READ = 100;

const contentOf = ({ author, text, created_at }: Omit<PlannedComment, 'id'>): string =>
  JSON.stringify([author, text, created_at]);
