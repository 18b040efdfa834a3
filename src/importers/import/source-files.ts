/** Reading foreign files: bounded in size, never outside the folder that was named, never executed. */
import { isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { validationError, type TrackerError } from '../../domain/errors.ts';
import { compareText } from './natural-order.ts';

/** A larger file is not a tracker's; refusing it keeps memory bounded. */
const SOURCE_FILE_MAX_BYTES = 64 * 1024 * 1024;

/** Deeper JSON is refused before anything walks it recursively. */
const SOURCE_MAX_NESTING = 200;

export type SourceText =
  | { text: string; damaged: boolean }
  /** Why the file could not be read, for a report. */
  | { reason: string };

/**
 * The text of a file: UTF-8, or UTF-16LE with a byte order mark (what PowerShell's `>` writes). `damaged` says
 * that some bytes were not valid and became U+FFFD. Anything but a regular file of at most 64 MiB is a reason.
 */
export async function readSourceText(file: string): Promise<SourceText> {
  const read = await readSourceBytes(file);
  return 'reason' in read ? read : decodeSource(read.bytes);
}

/** The same before it is read as text. */
export async function readSourceBytes(file: string): Promise<{ bytes: Buffer } | { reason: string }> {
  try {
    // Asked before opening: opening a pipe would wait for its writer.
    if (!(await stat(file)).isFile()) return { reason: 'is not a regular file' };
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      if (size > SOURCE_FILE_MAX_BYTES) {
        return { reason: `has ${size} bytes; the limit is ${SOURCE_FILE_MAX_BYTES} (64 MiB)` };
      }
      const bytes = await handle.readFile();
      if (bytes.length > SOURCE_FILE_MAX_BYTES) return { reason: 'grew past 64 MiB while it was read' };
      return { bytes };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { reason: `cannot be read (${errorCode(error)})` };
  }
}

/** What stands at the path that the caller named; symbolic links in the path itself are followed. */
export async function openSource(
  source: string,
  expected: string,
): Promise<{ real: string; kind: 'file' | 'folder' }> {
  if (source.trim() === '' || source.includes('\0')) {
    throw sourceError(source, `must not be empty; expected ${expected}`);
  }
  let real: string;
  let found: Stats;
  try {
    real = await realpath(source);
    found = await stat(real);
  } catch (error) {
    const reason = errorCode(error) === 'ENOENT' ? 'does not exist' : `cannot be read (${errorCode(error)})`;
    throw sourceError(source, `${reason}; expected ${expected}`, error);
  }
  if (found.isFile()) return { real, kind: 'file' };
  if (found.isDirectory()) return { real, kind: 'folder' };
  throw sourceError(source, `is neither a file nor a folder; expected ${expected}`);
}

/** A single file named by the caller, or the first of `candidates` in the folder named by the caller. */
export async function locateFile(source: string, candidates: string[], expected: string): Promise<string> {
  const { real, kind } = await openSource(source, expected);
  if (kind === 'file') return real;
  for (const candidate of candidates) {
    const file = await insideFolder(real, path.join(real, candidate));
    if (file !== undefined && (await isKind(file, 'file'))) return file;
  }
  throw sourceError(source, `is a folder without ${candidates.join(' or ')}; expected ${expected}`);
}

/**
 * The names in a folder, sorted by code unit; undefined when there is no such folder inside `root`.
 * @throws ValidationError when it is there and cannot be read
 */
export async function listFolder(root: string, folder: string): Promise<string[] | undefined> {
  const real = await insideFolder(root, folder);
  if (real === undefined || !(await isKind(real, 'folder'))) return undefined;
  try {
    return (await readdir(real)).sort(compareText);
  } catch (error) {
    throw sourceError(folder, `cannot be read (${errorCode(error)})`, error);
  }
}

/** The real path of an entry, or undefined when it does not exist or leads out of `root` (an absolute real path). */
export async function insideFolder(root: string, entry: string): Promise<string | undefined> {
  try {
    const real = await realpath(entry);
    const relative = path.relative(root, real);
    const isOutside = relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
    return isOutside ? undefined : real;
  } catch {
    return undefined;
  }
}

/** Whether something has this name, be it a symbolic link that leads nowhere. */
export async function isThere(entry: string): Promise<boolean> {
  try {
    await lstat(entry);
    return true;
  } catch {
    return false;
  }
}

export async function isKind(entry: string, kind: 'file' | 'folder'): Promise<boolean> {
  try {
    const found = await stat(entry);
    return kind === 'file' ? found.isFile() : found.isDirectory();
  } catch {
    return false;
  }
}

/** A wrong `path` argument: what is there, and what was expected. */
export function sourceError(source: string, constraint: string, cause?: unknown): TrackerError {
  const error = validationError(
    { field: 'path', constraint, value: source },
    'Name the file or folder of the tracker to import and call again; nothing was changed.',
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** Whether a decoded JSON value is nested deeper than the limit; walks with its own stack. */
export function isNestedTooDeep(root: unknown): boolean {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    if (typeof entry.value !== 'object' || entry.value === null) continue;
    if (entry.depth >= SOURCE_MAX_NESTING) return true;
    for (const value of Object.values(entry.value)) stack.push({ value, depth: entry.depth + 1 });
  }
  return false;
}

/** What bytes say as text, without a byte order mark. */
export function decodeSource(bytes: Buffer): { text: string; damaged: boolean } {
  if (isUtf16(bytes)) {
    const text = bytes.subarray(2).toString('utf16le');
    return { text: text.toWellFormed(), damaged: !text.isWellFormed() };
  }
  const text = bytes.toString('utf8');
  return { text: text.startsWith('\uFEFF') ? text.slice(1) : text, damaged: !isUtf8(bytes) };
}

/** UTF-16LE, by its byte order mark. */
export const isUtf16 = (bytes: Buffer): boolean => bytes[0] === 0xff && bytes[1] === 0xfe;

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
