/** SQLite: one connection for writing and one for reading, both through a queue of their own. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { databaseError, isError } from '../../domain/errors.ts';
import type { ChangeHints } from '../database/hints.ts';
import { watchDataVersion } from './sqlite-hints.ts';
import { FOLDER_MODE } from '../../platform/file-modes.ts';
import { sqliteKit, sqliteSql } from '../database/columns.ts';
import {
  Connection,
  OutcomeUnknown,
  type Db,
  type QueryLog,
  type ReadOptions,
  type Session,
} from '../database/connection.ts';
import { ForeignObject, LostFiles, codedError, describeDriverError } from '../database/driver-errors.ts';
import { withFileLock } from './file-lock.ts';
import { saveAndClose } from './lost-files.ts';
import { readMigrations, refuseNewer, schemaState, type Migrations, type SchemaState } from './migrate.ts';
import { OpenFiles } from './open-files.ts';
import { LOOK_MS, openPatiently, openingLock } from './open-in-place.ts';
import { Mutex, retryContention } from '../database/retry.ts';
import { leaveLog } from './wal-size.ts';
import { defineTables } from '../database/schema.ts';
import type { Database, Statement } from './sqlite-driver.ts';
import {
  NEWEST_APPLIED,
  applyMigrations,
  engineVersion,
  lastApplied,
  openToRead,
  openToWrite,
  type SqliteOptions,
} from './tracker-file.ts';

/** What a transaction wrote that took so long does not go into the log and into the file in one turn of the event loop. */
const LONG_TRANSACTION_MS = 100;

const liteTables = defineTables(sqliteKit);

/**
 * Opens (and if need be makes and migrates) a SQLite store.
 * @throws DatabaseError when the file is not ours, damaged, or cannot be opened; the file is left as it is
 */
export async function openSqlite(options: SqliteOptions): Promise<{ session: Session; state: SchemaState }> {
  try {
    mkdirSync(path.dirname(options.file), { recursive: true, mode: FOLDER_MODE });
    // Reading the file has to wait while another process cleans up after a crash, or is the last to leave.
    const writer = await open(options, () => openToWrite(options));
    const files = new OpenFiles(options.file);
    let reader: Database | undefined;
    try {
      // Opened now, not when it is needed: if the log is lost, what is opened later sees another one.
      reader = await retryContention(() => openToRead(options));
      refuseLost(files);
      const state = await bringUpToDate(writer, files, options);
      return { session: new SqliteSession(writer, reader, files, options), state };
    } catch (error) {
      const loss = files.loss();
      if (reader !== undefined && loss !== undefined) {
        throw await saveAndClose(files, loss, { writer, reader }, { isCopy: options.isReplica === true });
      }
      reader?.close();
      writer.close();
      throw error;
    }
  } catch (error) {
    if (isError(error, 'DatabaseError')) throw error;
    throw databaseError(
      'sqlite',
      `${options.file}: ${describeDriverError(error)}`,
      error instanceof ForeignObject
        ? 'It may have come with the repository. Move the file elsewhere and restore a backup of the tracker (`worktrail restore FILE`), or begin without it. Nothing was changed.'
        : 'Check the file, its folder and the free disk space, then start again. Nothing was changed.',
      error,
    );
  }
}

/** A copy can be made again: it is opened as it is. */
function open({ file, isReplica = false }: SqliteOptions, work: () => Database): Promise<Database> {
  return isReplica ? retryContention(work) : openPatiently(file, work);
}

/** @throws LostFiles when they are not in their places any more */
function refuseLost(files: OpenFiles): void {
  if (files.loss() !== undefined)
    throw new LostFiles('its files were deleted or replaced while it was opened');
}

