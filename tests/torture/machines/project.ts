// A project as its machines share it, whatever it lies on.
import type { OpenOptions } from '../../../src/storage/opening/open-store.ts';
import type { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import type { Random } from '../model/random.ts';
import type { Reads, Rows } from './rows.ts';

export interface Project {
  places: Place[];
  /** The database, past everything that is being tested. */
  primary: Reads;
  /** Between two looks at something that is waited for. */
  pause?: () => Promise<void>;
  close(): Promise<void>;
}

/** A folder of the project, and its way to the database. */
export interface Place {
  options: OpenOptions;
  store: TieredStore;
  cut(): Promise<void>;
  /** In the middle of what comes next. */
  cutSoon(random: Random): Promise<void>;
  mend(): Promise<void>;
  /** How far the local copy has followed the database; null where something local is left in it. */
  cursor(): unknown;
  cached(): Promise<Rows>;
}

/** Asks a local copy for its `cursor`. */
export const CURSOR =
  'select cursor from copy_state where not exists (select 1 from changes where seq > cursor)';
