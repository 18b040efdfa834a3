/** The write-ahead log of a SQLite file where the disk has little room. */
import type { Database } from './sqlite-driver.ts';
import { statfsSync } from 'node:fs';
import path from 'node:path';

/** Several times what the logs of all files of a tracker grow to, 4 MB each. */
const ROOMY_BYTES = 64 * 1024 * 1024;

/**
 * Where room is short, takes the log into the file after every write, and gives back what a write that found no
 * room left behind in it. Otherwise the log would grow to the last byte, those included that the file needs to
 * take it in; then nothing can be written any more although most of the log is worth nothing.
 */
export function keepLogShort(database: Database, file: string): void {
  if (freeBytes(path.dirname(file)) >= ROOMY_BYTES) return;
  database.pragma('wal_autocheckpoint = 1');
  database.pragma('journal_size_limit = 0');
}

/**
 * Keeps the next commit from taking the log into the file as well: after a long transaction each of the two takes its time.
 * @returns `restore`, to be called after the commit; `run`, which takes the log in, as far as nobody reads from it.
 *   Undefined where the log is kept short
 */
export function leaveLog(database: Database): { restore: () => void; run: () => void } | undefined {
  const pages = Number(database.pragma('wal_autocheckpoint', { simple: true }));
  if (pages <= 1) return undefined;
  database.pragma('wal_autocheckpoint = 0');
  return {
    restore: () => void database.pragma(`wal_autocheckpoint = ${pages}`),
    run: () => {
      try {
        database.pragma('wal_checkpoint(PASSIVE)');
      } catch {
        // What was committed is in the log, and a later commit tries again: so SQLite itself sees it.
      }
    },
  };
}

/** What this user may still write there; more than enough where that is not told. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
