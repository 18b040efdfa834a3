/** Reading work items: one record, ancestors, the tree below, and prefix look-up. */
import { stretches } from '../../platform/in-turns.ts';
import {
  and,
  asc,
  count,
  desc,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  sql,
  type SQL,
} from 'drizzle-orm';
import type { ItemStatus, ItemType, Shelf, WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';

export async function findWorkItem(c: Connection, id: string): Promise<WorkItem | undefined> {
  const rows = await c
    .statement('work_item', (db, t) =>
      db
        .select()
        .from(t.workItems)
        .where(eq(t.workItems.id, sql.placeholder('id'))),
    )
    .execute({ id });
  return rows[0];
}

/** The items with these ids, in no particular order; unknown ids are simply absent. */
export async function findWorkItems(c: Connection, ids: string[]): Promise<WorkItem[]> {
  const found: WorkItem[] = [];
  const turn = stretches();
  for (const chunk of chunks(ids, WHOLE_ITEMS_PER_QUERY)) {
    found.push(
      ...(await c.db.select().from(c.tables.workItems).where(inArray(c.tables.workItems.id, chunk))),
    );
    await turn();
  }
  return found;
}

/** At most this many ids in one `in (…)`: far below the parameter limit of either database. */
const IDS_PER_QUERY = 1_000;
/** Reading a whole item takes much longer than finding it. */
const WHOLE_ITEMS_PER_QUERY = 250;

export function chunks<T>(all: readonly T[], size = IDS_PER_QUERY): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

/** Up to `limit` items whose id lies in a range, by id: resolves id prefixes. */
export async function findWorkItemsByIdRange(
  c: Connection,
  range: { from: string; to: string },
  limit: number,
): Promise<{ id: string; title: string }[]> {
  return await c
    .statement('work_items_by_id_range', (db, t) =>
      db
        .select({ id: t.workItems.id, title: t.workItems.title })
        .from(t.workItems)
        .where(and(gte(t.workItems.id, sql.placeholder('from')), lte(t.workItems.id, sql.placeholder('to'))))
        .orderBy(asc(t.workItems.id))
        .limit(sql.placeholder('limit')),
    )
    .execute({ ...range, limit });
}

/** What a tree shows of each item: enough to choose one, small enough to show two hundred. */
export type ChildItem = Pick<
  WorkItem,
  | 'id'
  | 'version'
  | 'item_type'
  | 'title'
  | 'status'
  | 'priority'
  | 'labels'
  | 'assignee'
  | 'parent_id'
  | 'depth'
>;

function childColumns({ workItems: w }: Tables) {
  return {
    id: w.id,
    version: w.version,
    item_type: w.item_type,
    title: w.title,
    status: w.status,
    priority: w.priority,
    labels: w.labels,
    assignee: w.assignee,
    parent_id: w.parent_id,
    depth: w.depth,
  };
}

/** Which items a tree shows: below a live item what is live; below one in the archive what went there with it. */
export type TreeShelf = 'live' | 'archived';

function onShelf({ workItems: w }: Tables, shelf: TreeShelf): SQL | undefined {
  return and(isNull(w.deleted_at), shelf === 'live' ? isNull(w.archived_at) : isNotNull(w.archived_at));
}

/**
 * The children of some items that are on a shelf, in their order, at most `limit` of them in all. One call per level
 * of a tree keeps the work bounded however large the tree is.
 */
export async function findChildren(
  c: Connection,
  parentIds: string[],
  limit: number,
  shelf: TreeShelf = 'live',
): Promise<ChildItem[]> {
  const only = parentIds.length === 1 ? parentIds[0] : undefined;
  if (only !== undefined) {
    return await c
      .statement(`${shelf}_children_of_one`, (db, t) =>
        db
          .select(childColumns(t))
          .from(t.workItems)
          .where(and(eq(t.workItems.parent_id, sql.placeholder('parent')), onShelf(t, shelf)))
          .orderBy(asc(t.workItems.position), asc(t.workItems.id))
          .limit(sql.placeholder('limit')),
      )
      .execute({ parent: only, limit });
  }
  const { workItems } = c.tables;
  return await c.db
    .select(childColumns(c.tables))
    .from(workItems)
    .where(and(inArray(workItems.parent_id, parentIds), onShelf(c.tables, shelf)))
    .orderBy(asc(workItems.parent_id), asc(workItems.position), asc(workItems.id))
    .limit(limit);
}

/**
 * The items of a shelf up to `maxDepth` levels below one, parents before children and siblings in their order; but no
 * more than `limit`, and then any of them: the recursion stops there, so that the work stays bounded.
 */
export async function findTree(
  c: Connection,
  id: string,
  maxDepth: number,
  limit: number,
  shelf: TreeShelf = 'live',
): Promise<ChildItem[]> {
  return await c
    .statement(`${shelf}_tree`, (db, t) => {
      const w = t.workItems;
      const on = (table: string) =>
        sql.raw(
          `${table}deleted_at is null and ${table}archived_at is ${shelf === 'live' ? '' : 'not '}null`,
        );
      const ids = sql`(with recursive tree(id, level) as (
        select id, 1 from ${w} where parent_id = ${sql.placeholder('id')} and ${on('')}
        union all
        select c.id, tree.level + 1 from tree join ${w} c on c.parent_id = tree.id
        where ${on('c.')} and tree.level < ${sql.placeholder('maxDepth')}
      ) select id from tree limit ${sql.placeholder('limit')})`;
      return db
        .select(childColumns(t))
        .from(w)
        .where(inArray(w.id, ids))
        .orderBy(asc(w.depth), asc(w.position), asc(w.id));
    })
    .execute({ id, maxDepth, limit });
}

/** The position of the sibling right before or after a place, whatever its shelf; undefined where there is none. */
export async function findPositionBeside(
  c: Connection,
  { parent_id, position }: Pick<WorkItem, 'parent_id' | 'position'>,
  side: 'before' | 'after',
  without: string,
): Promise<string | undefined> {
  const { workItems: w } = c.tables;
  const [found] = await c.db
    .select({ position: w.position })
    .from(w)
    .where(
      and(
        parent_id === null ? isNull(w.parent_id) : eq(w.parent_id, parent_id),
        side === 'before' ? lt(w.position, position) : gt(w.position, position),
        ne(w.id, without),
      ),
    )
    .orderBy(side === 'before' ? desc(w.position) : asc(w.position))
    .limit(1);
  return found?.position;
}

/** How many children on a shelf each of these items has; items without children are absent. */
export async function countChildren(
  c: Connection,
  parentIds: string[],
  shelf: TreeShelf = 'live',
): Promise<Map<string, number>> {
  const { workItems } = c.tables;
  const counts = new Map<string, number>();
  for (const chunk of chunks(parentIds)) {
    const rows = await c.db
      .select({ parent_id: workItems.parent_id, children: count() })
      .from(workItems)
      .where(and(inArray(workItems.parent_id, chunk), onShelf(c.tables, shelf)))
      .groupBy(workItems.parent_id);
    for (const { parent_id, children } of rows) counts.set(parent_id ?? '', Number(children));
  }
  return counts;
}

/** Everything below an item, deleted items included, parents before children. */
export async function findDescendants(c: Connection, id: string): Promise<WorkItem[]> {
  const { workItems } = c.tables;
  return await c.db
    .select()
    .from(workItems)
    .where(inArray(workItems.id, descendantIds(c, id)))
    .orderBy(asc(workItems.depth), asc(workItems.position), asc(workItems.id));
}

/** The ids below an item as a subquery, for use in `in (…)`. */
export function descendantIds(c: Connection, id: string) {
  const { workItems } = c.tables;
  return sql`(with recursive below(id) as (
    select id from ${workItems} where parent_id = ${id}
    union all
    select w.id from ${workItems} w join below on w.parent_id = below.id
  ) select id from below)`;
}

export interface ItemCount {
  shelf: Shelf;
  item_type: ItemType;
  status: ItemStatus;
  items: number;
}

/** How many items there are of each kind: at most 60 rows, whatever the size of the tracker. */
export async function countItems(c: Connection): Promise<ItemCount[]> {
  return await c.statement('count_items', (db, t) => db.select().from(t.workItemCounts)).execute();
}
