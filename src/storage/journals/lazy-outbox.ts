/** The outbox, opened when it is needed: most embedded trackers never have one. */
import { existsSync } from 'node:fs';
import type { Journal, JournalEntry, UnsealedWrite } from '../contract/journal.ts';
import { openOutbox, type Outbox } from './outbox.ts';

export class LazyOutbox implements Journal {
  readonly name = 'outbox';
  #outbox: Outbox | undefined;
  #closed: Outbox | undefined;
  #isClosed = false;

  constructor(
    readonly location: string,
    private readonly now: () => number,
  ) {}

  /** The outbox if it is there; made when missing only if asked to. Throws JournalUnavailable. */
  open({ create }: { create: boolean }): Outbox | undefined {
    if (this.#outbox === undefined && (create || existsSync(this.location))) {
      this.#outbox = openOutbox(this.location, { now: this.now });
      if (this.#isClosed) setImmediate(() => void this.close().catch(() => undefined));
    }
    return this.#outbox;
  }

  async append(entry: JournalEntry): Promise<void> {
    await this.open({ create: true })?.append(entry);
  }

  async list(): Promise<JournalEntry[]> {
    return (await this.open({ create: false })?.list()) ?? [];
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.open({ create: false })?.remove(ids);
  }

  async fingerprint(): Promise<string> {
    return (await this.open({ create: false })?.fingerprint()) ?? '';
  }

  unsealed(): UnsealedWrite[] {
    return this.#outbox?.unsealed() ?? [];
  }

  homeless(): JournalEntry[] {
    return (this.#outbox ?? this.#closed)?.homeless() ?? [];
  }

  damage(): string[] {
    return this.#outbox?.damage() ?? [];
  }

  /** What ends later is kept and noted all the same, and the file is let go of each time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#outbox?.close();
    this.#closed = this.#outbox;
    this.#outbox = undefined;
  }
}
