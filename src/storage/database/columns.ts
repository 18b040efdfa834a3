/**
 * The column kit: one vocabulary in which every table is defined once, for PostgreSQL and for SQLite.
 * PostgreSQL is the reference; SQLite's kit is cast to its type here and nowhere else.
 */
import { sql, type SQL } from 'drizzle-orm';
import * as pg from 'drizzle-orm/pg-core';
import * as lite from 'drizzle-orm/sqlite-core';
import type { JsonValue } from '../../domain/json.ts';

/** Text compared byte by byte on every server, so that order and ranges are the same everywhere. */
const pgText = pg.customType<{ data: string; driverData: string }>({ dataType: () => 'text collate "C"' });

/** ISO 8601 UTC with milliseconds in the program, `timestamptz(3)` in PostgreSQL. */
const pgTimestamp = pg.customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp(3) with time zone',
  fromDriver: isoFromPostgres,
});

/** `2026-01-31 09:30:00.5+00` (the session's time zone is UTC) as `2026-01-31T09:30:00.500Z`. */
function isoFromPostgres(value: string): string {
  const seconds = value.slice(0, 19).replace(' ', 'T');
  const fraction = /\.(\d+)/.exec(value)?.[1] ?? '';
  return `${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
}

const pgKit = {
  table: pg.pgTable,
  text: (name: string) => pgText(name),
  uuid: (name: string) => pg.uuid(name),
  integer: (name: string) => pg.integer(name),
  bigint: (name: string) => pg.bigint(name, { mode: 'number' }),
  json: <T extends JsonValue>(name: string) => pg.jsonb(name).$type<T>(),
  timestamp: (name: string) => pgTimestamp(name),
  index: pg.index,
  /** A column of an index that is read downwards while the next ones are read upwards. */
  descending: (column: pg.AnyPgColumn): SQL => sql`${column} desc`,
  uniqueIndex: pg.uniqueIndex,
  primaryKey: (key: { columns: [pg.AnyPgColumn, ...pg.AnyPgColumn[]] }) => pg.primaryKey(key),
  foreignKey: (key: {
    columns: [pg.AnyPgColumn, ...pg.AnyPgColumn[]];
    foreignColumns: [pg.AnyPgColumn, ...pg.AnyPgColumn[]];
  }) => pg.foreignKey(key),
};

export type Kit = typeof pgKit;

const liteKit = {
  table: lite.sqliteTable,
  text: (name: string) => lite.text(name),
  uuid: (name: string) => lite.text(name),
  integer: (name: string) => lite.integer(name),
  bigint: (name: string) => lite.integer(name),
  json: <T extends JsonValue>(name: string) => lite.text(name, { mode: 'json' }).$type<T>(),
  timestamp: (name: string) => lite.text(name),
  index: lite.index,
  descending: (column: lite.AnySQLiteColumn): SQL => sql`${column} desc`,
  uniqueIndex: lite.uniqueIndex,
  primaryKey: (key: { columns: [lite.AnySQLiteColumn, ...lite.AnySQLiteColumn[]] }) => lite.primaryKey(key),
  foreignKey: (key: {
    columns: [lite.AnySQLiteColumn, ...lite.AnySQLiteColumn[]];
    foreignColumns: [lite.AnySQLiteColumn, ...lite.AnySQLiteColumn[]];
  }) => lite.foreignKey(key),
};

export const postgresKit: Kit = pgKit;
/** The same keys with the same meaning; drizzle types the two dialects apart although they build alike. */
export const sqliteKit: Kit = liteKit as unknown as Kit;

/** What each dialect says in its own words. */
export interface DialectSql {
  /**
   * The database's own clock at the start of the statement, as a column of times holds it. Not `clock_timestamp()`: that
   * differs from row to row, so that no index can be searched with it; and not `now()`, which stands still while a
   * transaction waits for others.
   */
  now: SQL<string>;
  /** Bytes on the disk of the file or schema that the feed is in; only in a select from the feed. */
  usedBytes: SQL<number>;
}

export const postgresSql: DialectSql = {
  now: sql`statement_timestamp()`,
  usedBytes: sql`(select coalesce(sum(pg_total_relation_size(r.oid)), 0) from pg_class r
    where r.relkind = 'r' and r.relnamespace = (select relnamespace from pg_class where oid = feed.tableoid))`,
};
export const sqliteSql: DialectSql = {
  now: sql`strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`,
  usedBytes: sql`(select (p.page_count - f.freelist_count) * s.page_size
    from pragma_page_count() p, pragma_freelist_count() f, pragma_page_size() s)`,
};

/** `column is null` for the condition of a partial index; columns by name, as migrations are written. */
export function whereNull(...columns: string[]): SQL {
  return sql.raw(columns.map((column) => `${column} is null`).join(' and '));
}
