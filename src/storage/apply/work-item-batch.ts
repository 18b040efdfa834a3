/** How many new items come to be at once: their parents are read together and their rows written together. */
import { mapInTurns } from '../../platform/in-turns.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import { checkPlace, type WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { findConfiguration } from '../queries/configuration.ts';
import { findWorkItems } from '../queries/work-items.ts';
import { insertRows } from '../database/table-copy.ts';
import { asJson, type Effect } from './effect.ts';
import { refuseAsParent } from './work-item-place.ts';
import { newItem, touch } from './work-items.ts';

export type Creation = ChangeOf<'create work_item'>;

/**
 * @param changes creations, parents before their children
 * @param made gets the new items, so that what follows in the batch knows them
 */
export async function createWorkItems(
  c: Connection,
  changes: readonly Creation[],
  made: Map<string, WorkItem>,
): Promise<Effect[]> {
  const parents = await findParents(c, changes);
  const hasSession = changes.some(({ patch }) => patch.item_type === 'session');
  const budget = hasSession ? (await findConfiguration(c)).default_token_budget : undefined;
  const rows: WorkItem[] = [];
  const effects = await mapInTurns(changes, (change): Effect => {
    const { parent_id, title } = change.patch;
    let parent: WorkItem | null = null;
    if (parent_id !== null) {
      parent = made.get(parent_id) ?? refuseAsParent(parents.get(parent_id), parent_id);
      checkPlace({ id: change.entity_id, title }, parent, 0);
    }
    const { item, warnings } = newItem(change, parent, c.versionStep(change), budget);
    rows.push(item);
    made.set(item.id, item);
    return {
      record: asJson(item),
      touched: [touch(item, 'create', null)],
      counted: [{ before: null, after: item }],
      merged_with: [],
      warnings,
    };
  });
  await insertRows(c, 'workItems', rows as never);
  const labels = rows.flatMap(({ id, labels }) => labels.map((label) => ({ item_id: id, label })));
  await insertRows(c, 'workItemLabels', labels);
  return effects;
}

async function findParents(c: Connection, changes: readonly Creation[]): Promise<Map<string, WorkItem>> {
  const created = new Set(changes.map(({ entity_id }) => entity_id));
  const ids = new Set(changes.map(({ patch }) => patch.parent_id));
  const known = [...ids].filter((id): id is string => id !== null && !created.has(id));
  return new Map((await findWorkItems(c, known)).map((item) => [item.id, item]));
}
