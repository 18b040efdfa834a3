/** How a change makes or alters a work item; its place and its deletion have files of their own. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import { notFound, validationError } from '../../domain/errors.ts';
import { fieldChanges } from '../../domain/change.ts';
import type { ChangeOf, PatchOf } from '../../domain/change-schema.ts';
import { LABELS_MAX } from '../../domain/limits.ts';
import { mergeMetadata } from '../../domain/metadata.ts';
import {
  checkItemMetadata,
  checkPlace,
  completedAt,
  isClosed,
  placeBelow,
  withoutEmptyKnown,
  type WorkItem,
} from '../../domain/work-item.ts';
import { shortId } from '../../domain/text.ts';
import { positionOf } from '../../domain/position.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { Connection } from '../database/connection.ts';
import { findConfiguration } from '../queries/configuration.ts';
import { findOpenChildren } from '../queries/ready.ts';
import { findWorkItem } from '../queries/work-items.ts';
import { refuseArchived } from './archive.ts';
import {
  NOT_CLAIMED,
  checkItemToken,
  claimAsRead,
  endClaims,
  endedClaimsWarning,
  isClaimedAs,
} from './claims.ts';
import type { CountedChange } from './counts.ts';
import { asJson, oneRow, picked, type Effect, type Touched } from './effect.ts';
import { rebase } from './rebase.ts';
import { deleteOrRestore, type Along } from './work-item-deletion.ts';
import { lockedParent, moveSubtree } from './work-item-place.ts';

/** The code of the warning that names what stays open below an item that is closed. */
export const OPEN_CHILDREN = 'open_children';
/** Further ones are counted. */
const CHILDREN_NAMED = 5;

/** Fields that a patch sets as they are; the rest of an item follows from rules. */
const PLAIN_FIELDS = [
  'title',
  'description',
  'status',
  'priority',
  'labels',
  'assignee',
  'branch_name',
  'commit_hash',
  'pr_number',
  'position',
] as const;

export async function createWorkItem(c: Connection, change: ChangeOf<'create work_item'>): Promise<Effect> {
  const { patch } = change;
  const parent = patch.parent_id === null ? null : await lockedParent(c, patch.parent_id);
  if (parent !== null) checkPlace({ id: change.entity_id, title: patch.title }, parent, 0);
  const budget =
    patch.item_type === 'session' ? (await findConfiguration(c)).default_token_budget : undefined;
  const { item: row, warnings } = newItem(change, parent, c.versionStep(change), budget);
  const stored = oneRow(await insertItem(c, row));
  await replaceLabels(c, row.id, [], row.labels);
  return {
    record: asJson(stored),
    touched: [touch(stored, 'create', null)],
    counted: [{ before: null, after: stored }],
    merged_with: [],
    warnings,
  };
}

/**
 * The item that a creation makes below `parent`.
 * @param budget the tokens that a session gets unless it says so itself
 */
export function newItem(
  change: ChangeOf<'create work_item'>,
  parent: WorkItem | null,
  version: number,
  budget: number | undefined,
): { item: WorkItem; warnings: Warning[] } {
  const { patch } = change;
  const { item_type, status } = patch;
  let given: Record<string, unknown> = patch.metadata;
  if (item_type === 'session') given = { token_budget: budget, prompts_count: 0, ...given };
  const { metadata, warnings } = checkItemMetadata(item_type, withoutEmptyKnown(item_type, given));
  const place = placeBelow(parent, change.entity_id);
  const row: WorkItem = {
    // In the order of the table, as it is read back and recorded.
    id: change.entity_id,
    version,
    item_type,
    title: patch.title,
    description: patch.description,
    status,
    priority: patch.priority,
    labels: patch.labels,
    assignee: patch.assignee,
    parent_id: patch.parent_id,
    path: place.path,
    depth: place.depth,
    position: patch.position ?? positionOf(change.id),
    branch_name: patch.branch_name,
    commit_hash: patch.commit_hash,
    pr_number: patch.pr_number,
    metadata,
    created_at: patch.created_at ?? change.at,
    updated_at: patch.updated_at ?? change.at,
    completed_at: completedAt(status, patch.completed_at ?? null, change.at),
    created_by: patch.created_by ?? change.actor,
    updated_by: patch.created_by ?? change.actor,
    deleted_at: null,
    claimed_by: null,
    claim_expires_at: null,
    archived_at: null,
  };
  return { item: row, warnings };
}

