/** How a primary is opened. */
import type { Patience } from '../primary/patience.ts';
import type { QueryLog, SourceName } from '../database/connection.ts';
import type { PostgresTimeouts } from '../primary/postgres-timeouts.ts';
import type { Witness } from '../database/feed-guard.ts';
import type { Quotas } from '../../domain/quotas.ts';

/** What the folder remembers of the project it belongs to. */
export interface Memory {
  project_id: string;
  project_slug: string;
  /** The kind of store it worked with last. */
  store?: SourceName | undefined;
}

export interface PrimaryOptions {
  projectDir: string;
  /** The tracker's own folder; made, with a `.gitignore` for all of it, when missing. */
  dataDir: string;
  /** `explicit`: it was set, and not made of the folder's name; `isFromFile`: by a file that the project brings along. */
  slug: { value: string; explicit: boolean; isFromFile?: boolean };
  /** Undefined for the embedded SQLite. */
  databaseUrl: string | undefined;
  /** Of PostgreSQL; what is not given has its default. */
  timeouts?: Partial<PostgresTimeouts>;
  /** While it is not over, PostgreSQL is waited for longer than the timeouts say. */
  patience?: Patience;
  /** Where the migrations of the database in use are; by default those shipped with the program. */
  migrationsFolder?: string;
  /** How much the project may hold; generous by default. */
  quotas?: Quotas;
  logQuery?: QueryLog | undefined;
  /** Remembers what is seen of the store, and is asked before it is written to. */
  witness?: Witness;
  /** The folder's embedded tracker is being moved to PostgreSQL: what is founded there is that one. */
  isMoving?: boolean;
}
