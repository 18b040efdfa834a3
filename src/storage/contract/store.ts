/** What every layer that keeps the tracker's records must honour. */
import type { Applied, Change } from '../../domain/change.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { ReadOptions } from '../database/connection.ts';
import type { Reader } from '../queries/reader.ts';
import type { JournalName } from './journal.ts';
import type { TierState } from './state.ts';
import type { UnsealedReport } from './unsealed.ts';
import type { FeedListener } from './feed-news.ts';

/** Where an answer came from. */
export type DataSource = 'postgres' | 'sqlite' | 'sqlite_cache' | 'git_history' | 'markdown_file';

/** An answer that is true about itself. */
export interface Answer<T> {
  data: T;
  source: DataSource;
  /** The moment the data is from, when that is not now. */
  as_of?: string;
  warnings: Warning[];
  /** Of a write: where it is durable. */
  durability?: Durability;
  /** What it stands on, or the oldest part of it, where that is a copy. */
  copy?: CopyMoment;
  /** Of a write that no copy could check: what was kept, on one line. `data` is what was asked; fields are missing. */
  unchecked?: string;
}

/** How far the copy was that answered. */
export interface CopyMoment {
  as_of: string;
  /** The position of the feed up to which it is complete; null where it does not know. */
  seq: number | null;
  /** It has all that the primary answered to this process, so that it is no step back. */
  hasAllSeen: boolean;
  /** Whether it shows a change of this folder that was made after `as_of`. */
  shows(change_id: string): boolean;
}

/** Two verbs. Safe for concurrent callers; calls may be made in any number at once. */
export interface Store {
  /** Runs the questions of `work` against the store; all of them see one moment. */
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

/** Where a write is durable: in a store, or in a journal from which it is replayed. */
export type Durability = 'postgres' | 'sqlite' | 'outbox' | 'git' | 'markdown';

/** The answer to a write; `warnings` says what is special where it is not in the primary yet. */
export interface WriteAnswer extends Answer<Applied[]> {
  durability: Durability;
}

/** A write that was acknowledged and waits for the primary. */
export interface PendingWrite {
  id: string;
  /** When it was acknowledged, ISO 8601. */
  at: string;
  changes: Change[];
}

/** The store that tools and commands work with: it goes on while its primary is away. */
export interface TrackerStore extends Store {
  write(changes: readonly Change[]): Promise<WriteAnswer>;
  /**
   * What the primary says at this moment; undefined while it is away or catches up. For what is told beside an answer: no
   * other layer stands in.
   */
  latest<T>(work: (reader: Reader) => Promise<T>, options?: ReadOptions): Promise<T | undefined>;
  /** The writes that wait for the primary, in the order in which they will be replayed. */
  pending(): Promise<PendingWrite[]>;
  /**
   * Calls `listener` after changes, whoever made them and wherever: within a second as a rule. Of a stretch in which
   * nothing could be heard it is told once, afterwards. Costs something only while somebody listens.
   * @returns when nothing that is committed from then on is missed; call the result to stop
   */
  watch(listener: FeedListener): Promise<() => void>;
  /** How each layer is, for people who look after the tracker. */
  layers(): Promise<LayersReport>;
}

/** The states are those of `state.ts`. */
export interface LayersReport {
  state: TierState;
  /** Why the primary is not asked; null while it is. */
  reason: string | null;
  /** When the state was entered, ISO 8601. */
  since: string;
  /** The primary first. */
  layers: LayerReport[];
  journals: JournalReport[];
  /** Writes that wait, and why those that are held back are. */
  waiting: { total: number; parked: number; newer_version: number; oldest_at: string | null };
  /** Writes that may be anybody's, by the file or ref that holds them; they are neither applied nor shown. */
  unsealed: UnsealedReport[];
  /** What was found damaged, in sentences. */
  damage: string[];
}

/** A layer that answers. */
export interface LayerReport {
  source: DataSource;
  label: string;
  location: string;
  /** The moment its records are from, ISO 8601; null when it has none. */
  as_of: string | null;
  /** Why it cannot answer; null when it can. */
  problem: string | null;
}

/** A layer that keeps writes until they are replayed. */
export interface JournalReport {
  name: JournalName;
  location: string;
  problem: string | null;
}

/** The primary as it is at this moment. */
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
