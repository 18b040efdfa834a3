/**
 * Whether a database is still the one that was seen before. A standby that was promoted without its last moments, a
 * restored backup, an older file put in place: each stands lower in the feed than what was seen, or has another change
 * at that position. It is asked where the feed is taken, so that nothing is written to such a database.
 */
import { WordedError } from '../../platform/worded-error.ts';
import type { Applied, Change, FieldChange } from '../../domain/change.ts';

/** A position of the feed with the change that is there; null where it is not known. */
export interface Position {
  seq: number;
  change_id: string | null;
}

/** The database is not the truth: an empty one, an older one, one that has gone another way, another project's. */
export class IdentityMismatch extends WordedError {
  override readonly name = 'IdentityMismatch';
}

/** One row of the record of changes, as it was written. */
export interface RecordedRow {
  seq: number;
  change_id: string;
  entity_id: string;
  version: number | null;
  fields: readonly FieldChange[];
}

/** A write that is settled in the database, with what it did there. */
export interface SettledWrite {
  changes: readonly Change[];
  /** What was answered; of a write that was kept as a conflict, nothing. */
  applied: readonly Applied[];
  /** In the order of the feed; empty when nothing was to be done. */
  rows: readonly RecordedRow[];
  /** It had been settled before, and may be noted already. */
  isRepeated?: boolean;
}

/** What the users of a database remember of it, together. Best effort: none of these throws. */
export interface Witness {
  /** How far it was seen; undefined where nothing is remembered. Asked within every write, so it is cheap. */
  seen(): Position | undefined;
  /** The number of the last answer. */
  readonly answers: number;
  /** An answer was given whose position is not known yet. @returns its number */
  answered(): number;
  /** The positions of these answers are known. */
  noted(covers: (answer: number) => boolean): void;
  /**
   * An answer came from `head`, and the database has at `verified` what was seen there.
   * @returns whether that is noted: not where another process has noted something else meanwhile
   */
  saw(head: Position, verified: Position | undefined): boolean;
  /** This was committed, and is acknowledged next. */
  settled(write: SettledWrite): void;
}

/** One writing transaction's turn at the feed. */
export class FeedTurn {
  readonly rows: RecordedRow[] = [];
  #seen: Position | undefined;

  constructor(private readonly witness: Pick<Witness, 'seen'>) {}

  /** To be asked before the feed is taken. @returns the position whose change is compared; 0 for none */
  lookBack(): number {
    this.#seen = this.witness.seen();
    return this.#seen?.seq ?? 0;
  }

  /**
   * To be told when the feed is held: nobody moves it from then on until the transaction ends.
   * @param found where the feed stood before this transaction, and the change at the position that was asked for
   * @throws IdentityMismatch
   */
  compare(found: { seq: number; at_seen: string | null }): void {
    const why = this.#seen === undefined ? null : whyNotSeen(found, this.#seen);
    if (why !== null) throw new IdentityMismatch(why);
  }
}

/**
 * @param at_seen the change that the database has at the position that was seen
 * @returns why it is not the database that was seen, in words for a person; null when it is
 */
export function whyNotSeen(found: { seq: number; at_seen: string | null }, seen: Position): string | null {
  if (found.seq < seen.seq) {
    return `it is older than what this folder has seen: it stands at change ${found.seq}, and change ${seen.seq} was seen here`;
  }
  if (seen.seq > 0 && seen.change_id !== null && found.at_seen !== seen.change_id) {
    return `it has gone another way than what this folder has seen: change ${seen.seq} is not the same`;
  }
  return null;
}
