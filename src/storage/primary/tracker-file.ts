/** The file of an embedded tracker: opened to write or to read, refused where it is not ours, and its migrations. */
import { existsSync, statSync } from 'node:fs';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { databaseError } from '../../domain/errors.ts';
import type { QueryLog } from '../database/connection.ts';
import { ForeignFile } from '../database/driver-errors.ts';
import { openDatabaseFile } from './database-file.ts';
import { MIGRATIONS_TABLE, readMigrations, type Migrations } from './migrate.ts';
import { BUSY_TIMEOUT_MS } from './open-in-place.ts';
import { refuseForeignInTracker } from './schema-objects.ts';
import type { Database } from './sqlite-driver.ts';
import { keepLogShort } from './wal-size.ts';

export interface SqliteOptions {
  /** The database file; made with its folder when missing. */
  file: string;
  /** Where the migrations are; by default those shipped with the program. */
  migrationsFolder?: string;
  logQuery?: QueryLog | undefined;
  /** See `Connection.isReplica`; false by default. */
  isReplica?: boolean;
  /** `FULL`, the default, survives a power cut; `NORMAL` is for what can be made again. */
  synchronous?: 'FULL' | 'NORMAL';
}

/** "WTRL": marks a database file as ours (PRAGMA application_id). */
const APPLICATION_ID = 0x5754524c;
/** The first release without the WAL-reset corruption bug (sqlite.org/wal.html). */
const SQLITE_MIN_VERSION = [3, 51, 3] as const;

/** @throws DatabaseError for a file of another program, or a SQLite that is too old; the file is left as it is */
export function openToWrite({ file, synchronous = 'FULL', migrationsFolder }: SqliteOptions): Database {
  const existed = existsSync(file) && statSync(file).size > 0;
  const database = openDatabaseFile(file);
  try {
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    checkVersion(database);
    if (existed && !isOurs(database)) {
      throw databaseError(
        'sqlite',
        `${file} is a database of another program`,
        'Move that file elsewhere or choose another project folder. The file was not touched.',
        new ForeignFile(),
      );
    }
    if (existed) refuseForeignInTracker(database, readMigrations('sqlite', migrationsFolder));
    database.pragma('foreign_keys = ON');
    database.pragma(`synchronous = ${synchronous}`);
    keepLogShort(database, file);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function checkVersion(database: Database): void {
  const version = sqliteVersion(database);
  const parts = version.split('.').map(Number);
  const difference = SQLITE_MIN_VERSION.map((wanted, index) => (parts[index] ?? 0) - wanted).find(
    (d) => d !== 0,
  );
  if (difference !== undefined && difference < 0) {
    throw databaseError(
      'sqlite',
      `SQLite ${version} is too old; ${SQLITE_MIN_VERSION.join('.')} or newer is needed`,
      'Install Worktrail with its own locked dependencies (npm ci).',
    );
  }
}

/** A file that another process is just making has neither mark nor tables yet; that is ours too. */
export function isOurs(database: Database): boolean {
  // In this order: another process sets the mark before it makes the first table.
  const tables = database.prepare('select count(*) from sqlite_master').pluck().get();
  const id = database.pragma('application_id', { simple: true });
  return id === APPLICATION_ID || (id === 0 && tables === 0);
}

export function engineVersion(database: Database): string {
  return `SQLite ${sqliteVersion(database)}`;
}

function sqliteVersion(database: Database): string {
  return String(database.prepare('select sqlite_version()').pluck().get());
}

/** Marks the database as ours and makes or alters its tables; takes no lock of its own against other processes. */
export function applyMigrations(database: Database, migrations: Migrations): void {
  database.pragma(`application_id = ${APPLICATION_ID}`);
  migrate(drizzle(database), { migrationsFolder: migrations.folder, migrationsTable: MIGRATIONS_TABLE });
}

export const NEWEST_APPLIED = `select max(created_at) from ${MIGRATIONS_TABLE}`;

/** When the newest applied migration was made, in Unix milliseconds; undefined without any. */
export function lastApplied(database: Database): number | undefined {
  const exists = database
    .prepare("select 1 from sqlite_master where type = 'table' and name = ?")
    .pluck()
    .get(MIGRATIONS_TABLE);
  if (exists === undefined) return undefined;
  const time = database.prepare(NEWEST_APPLIED).pluck().get();
  return time === null ? undefined : Number(time);
}

/** Cannot write, so that it may be the last to be closed without any effect on the files. */
export function openToRead({ file }: SqliteOptions): Database {
  const database = openDatabaseFile(file, { readonly: true, fileMustExist: true });
  try {
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.prepare('select count(*) from sqlite_master').get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
