/**
 * The SQLite file of the outbox: opening, making, checking, and setting a damaged one aside.
 *
 * Every opening happens under a lock on a side file. SQLite finds the write-ahead log by its name, so a process
 * that opened the file while another renames it could write into the log of its successor.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { FOLDER_MODE } from '../../platform/file-modes.ts';
import { refuseForeignObjects } from '../primary/schema-objects.ts';
import { openDatabaseFile, openDatabaseImage } from '../primary/database-file.ts';
import { ForeignObject, describeDriverError, driverCode } from '../database/driver-errors.ts';
import { keepLogShort } from '../primary/wal-size.ts';
import { asideName, setAside } from '../primary/set-aside.ts';
import { earlierIn, writtenAt } from './earlier-version.ts';
import { withFileLockSync } from '../primary/file-lock.ts';
import { JournalUnavailable, type JournalEntry } from '../contract/journal.ts';
import { damagedCopies, keepLog, readIfThere, saveFrom } from './outbox-copies.ts';
import { committedImage, entriesPassedOver } from './outbox-salvage.ts';
import {
  OUTBOX_APPLICATION_ID,
  SCHEMA,
  OutboxFile,
  SCHEMA_VERSION,
  claimMarks,
  isDamage,
  isSound,
  makeSchema,
  sealEarlier,
} from './outbox-tables.ts';
import type { Database } from '../primary/sqlite-driver.ts';

/** A busy wait blocks the event loop, so it is short; longer waits are made asynchronously. */
const BUSY_TIMEOUT_MS = 20;
/** Opening is rare, and other processes open within milliseconds. */
const OPENING_TIMEOUT_MS = 5_000;
/** Keeps the log short, which is read whole at each opening. */
const CHECKPOINT_PAGES = 250;
const PROVISIONAL_KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/**
 * Opens the outbox at `file`; makes it when missing, and sets a damaged one aside after saving what it holds.
 * A file that can only be read is opened for reading. Blocks for up to 5 s while other processes open it.
 * @param thorough checks every page and every entry, as after a failure
 * @param left a file that was open and that the path no longer leads to; it is closed
 * @throws JournalUnavailable when it cannot be opened; the file is left as it is
 */
export function openOutboxFile(
  file: string,
  now: () => number,
  thorough: boolean,
  left?: OutboxFile,
): OutboxFile {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: FOLDER_MODE });
    return withFileLockSync(`${file}.lock`, OPENING_TIMEOUT_MS, () => {
      // Before anything is written: afterwards the times are those of this program.
      const until = writtenAt(file, `${file}-wal`);
      const copies = new Map(damagedCopies(file).map((one) => [one, writtenAt(one, `${one}-wal`)]));
      const findEarlier = earlierIn(path.dirname(file));
      // With the log of another file SQLite makes a mixture of both. Renamed, it is noticed by whoever has opened that.
      if (left?.hasFilesBeside === true) setAside(file, asideName(file, 'damaged', now()));
      const log = readIfThere(`${file}-wal`);
      const passedOver = entriesPassedOver(log);
      const copy = asideName(file, 'damaged', now());
      // Before SQLite opens the file: it trusts what it can read of the log, and deletes it when closing.
      if (passedOver.length > 0) keepLog(copy, log);
      let database = openSound(file, log.length > 0, thorough);
      if (database === undefined) {
        setAside(file, copy);
        database = openSound(file, false, false);
        if (database === undefined) throw new Error('a new file is damaged');
      }
      const opened = new OutboxFile(file, database, false, []);
      try {
        // Another process was in the middle of a commit when the log was read.
        if (passedOver.length > 0 && hasAll(opened, passedOver)) rmSync(`${copy}-wal`);
        claimMarks(opened);
        for (const one of damagedCopies(file)) {
          opened.damage.push(saveFrom(opened, file, one, copies.get(one) ?? until, findEarlier));
        }
        sealEarlier(opened, until, findEarlier);
        // What was passed over stays in the log beside what is written next, and would be found again.
        if (passedOver.length > 0) database.pragma('wal_checkpoint(TRUNCATE)');
        pruneProvisional(opened, now());
        database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
        return opened;
      } catch (error) {
        database.close();
        throw error;
      }
    });
  } catch (error) {
    if (error instanceof JournalUnavailable) throw error;
    return (isReadOnly(error) ? openForReading(file) : undefined) ?? cannotOpen(file, error);
  }
}

