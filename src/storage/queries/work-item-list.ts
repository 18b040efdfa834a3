/** Listing work items: any combination of filters, each combination prepared once per connection. */
import { and, count, eq, getTableColumns, isNotNull, isNull, notInArray, sql, type SQL } from 'drizzle-orm';
import {
  CLOSED_STATUSES,
  type ItemStatus,
  type ItemType,
  type Shelf,
  type WorkItem,
} from '../../domain/work-item.ts';
import { WAITS } from '../../domain/readiness.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import type { Tables } from '../database/schema.ts';
import { given, present } from './conditions.ts';
import {
  afterCursor,
  decodeCursor,
  orderBy,
  toPage,
  type Order,
  type Page,
  type PageRequest,
} from './paging.ts';
import { countItems } from './work-items.ts';

export interface WorkItemFilter extends PageRequest {
  item_type?: ItemType | undefined;
  status?: ItemStatus | undefined;
  /** An id; null for items without a parent. */
  parent_id?: string | null | undefined;
  assignee?: string | undefined;
  label?: string | undefined;
  /** Whether work could start on it now, by the database's clock. */
  ready?: boolean | undefined;
  /** Only what is neither completed nor cancelled. */
  open?: boolean | undefined;
  /** The path of an item: only what lies anywhere below it. */
  below?: string | undefined;
  /** Found anywhere in title or description, without regard to the case of ASCII letters. */
  text?: string | undefined;
  include_deleted: boolean;
  archived: boolean;
  /** `ready` is the order of the ready queue: priority, what unblocks most, position. For ready items only. */
  sort: 'updated' | 'created' | 'priority' | 'title' | 'ready';
}

export async function listWorkItems(c: Connection, filter: WorkItemFilter): Promise<Page<WorkItem>> {
  const order = orderOf(c.tables, filter.sort);
  const cursor = filter.cursor === undefined ? {} : decodeCursor(order, filter.cursor);
  const values = {
    ...valuesOf(filter),
    ...cursor,
    offset: filter.cursor === undefined ? (filter.offset ?? 0) : 0,
  };
  const [rows, total] = await pipelined(
    findRows(c, filter, order, { ...values, limit: filter.limit + 1 }),
    totalOf(c, filter, values),
  );
  const page = toPage(rows, filter, order, total);
  return { ...page, items: page.items.map(({ rank: _rank, item_id: _id, ...item }) => item) };
}

export type ReadyFilter = Pick<WorkItemFilter, 'item_type' | 'label' | 'below'>;

/** Of an item that work could start on now. */
export interface ReadyItem {
  id: string;
  title: string;
}

/** The first items of the queue that nobody holds, in its order; with a label, see `findReady`. */
export async function findReadyInQueue(
  c: Connection,
  wanted: Omit<ReadyFilter, 'label'>,
  limit: number,
): Promise<ReadyItem[]> {
  const filter = {
    ...wanted,
    ready: true,
    include_deleted: false,
    archived: false,
    limit,
    sort: 'ready',
  } as const;
  const order = orderOf(c.tables, filter.sort);
  const rows = await findRows(c, filter, order, { ...valuesOf(filter), limit, offset: 0 });
  return rows.map(({ id, title }) => ({ id, title }));
}

/** With what the queue says of an item, for ready ones. */
type ListedRow = WorkItem & { rank?: number; item_id?: string };

async function findRows(
  c: Connection,
  filter: WorkItemFilter,
  order: Order,
  values: Record<string, unknown>,
): Promise<ListedRow[]> {
  return await c
    .statement(`list ${shapeOf(filter)} ${filter.sort} ${filter.cursor === undefined}`, (db, t) => {
      const { workItems: w, readyQueue: q } = t;
      const columns = getTableColumns(w);
      // Along the queue, which is in order already: SQLite keeps the order of a cross join, whatever it knows of sizes.
      const from =
        filter.ready === true
          ? db
              .select({ ...columns, rank: q.rank, item_id: q.item_id })
              .from(q)
              .crossJoin(w)
              .$dynamic()
          : db.select(columns).from(w).$dynamic();
      return from
        .where(and(...conditions(c, filter), filter.cursor === undefined ? undefined : afterCursor(order)))
        .orderBy(...orderBy(order))
        .limit(sql.placeholder('limit'))
        .offset(sql.placeholder('offset'));
    })
    .execute(values);
}

