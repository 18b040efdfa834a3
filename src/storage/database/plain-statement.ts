/** Statements that the query builder has no words for, and tables that it does not know. */
import { is, sql, type SQL } from 'drizzle-orm';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Connection } from './connection.ts';

export type Dialect = 'postgres' | 'sqlite';

export function dialectOf(c: Connection): Dialect {
  return is(c.tables.workItems, SQLiteTable) ? 'sqlite' : 'postgres';
}

/** @returns its rows, with the values as the driver gives them */
export async function askPlainly<Row>(c: Connection, statement: SQL): Promise<Row[]> {
  if (dialectOf(c) === 'postgres') return [...((await c.db.execute(statement)) as unknown as Row[])];
  return (c.db as unknown as { all(statement: SQL): Row[] }).all(statement);
}

export async function runPlainly(c: Connection, statement: SQL): Promise<void> {
  if (dialectOf(c) === 'postgres') await c.db.execute(statement);
  else (c.db as unknown as { run(statement: SQL): void }).run(statement);
}

/** How many rows are in one of the two and not in the other; both have the same columns. */
export async function countDiffering(c: Connection, one: SQL, other: SQL): Promise<number> {
  const left = sql`select count(*) from (select * from (${one}) a except select * from (${other}) b) l`;
  const right = sql`select count(*) from (select * from (${other}) b except select * from (${one}) a) r`;
  const both = sql`select (${left}) as missing, (${right}) as extra`;
  const [row] = await askPlainly<{ missing: number | string; extra: number | string }>(c, both);
  // A row that is there with other values counts once.
  return Math.max(Number(row?.missing ?? 0), Number(row?.extra ?? 0));
}
