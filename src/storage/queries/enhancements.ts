/** Reading enhancements. */
import { and, asc, count, eq, gte, inArray, lte, ne, sql, type SQL } from 'drizzle-orm';
import type { Enhancement, EnhancementStatus, NamedEnhancement } from '../../domain/enhancement.ts';
import { groupBy } from '../../domain/grouping.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { given, present } from './conditions.ts';
import { findPage, type Order, type Page, type PageRequest } from './paging.ts';

/** An enhancement as another record names it. */
export interface EnhancementMention extends NamedEnhancement {
  status: EnhancementStatus;
}

type Row = Omit<Enhancement, 'depends_on'>;

export async function findEnhancement(c: Connection, id: string): Promise<Enhancement | undefined> {
  const { enhancements: t } = c.tables;
  const [found] = await withDependencies(c, await c.db.select().from(t).where(eq(t.id, id)));
  return found;
}

/** The rows with what they depend on, in one further query for all of them. */
async function withDependencies(c: Connection, rows: Row[]): Promise<Enhancement[]> {
  if (rows.length === 0) return [];
  const { enhancementDependencies: d } = c.tables;
  const links = await c.db
    .select()
    .from(d)
    .where(
      inArray(
        d.enhancement_id,
        rows.map(({ id }) => id),
      ),
    )
    .orderBy(asc(d.depends_on_id));
  const needs = new Map<string, string[]>(rows.map(({ id }) => [id, []]));
  for (const { enhancement_id, depends_on_id } of links) needs.get(enhancement_id)?.push(depends_on_id);
  return rows.map((row) => ({ ...row, depends_on: needs.get(row.id) ?? [] }));
}

/** The enhancements with these ids, in no particular order; unknown ids are simply absent. */
export async function findEnhancementMentions(c: Connection, ids: string[]): Promise<EnhancementMention[]> {
  if (ids.length === 0) return [];
  const { enhancements: t } = c.tables;
  return await c.db.select({ id: t.id, title: t.title, status: t.status }).from(t).where(inArray(t.id, ids));
}

export async function findEnhancementsByIdRange(
  c: Connection,
  range: { from: string; to: string },
  limit: number,
): Promise<NamedEnhancement[]> {
  const { enhancements: t } = c.tables;
  return await c.db
    .select({ id: t.id, title: t.title })
    .from(t)
    .where(and(gte(t.id, range.from), lte(t.id, range.to)))
    .orderBy(asc(t.id))
    .limit(limit);
}

/** The enhancements that became this work item: one, as long as nobody wrote past the rules. */
export async function findEnhancementsOfItem(c: Connection, item_id: string): Promise<EnhancementMention[]> {
  return await c
    .statement('enhancements_of_item', (db, { enhancements: t }) =>
      db
        .select({ id: t.id, title: t.title, status: t.status })
        .from(t)
        .where(eq(t.work_item_id, sql.placeholder('item')))
        .orderBy(asc(t.id)),
    )
    .execute({ item: item_id });
}

/** The enhancements that depend on this one, by title. */
export async function findEnhancementsWaitingFor(c: Connection, id: string): Promise<EnhancementMention[]> {
  const { enhancements: t, enhancementDependencies: d } = c.tables;
  return await c.db
    .select({ id: t.id, title: t.title, status: t.status })
    .from(d)
    .innerJoin(t, eq(t.id, d.enhancement_id))
    .where(eq(d.depends_on_id, id))
    .orderBy(asc(t.title), asc(t.id));
}

export interface EnhancementFilter extends PageRequest {
  id?: string | undefined;
  priority?: number | undefined;
  status?: EnhancementStatus | undefined;
  target_quarter?: string | undefined;
}

/** The most important first, older before newer. */
export async function listEnhancements(c: Connection, filter: EnhancementFilter): Promise<Page<Enhancement>> {
  const { enhancements: t } = c.tables;
  const order: Order = {
    name: 'enhancements',
    columns: [t.priority, t.created_at, t.id],
    descending: false,
  };
  const page = await findPage(c, {
    name: 'list_enhancements',
    table: t,
    select: c.db.select().from(t).$dynamic(),
    where: conditions(c.tables, filter),
    order,
    request: filter,
  });
  return { ...page, items: await withDependencies(c, page.items) };
}

function conditions({ enhancements: t }: Tables, filter: EnhancementFilter): SQL[] {
  return present(
    given(filter.id, (id) => eq(t.id, id)),
    given(filter.priority, (priority) => eq(t.priority, priority)),
    given(filter.status, (status) => eq(t.status, status)),
    given(filter.target_quarter, (quarter) => eq(t.target_quarter, quarter)),
  );
}

/** What the status file shows: those not completed, the most important first, at most `limit`, with the total. */
export async function statusEnhancements(c: Connection, limit: number) {
  const rows = await c
    .statement('status_enhancements', (db, { enhancements: t }) =>
      db
        .select({
          id: t.id,
          version: t.version,
          title: t.title,
          description: sql<string | null>`substr(${t.description}, 1, 2000)`,
          priority: t.priority,
          status: t.status,
          target_quarter: t.target_quarter,
          updated_at: t.updated_at,
        })
        .from(t)
        .where(ne(t.status, 'completed'))
        .orderBy(asc(t.priority), asc(t.created_at), asc(t.id))
        .limit(sql.placeholder('limit')),
    )
    .execute({ limit });
  if (rows.length < limit) return { items: rows, total: rows.length };
  const { enhancements: t } = c.tables;
  const totals = await c.db.select({ total: count() }).from(t).where(ne(t.status, 'completed'));
  return { items: rows, total: Number(totals[0]?.total ?? rows.length) };
}

/**
 * How one of these enhancements leads back to `id` by what they depend on: the chain from it to `id`, both included;
 * undefined when none does.
 */
export async function findEnhancementChain(
  c: Connection,
  from: string[],
  id: string,
): Promise<NamedEnhancement[] | undefined> {
  const { enhancements: t, enhancementDependencies: d } = c.tables;
  const edges = await c.db
    .select({ from: d.enhancement_id, to: d.depends_on_id })
    .from(d)
    .innerJoin(
      sql`(with recursive reached(id) as (
        select ${t.id} as id from ${t} where ${inArray(t.id, from)}
        union
        select e.depends_on_id from reached join ${d} e on e.enhancement_id = reached.id
      ) select id from reached) as r`,
      sql`${d.enhancement_id} = r.id`,
    );
  const needs = groupBy(edges, (edge) => edge.from);
  const cameFrom = new Map<string, string | undefined>(from.map((start) => [start, undefined]));
  for (const at of cameFrom.keys()) {
    if (at === id) break;
    for (const { to: next } of needs.get(at) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, at);
  }
  if (!cameFrom.has(id)) return undefined;
  const chain: string[] = [];
  for (let at: string | undefined = id; at !== undefined; at = cameFrom.get(at)) chain.unshift(at);
  const titles = new Map((await findEnhancementMentions(c, chain)).map((one) => [one.id, one.title]));
  return chain.map((one) => ({ id: one, title: titles.get(one) ?? one }));
}
