/** How a change makes or alters a work item: fields, place in the hierarchy, deletion (W1–W4, W7, W8). */
import { and, eq, inArray, sql } from 'drizzle-orm';
import { notFound, validationError } from '../../../errors.ts';
import { fieldChanges, type Change } from '../../../domain/change.ts';
import type { JsonObject } from '../../../domain/json.ts';
import { LABELS_MAX } from '../../../domain/limits.ts';
import { mergeMetadata } from '../../../domain/metadata.ts';
import {
  checkItemMetadata,
  blockedPlaceError,
  checkPlace,
  completedAt,
  idsOnPath,
  isClosed,
  placeBelow,
  withoutEmptyKnown,
  type WorkItem,
} from '../../../domain/work-item.ts';
import type { Warning } from '../../../domain/warnings.ts';
import type { Connection } from '../connection.ts';
import { findConfiguration } from '../queries/configuration.ts';
import { findBlockingLinkAcross } from '../queries/dependencies.ts';
import { chunks, descendantIds, findDescendants, findWorkItem } from '../queries/work-items.ts';
import { refuseArchived } from './archive.ts';
import {
  checkItemToken,
  claimAsRead,
  claimFields,
  endClaims,
  endedClaimsWarning,
  isClaimedAs,
  type EndedClaim,
} from './claims.ts';
import { asJson, oneRow, picked, rebase, textOr, type Effect, type Touched } from './effect.ts';

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
] as const;

/** The first children named when an item with children may not be deleted. */
const CHILDREN_NAMED = 5;

export async function createWorkItem(c: Connection, change: Change): Promise<Effect> {
  const { patch } = change;
  const parent = patch['parent_id'] === null ? null : await lockedParent(c, patch['parent_id'] as string);
  if (parent !== null) checkPlace({ id: change.entity_id, title: patch['title'] as string }, parent, 0);
  const budget =
    patch['item_type'] === 'session' ? (await findConfiguration(c)).default_token_budget : undefined;
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
  change: Change,
  parent: WorkItem | null,
  version: number,
  budget: number | undefined,
): { item: WorkItem; warnings: Warning[] } {
  const { patch } = change;
  const item = { ...patch, id: change.entity_id } as unknown as WorkItem;
  let given: Record<string, unknown> = item.metadata;
  if (item.item_type === 'session') given = { token_budget: budget, prompts_count: 0, ...given };
  const { metadata, warnings } = checkItemMetadata(item.item_type, withoutEmptyKnown(item.item_type, given));
  const row: WorkItem = {
    // In the order of the table, as it is read back and recorded.
    ...{ id: item.id, version, item_type: item.item_type, title: item.title },
    ...{ description: item.description, status: item.status, priority: item.priority, labels: item.labels },
    ...{ assignee: item.assignee, parent_id: item.parent_id, ...placeBelow(parent, item.id) },
    ...{ branch_name: item.branch_name, commit_hash: item.commit_hash, pr_number: item.pr_number },
    metadata,
    created_at: textOr(patch['created_at'], change.at),
    updated_at: textOr(patch['updated_at'], change.at),
    completed_at: completedAt(item.status, textOr(patch['completed_at'], null), change.at),
    created_by: textOr(patch['created_by'], change.actor),
    updated_by: textOr(patch['created_by'], change.actor),
    deleted_at: null,
    claimed_by: null,
    claim_expires_at: null,
    archived_at: null,
  };
  return { item: row, warnings };
}

