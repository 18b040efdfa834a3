/**
 * The first journal: a SQLite file beside the project. Online writes ask it whether they would overtake a waiting
 * one, so its questions are cheap. It also keeps a few small facts that must survive a restart (marks, failures).
 */
import { retryContention } from '../database/retry.ts';
import {
  classifyDriverError,
  codedError,
  describeDriverError,
  driverCode,
} from '../database/driver-errors.ts';
import path from 'node:path';
import { earlierIn, writtenAt, type UnsealedFind } from './earlier-version.ts';
import { decodeEntry, encodeEntry, entryOf } from './entry-codec.ts';
import {
  JournalUnavailable,
  type Journal,
  type JournalEntry,
  type UnsealedWrite,
} from '../contract/journal.ts';
import { openOutboxFile } from './outbox-file.ts';
import {
  SET_MARK_TO_LARGER,
  addEntry,
  isDamage,
  noteRemoval,
  removalsOf,
  revisionOf,
  type OutboxFile,
} from './outbox-tables.ts';

/** Questions and notes wait at most this many times 20 ms, blocking, for other processes. */
const BLOCKING_ATTEMPTS = 25;
/** How often a write is done again because its file was moved away meanwhile. */
const MOVED_ATTEMPTS = 10;

export interface Failure {
  /** How often for a reason that is not known. */
  attempts: number;
  reason: string;
}

/** The result of a change that is promised before the primary has seen it. */
export interface ProvisionalVersion {
  record_id: string;
  version: number;
  change_id: string;
}

/**
 * Opens the outbox at `file`; makes it with its folder when missing. Several processes may use one file.
 * A damaged file is set aside (`damage()` says where) after every readable entry of it was saved.
 * @throws JournalUnavailable when it can neither be written nor read
 */
export function openOutbox(file: string, options: { now?: () => number } = {}): Outbox {
  return new Outbox(file, options.now ?? Date.now);
}

/** The entries up to a `seq`, decoded: most of them are the same the next time. */
interface KnownEntries {
  file: OutboxFile;
  removals: string;
  seq: number;
  entries: JournalEntry[];
  unsealed: JournalEntry[];
}

/**
 * Entries wait up to 30 s for their turn to be written. Questions and notes are answered at once, on the disk by
 * then, and give up after half a second of contention. Every method throws `JournalUnavailable`. Damage that a
 * call comes upon is recovered from within that call.
 */
export class Outbox implements Journal {
  readonly name = 'outbox';
  #file: OutboxFile | undefined;
  /** Not in its place any more, and closed; until its successor was opened. */
  #left: OutboxFile | undefined;
  #isClosed = false;
  #suspect = false;
  /** Of a file that is not in its place any more, and not yet in the one that is. */
  #unplaced: string[] = [];
  #known: KnownEntries | undefined;
  readonly #notices = new Set<string>();

  constructor(
    readonly location: string,
    private readonly now: () => number,
  ) {
    this.#file = this.#open(false);
  }

  async append(entry: JournalEntry): Promise<void> {
    const record = encodeEntry(entry);
    await this.#write((file) => addEntry(file, entry, record));
  }

  async list(): Promise<JournalEntry[]> {
    const entries = this.#readEntries() ?? this.#readEntries();
    if (entries !== undefined) return entries;
    throw this.#unavailable('an entry in it is damaged', undefined);
  }

