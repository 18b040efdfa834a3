/**
 * Puts a database file aside: under another name, with its log, so that whoever looks into it finds what was committed
 * last. Other processes may have it open; they keep what they opened, and notice by the name that it is another file.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { syncFolderNow } from '../../platform/sync-folder.ts';

const LOG = '-wal';
const INDEX = '-shm';

/**
 * The path for a file that is put aside now, such as `cache.damaged-<time>.db`: neither a file nor a log has it.
 * @param file ends with `.db`
 */
export function asideName(file: string, why: 'damaged' | 'before', now: number): string {
  const time = new Date(now).toISOString().replace(/[-:.]/g, '');
  for (let count = 1; ; count += 1) {
    const name = `${file.replace(/\.db$/, '')}.${why}-${time}${count === 1 ? '' : `-${count}`}.db`;
    if (!['', LOG, INDEX].some((suffix) => existsSync(name + suffix))) return name;
  }
}

/** The one path for a damaged file of which only the last is kept: `cache.damaged.db`. */
export function onlyAsideName(file: string): string {
  return `${file.replace(/\.db$/, '')}.damaged.db`;
}

/**
 * Renames the file and its log, and removes the index of the log; it is on the disk when this returns. What is not there
 * is passed over. Wherever it ends, the name never leads to an empty file beside a log of another.
 * @param replaces whether what has the other name goes; without it, a part of the file whose name is taken gets `-left`
 *   behind it
 * @throws an error of the system
 */
export function setAside(file: string, aside: string, { replaces = false } = {}): void {
  if (replaces && existsSync(file)) {
    for (const suffix of ['', LOG, INDEX]) rmSync(aside + suffix, { force: true });
  }
  // The log first: SQLite deletes one that it finds beside a file that is empty or missing.
  renameIfThere(file + LOG, aside + LOG);
  // A file that is made under the name would be read by an index of another log.
  rmSync(file + INDEX, { force: true });
  renameIfThere(file, aside);
  syncFolderNow(path.dirname(file));
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, untaken(to));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

function untaken(name: string): string {
  let found = name;
  for (let count = 1; existsSync(found); count += 1) found = `${name}-left${count === 1 ? '' : count}`;
  return found;
}