function cannotOpen(file: string, error: unknown): never {
  const message = `the outbox ${file} cannot be opened: ${describeDriverError(error)}`;
  throw new JournalUnavailable('outbox', message, { cause: error });
}

/** The file opened, and made if need be; undefined when it is damaged or not ours. */
function openSound(file: string, hasLog: boolean, thorough: boolean): Database | undefined {
  // SQLite would delete the log of an empty file.
  if (hasLog && sizeOf(file) === 0) return undefined;
  const database = openDatabaseFile(file, { timeout: OPENING_TIMEOUT_MS });
  let sound = false;
  try {
    const id = database.pragma('application_id', { simple: true });
    const version = Number(database.pragma('user_version', { simple: true }));
    if (id === OUTBOX_APPLICATION_ID && version > SCHEMA_VERSION) {
      throw new JournalUnavailable('outbox', `the outbox ${file} was made by a newer Worktrail`);
    }
    database.pragma('synchronous = FULL');
    database.pragma('cell_size_check = ON');
    database.pragma('secure_delete = FAST');
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    keepLogShort(database, file);
    const tables = database.prepare('select count(*) from sqlite_master').pluck().get();
    if (id === 0 && tables === 0) makeSchema(database);
    else if (id !== OUTBOX_APPLICATION_ID || version !== SCHEMA_VERSION) return undefined;
    else refuseForeignObjects(database, SCHEMA);
    sound = isSound(database, thorough);
    return sound ? database : undefined;
  } catch (error) {
    // With statements this plain, a mere SQLITE_ERROR says that the tables are not what they should be.
    if (isDamage(error) || driverCode(error) === 'SQLITE_ERROR') return undefined;
    if (error instanceof ForeignObject && error.isAltered) return undefined;
    throw error;
  } finally {
    if (!sound) database.close();
  }
}

function hasAll(opened: OutboxFile, entries: JournalEntry[]): boolean {
  const known = opened.statement('select 1 from entries where id = ?');
  return entries.every(({ id }) => known.get(id) !== undefined);
}

function pruneProvisional(opened: OutboxFile, now: number): void {
  const before = now - PROVISIONAL_KEPT_MS;
  const old = opened.statement('select 1 from provisional where noted_at < ? limit 1').get(before);
  if (old !== undefined) opened.statement('delete from provisional where noted_at < ?').run(before);
}

/** Reading a file past SQLite lets go of the locks that this process holds on it: only where nobody can write. */
const isReadOnly = (error: unknown): boolean =>
  /^(SQLITE_(READONLY|CANTOPEN|PERM|FULL)|EROFS|EACCES|EPERM|ENOSPC)/.test(driverCode(error) ?? '');

/** A copy in memory of a file that cannot be opened for writing; undefined when there is none to read. */
function openForReading(file: string): OutboxFile | undefined {
  let database;
  try {
    const image = committedImage(readIfThere(file), readIfThere(`${file}-wal`));
    if (image.length === 0) return undefined;
    database = openDatabaseImage(image);
    const id = database.pragma('application_id', { simple: true });
    const version = database.pragma('user_version', { simple: true });
    refuseForeignObjects(database, SCHEMA);
    if (id === OUTBOX_APPLICATION_ID && version === SCHEMA_VERSION && isSound(database, false)) {
      return new OutboxFile(file, database, true, []);
    }
  } catch {
    // Why it cannot be opened for writing is the more useful thing to tell.
  }
  database?.close();
  return undefined;
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
