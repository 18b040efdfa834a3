/** The status file where it lies: read only where it is a file, and replaced in one step. */
import { randomUUID } from 'node:crypto';
import { chmod, lstat, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { validationError, type TrackerError } from '../../domain/errors.ts';
import { STATUS_FILE } from './status-file-name.ts';

const PERMISSIONS = 0o777;

/**
 * Undefined where there is none.
 * @throws ValidationError for a folder, a pipe or a device: opening a pipe would wait for its writer, a device never ends
 */
export async function readStatusBytes(file: string): Promise<Buffer | undefined> {
  const found = await unlessMissing(stat(file));
  if (found === undefined) return undefined;
  if (!found.isFile()) throw leftAlone('is no file, but a folder, a pipe or a device', file);
  return await unlessMissing(readFile(file));
}

/** Undefined also where it cannot be read. */
export async function readStatusText(file: string): Promise<string | undefined> {
  return (await readStatusBytes(file).catch(() => undefined))?.toString();
}

/**
 * Puts a text in the place of the file in one step, as long as the file is still what it was. Its permissions stay,
 * and a symbolic link stays one: the file that it leads to is replaced.
 * @returns whether it was
 * @throws ValidationError for a link that leads nowhere, or out of the folder that it lies in
 */
export async function exchange(
  file: string,
  { was, written, dataDir }: { was: Buffer | undefined; written: Buffer; dataDir: string },
): Promise<boolean> {
  const target = await targetOf(file);
  try {
    // Beside nobody's sources.
    return await exchangeBy(dataDir, target, was, written);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    // The data folder is on another file system: then the rename is one step beside the file only.
    return await exchangeBy(path.dirname(target), target, was, written);
  }
}

async function exchangeBy(
  folder: string,
  target: string,
  was: Buffer | undefined,
  written: Buffer,
): Promise<boolean> {
  const temporary = path.join(folder, `.status.${randomUUID()}.tmp`);
  try {
    const present = await unlessMissing(stat(target));
    // Flushed: else a power cut after the rename may leave an empty file in the place of people's text.
    await writeFile(temporary, written, { flush: true });
    if (present !== undefined) await chmod(temporary, present.mode & PERMISSIONS);
    const isSame = sameBytes(await readStatusBytes(target), was);
    if (isSame) await rename(temporary, target);
    return isSame;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function targetOf(file: string): Promise<string> {
  if ((await unlessMissing(lstat(file)))?.isSymbolicLink() !== true) return file;
  const target = await unlessMissing(realpath(file));
  if (target === undefined) throw leftAlone('is a symbolic link that leads nowhere', file);
  const relative = path.relative(await realpath(path.dirname(file)), target);
  if (relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative)) {
    throw leftAlone('is a symbolic link that leads out of the project', file);
  }
  return target;
}

function leftAlone(what: string, file: string): TrackerError {
  return validationError(
    { field: STATUS_FILE, constraint: `${what}; it is left as it is`, value: file },
    'Give it another name to have the generated one, or set status_file.enabled to false in worktrail.config.json. Nothing was changed.',
  );
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  return await work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
