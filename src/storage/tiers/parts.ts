/** What a tiered store is made of. */
import type { Journals } from '../journals/journals.ts';
import type { CacheReplica } from '../replicas/cache.ts';
import type { Patience } from '../primary/patience.ts';
import type { AnySeen } from './seen.ts';
import type { Replica } from '../replicas/replica.ts';
import type { TierMemory } from './tier-memory.ts';
import type { Jobs } from '../operations/jobs.ts';
import type { Primary } from '../primary/sql-store.ts';
import type { AddressMark } from './address-mark.ts';
import type { Clock } from '../../platform/clock.ts';

export interface TieredParts {
  /** What the primary is called in messages, as `PostgreSQL`. */
  primaryLabel: string;
  /** Where it is, without secrets. */
  location: string;
  /** What stands for the address where it is remembered; undefined for a file. */
  address?: AddressMark | undefined;
  /** How long a primary is waited for that nothing can stand in for; by default it is not. */
  patienceMs?: number;
  /** Ends when something can stand in; undefined for a file. */
  patience?: Patience | undefined;
  /**
   * Opens the primary.
   * @throws DatabaseError: with a driver's error as cause when it does not answer or a setting is wrong, without one
   *   when it is refused
   */
  connect: () => Promise<Primary>;
  /** Whether a primary that failed has to be opened anew: a file's connection stays with the file it opened. */
  reopens?: boolean;
  /** What is known of the project; the id is undefined before the first start. */
  project: () => { project_id: string | undefined; project_slug: string | undefined };
  /** From the best to the last. */
  replicas: readonly Replica[];
  /** The one among them that is kept fresh; undefined for an embedded tracker. */
  cache?: CacheReplica | undefined;
  journals: Journals;
  memory: TierMemory;
  /** How far the primary was seen, and the writes that it acknowledged to this folder. */
  seen: AnySeen;
  /** Copies of the primary in git; undefined where there are none. */
  snapshot?: Snapshots | undefined;
  /** How long the end waits for a snapshot that is long due; default 3 s. */
  snapshotPatienceMs?: number;
  /** Runs work that only one process of a folder needs to do at a time; false when another is doing it. */
  elect: <T>(role: string, work: () => Promise<T>) => Promise<{ ran: true; result: T } | { ran: false }>;
  /** Runs what is done in the background as jobs; by default without a record of them. */
  jobs?: Jobs;
  clock: Clock;
  staleAfterMs?: number;
  /** For what a person should know; one line. */
  log: (message: string) => void;
  /** Lets go of what `elect` holds. */
  release?: () => void;
}

export interface Snapshots {
  /** Milliseconds since the last one; undefined without any. */
  age(): Promise<number | undefined>;
  take(primary: Primary): Promise<void>;
}
