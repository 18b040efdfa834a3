/**
 * A lock between processes that cannot be left behind: the kernel lets go of it when its holder dies. For work that
 * must be done by everyone, one after the other; `election.ts` is for work that others need not repeat.
 */
import { openDatabaseFile } from './database-file.ts';
import { retryContention } from '../database/retry.ts';

/** A busy wait blocks the event loop, so it is short; longer waits are made asynchronously. */
const BUSY_TIMEOUT_MS = 20;

/** Runs `work` while nobody else holds the lock of this name. Waits up to 30 s for it. */
export async function withFileLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeFileLock(lockFile);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

export interface FileLock {
  close(): void;
}

/** The same for whoever lets go of it by `close`. */
export async function takeFileLock(lockFile: string): Promise<FileLock> {
  const lock = openDatabaseFile(lockFile, { timeout: BUSY_TIMEOUT_MS });
  try {
    await retryContention(() => lock.exec(TAKE));
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** The same, blocking the event loop for at most `timeoutMs` while it waits. */
export function withFileLockSync<T>(lockFile: string, timeoutMs: number, work: () => T): T {
  const lock = openDatabaseFile(lockFile, { timeout: timeoutMs });
  try {
    lock.exec(TAKE);
    return work();
  } finally {
    lock.close();
  }
}

/** The file stays empty. With a journal of its own beside it, no lock could be had on a full disk. */
const TAKE = 'pragma journal_mode = memory; begin exclusive';
