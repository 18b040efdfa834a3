/** A small secret in a file for its owner alone: made once, whoever of several processes comes first. */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { UnsuitableFile, openWithoutWaiting } from './plain-file.ts';
import { syncFolderNow } from './sync-folder.ts';

const OWNER_ONLY_FILE = 0o600;
const OTHERS = 0o077;

export interface Secret {
  bytes: Buffer;
  /** When its file was made, in milliseconds since 1970; 0 where the file system does not say. */
  madeAt: number;
}

/**
 * The secret in `file`; undefined when there is no such file.
 * @throws UnsuitableFile when it has another length, belongs to another user or can be read by one; the error of the
 *   file system when it cannot be read
 */
export function readSecret(file: string, length: number): Secret | undefined {
  let handle: number;
  try {
    handle = openWithoutWaiting(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'ELOOP') throw new UnsuitableFile(file, 'is a link', { cause: error });
    throw error;
  }
  try {
    const status = fstatSync(handle);
    if (!status.isFile()) throw new UnsuitableFile(file, 'is not a plain file');
    if (status.size !== length) throw new UnsuitableFile(file, `does not have ${length} bytes`);
    if (process.getuid !== undefined) {
      if (status.uid !== process.getuid()) throw new UnsuitableFile(file, 'belongs to another user');
      if ((status.mode & OTHERS) !== 0)
        throw new UnsuitableFile(file, 'can be read by other users: take that right from them (chmod 600)');
    }
    const bytes = Buffer.alloc(length);
    if (readSync(handle, bytes, 0, length, 0) !== length) throw new UnsuitableFile(file, 'was cut short');
    return { bytes, madeAt: status.birthtimeMs };
  } finally {
    closeSync(handle);
  }
}

/** Puts a new random secret there, on the disk when this returns, unless the file is there already. */
export function makeSecret(file: string, length: number): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = openSync(temporary, 'wx', OWNER_ONLY_FILE);
    try {
      writeSync(handle, randomBytes(length));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    linkSync(temporary, file);
    syncFolderNow(path.dirname(file));
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}