export async function updateWorkItem(c: Connection, change: Change): Promise<Effect> {
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
  next.completed_at = completedAt(
    next.status,
    textOr(patch['completed_at'], current.completed_at),
    change.at,
  );
  const checked = checkItemMetadata(
    next.item_type,
    mergeMetadata(current.metadata, (patch['metadata'] ?? {}) as JsonObject),
    Object.keys((patch['metadata'] ?? {}) as JsonObject),
  );
  next.metadata = checked.metadata;

  let along: Along = [];
  let ended: string[] = [];
  if (patch['parent_id'] !== undefined && patch['parent_id'] !== current.parent_id) {
    await move(c, current, next, patch['parent_id'] as string | null);
  }
  if (patch['deleted_at'] !== undefined) {
    next.deleted_at = patch['deleted_at'] as string | null;
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
    warnings: [...checked.warnings, ...claimWarnings, ...endedClaimsWarning(ended)],
  };
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

/** The parent of a new item, kept from being moved or deleted until the item is there. */
async function lockedParent(c: Connection, id: string): Promise<WorkItem> {
  await c.lockStructure('shared');
  return await liveParent(c, id);
}

async function liveParent(c: Connection, id: string): Promise<WorkItem> {
  return refuseAsParent(await findWorkItem(c, id), id);
}

/** The item, if new items may stand below it. */
export function refuseAsParent(parent: WorkItem | undefined, id: string): WorkItem {
  if (parent === undefined) throw notFound('work item', { id });
  refuseArchived(parent, 'parent_id');
  if (parent.deleted_at !== null) {
    throw validationError(
      { field: 'parent_id', constraint: `"${parent.title}" is deleted`, value: id },
      'Choose another parent, or restore that one first (update it with deleted_at null).',
    );
  }
  return parent;
}

function refuseEditOfDeleted(current: WorkItem, patch: JsonObject): void {
  if (current.deleted_at === null || 'deleted_at' in patch) return;
  throw validationError(
    {
      field: 'id',
      constraint: `"${current.title}" was deleted at ${current.deleted_at}`,
      value: current.id,
    },
    'Restore it first: update it with deleted_at null.',
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

/** Moves an item with everything below it: `next` gets its place, its descendants theirs, in one statement. */
async function move(
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

const NOT_CLAIMED = { claimed_by: null, claim_expires_at: null } as const;

/** The items that went along with another, before and after. */
type Along = { before: WorkItem; after: WorkItem }[];

interface Marked {
  along: Along;
  /** Who had claimed which of them, in words. */
  ended: string[];
}

async function deleteOrRestore(
  c: Connection,
  change: Change,
  current: WorkItem,
  next: WorkItem,
): Promise<Marked> {
  const nothing: Marked = { along: [], ended: [] };
  if (next.deleted_at === null) {
    if (next.parent_id !== null) await liveParent(c, next.parent_id);
    if (!change.cascade || current.deleted_at === null) return nothing;
    const together = (await findDescendants(c, current.id)).filter(
      (item) => item.deleted_at === current.deleted_at,
    );
    return await markAll(c, together, change, null, openAgain(together));
  }
  if (current.deleted_at !== null) {
    // Deleted once: the time stays, because it tells what went along and comes back with it.
    next.deleted_at = current.deleted_at;
    return nothing;
  }
  const live = (await findDescendants(c, current.id)).filter((item) => item.deleted_at === null);
  if (live.length > 0 && !change.cascade) throw childrenError(current, live);
  return await markAll(c, live, change, next.deleted_at);
}

/**
 * Of items that are deleted no longer, those that cannot stay in the archive: what is open again, and what is above it.
 */
function openAgain(restored: WorkItem[]): Set<string> {
  const open = restored.filter(({ archived_at, status }) => archived_at !== null && !isClosed(status));
  return new Set(open.flatMap(({ path }) => idsOnPath(path)));
}

function childrenError(item: WorkItem, live: WorkItem[]) {
  const children = live.filter(({ parent_id }) => parent_id === item.id);
  const archived = live.filter(({ archived_at }) => archived_at !== null).length;
  const what =
    archived === 0
      ? `${live.length} live item(s) below it`
      : `${live.length} item(s) below it, ${archived} of them in the archive`;
  const names = children.slice(0, CHILDREN_NAMED).map(({ title }) => `"${title}"`);
  const error = validationError(
    {
      field: 'deleted_at',
      constraint: `"${item.title}" has ${what}: ${names.join(', ')}${children.length > names.length ? ', …' : ''}`,
      value: item.id,
    },
    'Complete or move the items below it first, or ask the user whether all of them should go (cascade).',
  );
  error.details['children'] = children.slice(0, CHILDREN_NAMED).map(({ id, title }) => ({ id, title }));
  return error;
}

async function markAll(
  c: Connection,
  items: WorkItem[],
  change: Change,
  deletedAt: string | null,
  unarchived: ReadonlySet<string> = new Set(),
): Promise<Marked> {
  const { workItems } = c.tables;
  const step = c.versionStep(change);
  const claims = new Map<string, EndedClaim>();
  const groups = [
    items.filter(({ id }) => !unarchived.has(id)),
    items.filter(({ id }) => unarchived.has(id)),
  ];
  for (const chunk of groups.flatMap((group) => chunks(group))) {
    const marked = await c.db
      .update(workItems)
      .set({
        deleted_at: deletedAt,
        ...NOT_CLAIMED,
        ...(unarchived.has(chunk[0]?.id ?? '') && { archived_at: null }),
        version: sql`${workItems.version} + ${sql.raw(String(step))}`,
        updated_at: change.at,
        updated_by: change.actor,
      })
      .where(
        inArray(
          workItems.id,
          chunk.map(({ id }) => id),
        ),
      )
      .returning({ id: workItems.id, version: workItems.version });
    const versions = new Map(marked.map(({ id, version }) => [id, version]));
    // Someone edited one of them in between: what is recorded must be what happened.
    chunk.forEach(({ id, version }) => oneRow(versions.get(id) === version + step ? [id] : []));
    // Claims raise no version: who held one is known for certain only now that the rows are locked.
    for (const claim of await endClaims(
      c,
      chunk.map(({ id }) => id),
    )) {
      claims.set(claim.item_id, claim);
    }
  }
  const along = items.map((item) => {
    const claim = claims.get(item.id);
    const before = { ...item, ...NOT_CLAIMED, ...(claim !== undefined && claimFields(claim)) };
    const back = unarchived.has(item.id) && { archived_at: null };
    return {
      before,
      after: { ...before, ...NOT_CLAIMED, version: item.version + step, deleted_at: deletedAt, ...back },
    };
  });
  const ended = along.flatMap(({ before: { title, claimed_by } }) =>
    claimed_by === null ? [] : [`"${title}" (${claimed_by})`],
  );
  return { along, ended };
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
