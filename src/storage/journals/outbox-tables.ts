/** What an outbox holds, and how its file is told from others. */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { driverCode } from '../database/driver-errors.ts';
import { footprintOfEntry, type JournalEntry } from '../contract/journal.ts';
import { OpenFiles } from '../primary/open-files.ts';
import { Statements } from '../primary/side-file.ts';
import { PAGE_BYTES } from './outbox-salvage.ts';
import type { Database, Statement } from '../primary/sqlite-driver.ts';
import type { FindEarlier } from './earlier-version.ts';
import { decodeEntry, encodeEntry, encodeUnsealed, entryOf } from './entry-codec.ts';
import { ownSeal } from './seal.ts';

/** "WTRO": marks a file as an outbox (PRAGMA application_id). */
export const OUTBOX_APPLICATION_ID = 0x5754524f;
export const SCHEMA_VERSION = 1;

export const SCHEMA = `
  create table entries (
    seq integer primary key,
    id text not null unique,
    record text not null,
    attempts integer not null default 0,
    reason text
  ) strict;
  create table entry_reach (
    name text not null,
    seq integer not null references entries (seq),
    primary key (name, seq)
  ) strict, without rowid;
  create index entry_reach_seq on entry_reach (seq);
  create table marks (name text primary key, value text not null) strict, without rowid;
  create table provisional (
    record_id text not null,
    version integer not null,
    change_id text not null,
    noted_at integer not null,
    primary key (record_id, version)
  ) strict, without rowid;`;

/** Of the marks, those that the outbox keeps for itself; they stay behind when a damaged file is given up. */
const GENERATION = 'outbox:generation';
const REVISION = 'outbox:revision';
const REMOVALS = 'outbox:removals';
export const OWN_MARKS = 'outbox:';
/** Over the generation, by the user who first used the file on this machine. */
const MARKS_SEAL = 'outbox:seal';
const MARKS_PURPOSE = 'worktrail outbox v1';

/** Sets a mark to a whole number, unless it holds a larger one. */
export const SET_MARK_TO_LARGER = `
  insert into marks (name, value) values (?, ?) on conflict (name) do update set value = excluded.value
  where cast(excluded.value as integer) > cast(value as integer)`;

/** An opened file. Its statements are prepared once. */
export class OutboxFile {
  readonly #statements: Statements;
  readonly #identity: string;
  readonly #files: OpenFiles | undefined;

  constructor(
    private readonly file: string,
    readonly database: Database,
    /** A copy in memory, of a file that can be read and not written. */
    readonly readOnly: boolean,
    /** In words for a person. */
    readonly damage: string[],
  ) {
    this.#identity = this.#identify();
    this.#statements = new Statements(database);
    this.#files = readOnly ? undefined : new OpenFiles(file);
  }

  statement(sql: string): Statement {
    return this.#statements.of(sql);
  }

  /** Runs `work` in one transaction, which no other writer can interrupt. */
  transaction<T>(work: () => T): T {
    return this.database.transaction(work).immediate();
  }

  /** False when the path leads to another file by now, or to none. */
  isCurrent(): boolean {
    return this.#identify() === this.#identity;
  }

  /** Whether its log or the index of that lies beside the path, which SQLite takes for those of the file that is there. */
  get hasFilesBeside(): boolean {
    return this.#files !== undefined && this.#files.ownBeside.length > 0;
  }

  #identify(): string {
    const status = statSync(this.file, { throwIfNoEntry: false });
    if (status === undefined) return '';
    const log = this.readOnly ? statSync(`${this.file}-wal`, { throwIfNoEntry: false }) : undefined;
    const content = this.readOnly && [status.mtimeMs, status.size, log?.mtimeMs, log?.size].join(':');
    return `${status.dev}:${status.ino}:${content}`;
  }
}

/**
 * Adds an entry; false when it was there already. Of one that is not known to be ours it takes the place, unless it is
 * such a one itself. To be called in a transaction.
 */
export function addEntry(file: OutboxFile, entry: JournalEntry, record = encodeEntry(entry)): boolean {
  const added = file
    .statement('insert into entries (id, record) values (?, ?) on conflict (id) do nothing')
    .run(entry.id, record);
  if (added.changes === 0) return takePlace(file, entry, record);
  // What is not known to be ours alters nothing.
  if ('entry' in decodeEntry(record)) noteReach(file, entry, added.lastInsertRowid);
  raiseRevision(file);
  return true;
}

function takePlace(file: OutboxFile, entry: JournalEntry, record: string): boolean {
  const there = file.statement('select seq, record from entries where id = ?').get(entry.id) as {
    seq: number;
    record: string;
  };
  if (!('unsealed' in decodeEntry(there.record)) || !('entry' in decodeEntry(record))) return false;
  file
    .statement('update entries set record = ?, attempts = 0, reason = null where seq = ?')
    .run(record, there.seq);
  file.statement('delete from entry_reach where seq = ?').run(there.seq);
  noteReach(file, entry, there.seq);
  // What was read of this number is no longer so.
  noteRemoval(file);
  return true;
}

function noteReach(file: OutboxFile, entry: JournalEntry, seq: number | bigint): void {
  const footprint = file.statement('insert into entry_reach (name, seq) values (?, ?)');
  for (const name of footprintOfEntry(entry).alters) footprint.run(name, seq);
}

