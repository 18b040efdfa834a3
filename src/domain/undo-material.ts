/** What an undo is planned from. */
import type { RecordedChange } from './change.ts';
import type { JsonObject } from './json.ts';

export interface UndoMaterial {
  /** What to take back: all rows of each change, oldest first. */
  wanted: readonly RecordedChange[];
  /** Everything recorded of the same records since the first of these, oldest first. */
  timeline: readonly RecordedChange[];
  /** The records as they are, and the items that their places depend on. */
  records: ReadonlyMap<string, JsonObject>;
  /** Live items below those that may be deleted. */
  children: readonly { id: string; parent_id: string | null; title: string }[];
  /** The time of the undo. */
  now: string;
}

/** A change to take back, with all its rows, oldest first. */
export interface WantedChange {
  change_id: string;
  rows: RecordedChange[];
}
