/** Whole tables out of one database and into another, of either kind: drizzle maps the values of both. */
// SQLite answers without letting go of the event loop: between chunks, others get their turn.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { and, asc, eq, getTableColumns, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Connection } from './connection.ts';
import type { Tables } from './schema.ts';

/**
 * Every table with the columns of its primary key, in an order in which foreign keys hold: what others refer
 * to comes first. A new table of the schema is one line here.
 */
const PRIMARY_KEYS = {
  meta: ['id'],
  feed: ['id'],
  workItems: ['id'],
  workItemLabels: ['item_id', 'label'],
  dependencies: ['source_id', 'target_id', 'dependency_type'],
  claims: ['item_id'],
  readyQueue: ['item_id'],
  notes: ['id'],
  enhancements: ['id'],
  enhancementDependencies: ['enhancement_id', 'depends_on_id'],
  vendors: ['id'],
  deployments: ['id'],
  deploymentVendors: ['deployment_id', 'vendor_id'],
  deploymentWorkItems: ['deployment_id', 'work_item_id'],
  configuration: ['id'],
  conflicts: ['id'],
  openConflicts: ['record_id', 'conflict_id'],
  workItemCounts: ['shelf', 'item_type', 'status'],
  changes: ['seq'],
  appliedChanges: ['change_id'],
} as const satisfies { [Name in keyof Tables]: readonly (keyof Tables[Name]['$inferSelect'])[] };

/** A table as the schema calls it, as `workItems`. */
export type TableName = keyof Tables;

/** All tables, those that others refer to first. */
export const TABLE_NAMES = Object.keys(PRIMARY_KEYS) as readonly TableName[];

/** A row as the program sees it: JSON as values, times as ISO 8601 UTC with milliseconds. */
export type Row = Record<string, unknown>;

export const primaryKeyOf = (name: TableName): readonly string[] => PRIMARY_KEYS[name];

export interface ReadTableOptions {
  /** Rows per chunk, and per turn of the event loop. Default 500. */
  chunkRows?: number;
}

/**
 * All rows of a table, in chunks, by primary key; of work items by depth and then id, so that parents come
 * first. The same rows come in the same order from both databases. Rows written meanwhile may be missed: read
 * within a snapshot (`ReadOptions`) where others write.
 */
export async function* readTable(
  c: Connection,
  name: TableName,
  { chunkRows = 500 }: ReadTableOptions = {},
): AsyncGenerator<Row[], void, undefined> {
  for (const level of await levelsOf(c, name)) {
    let after: SQL | undefined;
    do {
      const rows = await nextChunk(c, name, and(level, after), chunkRows);
      if (rows.length > 0) yield rows;
      const last = rows.length === chunkRows ? rows.at(-1) : undefined;
      after = last === undefined ? undefined : rowsAfter(keyColumns(c, name), last);
      await nextTurn();
    } while (after !== undefined);
  }
}

/** Work items level by level: each is then read along the index of the ids, where one order of both needs a sort per chunk. */
async function levelsOf(c: Connection, name: TableName): Promise<(SQL | undefined)[]> {
  if (name !== 'workItems') return [undefined];
  const { depth } = c.tables.workItems;
  const levels = await c.db.selectDistinct({ depth }).from(c.tables.workItems).orderBy(asc(depth));
  return levels.map((level) => eq(depth, level.depth));
}

async function nextChunk(
  c: Connection,
  name: TableName,
  where: SQL | undefined,
  limit: number,
): Promise<Row[]> {
  return await c.db
    .select()
    .from(c.tables[name] as PgTable)
    .where(where)
    .orderBy(...keyColumns(c, name).map((column) => asc(column)))
    .limit(limit);
}

function keyColumns(c: Connection, name: TableName): PgColumn[] {
  const columns: Record<string, PgColumn> = getTableColumns(c.tables[name] as PgTable);
  return PRIMARY_KEYS[name].map((key) => columns[key] as PgColumn);
}

/** `(a, b) > (last.a, last.b)` */
function rowsAfter(columns: PgColumn[], last: Row): SQL {
  const values = columns.map(({ name }) => sql`${last[name]}`);
  return sql`(${sql.join(columns, sql`, `)}) > (${sql.join(values, sql`, `)})`;
}

/** Below the limits on parameters of one statement: 32,766 in SQLite and 65,535 in PostgreSQL. */
const PARAMETERS_MAX = 32_000;
const ROWS_PER_INSERT = 100;

