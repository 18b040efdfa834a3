/** Where acknowledged writes wait while the primary cannot take them. */
import { WordedError } from '../../platform/worded-error.ts';
import type { Change } from '../../domain/change.ts';
import { footprintOf, type Footprint } from '../../domain/footprint.ts';

/** One acknowledged write. Its changes are applied together or not at all. */
export interface JournalEntry {
  /** The id of its first change: UUID v7. */
  id: string;
  /**
   * A hybrid logical clock in milliseconds: never below the wall clock, and above that of every entry its writer had
   * seen; below all of these for what is put back. With `device` and `id` it orders the entries of all journals.
   */
  lamport: number;
  /** The tracker folder it was written in, as a UUID. */
  device: string;
  /** The project it belongs to; absent where the folder did not know it yet. */
  project_id?: string;
  /** When it was acknowledged, ISO 8601 UTC with milliseconds. */
  at: string;
  changes: Change[];
  /** Of a write that only a newer program understands: it has no changes here, waits, and is carried as it is. */
  newer?: {
    /** The ids of the records that it can be seen to alter. */
    alters: string[];
    /** As `encodeEntry` of that program made it. */
    record: string;
  };
}

/** What an entry has to do with others: see `footprintOf`. */
export function footprintOfEntry({ changes, newer }: JournalEntry): Footprint {
  return newer === undefined ? footprintOf(changes) : { alters: newer.alters, needs: [], about: [] };
}

/** A whole entry that this user on this machine did not seal: it may be anybody's. */
export interface UnsealedWrite {
  entry: JournalEntry;
  /** The file or ref that holds it. */
  place: string;
}

/** The places of writing, in the order in which they are tried. */
export type JournalName = 'outbox' | 'git' | 'markdown';

/**
 * Keeps entries durably until they are removed. Safe for concurrent callers and for several processes at once.
 * Every method throws `JournalUnavailable` when the medium fails; nothing is half done then, but an entry whose
 * `append` failed may still turn up in `list`.
 */
export interface Journal {
  readonly name: JournalName;
  /** Where it is, for people. */
  readonly location: string;
  /** Resolves when the entry would survive a power cut. The same id again changes nothing. */
  append(entry: JournalEntry): Promise<void>;
  /** Every entry of ours that was not removed, whichever process wrote it; in no order. Each id once. */
  list(): Promise<JournalEntry[]>;
  /**
   * What the last `list` found beside: entries that nothing proves to be ours. They stay where they are, apply to
   * nothing, and give way to an entry of ours of the same id.
   */
  unsealed(): UnsealedWrite[];
  /** Lets go of the entries with these ids; unknown ids are passed over. An entry appended meanwhile stays. */
  remove(ids: readonly string[]): Promise<void>;
  /** Changes when `list` would answer differently; as cheap as the medium allows. */
  fingerprint(): Promise<string>;
  /** Entries of ours that only this process still has, because their place is gone; none without it. */
  homeless?(): JournalEntry[];
  /** What was found damaged and kept aside, in words for a person; empty when all is well. */
  damage(): string[];
  close(): Promise<void>;
}

/** A journal that cannot be read or written at the moment. `message` is in our words; driver text is in `cause`. */
export class JournalUnavailable extends WordedError {
  constructor(
    readonly journal: JournalName,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'JournalUnavailable';
  }
}

/** The order in which entries are replayed: causes before effects, the same on every machine. */
export function inReplayOrder(a: JournalEntry, b: JournalEntry): number {
  if (a.lamport !== b.lamport) return a.lamport - b.lamport;
  if (a.device !== b.device) return a.device < b.device ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The writes that wait for the primary, from all journals. */
export interface WaitingWrites {
  /** Changes when the writes do. */
  fingerprint: string;
  list(): Promise<JournalEntry[]>;
}
