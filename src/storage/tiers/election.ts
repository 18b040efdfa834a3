/**
 * Lets one process of a tracker folder do what would be wasted twice. The kernel releases the lock when a process
 * dies. Nothing depends on it being right: without a lock file everyone does the work. It never waits and keeps its
 * files open, being asked all the time; `file-lock.ts` is for work that must wait for its turn.
 */
import type { Database } from '../primary/sqlite-driver.ts';
import path from 'node:path';
import { openDatabaseFile } from '../primary/database-file.ts';

export type Elected<T> = { ran: true; result: T } | { ran: false };

export class Election {
  readonly #locks = new Map<string, Database>();
  readonly #held = new Set<string>();

  constructor(private readonly dataDir: string) {}

  /** Runs `work` unless this or another process is running work of the same role. */
  async run<T>(role: string, work: () => Promise<T>): Promise<Elected<T>> {
    if (this.#held.has(role)) return { ran: false };
    this.#held.add(role);
    let lock: Database | undefined;
    try {
      lock = this.#lock(role);
      lock?.exec('begin exclusive');
    } catch (error) {
      if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) {
        this.#held.delete(role);
        return { ran: false };
      }
      lock = undefined;
    }
    try {
      return { ran: true, result: await work() };
    } finally {
      if (lock?.inTransaction === true) lock.exec('rollback');
      this.#held.delete(role);
    }
  }

  close(): void {
    for (const lock of this.#locks.values()) lock.close();
    this.#locks.clear();
  }

  #lock(role: string): Database | undefined {
    let lock = this.#locks.get(role);
    if (lock === undefined) {
      lock = openDatabaseFile(path.join(this.dataDir, `${role}.lock`));
      lock.pragma('busy_timeout = 0');
      this.#locks.set(role, lock);
    }
    return lock;
  }
}
