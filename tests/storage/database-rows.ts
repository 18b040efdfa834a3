// The rows of a store's database as they lie there, and a hand in them, past every rule of the tracker.
import path from 'node:path';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import { SQLITE_FILE, schemaName } from '../../src/storage/opening/open-primary.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import type { PrimaryOptions } from '../../src/storage/opening/primary-options.ts';

export interface DatabaseRows {
  dialect: 'sqlite' | 'postgres';
  run(statement: string): Promise<void>;
  /** Every table with its rows, in an order of their own. */
  all(): Promise<Record<string, string[]>>;
}

export function databaseRows({ dataDir, databaseUrl, slug }: PrimaryOptions): DatabaseRows {
  return databaseUrl === undefined
    ? sqliteRows(path.join(dataDir, SQLITE_FILE))
    : postgresRows(databaseUrl, schemaName(slug.value));
}

function sqliteRows(file: string): DatabaseRows {
  const db = new Database(file);
  cleanUpLater(() => void db.close());
  return {
    dialect: 'sqlite',
    run: (statement) => Promise.resolve(void db.exec(statement)),
    all: () => {
      const tables = db
        .prepare("select name from sqlite_master where type = 'table' order by name")
        .pluck()
        .all() as string[];
      const rowsOf = (table: string) => db.prepare(`select * from "${table}"`).all();
      return Promise.resolve(Object.fromEntries(tables.map((table) => [table, sorted(rowsOf(table))])));
    },
  };
}

function postgresRows(url: string, schema: string): DatabaseRows {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  cleanUpLater(() => sql.end());
  const ready = sql.unsafe(`set search_path to "${schema}"`);
  return {
    dialect: 'postgres',
    run: async (statement) => {
      await ready;
      await sql.unsafe(statement);
    },
    all: async () => {
      await ready;
      const tables = await sql.unsafe<{ name: string }[]>(
        `select table_name as name from information_schema.tables where table_schema = '${schema}' and table_type = 'BASE TABLE' order by 1`,
      );
      const rows: [string, string[]][] = [];
      for (const { name } of tables) rows.push([name, sorted(await sql.unsafe(`select * from "${name}"`))]);
      return Object.fromEntries(rows);
    },
  };
}

const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
