/**
 * The file `seen.db`: opening, making, and putting a damaged one aside. It survives a process that is killed; a power
 * cut costs its last moments. Best effort: nothing waits for it.
 *
 * Every opening happens under a lock on a side file. SQLite finds the write-ahead log by its name, so a process that
 * opened the file while another renames it could write into the log of its successor.
 */
import { existsSync, readFileSync } from 'node:fs';
import { inodeOf } from '../primary/open-files.ts';
import { openDatabaseFile, openDatabaseImage } from '../primary/database-file.ts';
import { keepLogShort } from '../primary/wal-size.ts';
import { isUseless, versionOf, type SideFileKind } from '../primary/side-file.ts';
import { asideName, setAside } from '../primary/set-aside.ts';
import { withFileLockSync } from '../primary/file-lock.ts';
import { committedImage } from '../journals/outbox-salvage.ts';
import {
  SEEN_APPLICATION_ID,
  SEEN_SCHEMA,
  SEEN_SCHEMA_VERSION,
  SeenTables,
  makeSeenTables,
} from './seen-tables.ts';

export const SEEN_FILE = 'seen.db';

const KIND: SideFileKind = {
  applicationId: SEEN_APPLICATION_ID,
  version: SEEN_SCHEMA_VERSION,
  schemaOf: () => SEEN_SCHEMA,
  newer: () => new Error('it was made by a newer Worktrail'),
};
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
    return versionOf(database, KIND) === 0 ? undefined : new SeenTables(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

function open(file: string): SeenTables {
  const database = openDatabaseFile(file, { timeout: OPENING_TIMEOUT_MS });
  try {
    if (versionOf(database, KIND) === 0) {
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

/** Never deleted: `worktrail doctor --adopt` reads writes out of it. */
function putAside(file: string): string {
  const aside = asideName(file, 'damaged', Date.now());
  setAside(file, aside);
  return aside;
}
