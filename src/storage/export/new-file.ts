/** Files that appear under their name only when they are whole and on the disk. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { TrackerError, databaseError, validationError } from '../../domain/errors.ts';
import { classifyDriverError, describeDriverError, driverCode } from '../database/driver-errors.ts';
import type { Sink } from './write-export.ts';

const BUFFER_CHARACTERS = 1 << 20;
const TEMPORARY = /^\..+\.[0-9a-f-]{36}\.wtmp$/;
/** What a killed process left behind is removed when nobody can be writing it any more. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

/** A file that is written and has no name yet. */
export interface WrittenFile<T> {
  temporary: string;
  bytes: number;
  result: T;
}

/**
 * Writes a file under a name that nobody takes for a finished one, and waits until the disk has it. What was
 * written of it is removed when that fails.
 * @throws DatabaseError when the disk does not take it
 */
export async function writeTemporary<T>(
  target: string,
  produce: (sink: Sink) => Promise<T>,
): Promise<WrittenFile<T>> {
  const folder = path.dirname(target);
  const temporary = path.join(folder, `.${path.basename(target)}.${randomUUID()}.wtmp`);
  const handle = await onDisk(folder, async () => {
    await mkdir(folder, { recursive: true });
    return await open(temporary, 'wx', 0o600);
  });
  try {
    const result = await produceInto(handle, folder, produce);
    const bytes = await onDisk(folder, async () => {
      await handle.sync();
      const { size } = await handle.stat();
      await handle.close();
      return size;
    });
    return { temporary, bytes, result };
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

async function produceInto<T>(
  handle: FileHandle,
  folder: string,
  produce: (sink: Sink) => Promise<T>,
): Promise<T> {
  let buffer: string[] = [];
  let characters = 0;
  const flush = () =>
    onDisk(folder, async () => {
      const text = buffer.join('');
      buffer = [];
      characters = 0;
      await handle.writeFile(text);
    });
  const result = await produce(async (text) => {
    buffer.push(text);
    characters += text.length;
    if (characters >= BUFFER_CHARACTERS) await flush();
  });
  await flush();
  return result;
}

/**
 * Gives a written file its name, which must be free.
 * @throws ValidationError when something has that name
 */
export async function publish(temporary: string, target: string): Promise<void> {
  const folder = path.dirname(target);
  await onDisk(folder, async () => {
    try {
      await link(temporary, target);
      await rm(temporary);
    } catch (error) {
      const code = driverCode(error);
      if (code === 'EEXIST' || existsSync(target)) throw nameTaken(target);
      if (code === undefined || !/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/.test(code)) throw error;
      // A file system without links.
      await rename(temporary, target);
    }
    await syncFolder(folder);
  });
}

/** Makes what was renamed in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch {
    // Some file systems cannot, and need not.
  } finally {
    await handle.close();
  }
}

/** Removes what killed processes left half written in a folder. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!TEMPORARY.test(name)) continue;
    const file = path.join(folder, name);
    const age = Date.now() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) await rm(file, { force: true });
  }
}

export function nameTaken(target: string): TrackerError {
  return validationError(
    { field: '--to', constraint: `${target} is there already`, value: target },
    'Name a file or folder that does not exist yet; nothing was changed.',
  );
}

/** What the disk refuses, as an error of the place that was written to. */
async function onDisk<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isSystem = error instanceof Error && 'syscall' in error;
    if (error instanceof TrackerError || !isSystem || classifyDriverError(error) !== 'unavailable') {
      const isFile = isSystem && error.syscall === 'mkdir' && driverCode(error) === 'EEXIST';
      if (isFile || (isSystem && driverCode(error) === 'ENOTDIR')) throw notAFolder(folder);
      throw error;
    }
    throw databaseError(
      'file',
      `${folder} cannot be written: ${describeDriverError(error)}`,
      'Make room or choose another folder (--to; of restore --keep-in), then repeat the call. Nothing was written, and what is there stays.',
      error,
    );
  }
}

function notAFolder(folder: string): TrackerError {
  return validationError(
    { field: '--to', constraint: `${folder} is not a folder`, value: folder },
    'Name another place; nothing was changed.',
  );
}
