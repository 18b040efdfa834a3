/** Why items are not ready: what blocks them, what stops them from above, which children are open. */
import { and, asc, eq, inArray, lte, notInArray, or, sql } from 'drizzle-orm';
import { groupBy } from '../../domain/grouping.ts';
import { CLOSED_STATUSES, idsAbove, isOpen, type ItemStatus } from '../../domain/work-item.ts';
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
        .orderBy(asc(w.position), asc(w.id))),
    );
  }
  return found;
}

/** Each is deleted, archived, closed or blocked, or waits for an open item. */
export interface StoppedAncestor {
  id: string;
  title: string;
  status: ItemStatus;
  deleted_at: string | null;
  archived_at: string | null;
  blocker: OpenBlocker | undefined;
}

/** For each of these items that is below one which stops everything below it, the nearest such one. */
export async function findStoppedAbove(
  c: Connection,
  items: readonly { id: string; path: string }[],
): Promise<Map<string, StoppedAncestor>> {
  const stopped = await findStopped(c, [...new Set(items.flatMap(({ path }) => idsAbove(path)))]);
  const nearest = items.map(({ id, path }) => {
    const above = idsAbove(path).find((one) => stopped.has(one));
    return [id, above === undefined ? undefined : stopped.get(above)] as const;
  });
  return new Map(nearest.filter((one): one is [string, StoppedAncestor] => one[1] !== undefined));
}

async function findStopped(c: Connection, ids: readonly string[]): Promise<Map<string, StoppedAncestor>> {
  const { workItems: w } = c.tables;
  const blockers = groupBy(await findOpenBlockers(c, ids), ({ blocked_id }) => blocked_id);
  const stopped = new Map<string, StoppedAncestor>();
  for (const chunk of chunks([...ids])) {
    const rows = await c.db
      .select({
        ...{ id: w.id, title: w.title, status: w.status },
        ...{ deleted_at: w.deleted_at, archived_at: w.archived_at },
      })
      .from(w)
      .where(inArray(w.id, chunk));
    for (const row of rows) {
      const [blocker] = blockers.get(row.id) ?? [];
      if (!isOpen(row) || row.status === 'blocked' || blocker !== undefined)
        stopped.set(row.id, { ...row, blocker });
    }
  }
  return stopped;
}

export interface OpenChildren {
  /** In their order. */
  first: { id: string; title: string; status: ItemStatus }[];
  total: number;
}

/** For each of these items that has open children, the first `limit` of them, and how many there are. */
export async function findOpenChildren(
  c: Connection,
  ids: readonly string[],
  limit: number,
): Promise<Map<string, OpenChildren>> {
  const { workItems: w } = c.tables;
  const found = new Map<string, OpenChildren>();
  for (const chunk of chunks([...ids])) {
    const numbered = c.db
      .select({
        ...{ parent_id: w.parent_id, id: w.id, title: w.title, status: w.status },
        place: sql`row_number() over (partition by ${w.parent_id} order by ${w.position}, ${w.id})`.as(
          'place',
        ),
        total: sql<number | string>`count(*) over (partition by ${w.parent_id})`.as('total'),
      })
      .from(w)
      .where(
        and(
          inArray(w.parent_id, chunk),
          whereNull('deleted_at', 'archived_at'),
          notInArray(w.status, [...CLOSED_STATUSES]),
        ),
      )
      .as('numbered');
    const rows = await c.db.select().from(numbered).where(lte(numbered.place, limit)).orderBy(numbered.place);
    for (const { parent_id, id, title, status, total } of rows) {
      const children = found.get(parent_id ?? '') ?? { first: [], total: Number(total) };
      children.first.push({ id, title, status });
      found.set(parent_id ?? '', children);
    }
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
