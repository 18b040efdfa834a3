/** Opens the SQLite files of a tracker: all of them come this way. */
import { closeSync, constants, fchmodSync, openSync } from 'node:fs';
import { FILE_MODE, isShared } from '../../platform/file-modes.ts';
import { openDatabase, requireDriver, type Database, type DatabaseOptions } from './sqlite-driver.ts';

/**
 * Opens a database file; made, where it is missing, for this user alone (SQLite gives the files beside it the same mode).
 * What its schema names can call no function with an effect outside of it.
 * @throws what the driver does
 */
export function openDatabaseFile(file: string, options: DatabaseOptions = {}): Database {
  // Without a driver nothing is made.
  requireDriver();
  if (options.readonly !== true && options.fileMustExist !== true) makeIfMissing(file);
  const database = openDatabase(file, options);
  guard(database);
  return database;
}

/** A whole database as bytes, opened in memory; an empty one by default. @throws what the driver does when it is damaged */
export function openDatabaseImage(image?: Buffer): Database {
  const database = openDatabase(image ?? ':memory:');
  guard(database);
  return database;
}

function guard(database: Database): void {
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
}

function makeIfMissing(file: string): void {
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  try {
    const handle = openSync(file, flags, FILE_MODE);
    try {
      if (isShared) fchmodSync(handle, FILE_MODE);
    } finally {
      closeSync(handle);
    }
  } catch {
    // It is there, or cannot be made: the driver says so.
  }
}
