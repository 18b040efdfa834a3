/** A plan under another namespace, or with items that are known here under other ids. */
import { mapInTurns } from '../../platform/in-turns.ts';
import { isPlainObject, type JsonObject } from '../../domain/json.ts';
import { hashOf } from './imported-metadata.ts';
import { commentId, plannedId, type ImportPlan, type PlannedItem } from './plan.ts';

/**
 * The same plan for a source that is called `namespace`, with the ids that its items have here.
 * @param known ids of items that are here under another id than the plan's namespace and their key give, by key
 */
export async function planUnder(
  plan: ImportPlan,
  namespace: string,
  known: ReadonlyMap<string, string> = new Map(),
): Promise<ImportPlan> {
  const ids = new Map(
    await mapInTurns(plan.items, ({ id, made_of: { key } }): [string, string] => [
      id,
      known.get(key) ?? plannedId(plan.source, namespace, key),
    ]),
  );
  const idOf = (id: string) => ids.get(id) ?? id;
  return {
    ...plan,
    namespace,
    items: await mapInTurns(plan.items, (item) => {
      const parent_id = item.parent_id === null ? null : idOf(item.parent_id);
      return {
        ...item,
        id: idOf(item.id),
        parent_id,
        metadata: metadataUnder({ ...item, parent_id }, namespace),
        comments: commentsUnder(plan, item, namespace),
      };
    }),
    links: plan.links.map(({ source_id, target_id, dependency_type }) => ({
      source_id: idOf(source_id),
      target_id: idOf(target_id),
      dependency_type,
    })),
  };
}

function metadataUnder(item: PlannedItem, namespace: string): JsonObject {
  const { metadata, made_of, item_type: type, status, priority, parent_id: parent } = item;
  const { imported } = metadata;
  if (!isPlainObject(imported)) return metadata;
  const hash = hashOf(made_of.said, { type, status, priority, parent });
  return { ...metadata, imported: { ...(imported as JsonObject), namespace, hash } };
}

function commentsUnder(
  { source }: ImportPlan,
  { made_of: { key }, comments }: PlannedItem,
  namespace: string,
) {
  const seen = new Map<string, number>();
  return comments.map(({ id: _id, ...comment }) => {
    const content = JSON.stringify([comment.author, comment.text, comment.created_at]);
    const repetition = seen.get(content) ?? 0;
    seen.set(content, repetition + 1);
    return { id: commentId(source, namespace, key, comment, repetition), ...comment };
  });
}
