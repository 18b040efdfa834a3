/** Dependencies: those of one item, and the paths that blocking links make. */
import { and, asc, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { blockingPair, type Dependency, type DependencyView } from '../../domain/dependency.ts';
import { groupBy } from '../../domain/grouping.ts';
import type { ItemStatus, NamedItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { chunks, descendantIds, findWorkItems } from './work-items.ts';

/** At most this many dependencies of one item are answered. */
export const DEPENDENCIES_MAX = 500;

/**
 * The dependencies of an item in either direction, each with the other item, oldest first, and those that were made together in the order of the others: at most one more
 * than may be answered, so that the caller can tell that there are more.
 */
export async function findDependencies(c: Connection, id: string): Promise<DependencyView[]> {
  const rows = await c
    .statement('dependencies_of_item', (db, t) => {
      const d = t.dependencies;
      const w = t.workItems;
      return db
        .select({
          source_id: d.source_id,
          target_id: d.target_id,
          dependency_type: d.dependency_type,
          created_at: d.created_at,
          created_by: d.created_by,
          other: { id: w.id, title: w.title, status: w.status, item_type: w.item_type },
        })
        .from(d)
        .innerJoin(
          w,
          sql`${w.id} = case when ${d.source_id} = ${sql.placeholder('id')} then ${d.target_id} else ${d.source_id} end`,
        )
        .where(or(eq(d.source_id, sql.placeholder('id')), eq(d.target_id, sql.placeholder('id'))))
        .orderBy(
          ...[asc(d.created_at), asc(w.position)],
          ...[asc(d.source_id), asc(d.target_id), asc(d.dependency_type)],
        )
        .limit(DEPENDENCIES_MAX + 1);
    })
    .execute({ id });
  return rows;
}

/** Every link whose source is one of these items, however many there are; each once. */
export async function findLinksFrom(c: Connection, ids: readonly string[]): Promise<DependencyEnds[]> {
  return await findLinksAt(c, 'source_id', ids);
}

/** Every link between two of these items, however many there are; each once. */
export async function findLinksAmong(c: Connection, ids: readonly string[]): Promise<Dependency[]> {
  const { dependencies: d } = c.tables;
  const given = new Set(ids);
  const found: Dependency[] = [];
  for (const chunk of chunks([...given].sort())) {
    const rows = await c.db.select().from(d).where(inArray(d.source_id, chunk));
    for (const row of rows) if (given.has(row.target_id)) found.push(row);
  }
  return found;
}

/** Every link of these items in either direction, however many there are; each once. */
export async function findLinksOf(c: Connection, ids: readonly string[]): Promise<DependencyEnds[]> {
  const given = new Set(ids);
  const incoming = await findLinksAt(c, 'target_id', ids);
  return [...(await findLinksFrom(c, ids)), ...incoming.filter(({ source_id }) => !given.has(source_id))];
}

async function findLinksAt(
  c: Connection,
  end: 'source_id' | 'target_id',
  ids: readonly string[],
): Promise<DependencyEnds[]> {
  const { dependencies: d } = c.tables;
  const found: DependencyEnds[] = [];
  for (const chunk of chunks([...ids].sort())) {
    const rows = await c.db
      .select({ source_id: d.source_id, target_id: d.target_id, dependency_type: d.dependency_type })
      .from(d)
      .where(inArray(d[end], chunk))
      .orderBy(asc(d.source_id), asc(d.target_id), asc(d.dependency_type));
    for (const row of rows) found.push(row);
  }
  return found;
}

type DependencyEnds = Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>;

/** The links between two items, in either direction. */
export async function findLinksBetween(c: Connection, a: string, b: string): Promise<Dependency[]> {
  return await c
    .statement('links_between', (db, t) => {
      const d = t.dependencies;
      return db
        .select()
        .from(d)
        .where(
          or(
            and(eq(d.source_id, sql.placeholder('a')), eq(d.target_id, sql.placeholder('b'))),
            and(eq(d.source_id, sql.placeholder('b')), eq(d.target_id, sql.placeholder('a'))),
          ),
        );
    })
    .execute({ a, b });
}

/**
 * A chain of blocking links that leads from one item to another, both included; undefined if there is none.
 * Every item that `from` blocks, directly or through others, is visited once, by the database.
 */
export async function findBlockingPath(
  c: Connection,
  from: string,
  to: string,
): Promise<NamedItem[] | undefined> {
  const edges = await findBlockingLinks(c, [from]);
  const pairs = edges.flatMap((edge) => blockingPair(edge) ?? []);
  const next = groupBy(pairs, ({ blocker }) => blocker);
  const path = shortestPath(next, from, to);
  if (path === undefined) return undefined;
  const titles = new Map((await findWorkItems(c, path)).map(({ id, title }) => [id, title]));
  return path.map((id) => ({ id, title: titles.get(id) ?? id }));
}

/** Every blocking link that leads on from these items, directly or through others; each item is visited once. */
export async function findBlockingLinks(
  c: Connection,
  from: string[],
): Promise<Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>[]> {
  if (from.length === 0) return [];
  const { dependencies: d, workItems: w } = c.tables;
  return await c.db
    .select({
      source_id: d.source_id,
      target_id: d.target_id,
      dependency_type: d.dependency_type,
    })
    .from(d)
    .innerJoin(
      // The start is taken from the table so that it has the column's type.
      sql`(with recursive reached(id) as (
        select ${w.id} as id from ${w} where ${inArray(w.id, from)}
        union
        select case e.dependency_type when 'blocks' then e.target_id else e.source_id end
        from reached join ${d} e on (e.source_id = reached.id and e.dependency_type = 'blocks')
          or (e.target_id = reached.id and e.dependency_type = 'depends_on')
      ) select id from reached) as r`,
      sql`(${d.source_id} = r.id and ${d.dependency_type} = 'blocks') or (${d.target_id} = r.id and ${d.dependency_type} = 'depends_on')`,
    );
}

/** `findBlockingLinks` for any number of items: what some of them led to is not walked again from the others. */
export async function findBlockingLinksOfMany(
  c: Connection,
  from: readonly string[],
): Promise<DependencyEnds[]> {
  const found: DependencyEnds[] = [];
  const walked = new Set<string>();
  const open = [...new Set(from)];
  while (open.length > 0) {
    const start = open.splice(0, IDS_PER_WALK).filter((id) => !walked.has(id));
    for (const id of start) walked.add(id);
    for (const link of await findBlockingLinks(c, start)) {
      found.push(link);
      const pair = blockingPair(link);
      if (pair !== undefined) walked.add(pair.blocker).add(pair.blocked);
    }
  }
  return found;
}

const IDS_PER_WALK = 1_000;

/** A blocking link between one of some items and another item or anything below that; undefined if there is none. */
export async function findBlockingLinkAcross(
  c: Connection,
  ids: string[],
  topId: string,
): Promise<{ ancestor: NamedItem; item: NamedItem } | undefined> {
  const { dependencies: d } = c.tables;
  const inTree = (column: PgColumn) => or(eq(column, topId), inArray(column, descendantIds(c, topId)));
  const [link] = await c.db
    .select({ source_id: d.source_id, target_id: d.target_id })
    .from(d)
    .where(
      and(
        inArray(d.dependency_type, ['blocks', 'depends_on']),
        or(
          and(inArray(d.source_id, ids), inTree(d.target_id)),
          and(inArray(d.target_id, ids), inTree(d.source_id)),
        ),
      ),
    )
    .orderBy(asc(d.created_at), asc(d.source_id), asc(d.target_id))
    .limit(1);
  if (link === undefined) return undefined;
  const ends = ids.includes(link.source_id)
    ? [link.source_id, link.target_id]
    : [link.target_id, link.source_id];
  const titles = new Map((await findWorkItems(c, ends)).map(({ id, title }) => [id, title]));
  const [ancestor, item] = ends.map((id) => ({ id, title: titles.get(id) ?? id }));
  return ancestor === undefined || item === undefined ? undefined : { ancestor, item };
}

function shortestPath(
  next: ReadonlyMap<string, readonly { blocked: string }[]>,
  from: string,
  to: string,
): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  let frontier = [from];
  while (frontier.length > 0 && !cameFrom.has(to)) {
    const reached: string[] = [];
    for (const id of frontier) {
      for (const { blocked: neighbour } of next.get(id) ?? []) {
        if (cameFrom.has(neighbour)) continue;
        cameFrom.set(neighbour, id);
        reached.push(neighbour);
      }
    }
    frontier = reached;
  }
  if (!cameFrom.has(to)) return undefined;
  const path: string[] = [];
  for (let id: string | undefined = to; id !== undefined; id = cameFrom.get(id)) path.unshift(id);
  return path;
}

/** The live items that these items block directly, by title. */
export async function findBlockedBy(
  c: Connection,
  ids: string[],
): Promise<{ id: string; title: string; status: ItemStatus }[]> {
  if (ids.length === 0) return [];
  const { dependencies: d, workItems: w } = c.tables;
  return await c.db
    .selectDistinct({ id: w.id, title: w.title, status: w.status })
    .from(d)
    .innerJoin(
      w,
      sql`${w.id} = case ${d.dependency_type} when 'blocks' then ${d.target_id} else ${d.source_id} end`,
    )
    .where(
      and(
        isNull(w.deleted_at),
        isNull(w.archived_at),
        or(
          and(eq(d.dependency_type, 'blocks'), inArray(d.source_id, ids)),
          and(eq(d.dependency_type, 'depends_on'), inArray(d.target_id, ids)),
        ),
      ),
    )
    .orderBy(asc(w.title), asc(w.id))
    .limit(DEPENDENCIES_MAX);
}
