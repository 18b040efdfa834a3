/** Lock files that a killed git left behind where the tracker keeps its own refs: while one is there, git saves nothing. */
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { askGit } from './repository.ts';

/** Our own git is ended after seconds; anyone else's holds a lock on a single ref for a moment. */
const STALE_AFTER_MS = 10 * 60_000;

export interface StaleLock {
  file: string;
  /** When it was made, ISO 8601. */
  since: string;
}

/** Those below `refs/worktrail/` that are older than 10 minutes; nothing else in the repository is looked at. */
export async function findStaleLocks(projectDir: string, now = Date.now()): Promise<StaleLock[]> {
  const common = await askGit(projectDir, ['rev-parse', '--git-common-dir']);
  if (common === undefined) return [];
  const folder = path.join(path.resolve(projectDir, common.trim()), 'refs', 'worktrail');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.lock'))
    .map((entry) => path.join(entry.parentPath, entry.name));
  const found = await Promise.all(files.map((file) => staleSince(file, now)));
  return found.flatMap((lock) => lock ?? []);
}

/** @returns false when it is gone or was taken anew meanwhile */
export async function removeStaleLock(file: string, now = Date.now()): Promise<boolean> {
  if ((await staleSince(file, now)) === undefined) return false;
  await rm(file);
  return true;
}

async function staleSince(file: string, now: number): Promise<StaleLock | undefined> {
  const status = await stat(file).catch(() => undefined);
  if (status === undefined || now - status.mtimeMs < STALE_AFTER_MS) return undefined;
  return { file, since: status.mtime.toISOString() };
}