export async function updateWorkItem(c: Connection, change: ChangeOf<'update work_item'>): Promise<Effect> {
  const movesOrDeletes = 'parent_id' in change.patch || 'deleted_at' in change.patch;
  if (movesOrDeletes) await c.lockStructure('exclusive');

  const current = await findWorkItem(c, change.entity_id);
  if (current === undefined) throw notFound('work item', { id: change.entity_id });
  refuseArchived(current, 'id');
  const claimWarnings = await checkItemToken(c, change, current);
  const { patch, merged_with, version } = await rebase(c, change, current, 'work item');
  refuseEditOfDeleted(current, patch);

  const next: WorkItem = {
    ...current,
    ...picked(patch, PLAIN_FIELDS),
    version,
    updated_at: change.at,
    updated_by: change.actor,
  };
  refuseTooManyLabels(next.labels);
  next.completed_at = completedAt(next.status, patch.completed_at ?? current.completed_at, change.at);
  const checked = checkItemMetadata(
    next.item_type,
    mergeMetadata(current.metadata, patch.metadata ?? {}),
    Object.keys(patch.metadata ?? {}),
  );
  next.metadata = checked.metadata;

  let along: Along = [];
  let ended: string[] = [];
  if (patch.parent_id !== undefined && patch.parent_id !== current.parent_id) {
    await moveSubtree(c, current, next, patch.parent_id);
  }
  if (patch.deleted_at !== undefined) {
    next.deleted_at = patch.deleted_at;
    ({ along, ended } = await deleteOrRestore(c, change, current, next));
  }
  const endsClaim = current.claimed_by !== null && (isClosed(next.status) || next.deleted_at !== null);
  if (endsClaim) Object.assign(next, NOT_CLAIMED);
  const stored = oneRow(await writeItem(c, next, current));
  if (endsClaim) await endClaims(c, [next.id]);
  await replaceLabels(c, next.id, current.labels, next.labels);
  return {
    record: asJson(stored),
    touched: [
      touch(stored, 'update', current),
      ...along.map(({ before, after }) => touch(after, 'update', before)),
    ],
    counted: [{ before: current, after: stored }, ...along],
    merged_with,
    warnings: [
      ...checked.warnings,
      ...claimWarnings,
      ...endedClaimsWarning(ended),
      ...(isClosing({ before: current, after: stored }) ? await openChildrenWarning(c, stored) : []),
    ],
  };
}

export function isClosing({ before, after }: CountedChange): boolean {
  return before !== null && after !== null && isClosed(after.status) && !isClosed(before.status);
}

/** What is below a closed item is offered to nobody. */
export async function openChildrenWarning(
  c: Connection,
  { id, title, status }: Pick<WorkItem, 'id' | 'title' | 'status'>,
): Promise<Warning[]> {
  const children = (await findOpenChildren(c, [id], CHILDREN_NAMED)).get(id);
  if (children === undefined) return [];
  const { first, total } = children;
  const named = first.map((child) => `"${child.title}" (${shortId(child.id)})`);
  const more = total > named.length ? ` and ${total - named.length} more` : '';
  const open = total === 1 ? 'an open child' : 'open children';
  const message = `"${title}" is ${status} and has ${open}: ${named.join(', ')}${more}. Nothing below "${title}" is ready while it is ${status}.`;
  return [{ code: OPEN_CHILDREN, message }];
}

export function touch(item: WorkItem, kind: 'create' | 'update', before: WorkItem | null): Touched {
  return {
    entity: 'work_item',
    entity_id: item.id,
    kind,
    version: item.version,
    fields: fieldChanges(before, item),
  };
}

function refuseEditOfDeleted(current: WorkItem, patch: PatchOf<'update work_item'>): void {
  if (current.deleted_at === null || 'deleted_at' in patch) return;
  throw validationError(
    {
      field: 'id',
      constraint: `"${current.title}" was deleted at ${current.deleted_at}`,
      value: current.id,
    },
    'Restore it first: update it with clear ["deleted_at"].',
  );
}

/** Each side of a merge may have added its own. */
function refuseTooManyLabels({ length }: string[]): void {
  if (length <= LABELS_MAX) return;
  throw validationError(
    {
      field: 'labels',
      constraint: `must have at most ${LABELS_MAX} entries (with those of others it has ${length})`,
      value: length,
    },
    'Read the item, decide which labels may go, and repeat the change with its current version.',
  );
}

async function insertItem(c: Connection, row: WorkItem): Promise<WorkItem[]> {
  return await c
    .statement('insert_work_item', (db, t) => db.insert(t.workItems).values(placeholders(row)).returning())
    .execute({ ...row });
}

/**
 * Writes nothing when the item is no longer as it was read. Its path alters without its version when an ancestor
 * moves, and who claims it when it is claimed.
 */
async function writeItem(c: Connection, row: WorkItem, current: WorkItem): Promise<WorkItem[]> {
  return await c
    .statement('update_work_item', (db, t) => {
      const { id: _id, created_at: _at, created_by: _by, ...values } = placeholders(row);
      return db
        .update(t.workItems)
        .set(values as never)
        .where(
          and(
            eq(t.workItems.id, sql.placeholder('id')),
            eq(t.workItems.version, sql.placeholder('base_version')),
            eq(t.workItems.path, sql.placeholder('base_path')),
            isClaimedAs(t),
          ),
        )
        .returning();
    })
    .execute({
      ...row,
      base_version: current.version,
      base_path: current.path,
      ...claimAsRead(current),
    });
}

/** A parameter of the same name for every field: the statement is then the same for all records. */
function placeholders(row: WorkItem) {
  return Object.fromEntries(
    Object.keys(row).map((name) => [name, sql.placeholder(name)]),
  ) as unknown as WorkItem;
}

async function replaceLabels(c: Connection, id: string, before: string[], after: string[]): Promise<void> {
  const { workItemLabels: l } = c.tables;
  const gone = before.filter((label) => !after.includes(label));
  const added = after.filter((label) => !before.includes(label));
  if (gone.length > 0) await c.db.delete(l).where(and(eq(l.item_id, id), inArray(l.label, gone)));
  if (added.length > 0) await c.db.insert(l).values(added.map((label) => ({ item_id: id, label })));
}
