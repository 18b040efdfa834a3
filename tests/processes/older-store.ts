// A store as the program before the last migration left it, and a start that is stopped while bringing it up to date.
import Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { SQLITE_FILE, openPrimary } from '../../src/storage/opening/open-primary.ts';
import { Tracker } from '../storage/tracker.ts';
import { migrationsBeforeLast } from './installation.ts';
import type { Place } from './place.ts';

const START_PATIENCE_MS = 20_000;

/** Makes the store, with two items in it. */
export async function olderStore(place: Place): Promise<WorkItem[]> {
  const migrationsFolder = await migrationsBeforeLast(place.source);
  const store = await openPrimary({ ...place.store, migrationsFolder });
  try {
    const tracker = new Tracker(store, place.store);
    const parent = await tracker.create({ title: 'from before' });
    const child = await tracker.create({ title: 'below it', parent_id: parent.id });
    return [await tracker.update(parent, { status: 'completed' }), child];
  } finally {
    await store.close();
  }
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
