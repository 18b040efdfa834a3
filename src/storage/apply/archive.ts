/**
 * How a subtree moves to the archive and back: whole, in one transaction. Nothing but `archived_at` and the
 * bookkeeping alters, so that coming back restores what was there. The rule: below an archived item, everything is
 * archived; what is archived is closed.
 */
import { and, inArray, isNull, lte, or, sql } from 'drizzle-orm';
import { findInTheWay, describeInTheWay, notArchivedError, archivedError } from '../../domain/archive.ts';
import { fieldChanges, type Change } from '../../domain/change.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import type { JsonObject } from '../../domain/json.ts';
import { idsOnPath, type WorkItem } from '../../domain/work-item.ts';
import type { Warning } from '../../domain/warnings.ts';
import { notFound } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { findConfiguration } from '../queries/configuration.ts';
import { chunks, findDescendants, findWorkItem, findWorkItems } from '../queries/work-items.ts';
import { ENDED, NOT_CLAIMED } from './claims.ts';
import { asJson, oneRow, type Effect } from './effect.ts';

/**
 * Archives an item with everything below it. With `created_before` in the patch it is archived only while all of it
 * is older, and stays without an error when it may not go: so an automatic run never fails for what others do.
 * @throws ValidationError naming what is open, claimed or the current session
 */
export async function archiveSubtree(c: Connection, change: ChangeOf<'archive work_item'>): Promise<Effect> {
  await c.lockStructure('exclusive');
  const root = await findExisting(c, change.entity_id);
  if (root.archived_at !== null) {
    return nothing(root, 'already_archived', `"${root.title}" is in the archive already.`);
  }
  const created_before = change.patch.created_before ?? null;
  const items = [root, ...(await findDescendants(c, root.id))].filter(
    ({ archived_at }) => archived_at === null,
  );
  const { current_session_id } = await findConfiguration(c);
  const inTheWay = findInTheWay(items, { now: change.at, current_session_id, created_before });
  if (inTheWay.length > 0) {
    if (created_before === null) throw notArchivedError(root, inTheWay);
    return nothing(root, 'not_due', `"${root.title}" stays: ${describeInTheWay(inTheWay)}.`);
  }
  const after = await setArchivedAt(c, change, items, change.at);
  return effectOf(change, items, after, { moved_items: after.length });
}

/**
 * Brings an item back with everything below it, and the archived items above it: without them it would hang below
 * what nobody sees.
 */
export async function restoreSubtree(c: Connection, change: ChangeOf<'restore work_item'>): Promise<Effect> {
  await c.lockStructure('exclusive');
  const root = await findExisting(c, change.entity_id);
  if (root.archived_at === null) {
    return nothing(root, 'not_archived', `"${root.title}" is not in the archive.`);
  }
  const above = (await findWorkItems(c, idsOnPath(root.path).slice(0, -1)))
    .filter(({ archived_at }) => archived_at !== null)
    .sort((a, b) => a.depth - b.depth);
  const below = (await findDescendants(c, root.id)).filter(({ archived_at }) => archived_at !== null);
  const items = [root, ...above, ...below];
  const after = await setArchivedAt(c, change, items, null);
  return effectOf(change, items, after, {
    moved_items: after.length,
    restored_ancestors: above.map(({ id, title }) => ({ id, title })),
  });
}

/** What is in the archive is not altered: it would be overlooked there. @throws ValidationError */
export function refuseArchived(item: WorkItem, field: string): void {
  if (item.archived_at !== null) throw archivedError(item, field);
}

async function findExisting(c: Connection, id: string): Promise<WorkItem> {
  const item = await findWorkItem(c, id);
  if (item === undefined) throw notFound('work item', { id });
  return item;
}

function nothing(root: WorkItem, code: string, message: string): Effect {
  const warnings: Warning[] = [{ code, message }];
  return { record: { ...asJson(root), moved_items: 0 }, touched: [], merged_with: [], warnings };
}

/** The record is the subtree's root, beside what moved. */
function effectOf(change: Change, before: WorkItem[], after: WorkItem[], outcome: JsonObject): Effect {
  const pairs = after.map((item, index) => ({ before: before[index] ?? item, after: item }));
  return {
    record: { ...asJson(after[0] ?? {}), ...outcome },
    touched: pairs.map((pair) => ({
      entity: 'work_item',
      entity_id: pair.after.id,
      kind: change.kind,
      version: pair.after.version,
      fields: fieldChanges(pair.before, pair.after),
    })),
    counted: pairs,
    merged_with: [],
    warnings: [],
  };
}

/** The items with `archived_at` set or cleared. A claim on them is over; its token is never given again. */
async function setArchivedAt(
  c: Connection,
  change: Change,
  items: WorkItem[],
  archived_at: string | null,
): Promise<WorkItem[]> {
  const { workItems: w, claims } = c.tables;
  const step = c.versionStep(change);
  const audit = { updated_at: change.at, updated_by: change.actor };
  for (const chunk of chunks(items)) {
    const ids = chunk.map(({ id }) => id);
    const moved = await c.db
      .update(w)
      .set({ archived_at, ...NOT_CLAIMED, version: sql`${w.version} + ${sql.raw(String(step))}`, ...audit })
      // Claimed in between: the transaction is repeated and sees the claim.
      .where(
        and(
          inArray(w.id, ids),
          or(isNull(w.claimed_by), isNull(w.claim_expires_at), lte(w.claim_expires_at, change.at)),
        ),
      )
      .returning({ id: w.id, version: w.version });
    const versions = new Map(moved.map(({ id, version }) => [id, version]));
    // Edited in between: what is recorded must be what happened.
    for (const { id, version } of chunk) oneRow(versions.get(id) === version + step ? [id] : []);
    await c.db.update(claims).set(ENDED).where(inArray(claims.item_id, ids));
  }
  return items.map((item) => ({
    ...item,
    ...NOT_CLAIMED,
    ...audit,
    archived_at,
    version: item.version + step,
  }));
}