  unsealed(): UnsealedWrite[] {
    return (this.#known?.unsealed ?? []).map((entry) => ({ entry, place: this.location }));
  }

  homeless(): JournalEntry[] {
    return this.#unplaced
      .map((record) => decodeEntry(record))
      .flatMap((one) => ('entry' in one ? one.entry : []));
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#write((file) => {
      const find = file.statement('select seq from entries where id = ?').pluck();
      const unknown: string[] = [];
      let removed = 0;
      for (const id of ids) {
        const seq = find.get(id);
        if (seq === undefined) {
          unknown.push(id);
          continue;
        }
        file.statement('delete from entry_reach where seq = ?').run(seq);
        const { changes } = file.statement('delete from entries where seq = ? and +id = ?').run(seq, id);
        if (changes === 0) throw codedError('SQLITE_CORRUPT', 'an index names another entry');
        removed += changes;
      }
      // What the index has lost would wait for ever. SQLite reads it in place of the table where it can.
      const scan = 'select 1 from entries not indexed where id in (select value from json_each(?)) limit 1';
      if (unknown.length > 0 && file.statement(scan).get(JSON.stringify(unknown)) !== undefined)
        throw codedError('SQLITE_CORRUPT', 'an index lacks an entry');
      if (removed > 0) noteRemoval(file);
    });
  }

  async fingerprint(): Promise<string> {
    return this.#read(revisionOf);
  }

  damage(): string[] {
    return [...this.#notices];
  }

  async close(): Promise<void> {
    try {
      // Entries in a file that was deleted meanwhile are carried over while they can be read.
      if (this.#file?.isCurrent() !== true) this.#current('write');
    } catch {
      // There is nowhere to carry them to.
    }
    this.#isClosed = true;
    this.#file?.database.close();
    this.#file = undefined;
  }

  /** How many entries wait. */
  size(): number {
    return this.#read((file) => Number(file.statement('select count(*) from entries').pluck().get()));
  }

  isEmpty(): boolean {
    return this.#read((file) => file.statement('select 1 from entries limit 1').get() === undefined);
  }

  /** Whether a waiting entry alters one of these `names` (see `footprintOf`). */
  pendingFor(names: readonly string[]): boolean {
    return this.#read((file) => {
      const footprint = file.statement('select 1 from entry_reach where name = ? limit 1');
      return names.some((name) => footprint.get(name) !== undefined);
    });
  }

  /** The value of a mark; undefined when it was never set. */
  get(name: string): string | undefined {
    const value = this.#read((file) =>
      file.statement('select value from marks where name = ?').pluck().get(name),
    );
    return value === undefined ? undefined : String(value);
  }

  set(name: string, value: string): void {
    this.#note((file) => {
      file
        .statement(
          'insert into marks (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
        )
        .run(name, value);
    });
  }

  /** Sets a mark to a whole number, unless it holds a larger one. */
  setMax(name: string, value: number): void {
    this.#note((file) => file.statement(SET_MARK_TO_LARGER).run(name, String(value)));
  }

  /**
   * Notes why an entry could not be replayed, and counts it unless the reason is known.
   * @returns false for an entry that is not here
   */
  noteFailure(id: string, reason: string, isKnown = false): boolean {
    return this.#note((file) => {
      const update = 'update entries set attempts = attempts + ?, reason = ? where id = ?';
      return file.statement(update).run(isKnown ? 0 : 1, reason, id).changes > 0;
    });
  }

  /** The entries whose replay failed, by id. */
  attempts(): Map<string, Failure> {
    return this.#read((file) => {
      const rows = file.statement('select id, attempts, reason from entries where reason is not null').all();
      return new Map((rows as (Failure & { id: string })[]).map(({ id, ...failure }) => [id, failure]));
    });
  }

  clearFailures(ids: readonly string[]): void {
    this.#note((file) => {
      const update = file.statement('update entries set attempts = 0, reason = null where id = ?');
      for (const id of ids) update.run(id);
    });
  }

  /** Remembers which change promised a version. Kept for 90 days, also after the entry was removed. */
  noteProvisional(rows: readonly ProvisionalVersion[]): void {
    const notedAt = this.now();
    this.#note((file) => {
      const insert = file.statement('insert or replace into provisional values (?, ?, ?, ?)');
      for (const row of rows) insert.run(row.record_id, row.version, row.change_id, notedAt);
    });
  }

  /** The id of the change that promised this version of a record; undefined when none did. */
  findProvisional(recordId: string, version: number): string | undefined {
    return this.#read((file) => {
      const find = file.statement('select change_id from provisional where record_id = ? and version = ?');
      return find.pluck().get(recordId, version) as string | undefined;
    });
  }

  /** Undefined when an entry is damaged, which the next opening looks into. */
  #readEntries(): JournalEntry[] | undefined {
    return this.#read((file) => {
      const removals = removalsOf(file);
      const known = this.#known;
      const isGrown = known?.file === file && known.removals === removals;
      const before = isGrown ? known : { seq: 0, entries: [], unsealed: [] };
      let { seq } = before;
      const entries = [...before.entries];
      const unsealed = [...before.unsealed];
      const unmarked: UnsealedFind[] = [];
      const log = `${this.location}-wal`;
      const added = file.statement('select seq, record from entries where seq > ? order by seq');
      for (const row of added.iterate(seq) as Iterable<{ seq: number; record: string }>) {
        seq = row.seq;
        const decoded = decodeEntry(row.record);
        if ('entry' in decoded) entries.push(decoded.entry);
        else if ('unsealed' in decoded) {
          if (decoded.hasSeal) unsealed.push(decoded.unsealed);
          else unmarked.push({ entry: decoded.unsealed, until: writtenAt(this.location, log) });
        } else if (decoded.problem === 'newer')
          this.#notices.add(`${this.location} holds a write of a newer Worktrail.`);
        else this.#suspect = true;
      }
      // Of a program of the version before that runs beside this one, or in a file that can only be read.
      const earlier = earlierIn(path.dirname(this.location))(unmarked);
      for (const { entry } of unmarked) (earlier.has(entry) ? entries : unsealed).push(entry);
      this.#known = this.#suspect ? undefined : { file, removals, seq, entries, unsealed };
      return this.#known && [...entries];
    });
  }

  async #write<T>(work: (file: OutboxFile) => T): Promise<T> {
    try {
      return await retryContention(() => this.#recovering(() => this.#transact(work)));
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #note<T>(work: (file: OutboxFile) => T): T {
    return this.#patiently(() => this.#recovering(() => this.#transact(work)));
  }

  #read<T>(work: (file: OutboxFile) => T): T {
    return this.#patiently(() => this.#recovering(() => work(this.#current('read'))));
  }

  /** Damage that shows is looked into at once, by opening the file anew. */
  #recovering<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error) || error instanceof JournalUnavailable) throw error;
      this.#suspect = true;
      return work();
    }
  }

  #patiently<T>(work: () => T): T {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return work();
      } catch (error) {
        const busy = !(error instanceof JournalUnavailable) && classifyDriverError(error) === 'contention';
        if (!busy || attempt === BLOCKING_ATTEMPTS) throw this.#failed(error);
      }
    }
  }

  #transact<T>(work: (file: OutboxFile) => T): T {
    for (let attempt = 0; attempt < MOVED_ATTEMPTS; attempt += 1) {
      const file = this.#current('write');
      const result = file.transaction(() => work(file));
      // What went into a file that is no longer the outbox is done again in the one that is.
      if (file.isCurrent()) return result;
    }
    throw this.#unavailable('its file was moved away again and again', undefined);
  }

  /** The opened file, opened anew when the path leads elsewhere, it may be damaged, or it has to be writable. */
  #current(use: 'read' | 'write'): OutboxFile {
    if (this.#isClosed) throw this.#unavailable('it was closed', undefined);
    if (this.#file?.isCurrent() === false) this.#leave(this.#file);
    const file = this.#file;
    if (file !== undefined && !this.#suspect && !(file.readOnly && use === 'write')) return file;
    const successor = this.#open(this.#suspect);
    if (successor.readOnly && use === 'write') {
      successor.database.close();
      throw this.#unavailable('the file or its folder is read-only', undefined);
    }
    try {
      this.#carryOver(successor);
    } catch (error) {
      successor.database.close();
      throw error;
    }
    this.#suspect = false;
    this.#file = successor;
    file?.database.close();
    return successor;
  }

  /**
   * Entries of a file that somebody deleted or replaced can be read while it is open. It is closed before its successor
   * is opened: SQLite finds the index of the log by its name, and would cut it under this connection. It leaves the log
   * alone when it closes a file that its path no longer leads to.
   */
  #leave(file: OutboxFile): void {
    if (!file.readOnly) {
      try {
        this.#unplaced.push(...file.statement('select record from entries').pluck().all().map(String));
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
    }
    this.#file = undefined;
    this.#left = file;
    file.database.close();
  }

  #open(thorough: boolean): OutboxFile {
    const file = openOutboxFile(this.location, this.now, thorough, this.#left);
    this.#left = undefined;
    for (const notice of file.damage) this.#notices.add(notice);
    return file;
  }

  #carryOver(to: OutboxFile): void {
    const records = this.#unplaced;
    if (records.length === 0) return;
    const carried = to.transaction(
      () =>
        records.filter((record) => {
          const entry = entryOf(decodeEntry(record));
          return entry !== undefined && addEntry(to, entry, record);
        }).length,
    );
    if (!to.readOnly) this.#unplaced = [];
    if (carried > 0) {
      this.#notices.add(
        `The outbox ${this.location} was moved or deleted in use; ${carried} writes were put back.`,
      );
    }
  }

  #failed(error: unknown): unknown {
    if (error instanceof JournalUnavailable) return error;
    if (isDamage(error)) this.#suspect = true;
    return driverCode(error) === undefined ? error : this.#unavailable(describeDriverError(error), error);
  }

  #unavailable(reason: string, cause: unknown): JournalUnavailable {
    return new JournalUnavailable('outbox', `the outbox ${this.location} cannot be used: ${reason}`, {
      cause,
    });
  }
}
