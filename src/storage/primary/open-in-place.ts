/**
 * Opens the database of an embedded tracker beside other programs, and never so that two of them use different logs on
 * one file. Where the log or its index is missing while somebody has the database open, they were deleted: only that
 * program can put back what was in them (`lost-files.ts`), and whoever began another log would be in its way.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LostFiles, classifyDriverError } from '../database/driver-errors.ts';
import { retryContention } from '../database/retry.ts';
import { openDatabaseFile } from './database-file.ts';
import { withFileLockSync } from './file-lock.ts';
import { OpenFiles } from './open-files.ts';
import type { Database } from './sqlite-driver.ts';

/** How often a program that has a database open looks whether its files are in their places. */
export const LOOK_MS = 500;
/** A busy wait blocks the event loop, so it is short; longer waits are made asynchronously. */
export const BUSY_TIMEOUT_MS = 20;
const PAUSE_MS = 25;
/** As often as there is time for in three times as long as it takes until programs look at their files again. */
const LOOKS_MAX = (3 * LOOK_MS) / (BUSY_TIMEOUT_MS + PAUSE_MS);

/** Held while files are opened that were not all there, put back, migrated, or moved. */
export const openingLock = (file: string): string => `${file}.migrate.lock`;

/** As `openInPlace`; waits up to 1.5 s for others to put back what they lost, and longer while they are busy. */
export async function openPatiently(file: string, open: () => Database): Promise<Database> {
  // Counted and not timed: who waited for a busy one has not yet waited for one that lost its files.
  for (let looks = 1; ; looks += 1) {
    try {
      return await retryContention(() => openInPlace(file, open));
    } catch (error) {
      if (!(error instanceof LostFiles) || looks > LOOKS_MAX) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/**
 * Calls `open`, and reads, so that the files beside the database are those of everybody else.
 * @throws LostFiles when others have it open without its log, or that was deleted just now; and what `open` throws
 */
function openInPlace(file: string, open: () => Database): Database {
  const before = new OpenFiles(file);
  if (before.isEmpty) return open();
  if (before.isComplete) return opened(before, open);
  return withFileLockSync(openingLock(file), BUSY_TIMEOUT_MS, () => {
    if (!new OpenFiles(file).isComplete && isHeld(file)) throw new LostFiles(HELD);
    // Only now: a log without an index that nobody has open has just been taken into the file.
    return opened(new OpenFiles(file), open);
  });
}

/** Opens it for a look: reads with the log that is there, and never makes one beside that of others. */
export async function openToLook(file: string): Promise<Database> {
  const open = () => openDatabaseFile(file, { readonly: true, fileMustExist: true });
  // Whether a log without its index has a holder cannot be found out without taking it into the file. Where there is no
  // lock nobody has opened it yet, and a look makes no file beside one that may be somebody else's.
  const isLookedAtAsItIs = new OpenFiles(file).hasLog || !existsSync(openingLock(file));
  return isLookedAtAsItIs ? open() : await openPatiently(file, open);
}

const HELD =
  'its log (the -wal or -shm file) was deleted, and a program that still has it open has not yet put back what was in it; it does so when it goes on, or is closed';

function opened(before: OpenFiles, open: () => Database): Database {
  const database = open();
  try {
    // The files beside it are opened by the first read.
    database.prepare('select count(*) from sqlite_master').get();
    if (before.loss() === undefined) return database;
    throw new LostFiles('its files were deleted or replaced while it was opened');
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Whether anybody has the file open with a log. Who opens it under the lock of this file sees only those whose files
 * were lost.
 */
function isHeld(file: string): boolean {
  const database = openDatabaseFile(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // Set before the first read, this takes the file itself: it fails while any other connection has it open. Where the
    // file has no log, it reads beside those who write.
    database.pragma('locking_mode = EXCLUSIVE');
    database.prepare('select count(*) from sqlite_master').get();
    return false;
  } catch (error) {
    // What else may be wrong with it, whoever opens it says.
    return classifyDriverError(error) === 'contention';
  } finally {
    database.close();
  }
}