/** Reads the beginning of every record. */
const WITHOUT_SEAL = 'select seq, record from entries where substr(record, 1, 20) = \'{"worktrail_entry":1\'';

/**
 * Seals the entries without a seal that the version before wrote here, and marks the others, so that what is found now
 * holds: the times of the file are those of this program from now on.
 * @param until when the file was last written before it was opened
 */
export function sealEarlier(file: OutboxFile, until: number, findEarlier: FindEarlier): void {
  const find = file.statement(WITHOUT_SEAL);
  if (find.get() === undefined) return;
  file.transaction(() => {
    const found = (find.all() as { seq: number; record: string }[]).flatMap(({ seq, record }) => {
      const entry = entryOf(decodeEntry(record));
      return entry === undefined ? [] : [{ seq, entry, until }];
    });
    const earlier = findEarlier(found);
    const update = file.statement('update entries set record = ? where seq = ?');
    const forgetFootprint = file.statement('delete from entry_reach where seq = ?');
    for (const { seq, entry } of found) {
      update.run(earlier.has(entry) ? encodeEntry(entry) : encodeUnsealed(entry), seq);
      if (!earlier.has(entry)) forgetFootprint.run(seq);
    }
    noteRemoval(file);
  });
}

/** Whether this user on this machine made the marks of an outbox; what others noted of a database counts for nothing. */
export function areOwnMarks(marks: ReadonlyMap<string, string>): boolean {
  const [generation, seal] = [marks.get(GENERATION), marks.get(MARKS_SEAL)];
  return generation !== undefined && seal !== undefined && ownSeal().isOwn(MARKS_PURPOSE, generation, seal);
}

/** Forgets what others noted. Without a key of ours nobody can tell, and all of it stays. */
export function claimMarks(file: OutboxFile): void {
  const rows = file.statement('select name, value from marks').all() as { name: string; value: string }[];
  const marks = new Map(rows.map(({ name, value }) => [name, value]));
  if (areOwnMarks(marks)) return;
  const seal = ownSeal().of(MARKS_PURPOSE, marks.get(GENERATION) ?? '');
  if (ownSeal().problem() !== undefined) return;
  file.transaction(() => {
    file.statement('delete from marks where substr(name, 1, ?) <> ?').run(OWN_MARKS.length, OWN_MARKS);
    file.statement('insert or replace into marks (name, value) values (?, ?)').run(MARKS_SEAL, seal);
  });
}

const raiseRevision = (file: OutboxFile): void => raise(file, REVISION);

/** To be called in the transaction that removed entries: their numbers may be given again. */
export function noteRemoval(file: OutboxFile): void {
  raiseRevision(file);
  raise(file, REMOVALS);
}

function raise(file: OutboxFile, mark: string): void {
  const statement =
    "insert into marks (name, value) values (?, '1') on conflict (name) do update set value = value + 1";
  file.statement(statement).run(mark);
}

/** While it stays the same, entries are only added, each with a larger `seq` than all before it. */
export function removalsOf(file: OutboxFile): string {
  return String(file.statement('select value from marks where name = ?').pluck().get(REMOVALS));
}

export function revisionOf(file: OutboxFile): string {
  const marks = file.statement('select value from marks where name in (?, ?) order by name').pluck();
  return marks.all(GENERATION, REVISION).join(':');
}

/** Whether an error says that the file is damaged, rather than busy, full or read-only. */
export const isDamage = (error: unknown): boolean =>
  /^SQLITE_(CORRUPT|NOTADB|CONSTRAINT)/.test(driverCode(error) ?? '');

/** Makes the tables in an empty file; one that was begun by a process that died is begun anew. */
export function makeSchema(database: Database): void {
  database.pragma(`page_size = ${PAGE_BYTES}`);
  database.pragma('journal_mode = WAL');
  const make = database.transaction(() => {
    database.pragma(`application_id = ${OUTBOX_APPLICATION_ID}`);
    database.exec(SCHEMA);
    const mark = database.prepare('insert into marks (name, value) values (?, ?)');
    mark.run(GENERATION, randomUUID());
    mark.run(REVISION, '0');
    database.pragma(`user_version = ${SCHEMA_VERSION}`);
  });
  make.immediate();
}

/**
 * @param thorough looks into every entry, and not only whether the pages of the file fit together
 * @throws SqliteError where a table is missing or different
 */
export function isSound(database: Database, thorough: boolean): boolean {
  const check = thorough ? 'integrity_check(1)' : 'quick_check(1)';
  if (database.pragma(check, { simple: true }) !== 'ok') return false;
  for (const table of ['entries', 'entry_reach', 'marks', 'provisional']) {
    database.prepare(`select * from ${table} limit 1`).get();
  }
  // Here and not when they are sealed: what cannot be read is damage.
  database.prepare(WITHOUT_SEAL).get();
  if (!thorough) return true;
  for (const { id, record } of database.prepare('select id, record from entries').iterate() as Iterable<{
    id: string;
    record: string;
  }>) {
    const decoded = decodeEntry(record);
    if ('problem' in decoded ? decoded.problem === 'damaged' : entryOf(decoded)?.id !== id) return false;
  }
  return true;
}
