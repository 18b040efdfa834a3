/** What a brief asks and nothing else does: what a client holds, what is blocked and why, where it was last. */
import { and, asc, count, eq, gt, inArray, isNull, max, notInArray, or, sql } from 'drizzle-orm';
import { CLOSED_STATUSES, type WorkItem } from '../../../domain/work-item.ts';
import type { Connection } from '../connection.ts';
import { pipelined } from '../pipelined.ts';
import { countItems } from './work-items.ts';

/** Items under an unexpired claim of this holder, those whose lease ends first before the others. */
export async function listClaimedBy(
  c: Connection,
  holder: string,
  now: string,
  limit: number,
): Promise<{ total: number; items: WorkItem[] }> {
  const { claims, workItems: w } = c.tables;
  const held = and(eq(claims.holder, holder), gt(claims.expires_at, now));
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
  const blockers = await findBlockers(
    c,
    items.map(({ id }) => id),
  );
  return { total, items: items.map((item) => ({ ...item, blockers: blockers.get(item.id) ?? [] })) };
}

/** The open items that each of these waits for, by title; items that wait for none are absent. */
async function findBlockers(
  c: Connection,
  ids: string[],
): Promise<Map<string, { id: string; title: string }[]>> {
  if (ids.length === 0) return new Map();
  const { dependencies: d, workItems: w } = c.tables;
  const waits = sql<string>`case ${d.dependency_type} when 'blocks' then ${d.target_id} else ${d.source_id} end`;
  const rows = await c.db
    .selectDistinct({ waits, id: w.id, title: w.title })
    .from(d)
    .innerJoin(
      w,
      sql`${w.id} = case ${d.dependency_type} when 'blocks' then ${d.source_id} else ${d.target_id} end`,
    )
    .where(
      and(
        isNull(w.deleted_at),
        isNull(w.archived_at),
        notInArray(w.status, [...CLOSED_STATUSES]),
        or(
          and(eq(d.dependency_type, 'blocks'), inArray(d.target_id, ids)),
          and(eq(d.dependency_type, 'depends_on'), inArray(d.source_id, ids)),
        ),
      ),
    )
    .orderBy(asc(w.title), asc(w.id));
  const blockers = new Map<string, { id: string; title: string }[]>();
  for (const { waits: item, id, title } of rows) {
    blockers.set(item, [...(blockers.get(item) ?? []), { id, title }]);
  }
  return blockers;
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
