/**
 * The file of the operational store, `operations.db`: opening, making, bringing up to date, and putting a damaged one
 * aside. It holds metadata of jobs only, and nothing depends on it.
 *
 * Every opening happens under a lock on a side file. SQLite finds the write-ahead log by its name, so a process that
 * opened the file while another renames it could write into the log of its successor.
 */
import { existsSync, readFileSync } from 'node:fs';
import { inodeOf } from '../primary/open-files.ts';
import { openDatabaseFile, openDatabaseImage } from '../primary/database-file.ts';
import { codedError } from '../database/driver-errors.ts';
import { Statements, isUseless, versionOf, type SideFileKind } from '../primary/side-file.ts';
import { keepLogShort } from '../primary/wal-size.ts';
import { onlyAsideName, setAside } from '../primary/set-aside.ts';
import type { Database, Statement } from '../primary/sqlite-driver.ts';
import { withFileLockSync } from '../primary/file-lock.ts';
import { committedImage } from '../journals/outbox-salvage.ts';

/** "WTRJ": marks a file as an operational store (PRAGMA application_id). */
export const OPERATIONS_APPLICATION_ID = 0x5754524a;
/** A busy wait blocks the event loop, and what is recorded is not worth a longer one. */
export const BUSY_TIMEOUT_MS = 25;
/** Opening is rare, and other processes open within milliseconds. */
const OPENING_TIMEOUT_MS = 100;
const LOG_MAX_BYTES = 1024 * 1024;

/** Each takes the file from `user_version` = its index to the next. Append only. */
const MIGRATIONS: readonly string[] = [
  `create table jobs (
    id text primary key,
    kind text not null,
    state text not null
      check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
    phase text,
    done integer,
    total integer,
    counts text not null default '{}',
    queued_at text not null,
    started_at text,
    updated_at text not null,
    ended_at text,
    error text,
    pid integer not null,
    host text not null,
    boot text not null,
    process_started text not null
  ) strict, without rowid;
  create index jobs_order on jobs (queued_at, id);
  create index jobs_kind on jobs (kind, queued_at, id);
  create index jobs_open on jobs (state) where ended_at is null;
  create table snapshot_events (
    seq integer primary key,
    kind text not null check (kind in ('git_snapshot', 'backup', 'restore', 'export')),
    at text not null,
    reference text not null,
    bytes integer,
    counts text not null default '{}',
    job_id text references jobs (id) on delete set null
  ) strict;
  create index snapshot_events_kind on snapshot_events (kind, seq);
  create index snapshot_events_job on snapshot_events (job_id);`,
];
export const SCHEMA_VERSION = MIGRATIONS.length;

const KIND: SideFileKind = {
  applicationId: OPERATIONS_APPLICATION_ID,
  version: SCHEMA_VERSION,
  schemaOf: (version) => MIGRATIONS.slice(0, version).join('\n'),
  newer: () => new NewerOperations('the record of jobs was made by a newer Worktrail'),
};

/** An opened file. Its statements are prepared once. */
export class OperationsFile {
  readonly #statements: Statements;
  readonly #inode: number | undefined;

  constructor(
    readonly location: string,
    readonly database: Database,
  ) {
    this.#inode = inodeOf(location);
    this.#statements = new Statements(database);
  }

  statement(sql: string): Statement {
    return this.#statements.of(sql);
  }

  /** Runs `work` in one transaction. */
  transaction<T>(work: () => T): T {
    return this.database.transaction(work).immediate();
  }

  /** False when the path leads to another file by now, or to none. */
  isCurrent(): boolean {
    return inodeOf(this.location) === this.#inode;
  }

  close(): void {
    this.database.close();
  }
}

/**
 * Opens the file; makes it when missing and puts a useless one aside.
 * @throws a driver's error when it cannot be opened; the file is left as it is
 */
export function openOperationsFile(file: string): OperationsFile {
  return withFileLockSync(`${file}.lock`, OPENING_TIMEOUT_MS, () => {
    try {
      return open(file);
    } catch (error) {
      if (!isUseless(error)) throw error;
      putAside(file);
      return open(file);
    }
  });
}

/** Puts the file aside that was found damaged, unless another process has done so already. */
export function replaceDamaged(damaged: OperationsFile): void {
  const { location } = damaged;
  withFileLockSync(`${location}.lock`, OPENING_TIMEOUT_MS, () => {
    if (damaged.isCurrent()) putAside(location);
  });
}

/**
 * A copy in memory, for looking without altering anything.
 * @returns undefined where there is no file
 * @throws a driver's error when it cannot be read
 */
export function readOperationsFile(file: string): OperationsFile | undefined {
  if (!existsSync(file)) return undefined;
  const log = existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`) : Buffer.alloc(0);
  const image = committedImage(readFileSync(file), log);
  if (image.length === 0) return undefined;
  const database = openDatabaseImage(image);
  try {
    if (versionOf(database, KIND) === 0) throw codedError('SQLITE_NOTADB', 'it is not an operational store');
    return new OperationsFile(file, database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function open(file: string): OperationsFile {
  const database = openDatabaseFile(file, { timeout: OPENING_TIMEOUT_MS });
  try {
    database.pragma('foreign_keys = ON');
    database.pragma('cell_size_check = ON');
    const version = versionOf(database, KIND);
    if (version < SCHEMA_VERSION || database.pragma('journal_mode', { simple: true }) !== 'wal') {
      database.pragma('journal_mode = WAL');
      migrate(database);
    }
    database.pragma('synchronous = NORMAL');
    database.pragma(`journal_size_limit = ${LOG_MAX_BYTES}`);
    keepLogShort(database, file);
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return new OperationsFile(file, database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: Database): void {
  database
    .transaction(() => {
      const version = Number(database.pragma('user_version', { simple: true }));
      for (const step of MIGRATIONS.slice(version)) database.exec(step);
      database.pragma(`application_id = ${OPERATIONS_APPLICATION_ID}`);
      database.pragma(`user_version = ${SCHEMA_VERSION}`);
    })
    .immediate();
}

/** One of a newer program: left alone. */
export class NewerOperations extends Error {}

/** Never deleted: only the one before makes way. */
function putAside(file: string): void {
  setAside(file, onlyAsideName(file), { replaces: true });
}
