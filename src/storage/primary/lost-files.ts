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
import { setTimeout as sleep } from 'node:timers/promises';
import { FILE_MODE, isShared } from '../../platform/file-modes.ts';
import { openDatabaseFile } from './database-file.ts';
import { withFileLock } from './file-lock.ts';
import { LOOK_MS, openToLook, openingLock } from './open-in-place.ts';
import { LostFiles, describeDriverError } from '../database/driver-errors.ts';
import type { FileLoss, OpenFiles } from './open-files.ts';
import type { Database } from './sqlite-driver.ts';

/** Bytes 18 and 19 of a database say whether it has a log; a copy that is whole without one says 1. */
const LOG_MARKS = [18, 19] as const;

/** How long those who are at work with the same lost log are waited for. */
const PATIENCE_MS = LOOK_MS;
const PAUSE_MS = 10;

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
export async function saveAndClose(
  files: OpenFiles,
  loss: FileLoss,
  connections: LostConnections,
  { isCopy }: { isCopy: boolean },
): Promise<LostFiles> {
  // A log on top of another database than its own makes a mixture of both.
  const beside = loss === 'replaced' ? files.ownBeside : [];
  if (isCopy) {
    closeBoth(connections);
    remove(beside);
    return new LostFiles(WHAT[loss]);
  }
  const isBack = loss === 'log' && (await isPutBack(files, connections));
  if (isBack) return new LostFiles(`${WHAT.log}; all that was in it was put back into the database`);
  const top = topOf(connections.writer);
  let kept: string | undefined;
  let problem = '';
  try {
    kept = keepBeside(files.file, connections.writer);
  } catch (error) {
    problem = describeDriverError(error);
  }
  closeBoth(connections);
  if (kept !== undefined) remove(beside);
  if (kept === undefined) {
    return new LostFiles(`${WHAT[loss]}; what it held could not be saved beside it (${problem})`);
  }
  if (await hasAll(files.file, top)) {
    rmSync(kept, { force: true });
    return new LostFiles(`${WHAT[loss]}; nothing that was saved is missing from the one that is there now`);
  }
  return new LostFiles(`${WHAT[loss]}; what could be read of it is in ${kept}`);
}

/**
 * Whether the database has all that is in the log, or is given it where nobody else can have begun another one; then the
 * connections are closed.
 */
async function isPutBack(files: OpenFiles, connections: LostConnections): Promise<boolean> {
  try {
    return await withFileLock(openingLock(files.file), async () => {
      const { writer } = connections;
      const wasIn = isTakenIn(writer, 'NOOP');
      const isBack = !wasIn && (await takeIn(files, writer));
      if (wasIn || isBack) closeBoth(connections);
      // Where all was in it, others may have begun a log since, and lost that one too.
      if (isBack) beginAnew(files);
      return wasIn || isBack;
    });
  } catch {
    return false;
  }
}

/** Waits for those who read or write in the same log: they notice that it is lost when they are done. */
async function takeIn(files: OpenFiles, writer: Database): Promise<boolean> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (files.isUntouched) {
    if (isTakenIn(writer, 'FULL')) return true;
    if (Date.now() > giveUpAt) return false;
    await sleep(PAUSE_MS);
  }
  return false;
}

/**
 * Whether the whole log is in the database, after a checkpoint that does nothing or all it can. Others that have the same
 * log open take part by its index.
 */
function isTakenIn(writer: Database, mode: 'NOOP' | 'FULL'): boolean {
  const [done] = writer.pragma(`wal_checkpoint(${mode})`) as {
    busy: number;
    log: number;
    checkpointed: number;
  }[];
  return done?.busy === 0 && done.log === done.checkpointed;
}

/**
 * Gives the database a log and an index of their own, so that nobody shares one with those who have the old log open.
 * Where that fails, whoever opens it next waits until they have let go.
 */
function beginAnew(files: OpenFiles): void {
  let database: Database | undefined;
  try {
    remove(files.ownBeside);
    database = openDatabaseFile(files.file, { fileMustExist: true });
    database.prepare(TOP).get();
  } catch {
    // What was in the log is in the database.
  } finally {
    database?.close();
  }
}

const WHAT: Readonly<Record<FileLoss, string>> = {
  replaced: 'its file was moved, deleted or replaced',
  shrank: 'its file was cut or written over',
  log: 'its log (the -wal or -shm file) was deleted or replaced while it was in use',
};

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

function remove(files: readonly string[]): void {
  for (const file of files) rmSync(file, { force: true });
}

function closeBoth({ writer, reader }: LostConnections): void {
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
async function hasAll(file: string, top: Top | undefined): Promise<boolean> {
  if (top === undefined || !existsSync(file)) return false;
  let database: Database | undefined;
  try {
    database = await openToLook(file);
    const there = 'select 1 from changes where seq = ? and change_id = ?';
    if (database.prepare(there).get(top.seq, top.change_id) === undefined) return false;
    return database.pragma('quick_check(1)', { simple: true }) === 'ok';
  } catch {
    return false;
  } finally {
    database?.close();
  }
}
