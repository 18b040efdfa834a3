/** What a brief asks and nothing else does: what a client holds, what is blocked and why, where it was last. */
import { and, asc, count, eq, gt, inArray, isNull, max, sql } from 'drizzle-orm';
import type { WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { findOpenBlockers } from './ready.ts';
import { countItems } from './work-items.ts';

/** Items under an unexpired claim of this holder, those whose lease ends first before the others. */
export async function listClaimedBy(
  c: Connection,
  holder: string,
  limit: number,
): Promise<{ total: number; items: WorkItem[] }> {
  const { claims, workItems: w } = c.tables;
  const held = and(eq(claims.holder, holder), gt(claims.expires_at, c.now));
  const [rows, totals] = await pipelined(
    c.db
      .select({ item: w })
      .from(claims)
      .innerJoin(w, eq(w.id, claims.item_id))
      .where(held)
      .orderBy(asc(claims.expires_at), asc(claims.item_id))
      .limit(limit)
      .execute(),
    c.db.select({ total: count() }).from(claims).where(held).execute(),
  );
  return { total: Number(totals[0]?.total ?? 0), items: rows.map(({ item }) => item) };
}

const WORKABLE = ['planned', 'active', 'blocked'] as const;

export type BlockedRow = WorkItem & { blockers: { id: string; title: string }[] };

/** Live items that are not finished and cannot be started: marked as blocked, or waiting for others; urgent ones first. */
export async function listBlocked(
  c: Connection,
  limit: number,
): Promise<{ total: number; items: BlockedRow[] }> {
  const { workItems: w, readyQueue: q } = c.tables;
  const [items, counted, ready] = await pipelined(
    c.db
      .select()
      .from(w)
      .where(
        and(
          isNull(w.deleted_at),
          isNull(w.archived_at),
          inArray(w.status, [...WORKABLE]),
          sql`not exists (select 1 from ${q} where ${q.item_id} = ${w.id})`,
        ),
      )
      .orderBy(asc(w.priority), asc(w.created_at), asc(w.id))
      .limit(limit)
      .execute() as Promise<WorkItem[]>,
    countItems(c),
    c.db.select({ total: count() }).from(q).execute(),
  );
  const workable = counted.filter(
    ({ shelf, status }) => shelf === 'live' && WORKABLE.some((one) => one === status),
  );
  const total = workable.reduce((sum, row) => sum + Number(row.items), 0) - Number(ready[0]?.total ?? 0);
  const found = await findOpenBlockers(
    c,
    items.map(({ id }) => id),
  );
  const blockers = new Map<string, BlockedRow['blockers']>();
  for (const { blocked_id, id, title } of found) {
    blockers.set(blocked_id, [...(blockers.get(blocked_id) ?? []), { id, title }]);
  }
  return { total, items: items.map((item) => ({ ...item, blockers: blockers.get(item.id) ?? [] })) };
}

/** The position in the feed of an actor's last change; undefined when there is none. */
export async function findLastChangeOf(c: Connection, actor: string): Promise<number | undefined> {
  const { changes: t } = c.tables;
  const [row] = await c.db
    .select({ seq: max(t.seq) })
    .from(t)
    .where(eq(t.actor, actor));
  return row?.seq == null ? undefined : Number(row.seq);
}

/** How many changes, to whatever, wait for a decision. */
export async function countAllOpenConflicts(c: Connection): Promise<number> {
  const { conflicts: t } = c.tables;
  const [row] = await c.db.select({ open: count() }).from(t).where(isNull(t.resolved_at));
  return Number(row?.open ?? 0);
}
