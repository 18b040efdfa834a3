// A store as the program before the last migration left it, and a start that is stopped while bringing it up to date.
import Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { SQLITE_FILE, openPrimary } from '../../src/storage/opening/open-primary.ts';
import { sqlName } from '../../src/storage/export/format.ts';
import { TABLE_NAMES, type TableName } from '../../src/storage/database/table-copy.ts';
import { inFolder } from '../storage/backends.ts';
import { Tracker } from '../storage/tracker.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { migrationsBeforeLast } from './installation.ts';
import type { Place, Row } from './place.ts';

const START_PATIENCE_MS = 20_000;

/** There already, or made again when the store is opened. */
const LEFT: readonly TableName[] = ['meta', 'configuration', 'readyQueue'];

/** Makes the store, with two items in it: the rows of a store of today, without the columns that are newer. */
export async function olderStore(place: Place): Promise<WorkItem[]> {
  const migrationsFolder = await migrationsBeforeLast(place.source);
  await (await openPrimary({ ...place.store, migrationsFolder })).close();
  const { items, tables } = await storeOfToday();
  await place.rows('delete from feed');
  for (const [table, rows] of tables) {
    const there = new Set((await place.rows(columnsOf(place, table))).map(({ name }) => name));
    for (const row of rows) {
      const known = Object.entries(row).filter(([name]) => there.has(name));
      const names = known.map(([name]) => name).join(', ');
      await place.rows(
        `insert into ${table} (${names}) values (${known.map(([, value]) => literal(value)).join(', ')})`,
      );
    }
  }
  return items;
}

async function storeOfToday(): Promise<{ items: WorkItem[]; tables: [string, Row[]][] }> {
  const options = inFolder(await temporaryProject(), undefined);
  const store = await openPrimary(options);
  const tracker = new Tracker(store, options);
  const parent = await tracker.create({ title: 'from before' });
  const child = await tracker.create({ title: 'below it', parent_id: parent.id });
  const items = [await tracker.update(parent, { status: 'completed' }), child];
  await store.close();
  const file = new Database(path.join(options.dataDir, SQLITE_FILE), { readonly: true });
  const tables = TABLE_NAMES.filter((name) => !LEFT.includes(name)).map((name): [string, Row[]] => [
    sqlName(name),
    file.prepare<[], Row>(`select * from ${sqlName(name)}`).all(),
  ]);
  file.close();
  return { items, tables };
}

function columnsOf({ source }: Place, table: string): string {
  return source === 'sqlite'
    ? `select name from pragma_table_info('${table}')`
    : `select column_name as name from information_schema.columns where table_schema = current_schema() and table_name = '${table}'`;
}

function literal(value: unknown): string {
  if (value === null || typeof value === 'number') return String(value);
  return `'${String(value).replaceAll("'", "''")}'`;
}

/** Keeps every process from finishing its migrations of an older store, until the returned function is called. */
export async function stopMigrations(place: Place): Promise<() => Promise<void>> {
  // On PostgreSQL the process may still look at the record of migrations, but not add to it.
  const statements = place.source === 'postgres' ? ['lock table __drizzle_migrations in share mode'] : [];
  return await place.hold(...statements);
}

/** Resolves when a process is in the middle of its migrations. */
export async function untilMigrating(place: Place): Promise<void> {
  const lockFile = path.join(place.store.dataDir, `${SQLITE_FILE}.migrate.lock`);
  const waiting = `select 1 from pg_locks join pg_database d on d.oid = database
    where datname = current_database() and relation is not null and not granted`;
  const isMigrating =
    place.source === 'sqlite'
      ? () => Promise.resolve(isWriteLocked(lockFile))
      : async () => (await place.rows(waiting)).length > 0;
  await expect.poll(isMigrating, { timeout: START_PATIENCE_MS, interval: 10 }).toBe(true);
}

/** Whether another process writes to a SQLite file right now. */
export function isWriteLocked(file: string): boolean {
  if (!existsSync(file)) return false;
  const database = new Database(file, { timeout: 0 });
  try {
    database.exec('begin immediate');
    database.exec('rollback');
    return false;
  } catch {
    return true;
  } finally {
    database.close();
  }
}
