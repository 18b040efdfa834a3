// What the processes of one machine share: journals, the cache, notes, copies of the store, locks.
import { NO_HINTS } from '../../../src/storage/database/hints.ts';
import { codedError } from '../../../src/storage/database/driver-errors.ts';
import type { Connection, Session } from '../../../src/storage/database/connection.ts';
import type {
  Journal,
  JournalEntry,
  JournalName,
  UnsealedWrite,
} from '../../../src/storage/contract/journal.ts';
import { JournalUnavailable } from '../../../src/storage/contract/journal.ts';
import { openDatabaseImage } from '../../../src/storage/primary/database-file.ts';
import { SeenTables, makeSeenTables } from '../../../src/storage/tiers/seen-tables.ts';
import type { Notebook } from '../../../src/storage/tiers/tier-memory.ts';
import { MemoryJournal, newMedium, type MemoryMedium } from '../../storage/tiers/memory-journal.ts';
import { borrowDatabase } from './database.ts';
import { call, type Failing } from './faults.ts';
import type { ModelProcess } from './machine.ts';

export const JOURNALS = ['outbox', 'git', 'markdown'] as const satisfies readonly JournalName[];
export const DISK_FULL = 'the disk is full';

const JOURNAL_TIMEOUT_MS = 2_000;

/** A journal as one process uses it. */
export class ModelJournal implements Journal {
  readonly location = 'model';
  readonly #inner: MemoryJournal;
  readonly #failing: Failing;

  constructor(
    readonly name: JournalName,
    medium: MemoryMedium,
    private readonly at: ModelProcess,
  ) {
    this.#inner = new MemoryJournal(medium, name);
    const error = (why: string) => () => new JournalUnavailable(name, why);
    this.#failing = {
      timeoutMs: JOURNAL_TIMEOUT_MS,
      refused: error('it cannot be written'),
      timedOut: error('it took too long'),
    };
  }

  append(entry: JournalEntry): Promise<void> {
    return this.#call('append', () => this.#inner.append(entry));
  }

  list(): Promise<JournalEntry[]> {
    return this.#call('list', () => this.#inner.list());
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#call('remove', () => this.#inner.remove(ids));
  }

  fingerprint(): Promise<string> {
    return this.#call('fingerprint', () => this.#inner.fingerprint());
  }

  unsealed(): UnsealedWrite[] {
    return [];
  }

  damage(): string[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #call<T>(verb: 'append' | 'list' | 'remove' | 'fingerprint', effect: () => Promise<T>): Promise<T> {
    const outlives = verb === 'append' || verb === 'remove';
    return call(this.at, { site: `${this.name}.${verb}`, effect, failing: this.#failing, outlives });
  }
}

const CACHE_FAILING: Failing = {
  timeoutMs: 100,
  refused: () => codedError('SQLITE_IOERR_WRITE', 'disk I/O error'),
  timedOut: () => codedError('SQLITE_IOERR_LOCK', 'disk I/O error'),
};

/**
 * The cache's database. One at a time uses it, readers too: a reader of the real file would see what was there
 * before a write that has not ended.
 */
export class CacheDisk {
  readonly database = borrowDatabase('copy');
  /** Why every use of it fails at the moment. */
  outage: string | undefined;
  #holder: ModelProcess | undefined;
  #queue: { process: ModelProcess; enter: () => void }[] = [];

  sessionFor(at: ModelProcess): Session {
    return {
      source: 'sqlite',
      engine: 'model',
      read: (work) =>
        call(at, { site: 'cache.read', failing: CACHE_FAILING, effect: () => this.#use(at, work) }),
      write: (work) =>
        call(at, {
          site: 'cache.write',
          failing: CACHE_FAILING,
          effect: () => this.#transact(at, work, 'commit'),
          undone: () => this.#transact(at, work, 'rollback'),
        }),
      probe: () => Promise.resolve(),
      hints: () => NO_HINTS,
      close: () => Promise.resolve(),
    };
  }

  /** What the kernel does with the locks of a process that died. */
  letGo(dead: ModelProcess): void {
    this.#queue = this.#queue.filter(({ process }) => process !== dead);
    if (this.#holder !== dead) return;
    if (this.database.raw.inTransaction) this.database.raw.exec('rollback');
    this.#next();
  }

  async #use<T>(at: ModelProcess, work: (c: Connection) => Promise<T>): Promise<T> {
    if (this.outage !== undefined) throw CACHE_FAILING.refused();
    if (this.#holder === undefined) this.#holder = at;
    else await new Promise<void>((enter) => this.#queue.push({ process: at, enter }));
    try {
      return await work(this.database.connection);
    } finally {
      if (this.#holder === at) this.#next();
    }
  }

  #transact<T>(
    at: ModelProcess,
    work: (c: Connection) => Promise<T>,
    end: 'commit' | 'rollback',
  ): Promise<T> {
    return this.#use(at, async (c) => {
      const { raw } = this.database;
      raw.exec('begin immediate');
      try {
        const result = await work(c);
        if (this.outage !== undefined) throw CACHE_FAILING.refused();
        raw.exec(end);
        return result;
      } catch (error) {
        if (raw.inTransaction) raw.exec('rollback');
        throw error;
      }
    });
  }

  #next(): void {
    const next = this.#queue.shift();
    this.#holder = next?.process;
    next?.enter();
  }
}

/** The small facts beside the outbox. */
export class ModelNotebook implements Notebook {
  readonly #marks = new Map<string, string>();
  readonly #failures = new Map<string, { attempts: number; reason: string }>();
  readonly #provisional = new Map<string, string>();

  constructor(private readonly medium: MemoryMedium) {}

  get(name: string): string | undefined {
    this.#check();
    return this.#marks.get(name);
  }

  set(name: string, value: string): void {
    this.#check();
    this.#marks.set(name, value);
  }

  noteFailure(id: string, reason: string, isKnown = false): boolean {
    this.#check();
    if (!this.medium.entries.has(id)) return false;
    const attempts = (this.#failures.get(id)?.attempts ?? 0) + (isKnown ? 0 : 1);
    this.#failures.set(id, { attempts, reason });
    return true;
  }

  attempts(): Map<string, { attempts: number; reason: string }> {
    this.#check();
    return new Map([...this.#failures].filter(([id]) => this.medium.entries.has(id)));
  }

  clearFailures(ids: readonly string[]): void {
    this.#check();
    for (const id of ids) this.#failures.delete(id);
  }

  noteProvisional(rows: readonly { record_id: string; version: number; change_id: string }[]): void {
    this.#check();
    for (const { record_id, version, change_id } of rows) {
      this.#provisional.set(`${record_id} ${version}`, change_id);
    }
  }

  findProvisional(recordId: string, version: number): string | undefined {
    this.#check();
    return this.#provisional.get(`${recordId} ${version}`);
  }

  #check(): void {
    if (this.medium.outage !== undefined) throw new JournalUnavailable('outbox', this.medium.outage);
  }
}

const idleSeen: SeenTables[] = [];

/** What a folder remembers of its primary, empty. */
export function borrowSeen(): SeenTables {
  const tables = idleSeen.pop();
  if (tables !== undefined) return tables;
  const database = openDatabaseImage();
  makeSeenTables(database);
  // One process that closes it does not close it for the others.
  database.close = () => database;
  return new SeenTables(database);
}

export function giveSeenBack(tables: SeenTables): void {
  tables.database.exec('delete from positions; delete from own_writes; delete from void_versions');
  idleSeen.push(tables);
}

export const newMedia = (): Record<JournalName, MemoryMedium> => ({
  outbox: newMedium(),
  git: newMedium(),
  markdown: newMedium(),
});
