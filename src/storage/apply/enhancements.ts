/** How a change makes or alters an enhancement: fields, what it depends on, and its promotion to a work item. */
import { and, eq } from 'drizzle-orm';
import { fieldChanges } from '../../domain/change.ts';
import type { ChangeOf, PatchOf } from '../../domain/change-schema.ts';
import { enhancementCycleError, promotionError, type Enhancement } from '../../domain/enhancement.ts';
import { notFound } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { findEnhancement, findEnhancementChain, findEnhancementMentions } from '../queries/enhancements.ts';
import { findWorkItem } from '../queries/work-items.ts';
import { asJson, oneRow, picked, type Effect, type Touched } from './effect.ts';
import { rebase } from './rebase.ts';

const FIELDS = [
  'title',
  'description',
  'priority',
  'status',
  'target_quarter',
  'requires_constitutional_principles',
  'work_item_id',
] as const;

export async function createEnhancement(
  c: Connection,
  change: ChangeOf<'create enhancement'>,
): Promise<Effect> {
  const { patch } = change;
  const depends_on = idsOf(patch.depends_on);
  await refuseUnknown(c, depends_on);
  const enhancement: Enhancement = {
    id: change.entity_id,
    version: c.versionStep(change),
    title: patch.title,
    description: patch.description ?? null,
    priority: patch.priority,
    status: patch.status,
    target_quarter: patch.target_quarter ?? null,
    requires_constitutional_principles: patch.requires_constitutional_principles,
    depends_on,
    work_item_id: null,
    created_at: change.at,
    updated_at: change.at,
    created_by: change.actor,
    updated_by: change.actor,
  };
  const { depends_on: _links, ...row } = enhancement;
  await c.db.insert(c.tables.enhancements).values(row);
  await replaceDependencies(c, enhancement.id, [], depends_on);
  return {
    record: asJson(enhancement),
    touched: [touch(enhancement, null)],
    merged_with: [],
    warnings: [],
  };
}

/** With `work_item_id` in the patch it is promoted to that item, which must be there and can never be another. */
export async function updateEnhancement(
  c: Connection,
  change: ChangeOf<'update enhancement'>,
): Promise<Effect> {
  // Two that come to depend on each other at the same moment must see each other.
  if ('depends_on' in change.patch) await c.lockStructure('exclusive');
  const current = await findEnhancement(c, change.entity_id);
  if (current === undefined) throw notFound('enhancement', { id: change.entity_id });
  if ('work_item_id' in change.patch) await refusePromotion(c, current, change.patch);
  const { patch, merged_with, version } = await rebase(c, change, current, 'enhancement');
  const next: Enhancement = {
    ...current,
    ...picked(patch, FIELDS),
    ...('depends_on' in patch && { depends_on: idsOf(patch.depends_on) }),
    version,
    updated_at: change.at,
    updated_by: change.actor,
  };
  if ('depends_on' in patch) await refuseCycle(c, next);
  const { enhancements: t } = c.tables;
  const { depends_on: _links, ...row } = next;
  oneRow(
    await c.db
      .update(t)
      .set(row)
      .where(and(eq(t.id, current.id), eq(t.version, current.version)))
      .returning({ id: t.id }),
  );
  await replaceDependencies(c, next.id, current.depends_on, next.depends_on);
  return { record: asJson(next), touched: [touch(next, current)], merged_with, warnings: [] };
}

function touch(enhancement: Enhancement, before: Enhancement | null): Touched {
  return {
    entity: 'enhancement',
    entity_id: enhancement.id,
    kind: before === null ? 'create' : 'update',
    version: enhancement.version,
    fields: fieldChanges(before, enhancement),
  };
}

/** In the order in which they are read. */
function idsOf(ids: readonly string[] = []): string[] {
  return [...new Set(ids)].sort();
}

async function refusePromotion(
  c: Connection,
  current: Enhancement,
  { work_item_id }: PatchOf<'update enhancement'>,
): Promise<void> {
  if (current.work_item_id !== null) {
    throw promotionError(current, await findWorkItem(c, current.work_item_id));
  }
  if (current.status === 'completed') throw promotionError(current, undefined);
  const item = work_item_id == null ? undefined : await findWorkItem(c, work_item_id);
  if (item === undefined) throw notFound('work item', { id: String(work_item_id) });
}

async function refuseUnknown(c: Connection, ids: string[]): Promise<void> {
  const known = new Set((await findEnhancementMentions(c, ids)).map(({ id }) => id));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) throw notFound('enhancement', { id: unknown });
}

async function refuseCycle(c: Connection, { id, title, depends_on }: Enhancement): Promise<void> {
  if (depends_on.length === 0) return;
  await refuseUnknown(c, depends_on);
  const back = await findEnhancementChain(c, depends_on, id);
  if (back !== undefined) throw enhancementCycleError([{ id, title }, ...back]);
}

async function replaceDependencies(
  c: Connection,
  enhancement_id: string,
  before: string[],
  after: string[],
): Promise<void> {
  const { enhancementDependencies: d } = c.tables;
  const gone = before.filter((id) => !after.includes(id));
  const added = after.filter((id) => !before.includes(id));
  for (const depends_on_id of gone) {
    await c.db.delete(d).where(and(eq(d.enhancement_id, enhancement_id), eq(d.depends_on_id, depends_on_id)));
  }
  if (added.length > 0) {
    await c.db.insert(d).values(added.map((depends_on_id) => ({ enhancement_id, depends_on_id })));
  }
}