/**
 * Adds rows to a table; columns that a row lacks become null. Rows that others refer to must come first: within
 * work items, parents before children. Fails when one of the rows is there already.
 */
export async function insertRows(c: Connection, name: TableName, rows: readonly Row[]): Promise<void> {
  const table = c.tables[name] as PgTable;
  const size = Math.min(ROWS_PER_INSERT, Math.floor(PARAMETERS_MAX / columnsOf(table).length));
  const preparable = isPreparable(table);
  for (let start = 0; start < rows.length; start += size) {
    const chunk = rows.slice(start, start + size);
    if (preparable && (chunk.length === 1 || chunk.length === size)) {
      await insertStatement(c, name, chunk.length).execute(parametersOf(table, chunk));
    } else await c.db.insert(table).values(chunk as Row[]);
    if (start + size < rows.length) await nextTurn();
  }
}

/** Adds rows, or overwrites those with the same `id`. */
export async function upsertRows(
  c: Connection,
  name: TableName &
    ('workItems' | 'vendors' | 'deployments' | 'enhancements' | 'notes' | 'conflicts' | 'configuration'),
  rows: readonly Row[],
): Promise<void> {
  const table = c.tables[name];
  const set = Object.fromEntries(
    columnsOf(table).map(([key, column]) => [key, sql.raw(`excluded."${column.name}"`)]),
  );
  const overwriting = { target: table.id as PgColumn, set: set as never };
  const preparable = isPreparable(table);
  for (const row of rows) {
    if (preparable) {
      const statement = c.statement(`upsert into ${name}`, (db) =>
        db
          .insert(table as PgTable)
          .values(placeholders(table, 1))
          .onConflictDoUpdate(overwriting),
      );
      await statement.execute(parametersOf(table, [row]));
    } else {
      await c.db
        .insert(table as PgTable)
        .values(row)
        .onConflictDoUpdate(overwriting);
    }
  }
}

function columnsOf(table: PgTable): [string, PgColumn][] {
  return Object.entries(getTableColumns(table));
}

/** A prepared statement would store null in a JSON column as the JSON value null. */
function isPreparable(table: PgTable): boolean {
  return columnsOf(table).every(([, { dataType, notNull }]) => dataType !== 'json' || notNull);
}

/** Building a statement costs twice what running it does, so all of the two common sizes share one. */
function insertStatement(c: Connection, name: TableName, size: number) {
  const table = c.tables[name] as PgTable;
  return c.statement(`insert ${size} into ${name}`, (db) =>
    db.insert(table).values(placeholders(table, size)),
  );
}

function placeholders(table: PgTable, size: number): Row[] {
  return Array.from({ length: size }, (_, row) =>
    Object.fromEntries(columnsOf(table).map(([key]) => [key, sql.placeholder(`${row}.${key}`)])),
  );
}

/** The values of `placeholders`. */
function parametersOf(table: PgTable, rows: readonly Row[]): Row {
  const values: Row = {};
  const keys = columnsOf(table).map(([key]) => key);
  rows.forEach((row, index) => {
    for (const key of keys) values[`${index}.${key}`] = row[key] ?? null;
  });
  return values;
}

/** Removes all rows of the tables, by default of every table; those that refer to others are emptied first. */
export async function clearTables(c: Connection, names: readonly TableName[] = TABLE_NAMES): Promise<void> {
  for (const name of TABLE_NAMES.toReversed()) {
    if (names.includes(name)) await c.db.delete(c.tables[name] as PgTable);
  }
}

export interface CopyOptions {
  /** Default: every table. */
  tables?: readonly TableName[];
  /** Told after each chunk how many rows of a table are copied so far. */
  onProgress?: (table: TableName, rows: number) => void;
}

/**
 * Copies tables into another database, where they must be empty. Both connections should be inside a
 * transaction: the source's a snapshot, so that the rows fit together; the target's so that it is all or nothing.
 * @returns the number of rows copied, by table
 */
export async function copyTables(
  from: Connection,
  to: Connection,
  { tables = TABLE_NAMES, onProgress }: CopyOptions = {},
): Promise<Map<TableName, number>> {
  const copied = new Map<TableName, number>();
  for (const name of TABLE_NAMES.filter((known) => tables.includes(known))) {
    copied.set(name, 0);
    for await (const rows of readTable(from, name)) {
      await insertRows(to, name, rows);
      const total = (copied.get(name) ?? 0) + rows.length;
      copied.set(name, total);
      onProgress?.(name, total);
    }
  }
  return copied;
}
