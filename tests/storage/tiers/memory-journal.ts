// A journal that forgets everything with the process: for model tests, under the same contract as the real ones.
import { decodeEntry, encodeEntry } from '../../../src/storage/journals/entry-codec.ts';
import {
  JournalUnavailable,
  type Journal,
  type JournalEntry,
  type JournalName,
  type UnsealedWrite,
} from '../../../src/storage/contract/journal.ts';

/** What several instances share, as several processes share a file. */
export interface MemoryMedium {
  entries: Map<string, string>;
  revision: number;
  /** Why every method fails at the moment; undefined while all is well. */
  outage?: string | undefined;
}

export const newMedium = (): MemoryMedium => ({ entries: new Map(), revision: 0 });

export class MemoryJournal implements Journal {
  readonly location = 'memory';

  constructor(
    readonly medium: MemoryMedium = newMedium(),
    readonly name: JournalName = 'outbox',
  ) {}

  async append(entry: JournalEntry): Promise<void> {
    this.#check();
    const record = encodeEntry(entry);
    if (this.medium.entries.has(entry.id)) return;
    this.medium.entries.set(entry.id, record);
    this.medium.revision += 1;
  }

  async list(): Promise<JournalEntry[]> {
    this.#check();
    return [...this.medium.entries.values()]
      .map((record) => decodeEntry(record))
      .flatMap((one) => ('entry' in one ? [one.entry] : []));
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.#check();
    for (const id of ids) if (this.medium.entries.delete(id)) this.medium.revision += 1;
  }

  async fingerprint(): Promise<string> {
    this.#check();
    return String(this.medium.revision);
  }

  unsealed(): UnsealedWrite[] {
    return [];
  }

  damage(): string[] {
    return [];
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  #check(): void {
    if (this.medium.outage !== undefined) throw new JournalUnavailable(this.name, this.medium.outage);
  }
}
