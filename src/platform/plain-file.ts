/**
 * Reading files that somebody else may have put there: only plain files, only so many bytes, and none outside of the
 * folder they belong to. A pipe, a device or a link that leads out is never opened for reading.
 */
import { WordedError } from './worded-error.ts';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import path from 'node:path';

/** A file that is there and is not used. `reason` goes after the file's name: "is a pipe". */
export class UnsuitableFile extends WordedError {
  override readonly name = 'UnsuitableFile';
  constructor(
    readonly file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file} ${reason}`, options);
  }
}

export interface PlainFileLimits {
  /** Larger files are refused, unread. */
  maxBytes: number;
  /** The folder that the file, and whatever a link leads to, must lie in. */
  inside: string;
}

/**
 * The whole content; undefined when there is no such file.
 * @throws UnsuitableFile for anything but a readable plain file inside the folder, of at most `maxBytes`
 */
export function readPlainFile(file: string, limits: PlainFileLimits): Buffer | undefined {
  try {
    return readFrom(realFile(file, limits.inside), file, limits.maxBytes);
  } catch (error) {
    if (error instanceof UnsuitableFile) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return undefined;
    if (code === 'ENOENT') {
      if (!isLink(file)) return undefined;
      throw new UnsuitableFile(file, 'is a link that leads nowhere');
    }
    throw new UnsuitableFile(file, `cannot be read (${code ?? 'unknown error'})`, { cause: error });
  }
}

/**
 * Where a path that is there really leads.
 * @throws UnsuitableFile when that is outside of the folder; the error of `realpath` when it leads nowhere
 */
function realFile(file: string, inside: string): string {
  const real = realpathSync(file);
  if (isInside(real, realpathSync(inside))) return real;
  throw new UnsuitableFile(file, `leads out of ${inside}`);
}

/** Whether a path that is there leads to a plain file in the folder: reading anything else may wait for ever. */
export function isPlainFile(file: string, inside: string): boolean {
  try {
    return statSync(realFile(file, inside)).isFile();
  } catch {
    return false;
  }
}

/** Whether `file` is `folder` or lies in it; both absolute and without links. */
export function isInside(file: string, folder: string): boolean {
  const way = path.relative(folder, file);
  return way === '' || (way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way));
}

export function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** Opens what is no link for reading; of a pipe, without waiting for its writer. @throws the error of the file system */
export function openWithoutWaiting(file: string): number {
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
  return openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
}

function readFrom(real: string, named: string, maxBytes: number): Buffer {
  const handle = openWithoutWaiting(real);
  try {
    const status = fstatSync(handle);
    if (!status.isFile()) throw new UnsuitableFile(named, 'is not a plain file');
    if (status.size > maxBytes)
      throw new UnsuitableFile(named, `has ${status.size} bytes; at most ${maxBytes} are read`);
    const content = Buffer.alloc(status.size);
    let length = 0;
    while (length < content.length) {
      const read = readSync(handle, content, length, content.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return content.subarray(0, length);
  } finally {
    closeSync(handle);
  }
}
