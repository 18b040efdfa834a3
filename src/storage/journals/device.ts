/** The id of a tracker's folder, the same for all processes that use it. It says who wrote an entry, and vouches for nothing. */
import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { storedId } from '../../domain/fields.ts';
import { readPlainFile } from '../../platform/plain-file.ts';
import { FILE_MODE } from '../../platform/file-modes.ts';

const DEVICE_FILE = 'device';
const DEVICE_MAX_BYTES = 1024;

export const deviceFile = (dataDir: string): string => path.join(dataDir, DEVICE_FILE);

/** Undefined also for what is no id, no plain file, or leads out of the project. */
export function readDevice(dataDir: string): string | undefined {
  try {
    const limits = { maxBytes: DEVICE_MAX_BYTES, inside: path.dirname(dataDir) };
    const id = readPlainFile(deviceFile(dataDir), limits)?.toString('utf8').trim() ?? '';
    return storedId.safeParse(id).success ? id : undefined;
  } catch {
    return undefined;
  }
}

/** The id, made where it is missing or unfit. @param isThere whether the folder is; without it the id is kept nowhere */
export function deviceOf(dataDir: string, isThere: boolean): string {
  const device = readDevice(dataDir);
  if (device !== undefined) return device;
  const proposed = randomUUID();
  if (!isThere) return proposed;
  const file = deviceFile(dataDir);
  const temporary = `${file}.${proposed}.tmp`;
  try {
    writeFileSync(temporary, `${proposed}\n`, { flag: 'wx', mode: FILE_MODE });
    const isUnfit =
      lstatSync(file, { throwIfNoEntry: false }) !== undefined && readDevice(dataDir) === undefined;
    if (isUnfit) rmSync(file, { force: true });
    linkSync(temporary, file);
  } catch {
    // Another process was faster, or the folder cannot be written.
  } finally {
    rmSync(temporary, { force: true });
  }
  return readDevice(dataDir) ?? proposed;
}
