/** Where a work item stands: which items may be parents, and how an item moves with everything below it. */
import { inArray, sql } from 'drizzle-orm';
import { notFound, validationError } from '../../domain/errors.ts';
import {
  blockedPlaceError,
  checkPlace,
  idsOnPath,
  placeBelow,
  type WorkItem,
} from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { findBlockingLinkAcross } from '../queries/dependencies.ts';
import { descendantIds, findWorkItem } from '../queries/work-items.ts';
import { refuseArchived } from './archive.ts';

/** The parent of a new item, kept from being moved or deleted until the item is there. */
export async function lockedParent(c: Connection, id: string): Promise<WorkItem> {
  await c.lockStructure('shared');
  return await liveParent(c, id);
}

export async function liveParent(c: Connection, id: string): Promise<WorkItem> {
  return refuseAsParent(await findWorkItem(c, id), id);
}

/** The item, if new items may stand below it. */
export function refuseAsParent(parent: WorkItem | undefined, id: string): WorkItem {
  if (parent === undefined) throw notFound('work item', { id });
  refuseArchived(parent, 'parent_id');
  if (parent.deleted_at !== null) {
    throw validationError(
      { field: 'parent_id', constraint: `"${parent.title}" is deleted`, value: id },
      'Choose another parent, or restore that one first (update it with clear ["deleted_at"]).',
    );
  }
  return parent;
}

/** Moves an item with everything below it: `next` gets its place, its descendants theirs, in one statement. */
export async function moveSubtree(
  c: Connection,
  current: WorkItem,
  next: WorkItem,
  parentId: string | null,
): Promise<void> {
  const { workItems } = c.tables;
  const parent = parentId === null ? null : await liveParent(c, parentId);
  if (parent !== null) {
    const [deepest] = await c.db
      .select({ depth: sql<number | string | null>`max(${workItems.depth})` })
      .from(workItems)
      .where(inArray(workItems.id, descendantIds(c, current.id)));
    checkPlace(current, parent, Math.max(0, Number(deepest?.depth ?? current.depth) - current.depth));
    const link = await findBlockingLinkAcross(c, idsOnPath(parent.path), current.id);
    if (link !== undefined) throw blockedPlaceError(link.ancestor, link.item, parent.id);
  }
  next.parent_id = parentId;
  Object.assign(next, placeBelow(parent, current.id));
  await c.db
    .update(workItems)
    .set({
      path: sql`cast(${next.path} as text) || substr(${workItems.path}, ${sql.raw(String(current.path.length + 1))})`,
      depth: sql`${workItems.depth} + ${sql.raw(String(next.depth - current.depth))}`,
    })
    .where(inArray(workItems.id, descendantIds(c, current.id)));
}
