/** Deleting a work item and bringing it back, with what goes along below it. */
import { inArray, sql } from 'drizzle-orm';
import { validationError } from '../../domain/errors.ts';
import type { Change } from '../../domain/change.ts';
import { idsOnPath, isClosed, type WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { chunks, findDescendants } from '../queries/work-items.ts';
import { NOT_CLAIMED, claimFields, endClaims, type EndedClaim } from './claims.ts';
import { oneRow } from './effect.ts';
import { liveParent } from './work-item-place.ts';

/** The first children named when an item with children may not be deleted. */
const CHILDREN_NAMED = 5;

/** The items that went along with another, before and after. */
export type Along = { before: WorkItem; after: WorkItem }[];

interface Marked {
  along: Along;
  /** Who had claimed which of them, in words. */
  ended: string[];
}

export async function deleteOrRestore(
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
