/** What every layer that keeps the tracker's records must honour. */
import type { Applied, Change } from '../domain/change.ts';
import type { Warning } from '../domain/warnings.ts';
import type { ReadOptions } from './sql/connection.ts';
import type { Reader } from './sql/reader.ts';

/** Where an answer came from (T5). */
export type DataSource = 'postgres' | 'sqlite' | 'sqlite_cache' | 'git_history' | 'markdown_file';

/** An answer that is true about itself. */
export interface Answer<T> {
  data: T;
  source: DataSource;
  /** The moment the data is from, when that is not now. */
  as_of?: string;
  warnings: Warning[];
}

/** Two verbs. Safe for concurrent callers; calls may be made in any number at once. */
export interface Store {
  /** Runs the questions of `work` against the store. With `snapshot` all of them see one moment. */
  read<T>(work: (reader: Reader) => Promise<T>, options?: ReadOptions): Promise<Answer<T>>;
  /**
   * Applies the changes in order, all of them or none. A change whose id or idempotency key was applied
   * before is not applied again; its first result is answered.
   * @throws TrackerError when a rule is broken (nothing was changed) or the store cannot be written
   */
  write(changes: readonly Change[]): Promise<Answer<Applied[]>>;
  /** What this store is and whether it answers; never throws. */
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}

export interface StoreHealth {
  source: DataSource;
  engine: string;
  /** Where it is, without secrets. */
  location: string;
  reachable: boolean;
  /** Why it cannot be reached or written, in our words. */
  problem: string | null;
  project_slug: string | null;
  project_id: string | null;
  /** How the store's schema compares with what this program knows. */
  schema: 'current' | 'behind' | 'newer';
}
