/** SQLite in memory: a tracker's records for as long as someone asks about them, with the ordinary queries. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { databaseError, isError } from '../../domain/errors.ts';
import { NO_HINTS, type ChangeHints } from '../database/hints.ts';
import type { Connection, QueryLog, Session } from '../database/connection.ts';
import { openDatabaseFile, openDatabaseImage } from './database-file.ts';
import { describeDriverError, driverCode } from '../database/driver-errors.ts';
import { OpenFiles } from './open-files.ts';
import { readMigrations, schemaState, type Migrations, type SchemaState } from './migrate.ts';
import { Mutex } from '../database/retry.ts';
import type { Database } from './sqlite-driver.ts';
import { refuseForeignInTracker } from './schema-objects.ts';
import { connect } from './sqlite.ts';
import { applyMigrations, engineVersion, isOurs, lastApplied } from './tracker-file.ts';

export interface MemorySqliteOptions {
  /** A whole database, as `imageOf` gives it; older ones are migrated in memory. Default: an empty tracker. */
  image?: Buffer;
  /** Where the migrations are; by default those shipped with the program. */
  migrationsFolder?: string;
  /** See `Connection.isReplica`; false by default. */
  isReplica?: boolean;
  logQuery?: QueryLog | undefined;
}

/**
 * Opens a database in memory; what is written to it goes with it. Reading and writing share one connection and
 * take turns, so `work` must not start another `read` or `write` of the same session and wait for it. An empty
 * one opens in about a millisecond, because it is migrated once per process.
 * @throws an error of the driver when the image is damaged
 */
export function openMemorySqlite(options: MemorySqliteOptions = {}): {
  session: Session;
  state: SchemaState;
} {
  const migrations = readMigrations('sqlite', options.migrationsFolder);
  const database = openDatabaseImage(options.image ?? emptyImage(migrations));
  try {
    if (schemaState(lastApplied(database), migrations) === 'behind') applyMigrations(database, migrations);
    database.pragma('foreign_keys = ON');
    const state = schemaState(lastApplied(database), migrations);
    return { session: new MemorySession(database, options), state };
  } catch (error) {
    database.close();
    throw error;
  }
}

const emptyImages = new Map<string, Buffer>();

function emptyImage(migrations: Migrations): Buffer {
  const key = `${migrations.folder} ${migrations.times.join()}`;
  let image = emptyImages.get(key);
  if (image === undefined) {
    const database = openDatabaseImage();
    applyMigrations(database, migrations);
    image = database.serialize();
    database.close();
    emptyImages.set(key, image);
  }
  return image;
}

class MemorySession implements Session {
  readonly source = 'sqlite';
  readonly engine: string;
  readonly #connection: Connection;
  readonly #turns = new Mutex();

  constructor(
    private readonly database: Database,
    { logQuery, isReplica }: MemorySqliteOptions,
  ) {
    this.engine = engineVersion(database);
    this.#connection = connect(database, { logQuery, isReplica });
  }

  /** Every read sees one moment: nobody writes during it. */
  read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#turns.run(() => work(this.#connection));
  }

  write<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      this.database.exec('begin immediate');
      try {
        const result = await work(this.#connection);
        this.database.exec('commit');
        return result;
      } catch (error) {
        if (this.database.inTransaction) this.database.exec('rollback');
        throw error;
      }
    });
  }

  async probe(): Promise<void> {
    await this.#turns.run(() => Promise.resolve(this.database.prepare('select 1 from meta').get()));
  }

  hints(): ChangeHints {
    return NO_HINTS;
  }

  async close(): Promise<void> {
    await this.#turns.run(() => Promise.resolve(this.database.close()));
  }
}

/**
 * A whole tracker database as bytes for `openMemorySqlite`, with everything that was committed to it, also what
 * is still in its write-ahead log. Nothing of the file is changed; file and folder may be read-only. Others may
 * use the database meanwhile.
 * @throws DatabaseError when the file is missing, damaged, empty or not a tracker's
 */
export function imageOf(file: string): Buffer {
  try {
    return readImage(file);
  } catch (error) {
    if (isError(error, 'DatabaseError')) throw error;
    throw unreadable(file, describeDriverError(error), error);
  }
}

function readImage(file: string): Buffer {
  // Nobody has it open, or those who have lost its log; a log that is made here would be in their way.
  if (existsSync(file) && !new OpenFiles(file).isComplete) return fromCopy(file);
  try {
    return serialized(file);
  } catch (error) {
    // Where the files beside a database in WAL mode cannot be made, SQLite does not open it.
    if (!existsSync(file) || !NEEDS_ITS_FOLDER.test(driverCode(error) ?? '')) throw error;
    return fromCopy(file);
  }
}

const NEEDS_ITS_FOLDER = /^SQLITE_(CANTOPEN|READONLY|IOERR)/;

function serialized(file: string): Buffer {
  const database = openDatabaseFile(file, { readonly: true, fileMustExist: true });
  try {
    const image = database.transaction(() => {
      check(file, database);
      return database.serialize();
    })();
    // Bytes 18 and 19 of the header say "write-ahead log", which memory does not have; 1 says "rollback journal".
    image[18] = 1;
    image[19] = 1;
    return image;
  } finally {
    database.close();
  }
}

function check(file: string, database: Database): void {
  if (!isOurs(database)) throw unreadable(file, 'it is a database of another program');
  refuseForeignInTracker(database, readMigrations('sqlite'));
  if (lastApplied(database) === undefined) throw unreadable(file, 'it is empty');
  if (database.pragma('quick_check(1)', { simple: true }) !== 'ok') throw unreadable(file, 'it is damaged');
}

function fromCopy(file: string): Buffer {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-'));
  try {
    for (let attempt = 1; ; attempt += 1) {
      const before = stamps(file);
      const copy = path.join(folder, `${attempt}.db`);
      copyFileSync(file, copy);
      if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`);
      // Someone who may write there moved content from one to the other in between.
      if (stamps(file) !== before && attempt < COPY_ATTEMPTS) continue;
      return serialized(copy);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const COPY_ATTEMPTS = 3;

function stamps(file: string): string {
  return [file, `${file}-wal`]
    .map((name) => statSync(name, { throwIfNoEntry: false }))
    .map((found) => `${found?.mtimeMs} ${found?.size}`)
    .join();
}

function unreadable(file: string, why: string, cause?: unknown) {
  return databaseError(
    'sqlite',
    `${file}: ${why}`,
    'Check the file and who may read it. It was left as it is.',
    cause,
  );
}