async function totalOf(
  c: Connection,
  filter: WorkItemFilter,
  values: Record<string, unknown>,
): Promise<number> {
  return (
    (await totalByKind(c, filter)) ??
    (await totalOfQueue(c, filter)) ??
    (await totalByCounting(c, filter, values))
  );
}

/** Of everything that is ready or is not: from the length of the queue, without what somebody holds. */
async function totalOfQueue(c: Connection, filter: WorkItemFilter): Promise<number | undefined> {
  const { ready, item_type, status, parent_id, assignee, label, text, open, below, archived } = filter;
  if (ready === undefined || archived) return undefined;
  const others = [item_type, status, parent_id, assignee, label, text, open, below];
  if (others.some((other) => other !== undefined)) return undefined;
  if (ready) return await countReady(c);
  const all = await totalByKind(c, { ...filter, ready: undefined });
  return all === undefined ? undefined : all - (await countReady(c));
}

async function countReady(c: Connection): Promise<number> {
  const [row] = await c
    .statement('count_ready', (db, { readyQueue: q, claims: k }) =>
      db
        .select({
          queued: count(),
          held: sql<number>`(select count(*) from ${k} k join ${q} held on held.item_id = k.item_id where held.waits = ${START} and k.expires_at > ${c.now})`,
        })
        .from(q)
        .where(eq(q.waits, WAITS.FOR_NOTHING)),
    )
    .execute();
  return Number(row?.queued ?? 0) - Number(row?.held ?? 0);
}

/** From the kept counts, for filters that ask for kinds of items only. */
async function totalByKind(c: Connection, filter: WorkItemFilter): Promise<number | undefined> {
  const { parent_id, assignee, label, ready, text, open, below, item_type, status } = filter;
  if ([parent_id, assignee, label, ready, text, open, below].some((other) => other !== undefined))
    return undefined;
  // An archived item may also be deleted; then only counting tells.
  if (filter.archived && !filter.include_deleted) return undefined;
  const shelves: Shelf[] = filter.archived
    ? ['archived']
    : filter.include_deleted
      ? ['live', 'deleted']
      : ['live'];
  return (await countItems(c))
    .filter((kind) => shelves.includes(kind.shelf))
    .filter((kind) => item_type === undefined || kind.item_type === item_type)
    .filter((kind) => status === undefined || kind.status === status)
    .reduce((sum, { items }) => sum + items, 0);
}

async function totalByCounting(
  c: Connection,
  filter: WorkItemFilter,
  values: Record<string, unknown>,
): Promise<number> {
  const totals = await c
    .statement(`count ${shapeOf(filter)}`, (db, { workItems: w, readyQueue: q }) => {
      const counted = db.select({ total: count() });
      return filter.ready === true
        ? counted
            .from(q)
            .crossJoin(w)
            .where(and(...conditions(c, filter)))
        : counted.from(w).where(and(...conditions(c, filter)));
    })
    .execute(values);
  return Number(totals[0]?.total ?? 0);
}

/** The columns that a sort goes by. */
export function orderOf({ workItems: t, readyQueue: q }: Tables, sort: WorkItemFilter['sort']): Order {
  switch (sort) {
    case 'ready':
      return { name: sort, columns: [q.priority, q.rank, q.position, q.item_id], descending: false };
    case 'updated':
      return { name: sort, columns: [t.updated_at, t.position, t.id], descending: true, ties: 2 };
    case 'created':
      return { name: sort, columns: [t.created_at, t.position, t.id], descending: true, ties: 2 };
    case 'priority':
      return { name: sort, columns: [t.priority, t.position, t.id], descending: false };
    case 'title':
      return { name: sort, columns: [t.title, t.position, t.id], descending: false };
  }
}

