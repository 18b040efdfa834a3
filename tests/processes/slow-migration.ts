// A migration that takes its time, and a way to see that a process is in the middle of it.
import path from 'node:path';
import { expect } from 'vitest';
import { SQLITE_FILE } from '../../src/storage/opening/open-primary.ts';
import { isWriteLocked } from './older-store.ts';
import type { Place } from './place.ts';

const START_PATIENCE_MS = 20_000;
/** Of a recursion in SQLite: about a second. */
const ROWS_COUNTED = 8_000_000;
const POSTGRES_SLEEP_S = 1;

/** The first statement makes the table `half_done`, the second takes a second to put a row into it. */
export function slowMigration(source: Place['source']): string[] {
  const slowly =
    source === 'postgres'
      ? `insert into half_done select 1 from pg_sleep(${POSTGRES_SLEEP_S})`
      : `insert into half_done with recursive counted (n) as
         (select 1 union all select n + 1 from counted where n < ${ROWS_COUNTED}) select max(n) from counted`;
  return ['create table half_done (n integer)', slowly];
}

/** Resolves when a process has begun with that migration and not finished it. */
export async function untilSlowMigration(place: Place): Promise<void> {
  const running = `select 1 from pg_stat_activity
    where datname = current_database() and state = 'active' and query like '%into half_done%' and pid <> pg_backend_pid()`;
  const isRunning =
    place.source === 'postgres'
      ? async () => (await place.rows(running)).length > 0
      : () => Promise.resolve(isWriteLocked(path.join(place.store.dataDir, SQLITE_FILE)));
  await expect.poll(isRunning, { timeout: START_PATIENCE_MS, interval: 10 }).toBe(true);
}
