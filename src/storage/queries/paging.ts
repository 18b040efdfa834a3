/** Pages by keyset: a cursor names the last row seen, so writes in between neither repeat nor skip rows. */
import { and, count, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgSelect, PgTable } from 'drizzle-orm/pg-core';
import { validationError } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';

/** Of a page: the cursors behind each of its rows. They are not part of what is answered. */
export const cursorAfter = Symbol('cursorAfter');

/** Shows nothing of itself: pages with the same rows are equal. */
export class RowCursors {
  readonly #after: (rows: number) => string;

  constructor(after: (rows: number) => string) {
    this.#after = after;
  }

  /** The one that goes on after so many rows. */
  after(rows: number): string {
    return this.#after(rows);
  }
}

export interface Page<T> {
  items: T[];
  total_count: number;
  next_cursor: string | null;
  [cursorAfter]?: RowCursors;
}

export interface PageRequest {
  limit: number;
  offset?: number | undefined;
  cursor?: string | undefined;
}

/** An order in which the columns together are unique. All run in one direction, but for ties of a descending one. */
export interface Order {
  name: string;
  columns: PgColumn[];
  descending: boolean;
  /** How many of the last columns run upwards in a descending order: newest first, and what is equally new as it was written. */
  ties?: number;
}

/** What a page is cut from. */
export interface Listing<Select extends PgSelect> {
  /** Of the statement, as `list_notes`. */
  name: string;
  table: PgTable;
  /** The columns of the rows, without conditions: `db.select(…).from(table).$dynamic()`. */
  select: Select;
  where: SQL[];
  order: Order;
  request: PageRequest;
}

type RowOf<Select extends PgSelect> = Select['_']['result'][number];

/**
 * A page with the number of all rows that match, in two statements, which see one moment like all of a read.
 * @throws ValidationError for a cursor that was not made for this order
 */
export async function findPage<Select extends PgSelect>(
  c: Connection,
  listing: Listing<Select>,
): Promise<Page<RowOf<Select>>> {
  const [rows, total] = await pipelined(findPageRows(listing), countRows(c, listing));
  return toPage(rows, listing.request, listing.order, total);
}

/** The rows of a page, and one more where there is a next page: as `toPage` takes them. */
export async function findPageRows<Select extends PgSelect>({
  name,
  select,
  where,
  order,
  request,
}: Omit<Listing<Select>, 'table'>): Promise<RowOf<Select>[]> {
  const { limit, offset = 0, cursor } = request;
  const parameters = cursor === undefined ? {} : decodeCursor(order, cursor);
  return await select
    .where(and(...where, cursor === undefined ? undefined : afterCursor(order)))
    .orderBy(...orderBy(order))
    .limit(limit + 1)
    // A cursor is behind what was skipped.
    .offset(cursor === undefined ? offset : 0)
    .prepare(name)
    .execute(parameters);
}

export async function countRows(
  c: Connection,
  { table, where }: Pick<Listing<PgSelect>, 'table' | 'where'>,
): Promise<number> {
  const totals = await c.db
    .select({ total: count() })
    .from(table)
    .where(and(...where));
  return Number(totals[0]?.total ?? 0);
}

export function orderBy({ columns, descending, ties = 0 }: Order): SQL[] {
  const down = descending ? columns.length - ties : 0;
  return columns.map((column, index) => (index < down ? sql`${column} desc` : sql`${column} asc`));
}

/** `(a, b) < ($cursor0, $cursor1)`: the rows after the cursor, with the parameters named `cursor0` … */
export function afterCursor({ columns, descending, ties = 0 }: Order): SQL {
  const compared = (from: number, to: number, operator: SQL) => {
    const names = sql.join(columns.slice(from, to), sql`, `);
    const indexes = columns.map((_, index) => index).slice(from, to);
    const values = sql.join(
      indexes.map((index) => sql`${sql.placeholder(`cursor${index}`)}`),
      sql`, `,
    );
    return sql`(${names}) ${operator} (${values})`;
  };
  const all = columns.length;
  if (!descending) return compared(0, all, sql`>`);
  if (ties === 0) return compared(0, all, sql`<`);
  const head = all - ties;
  // The first condition is what an index is searched by.
  return sql`(${compared(0, head, sql`<=`)} and (${compared(0, head, sql`<`)} or ${compared(head, all, sql`>`)}))`;
}

export function encodeCursor(order: Order, row: Record<string, unknown>): string {
  const values = order.columns.map((column) => row[column.name]);
  return Buffer.from(JSON.stringify([order.name, ...values])).toString('base64url');
}

/**
 * The parameters for `afterCursor`.
 * @throws ValidationError for a cursor that was not made for this order
 */
export function decodeCursor(order: Order, cursor: string): Record<string, string | number> {
  const values = parse(cursor);
  if (values?.[0] !== order.name || values.length !== order.columns.length + 1) throw invalidCursor(cursor);
  return Object.fromEntries(
    order.columns.map((column, index) => {
      const value = values[index + 1];
      const kind = column.dataType === 'number' ? 'number' : 'string';
      if (typeof value !== kind || !isPlausible(column.name, value as string | number))
        throw invalidCursor(cursor);
      return [`cursor${index}`, value as string | number];
    }),
  );
}

/** Values that PostgreSQL would refuse to compare must not reach it. */
function isPlausible(column: string, value: string | number): boolean {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && (column === 'seq' || Math.abs(value) < 2 ** 31);
  if (column.endsWith('_at')) return /^(?!0000)\d{4}-/.test(value) && value === isoTime(value);
  if (column === 'id' || column === 'item_id')
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
  return value.isWellFormed() && !value.includes('\0');
}

function isoTime(value: string): string | undefined {
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function parse(cursor: string): unknown[] | undefined {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(values) ? (values as unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

function invalidCursor(cursor: string) {
  return validationError(
    { field: 'cursor', constraint: 'is not a cursor of this list in this order', value: cursor },
    'Pass next_cursor of the previous page unchanged, with the same filters and sort, or leave it out to start again.',
  );
}

/** Cuts the extra row that tells whether there is a next page. */
export function toPage<T extends object>(
  rows: T[],
  request: PageRequest,
  order: Order,
  total: number,
): Page<T> {
  const items = rows.slice(0, request.limit);
  const cursorAt = (count: number) => encodeCursor(order, items[count - 1] as Record<string, unknown>);
  const more = rows.length > request.limit && items.length > 0;
  return {
    items,
    total_count: total,
    next_cursor: more ? cursorAt(items.length) : null,
    [cursorAfter]: new RowCursors(cursorAt),
  };
}