/** Which conditions a filter has, without their values: statements are prepared per shape. */
export function shapeOf(filter: Omit<WorkItemFilter, keyof PageRequest | 'sort'>): string {
  const { item_type, status, parent_id, assignee, label, ready, text, include_deleted, archived } = filter;
  const { open = false, below } = filter;
  const parent = parent_id === null ? 'root' : parent_id !== undefined;
  return [
    item_type !== undefined,
    status !== undefined,
    parent,
    assignee !== undefined,
    label !== undefined,
    ready,
    text !== undefined,
    include_deleted,
    archived,
    open,
    below !== undefined,
  ].join();
}

/** The values of the placeholders of `conditions`. */
export function valuesOf({
  item_type,
  status,
  parent_id,
  assignee,
  label,
  text,
  below,
}: Partial<WorkItemFilter>) {
  const prefix = below === undefined ? undefined : `${below}/`;
  return {
    item_type,
    status,
    parent_id,
    assignee,
    label,
    prefix,
    prefix_length: prefix?.length,
    pattern: text === undefined ? undefined : `%${asciiLowerCase(text.replaceAll(/[\\%_]/g, '\\$&'))}%`,
  };
}

/** As `lower()` does it in both databases: other letters stay as they are. */
function asciiLowerCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** What a filter asks for, over work items and, for ready ones, the queue. */
export function conditions(c: Connection, filter: Omit<WorkItemFilter, keyof PageRequest | 'sort'>): SQL[] {
  const t = c.tables;
  const w = t.workItems;
  const l = t.workItemLabels;
  const named = (name: string) => sql.placeholder(name);
  const isQueued = filter.ready === true;
  return present(
    // What is in the queue is live.
    isQueued ? and(eq(t.readyQueue.waits, WAITS.FOR_NOTHING), eq(w.id, t.readyQueue.item_id)) : undefined,
    filter.include_deleted || isQueued ? undefined : isNull(w.deleted_at),
    filter.archived ? isNotNull(w.archived_at) : isQueued ? undefined : isNull(w.archived_at),
    given(filter.item_type, () => eq(w.item_type, named('item_type'))),
    given(filter.status, () => eq(w.status, named('status'))),
    given(filter.parent_id, (id) =>
      id === null ? isNull(w.parent_id) : eq(w.parent_id, named('parent_id')),
    ),
    given(filter.assignee, () => eq(w.assignee, named('assignee'))),
    given(
      filter.label,
      () => sql`${w.id} in (select ${l.item_id} from ${l} where ${l.label} = ${named('label')})`,
    ),
    given(
      filter.text,
      () => sql`(lower(${w.title}) like ${named('pattern')} escape '\\'
        or lower(${w.description}) like ${named('pattern')} escape '\\')`,
    ),
    given(filter.open, (open) => (open ? notInArray(w.status, [...CLOSED_STATUSES]) : undefined)),
    given(
      filter.below,
      () => sql`substr(${w.path}, 1, cast(${named('prefix_length')} as integer)) = ${named('prefix')}`,
    ),
    given(filter.ready, (ready) => (ready ? isFree(c) : isNotReady(c))),
  );
}

const START = sql.raw(String(WAITS.FOR_NOTHING));

/** Of an item in the queue: nobody holds a claim that has not ended. */
export function isFree(c: Connection): SQL {
  const { workItems: w } = c.tables;
  return sql`(${w.claimed_by} is null or ${w.claim_expires_at} <= ${c.now})`;
}

export function isNotReady(c: Connection): SQL {
  const { workItems: w, readyQueue: q } = c.tables;
  return sql`(not exists (select 1 from ${q} where ${q.item_id} = ${w.id} and ${q.waits} = ${START}) or not ${isFree(c)})`;
}
