/**
 * The file `seen.db`: opening, making, and putting a damaged one aside. It survives a process that is killed; a power
 * cut costs its last moments. Best effort: nothing waits for it.
 *
 * Every opening happens under a lock on a side file. SQLite finds the write-ahead log by its name, so a process that
 * opened the file while another renames it could write into the log of its successor.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { openDatabaseFile, openDatabaseImage } from '../primary/database-file.ts';
import { ForeignObject, codedError, driverCode } from '../database/driver-errors.ts';
import { keepLogShort } from '../primary/wal-size.ts';
import { refuseForeignObjects } from '../primary/schema-objects.ts';
import { asideName, setAside } from '../primary/set-aside.ts';
import type { Database } from '../primary/sqlite-driver.ts';
import { withFileLockSync } from '../journals/file-lock.ts';
import { committedImage } from '../journals/outbox-salvage.ts';
import {
  SEEN_APPLICATION_ID,
  SEEN_SCHEMA,
  SEEN_SCHEMA_VERSION,
  SeenTables,
  makeSeenTables,
} from './seen-tables.ts';

export const SEEN_FILE = 'seen.db';
/** A busy wait blocks the event loop; others write for microseconds. */
const BUSY_TIMEOUT_MS = 50;
/** Opening is rare, and other processes open within milliseconds. */
const OPENING_TIMEOUT_MS = 200;

/**
 * Opens the file; makes it when missing, and puts a useless one aside.
 * @param onAside told where a useless one is now
 * @throws a driver's error when it cannot be opened; the file is left as it is
 */
export function openSeenFile(file: string, onAside: (aside: string) => void = () => undefined): SeenTables {
  return withFileLockSync(`${file}.lock`, OPENING_TIMEOUT_MS, () => {
    try {
      return open(file);
    } catch (error) {
      if (!isUseless(error)) throw error;
      onAside(putAside(file));
      return open(file);
    }
  });
}

/** Puts a file aside that was found damaged in use, unless another process has done so already. */
export function putDamagedAside(file: string, inode: number | undefined): string | undefined {
  return withFileLockSync(`${file}.lock`, OPENING_TIMEOUT_MS, () =>
    inodeOf(file) === inode ? putAside(file) : undefined,
  );
}

/**
 * A copy in memory, for looking without altering anything; undefined where there is no file.
 * @throws a driver's error when it cannot be read
 */
export function readSeenFile(file: string): SeenTables | undefined {
  if (!existsSync(file)) return undefined;
  const log = existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`) : Buffer.alloc(0);
  const image = committedImage(readFileSync(file), log);
  if (image.length === 0) return undefined;
  const database = openDatabaseImage(image);
  try {
    return versionOf(database) === 0 ? undefined : new SeenTables(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function open(file: string): SeenTables {
  const database = openDatabaseFile(file, { timeout: OPENING_TIMEOUT_MS });
  try {
    if (versionOf(database) === 0) {
      database.pragma('journal_mode = WAL');
      makeSeenTables(database);
    }
    database.pragma('synchronous = NORMAL');
    keepLogShort(database, file);
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return new SeenTables(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** 0 for a file without tables. @throws for one that is not ours, or of a newer version */
function versionOf(database: Database): number {
  const id = database.pragma('application_id', { simple: true });
  const version = Number(database.pragma('user_version', { simple: true }));
  const tables = Number(database.prepare('select count(*) from sqlite_master').pluck().get());
  if (id === 0 && tables === 0) return 0;
  if (id !== SEEN_APPLICATION_ID) throw codedError('SQLITE_NOTADB', 'it is another database');
  if (version > SEEN_SCHEMA_VERSION) throw new Error('it was made by a newer Worktrail');
  refuseForeignObjects(database, SEEN_SCHEMA);
  return version;
}

/** What no waiting will mend: damaged, another program's, or without the tables it should have. */
export function isUseless(error: unknown): boolean {
  return error instanceof ForeignObject || /^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(driverCode(error) ?? '');
}

/** Never deleted: `worktrail doctor --adopt` reads writes out of it. */
function putAside(file: string): string {
  const aside = asideName(file, 'damaged', Date.now());
  setAside(file, aside);
  return aside;
}

export function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}