async function bringUpToDate(
  database: Database,
  files: OpenFiles,
  options: SqliteOptions,
): Promise<SchemaState> {
  const migrations = readMigrations('sqlite', options.migrationsFolder);
  const compare = () => retryContention(() => schemaState(lastApplied(database), migrations));
  const state = await compare();
  if (state !== 'behind') return state;
  return await withFileLock(openingLock(options.file), async () => {
    // Who put back a lost log while this one waited did it under the same lock: nothing may be added to it now.
    refuseLost(files);
    // Another process may have done the work while this one waited.
    if ((await compare()) === 'behind') {
      // Repeated as a whole while processes of an older version still write; what failed was rolled back.
      await retryContention(() => {
        database.pragma('journal_mode = WAL');
        applyMigrations(database, migrations);
      });
    }
    return await compare();
  });
}

class SqliteSession implements Session {
  readonly source = 'sqlite';
  readonly engine: string;
  readonly #writer: { database: Database; connection: Connection };
  readonly #reader: { database: Database; connection: Connection };
  readonly #writing = new Mutex();
  readonly #reading = new Mutex();
  readonly #files: OpenFiles;
  readonly #migrations: Migrations;
  readonly #newestApplied: Statement;
  readonly #begin: { read: Statement; write: Statement };
  readonly #commit: { read: Statement; write: Statement };
  readonly #looking: NodeJS.Timeout | undefined;
  #lost: LostFiles | undefined;
  #isClosed = false;

