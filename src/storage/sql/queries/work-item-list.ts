/** Listing work items: any combination of filters, each combination prepared once per connection. */
import { and, count, eq, inArray, isNotNull, isNull, not, or, sql, type SQL } from 'drizzle-orm';
import {
  CLOSED_STATUSES,
  type ItemStatus,
  type ItemType,
  type Shelf,
  type WorkItem,
} from '../../../domain/work-item.ts';
import type { Connection } from '../connection.ts';
import type { Tables } from '../schema.ts';
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
  /** Whether work could start on it at `now`. */
  ready?: boolean | undefined;
  /** Found anywhere in title or description, without regard to the case of ASCII letters. */
  text?: string | undefined;
  include_deleted: boolean;
  archived: boolean;
  sort: 'updated' | 'created' | 'priority' | 'title';
  now: string;
}

export async function listWorkItems(c: Connection, filter: WorkItemFilter): Promise<Page<WorkItem>> {
  const order = orderOf(c.tables, filter.sort);
  const cursor = filter.cursor === undefined ? {} : decodeCursor(order, filter.cursor);
  const shape = shapeOf(filter);
  const values = { ...valuesOf(filter), ...cursor, limit: filter.limit + 1, offset: filter.offset ?? 0 };
  const rows = await c
    .statement(`list ${shape} ${filter.sort} ${filter.cursor === undefined}`, (db, t) =>
      db
        .select()
        .from(t.workItems)
        .where(and(...conditions(t, filter), filter.cursor === undefined ? undefined : afterCursor(order)))
        .orderBy(...orderBy(order))
        .limit(sql.placeholder('limit'))
        .offset(sql.placeholder('offset')),
    )
    .execute(values);
  const total = (await totalByKind(c, filter)) ?? (await totalByCounting(c, filter, shape, values));
  return toPage(rows, filter, order, total);
}

/** From the kept counts, for filters that ask for kinds of items only. */
async function totalByKind(c: Connection, filter: WorkItemFilter): Promise<number | undefined> {
  const { parent_id, assignee, label, ready, text, item_type, status } = filter;
  if ([parent_id, assignee, label, ready, text].some((other) => other !== undefined)) return undefined;
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
  shape: string,
  values: Record<string, unknown>,
): Promise<number> {
  const totals = await c
    .statement(`count ${shape}`, (db, t) =>
      db
        .select({ total: count() })
        .from(t.workItems)
        .where(and(...conditions(t, filter))),
    )
    .execute(values);
  return Number(totals[0]?.total ?? 0);
}

function orderOf({ workItems: t }: Tables, sort: WorkItemFilter['sort']): Order {
  switch (sort) {
    case 'updated':
      return { name: sort, columns: [t.updated_at, t.id], descending: true };
    case 'created':
      return { name: sort, columns: [t.created_at, t.id], descending: true };
    case 'priority':
      return { name: sort, columns: [t.priority, t.created_at, t.id], descending: false };
    case 'title':
      return { name: sort, columns: [t.title, t.id], descending: false };
  }
}

/** Which conditions a filter has, without their values: statements are prepared per shape. */
function shapeOf(filter: WorkItemFilter): string {
  const { item_type, status, parent_id, assignee, label, ready, text, include_deleted, archived } = filter;
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
  ].join();
}

function valuesOf({ item_type, status, parent_id, assignee, label, text, now }: WorkItemFilter) {
  return {
    item_type,
    status,
    parent_id,
    assignee,
    label,
    now,
    pattern: text === undefined ? undefined : `%${asciiLowerCase(text.replaceAll(/[\\%_]/g, '\\$&'))}%`,
  };
}

/** As `lower()` does it in both databases: other letters stay as they are. */
function asciiLowerCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function conditions(t: Tables, filter: WorkItemFilter): SQL[] {
  const w = t.workItems;
  const l = t.workItemLabels;
  const named = (name: string) => sql.placeholder(name);
  return present(
    filter.include_deleted ? undefined : isNull(w.deleted_at),
    filter.archived ? isNotNull(w.archived_at) : isNull(w.archived_at),
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
    given(filter.ready, (ready) => (ready ? isReady(t) : not(isReady(t)))),
  );
}

/** W10: live, planned or active, nobody holds it, and nothing open blocks it. */
function isReady(t: Tables): SQL {
  const w = t.workItems;
  const free = or(isNull(w.claimed_by), sql`${w.claim_expires_at} <= ${sql.placeholder('now')}`);
  const closed = sql.raw(CLOSED_STATUSES.map((status) => `'${status}'`).join(', '));
  const openBlocker = sql`exists (
    select 1 from ${t.dependencies} d join ${w} b on b.id = case d.dependency_type when 'blocks' then d.source_id else d.target_id end
    where ((d.target_id = ${w}.id and d.dependency_type = 'blocks') or (d.source_id = ${w}.id and d.dependency_type = 'depends_on'))
      and b.deleted_at is null and b.status not in (${closed}))`;
  return and(isNull(w.deleted_at), inArray(w.status, ['planned', 'active']), free, not(openBlocker)) as SQL;
}
