/** What is due for the archive: found along an index of closed items, never by looking at all of them. */
import { and, count, eq, gte, inArray, lt, sql, type SQL } from 'drizzle-orm';
import type { ArchiveTerms } from '../../domain/archive.ts';
import { CLOSED_STATUSES, idsOnPath } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { CLOSED_NOT_ARCHIVED } from '../database/schema-work-items.ts';
import { findTitles } from './names.ts';
import { chunks } from './work-items.ts';

/** A subtree that may go to the archive whole. */
export interface DueSubtree {
  id: string;
  title: string;
  /** Itself and everything below it that is not in the archive yet. */
  items: number;
}

export interface DueRequest extends ArchiveTerms {
  created_before: string;
  /** What was brought back since then stays; null to archive it again. */
  restored_before: string | null;
  /** Where the page before ended. */
  after: { created_at: string; id: string } | null;
  /** Closed items looked at. */
  limit: number;
  /** Items that earlier pages found to have something unfinished below them. */
  unfit: ReadonlySet<string>;
}

export interface DuePage {
  /** The largest subtrees that are due and have one of the items looked at in them, each once. */
  subtrees: DueSubtree[];
  unfit: string[];
  /** Null when nothing is left to look at. */
  after: { created_at: string; id: string } | null;
}

/** Looks at the next closed items, oldest first. Each subtree is walked once for all of them. */
export async function findDueSubtrees(c: Connection, request: DueRequest): Promise<DuePage> {
  const rows = await closedItems(c, request);
  const last = rows.at(-1);
  const after = rows.length < request.limit || last === undefined ? null : last;
  const chains = await closedChains(c, rows, request);
  const tops = [...new Set(chains.flat())].filter((id) => !request.unfit.has(id));
  const weights = await weigh(c, tops, request);
  const unfit = tops.filter((id) => weights.get(id)?.in_the_way !== 0);
  const found = new Set(
    chains.flatMap((chain) => chain.find((id) => weights.get(id)?.in_the_way === 0) ?? []),
  );
  for (const id of await restoredSince(c, [...found], request.restored_before)) found.delete(id);
  const titles = await findTitles(c, [...found]);
  return {
    subtrees: [...found].map((id) => ({
      id,
      title: titles.get(id) ?? id,
      items: weights.get(id)?.items ?? 1,
    })),
    unfit,
    after: after && { created_at: after.created_at, id: after.id },
  };
}

async function closedItems(c: Connection, { created_before, after, limit }: DueRequest) {
  return await c
    .statement('archivable', (db, { workItems: w }) =>
      db
        .select({ id: w.id, path: w.path, created_at: w.created_at })
        .from(w)
        .where(
          and(
            // Word for word as the index has it, so that both databases know it for theirs.
            sql.raw(CLOSED_NOT_ARCHIVED),
            lt(w.created_at, sql.placeholder('before')),
            sql`(${w.created_at}, ${w.id}) > (${sql.placeholder('at')}, ${sql.placeholder('id')})`,
          ),
        )
        .orderBy(w.created_at, w.id)
        .limit(sql.placeholder('limit')),
    )
    .execute({ before: created_before, limit, at: after?.created_at ?? FIRST.at, id: after?.id ?? FIRST.id });
}

const FIRST = { at: '0001-01-01T00:00:00.000Z', id: '00000000-0000-0000-0000-000000000000' };

/** For each item the ids, topmost first, of itself and those right above it that are closed and old too. */
async function closedChains(
  c: Connection,
  rows: { id: string; path: string }[],
  { created_before }: DueRequest,
): Promise<string[][]> {
  const { workItems: w } = c.tables;
  const own = new Set(rows.map(({ id }) => id));
  const above = [...new Set(rows.flatMap(({ path }) => idsOnPath(path)))].filter((id) => !own.has(id));
  for (const chunk of chunks(above)) {
    const closed = await c.db
      .select({ id: w.id })
      .from(w)
      .where(and(inArray(w.id, chunk), sql.raw(CLOSED_NOT_ARCHIVED), lt(w.created_at, created_before)));
    for (const { id } of closed) own.add(id);
  }
  return rows.map(({ path }) => {
    const ids = idsOnPath(path);
    return ids.slice(ids.findLastIndex((id) => !own.has(id)) + 1);
  });
}

/** How many items each of these subtrees has outside the archive, and how many of them may not go there. */
async function weigh(
  c: Connection,
  ids: string[],
  terms: ArchiveTerms,
): Promise<Map<string, { items: number; in_the_way: number }>> {
  const { workItems: w } = c.tables;
  const weights = new Map<string, { items: number; in_the_way: number }>();
  for (const chunk of chunks(ids)) {
    const rows = await c.db
      .select({
        root: sql<string>`b.root`,
        items: count(),
        in_the_way: sql<number>`sum(b.stays)`,
      })
      .from(
        // What is looked at is carried along: a join to the items afterwards may read all of them.
        sql`(with recursive below(root, id, stays) as (
          select i.id, i.id, ${stays(terms)} from ${w} i where i.id in ${chunk}
          union all
          select below.root, i.id, ${stays(terms)} from below join ${w} i on i.parent_id = below.id
            where (i.archived_at is null) is true
        ) select root, stays from below) as b`,
      )
      .groupBy(sql`b.root`);
    for (const { root, items, in_the_way } of rows) {
      weights.set(root, { items: Number(items), in_the_way: Number(in_the_way) });
    }
  }
  return weights;
}

/** The same as `whyNotArchived`, for the database: 1 for an item `i` that may not go, 0 for one that may. */
function stays({ now, current_session_id, created_before }: ArchiveTerms): SQL {
  const closed = sql.raw(CLOSED_STATUSES.map((status) => `'${status}'`).join(', '));
  const old = created_before === null ? sql`true` : sql`i.created_at < ${created_before}`;
  const other = current_session_id === null ? sql`true` : sql`i.id <> ${current_session_id}`;
  return sql`case when (i.deleted_at is not null or i.status in (${closed})) and ${old} and ${other}
    and (i.claimed_by is null or i.claim_expires_at is null or i.claim_expires_at <= ${now}) then 0 else 1 end`;
}

async function restoredSince(c: Connection, ids: string[], since: string | null): Promise<string[]> {
  const { changes: t } = c.tables;
  const restored: string[] = [];
  if (since === null) return restored;
  for (const chunk of chunks(ids)) {
    const rows = await c.db
      .selectDistinct({ id: t.entity_id })
      .from(t)
      .where(and(inArray(t.entity_id, chunk), eq(t.kind, 'restore'), gte(t.at, since)));
    restored.push(...rows.map(({ id }) => id));
  }
  return restored;
}
