/**
 * Ready and waiting items of one label, which neither the queue nor the table of items is ordered by. Asked for the
 * first few in an order, PostgreSQL walks that order to its end for a label that hardly comes in it; so the items of the
 * label are gathered first, in a subquery whose limit keeps it from being merged with the rest.
 */
import { and, asc, eq, sql } from 'drizzle-orm';
import { WAITS } from '../../domain/readiness.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { orderBy } from './paging.ts';
import {
  conditions,
  findReadyInQueue,
  isFree,
  isNotReady,
  orderOf,
  shapeOf,
  valuesOf,
  type ReadyFilter,
  type ReadyItem,
} from './work-item-list.ts';

/** How far along the queue a label is looked for first: a frequent one is met there, and has too many items to gather. */
const QUEUE_FRONT = 200;
const ALL = 2_147_483_647;
const LIVE = { include_deleted: false, archived: false };

/**
 * Items that work could start on now, in the order of the queue and from its start: at least one where there is any,
 * at most `limit`.
 */
export async function findReady(c: Connection, wanted: ReadyFilter, limit: number): Promise<ReadyItem[]> {
  if (wanted.label === undefined) return await findReadyInQueue(c, wanted, limit);
  const met = await findReadyLabelled(c, wanted, 'front', limit);
  return met.length > 0 ? met : await findReadyLabelled(c, wanted, 'whole', limit);
}

async function findReadyLabelled(
  c: Connection,
  { label, ...others }: ReadyFilter,
  queue: 'front' | 'whole',
  limit: number,
): Promise<ReadyItem[]> {
  const filter = { ...others, ...LIVE };
  return await c
    .statement(`ready of a label ${queue} ${shapeOf(filter)}`, (db, t) => {
      const { workItems: w, workItemLabels: l } = t;
      const order = orderBy(orderOf(t, 'ready'));
      const front = db
        .select()
        .from(t.readyQueue)
        .where(eq(t.readyQueue.waits, WAITS.FOR_NOTHING))
        .orderBy(...order)
        .limit(QUEUE_FRONT);
      const q = queue === 'front' ? front.as('front') : t.readyQueue;
      const labelled = db
        .select({ item_id: q.item_id, priority: q.priority, rank: q.rank, position: q.position })
        .from(l)
        .crossJoin(q)
        .where(
          and(
            eq(l.label, sql.placeholder('label')),
            eq(q.item_id, l.item_id),
            eq(q.waits, WAITS.FOR_NOTHING),
          ),
        )
        .limit(ALL)
        .as('labelled');
      return db
        .select({ id: w.id, title: w.title })
        .from(labelled)
        .crossJoin(w)
        .where(and(eq(w.id, labelled.item_id), ...conditions(c, filter), isFree(c)))
        .orderBy(labelled.priority, labelled.rank, labelled.position, labelled.item_id)
        .limit(sql.placeholder('limit'));
    })
    .execute({ ...valuesOf(others), label, limit });
}

/** What says why an item is not ready. */
export type WaitingRow = Pick<
  WorkItem,
  | 'id'
  | 'title'
  | 'status'
  | 'priority'
  | 'path'
  | 'deleted_at'
  | 'archived_at'
  | 'claimed_by'
  | 'claim_expires_at'
>;

/** The open items of a label that are not ready, the most urgent first, and how many there are in all. */
export async function findWaitingLabelled(
  c: Connection,
  { label, ...others }: ReadyFilter & { label: string },
  limit: number,
): Promise<{ items: WaitingRow[]; total: number }> {
  const filter = { ...others, ...LIVE, open: true };
  const rows = await c
    .statement(`waiting of a label ${shapeOf(filter)}`, (db, { workItems: w, workItemLabels: l }) => {
      const labelled = db
        .select({ item_id: l.item_id })
        .from(l)
        .where(eq(l.label, sql.placeholder('label')))
        .limit(ALL)
        .as('labelled');
      return db
        .select({
          id: w.id,
          title: w.title,
          status: w.status,
          priority: w.priority,
          path: w.path,
          deleted_at: w.deleted_at,
          archived_at: w.archived_at,
          claimed_by: w.claimed_by,
          claim_expires_at: w.claim_expires_at,
          total: sql<number | string>`count(*) over ()`,
        })
        .from(labelled)
        .crossJoin(w)
        .where(and(eq(w.id, labelled.item_id), ...conditions(c, filter), isNotReady(c)))
        .orderBy(asc(w.priority), asc(w.position), asc(w.id))
        .limit(sql.placeholder('limit'));
    })
    .execute({ ...valuesOf(others), label, limit });
  return { items: rows.map(({ total: _total, ...item }) => item), total: Number(rows[0]?.total ?? 0) };
}
