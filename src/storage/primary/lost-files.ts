/**
 * What is done when files of an open database are gone or replaced: only the connections that have them open can still
 * read what is in them. It goes back into the database where nobody touched that meanwhile, else into a file beside it.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { FILE_MODE, isShared } from '../../platform/file-modes.ts';
import { openDatabaseFile } from './database-file.ts';
import { LostFiles, describeDriverError } from '../database/driver-errors.ts';
import type { FileLoss, OpenFiles } from './open-files.ts';
import type { Database } from './sqlite-driver.ts';

/** Bytes 18 and 19 of a database say whether it has a log; a copy that is whole without one says 1. */
const LOG_MARKS = [18, 19] as const;

export interface LostConnections {
  writer: Database;
  /** Cannot write: closed last, it neither empties a log into a database that has become another, nor deletes one. */
  reader: Database;
}

/**
 * Saves what only these connections see, and closes them.
 * @param isCopy it can be made again, so that nothing is saved
 * @returns what happened, for a person
 */
export function saveAndClose(
  files: OpenFiles,
  loss: FileLoss,
  { writer, reader }: LostConnections,
  { isCopy }: { isCopy: boolean },
): LostFiles {
  // A log on top of another database than its own makes a mixture of both.
  const beside = loss === 'replaced' ? files.ownBeside : [];
  const clearPlace = () => beside.forEach((file) => rmSync(file, { force: true }));
  if (isCopy) {
    closeBoth(writer, reader);
    clearPlace();
    return new LostFiles(WHAT[loss]);
  }
  if (loss === 'log' && files.isUntouched && putBack(writer)) {
    closeBoth(writer, reader);
    return new LostFiles(`${WHAT.log}; all that was in it was put back into the database`);
  }
  const top = topOf(writer);
  let kept: string | undefined;
  let problem = '';
  try {
    kept = keepBeside(files.file, writer);
  } catch (error) {
    problem = describeDriverError(error);
  }
  closeBoth(writer, reader);
  if (kept !== undefined) clearPlace();
  if (kept === undefined) {
    return new LostFiles(`${WHAT[loss]}; what it held could not be saved beside it (${problem})`);
  }
  if (hasAll(files.file, top)) {
    rmSync(kept, { force: true });
    return new LostFiles(`${WHAT[loss]}; nothing that was saved is missing from the one that is there now`);
  }
  return new LostFiles(`${WHAT[loss]}; what could be read of it is in ${kept}`);
}

const WHAT: Readonly<Record<FileLoss, string>> = {
  replaced: 'its file was moved, deleted or replaced',
  shrank: 'its file was cut or written over',
  log: 'its log (the -wal or -shm file) was deleted or replaced while it was in use',
};

/** Takes the whole log into the database. Others that still have the same log open take part by its index. */
function putBack(writer: Database): boolean {
  try {
    const [done] = writer.pragma('wal_checkpoint(FULL)') as {
      busy: number;
      log: number;
      checkpointed: number;
    }[];
    return done?.busy === 0 && done.log === done.checkpointed;
  } catch {
    return false;
  }
}

/** @returns the copy, whole and on disk */
function keepBeside(file: string, writer: Database): string {
  const image = writer.serialize();
  for (const at of LOG_MARKS) image[at] = 1;
  const name = savedName(file);
  const handle = openSync(name, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, FILE_MODE);
  try {
    if (isShared) fchmodSync(handle, FILE_MODE);
    for (let at = 0; at < image.length;) at += writeSync(handle, image, at);
    fsyncSync(handle);
  } catch (error) {
    rmSync(name, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
  return name;
}

function savedName(file: string): string {
  const time = new Date().toISOString().replace(/[-:.]/g, '');
  for (let count = 1; ; count += 1) {
    const name = `${file.replace(/\.db$/, '')}.saved-${time}${count === 1 ? '' : `-${count}`}.db`;
    if (!existsSync(name)) return name;
  }
}

function closeBoth(writer: Database, reader: Database): void {
  writer.close();
  reader.close();
}

interface Top {
  seq: number;
  change_id: string;
}

const TOP = 'select seq, change_id from changes order by seq desc limit 1';

/** The last change that is recorded; undefined where that cannot be told. */
function topOf(database: Database): Top | undefined {
  try {
    return database.prepare<[], Top>(TOP).get();
  } catch {
    return undefined;
  }
}

/** Whether the database in the place has that change too, and is whole. */
function hasAll(file: string, top: Top | undefined): boolean {
  if (top === undefined || !existsSync(file)) return false;
  let database: Database | undefined;
  try {
    database = openDatabaseFile(file, { readonly: true, fileMustExist: true });
    const there = 'select 1 from changes where seq = ? and change_id = ?';
    if (database.prepare(there).get(top.seq, top.change_id) === undefined) return false;
    return database.pragma('quick_check(1)', { simple: true }) === 'ok';
  } catch {
    return false;
  } finally {
    database?.close();
  }
}