  constructor(
    writer: Database,
    reader: Database,
    files: OpenFiles,
    private readonly options: SqliteOptions,
  ) {
    this.engine = engineVersion(writer);
    this.#writer = { database: writer, connection: connect(writer, options) };
    this.#reader = { database: reader, connection: connect(reader, options) };
    this.#files = files;
    this.#migrations = readMigrations('sqlite', options.migrationsFolder);
    this.#newestApplied = writer.prepare(NEWEST_APPLIED).pluck();
    // Never a plain BEGIN to write: turning a read into a write later fails at once, whatever the timeout.
    this.#begin = { read: reader.prepare('begin'), write: writer.prepare('begin immediate') };
    this.#commit = { read: reader.prepare('commit'), write: writer.prepare('commit') };
    if (options.isReplica !== true) this.#looking = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  async read<T>(work: (connection: Connection) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return await this.#inPlace(this.#reading, async () => {
      const answer = await this.#readOnce(work, options);
      // Others may have changed pages under it that are in the lost log as well.
      if (this.#files.loss() !== undefined) throw new Displaced(false);
      return answer;
    });
  }

  async #readOnce<T>(work: (connection: Connection) => Promise<T>, options: ReadOptions): Promise<T> {
    const { connection, database } = this.#reader;
    if (options.oneStatement === true) return await retryContention(() => work(connection));
    // `begin` locks nothing yet: it is the first query that may find others in the way.
    return await retryContention(async () => {
      this.#begin.read.run();
      try {
        return await work(connection);
      } finally {
        // A damaged file ends the transaction by itself: what follows from that must not hide the damage.
        if (database.inTransaction) this.#commit.read.run();
      }
    });
  }

  async write<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#transaction(work);
  }

  async probe(): Promise<void> {
    await this.#transaction(() => {
      const { database } = this.#writer;
      database.prepare('select 1 from meta').get();
      // SQLite writes the page of an unchanged value too, so that a full or read-only disk shows here.
      const version = Number(database.pragma('user_version', { simple: true }));
      database.pragma(`user_version = ${version}`);
      return Promise.resolve();
    });
  }

  /** The connection for reading sees what this process writes too. */
  hints(onHint: () => void): ChangeHints {
    const dataVersion = () =>
      this.#inPlace(this.#reading, () =>
        Promise.resolve(Number(this.#reader.database.pragma('data_version', { simple: true }))),
      );
    return watchDataVersion(dataVersion, onHint);
  }

  /** Also while nobody asks for anything: what was in a deleted log is in no file until it is put back. */
  async #look(): Promise<void> {
    try {
      if (this.#files.loss() !== undefined) await this.#letGo();
    } catch {
      // A folder that cannot be looked into fails whoever asks for something; it may be back before that.
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    // Whoever closes last empties the log into the file: that must not be the log of another file.
    if (this.#files.loss() !== undefined) await this.#letGo();
    await this.#reading.run(() => Promise.resolve(this.#reader.database.close()));
    await this.#writing.run(() => Promise.resolve(this.#writer.database.close()));
  }

  #transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#inPlace(this.#writing, async () => {
      const { database, connection } = this.#writer;
      await retryContention(() => this.#begin.write.run());
      const begun = performance.now();
      try {
        // Others may have put back what was lost while this one waited: nothing may be added to the lost log then.
        if (this.#files.loss() !== undefined) throw new Displaced(false);
        refuseNewer(Number(this.#newestApplied.get()), this.#migrations);
        const result = await work(connection);
        const isLong = performance.now() - begun > LONG_TRANSACTION_MS;
        const takeIn = isLong ? leaveLog(database) : undefined;
        try {
          this.#commit.write.run();
        } finally {
          takeIn?.restore();
        }
        // What was committed to files that had just been lost is not in those that count.
        if (this.#files.loss() !== undefined) throw new Displaced(true);
        if (takeIn !== undefined) {
          await nextTurn();
          if (this.#files.loss() === undefined) takeIn.run();
        }
        return result;
      } catch (error) {
        if (database.inTransaction) database.exec('rollback');
        throw error;
      }
    });
  }

  /** A connection stays with the files it opened, even when others have taken their places. */
  async #inPlace<T>(turn: Mutex, work: () => Promise<T>): Promise<T> {
    try {
      return await turn.run(() => {
        if (this.#lost !== undefined) throw this.#lost;
        if (this.#isClosed) throw codedError('SQLITE_CANTOPEN', 'the database was closed meanwhile');
        if (this.#files.loss() !== undefined) throw new Displaced(false);
        return work();
      });
    } catch (failure) {
      // In files that others have replaced nothing that is found, or not found, says anything of the tracker.
      const isLost = this.#lost === undefined && !this.#isClosed && this.#files.loss() !== undefined;
      const error = isLost && !(failure instanceof Displaced) ? new Displaced(false) : failure;
      if (!(error instanceof Displaced)) throw orDamage(error);
      const lost = (await this.#letGo()) ?? new LostFiles('its file was out of its place for a moment');
      if (!error.isCommitted) throw lost;
      throw new OutcomeUnknown('the database files were replaced while writing', { cause: lost });
    }
  }

  /** Saves what only this process still sees; the store has to be opened again. */
  #letGo(): Promise<LostFiles | undefined> {
    return this.#writing.run(() =>
      this.#reading.run(async () => {
        const loss = this.#files.loss();
        if (this.#lost === undefined && loss !== undefined) {
          clearInterval(this.#looking);
          const connections = { writer: this.#writer.database, reader: this.#reader.database };
          const { isReplica = false } = this.options;
          this.#lost = await saveAndClose(this.#files, loss, connections, { isCopy: isReplica });
        }
        return this.#lost;
      }),
    );
  }
}

/** A value that is no JSON any more is damage that no checksum found: nothing else in a transaction parses text. */
function orDamage(error: unknown): unknown {
  return error instanceof SyntaxError ? codedError('SQLITE_CORRUPT', 'a value is damaged', error) : error;
}

/** The files are not in their places any more. */
class Displaced extends Error {
  constructor(readonly isCommitted: boolean) {
    super('the database files were moved, deleted or replaced');
  }
}

export function connect(
  database: Database,
  { logQuery, isReplica }: { logQuery?: QueryLog | undefined; isReplica?: boolean | undefined },
): Connection {
  // The one place where a SQLite builder is handed out under the reference dialect's type.
  const logger = logQuery !== undefined && { logQuery };
  const db = drizzle(database, { logger }) as unknown as Db;
  return new Connection(db, liteTables, () => Promise.resolve(), sqliteSql, isReplica);
}
