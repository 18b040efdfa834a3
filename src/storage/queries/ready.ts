/** Why items are not ready: what blocks them, by title. */
import { and, asc, eq, inArray, or, sql } from 'drizzle-orm';
import { CLOSED_STATUSES, type ItemStatus } from '../../domain/work-item.ts';
import { whereNull } from '../database/columns.ts';
import type { Connection } from '../database/connection.ts';
import { chunks } from './work-items.ts';

export interface OpenBlocker {
  /** The item that waits. */
  blocked_id: string;
  /** The open item that it waits for. */
  id: string;
  title: string;
  status: ItemStatus;
}

/** The open items that block these directly, the oldest first. */
export async function findOpenBlockers(c: Connection, ids: readonly string[]): Promise<OpenBlocker[]> {
  const { dependencies: d, workItems: w } = c.tables;
  const found: OpenBlocker[] = [];
  for (const chunk of chunks([...ids])) {
    found.push(
      ...(await c.db
        .select({
          blocked_id: sql<string>`case ${d.dependency_type} when 'blocks' then ${d.target_id} else ${d.source_id} end`,
          id: w.id,
          title: w.title,
          status: w.status,
        })
        .from(d)
        .innerJoin(
          w,
          sql`${w.id} = case ${d.dependency_type} when 'blocks' then ${d.source_id} else ${d.target_id} end`,
        )
        .where(
          and(
            or(
              and(eq(d.dependency_type, 'blocks'), inArray(d.target_id, chunk)),
              and(eq(d.dependency_type, 'depends_on'), inArray(d.source_id, chunk)),
            ),
            whereNull('deleted_at', 'archived_at'),
            sql`${w.status} not in (${sql.raw(CLOSED_STATUSES.map((status) => `'${status}'`).join(', '))})`,
          ),
        )
        .orderBy(asc(w.created_at), asc(w.id))),
    );
  }
  return found;
}

/** The database's time, by which claims end: ISO 8601 UTC with milliseconds. */
export async function findNow(c: Connection): Promise<string> {
  const rows = await c
    .statement('now', (db, t) =>
      db
        .select({ now: sql`${c.now}`.mapWith(t.feed.changed_at) })
        .from(t.feed)
        .limit(1),
    )
    .execute();
  return rows[0]?.now ?? new Date().toISOString();
}

/** The item of a claim that was made under an idempotency key; undefined when the key is new. */
export async function findClaimedByKey(c: Connection, key: string): Promise<string | undefined> {
  const { appliedChanges: t } = c.tables;
  const rows = await c.db.select({ result: t.result }).from(t).where(eq(t.idempotency_key, key));
  const id = rows[0]?.result?.['entity_id'];
  return typeof id === 'string' ? id : undefined;
}
