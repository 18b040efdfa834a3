/**
 * Migrations at start, safe when many processes start at once. drizzle's migrator takes no lock, so it runs
 * only while this process holds one: an advisory lock on PostgreSQL, an exclusive transaction on a side file
 * for SQLite. A store that is up to date is recognised without any lock.
 */
import { WordedError } from '../../platform/worded-error.ts';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { databaseError } from '../../domain/errors.ts';
import { packageRoot } from '../../platform/package-root.ts';

export const MIGRATIONS_TABLE = '__drizzle_migrations';

export interface Migrations {
  folder: string;
  /** Creation time of each migration in Unix milliseconds, oldest first; drizzle records it when applied. */
  times: number[];
  /** The names of their files, without `.sql`, in the same order. */
  tags: string[];
}

interface Journal {
  entries: { when: number; tag: string }[];
}

/**
 * @param folder where the migrations are; by default those shipped with the program
 * @throws when the journal's times do not grow: drizzle would silently skip a migration
 */
export function readMigrations(
  dialect: 'postgres' | 'sqlite',
  folder = path.join(packageRoot(), 'drizzle', dialect),
): Migrations {
  const file = path.join(folder, 'meta', '_journal.json');
  if (!existsSync(file)) {
    throw databaseError(
      dialect,
      `the migrations are missing from this installation (${file})`,
      'Install Worktrail again; your data is not affected.',
    );
  }
  const journal = JSON.parse(readFileSync(file, 'utf8')) as Journal;
  const times = journal.entries.map((entry) => entry.when);
  if (times.some((time, index) => index > 0 && time <= (times[index - 1] ?? 0))) {
    throw new Error(`${file}: migration times must grow from entry to entry`);
  }
  return { folder, times, tags: journal.entries.map((entry) => entry.tag) };
}

export type SchemaState = 'current' | 'behind' | 'newer';

/** Compares what a store has applied (`undefined`: nothing) with what this program ships. */
export function schemaState(lastApplied: number | undefined, migrations: Migrations): SchemaState {
  const newest = migrations.times.at(-1) ?? 0;
  if (lastApplied === undefined || lastApplied < newest) return 'behind';
  return lastApplied === newest ? 'current' : 'newer';
}

/** A newer program has brought the store up to date while this one used it. */
export class NewerSchema extends WordedError {
  override readonly name = 'NewerSchema';
  /** Of a layer that cannot be written; the primary, which is not the truth for this program any more, says so itself. */
  readonly code = 'SQLITE_READONLY_SCHEMA';

  constructor() {
    super('a newer Worktrail has changed it');
  }
}

/** @throws NewerSchema when the store has a migration that this program does not */
export function refuseNewer(applied: number, migrations: Migrations): void {
  if (applied > (migrations.times.at(-1) ?? 0)) throw new NewerSchema();
}

export function isNewerSchema(error: unknown): boolean {
  // The query builder wraps what a statement throws.
  return error instanceof NewerSchema || (error instanceof Error && isNewerSchema(error.cause));
}
