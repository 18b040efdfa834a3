/**
 * The SQLite file of the outbox: opening, making, checking, and setting a damaged one aside.
 *
 * Every opening happens under a lock on a side file. SQLite finds the write-ahead log by its name, so a process
 * that opened the file while another renames it could write into the log of its successor.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { reachOf } from '../../domain/reach.ts';
import { describeDriverError, driverCode } from '../sql/driver-errors.ts';
import { decodeEntry, encodeEntry } from './entry-codec.ts';
import { withFileLockSync } from './file-lock.ts';
import { JournalUnavailable, type JournalEntry } from './journal.ts';
import { PAGE_BYTES, committedImage, entriesPassedOver, salvage } from './outbox-salvage.ts';

/** "WTRO": marks a file as an outbox (PRAGMA application_id). */
export const OUTBOX_APPLICATION_ID = 0x5754524f;
const SCHEMA_VERSION = 1;
/** A busy wait blocks the event loop, so it is short; longer waits are made asynchronously. */
const BUSY_TIMEOUT_MS = 20;
/** Opening is rare, and other processes open within milliseconds. */
const OPENING_TIMEOUT_MS = 5_000;
/** Keeps the log short, which is read whole at each opening. */
const CHECKPOINT_PAGES = 250;
const PROVISIONAL_KEPT_MS = 90 * 24 * 60 * 60 * 1000;

const SCHEMA = `
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
const SALVAGED = 'outbox:salvaged:';

/** An opened file. Its statements are prepared once. */
export class OutboxFile {
  readonly #statements = new Map<string, Database.Statement>();
  readonly #identity: string;

  constructor(
    private readonly file: string,
    readonly database: Database.Database,
    /** A copy in memory, of a file that can be read and not written. */
    readonly readOnly: boolean,
    /** In words for a person. */
    readonly damage: string[],
  ) {
    this.#identity = this.#identify();
  }

  statement(sql: string): Database.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.database.prepare(sql)));
    return statement;
  }

  /** Runs `work` in one transaction, which no other writer can interrupt. */
  transaction<T>(work: () => T): T {
    return this.database.transaction(work).immediate();
  }

  /** False when the path leads to another file by now, or to none. */
  isCurrent(): boolean {
    return this.#identify() === this.#identity;
  }

  #identify(): string {
    const status = statSync(this.file, { throwIfNoEntry: false });
    if (status === undefined) return '';
    const log = this.readOnly ? statSync(`${this.file}-wal`, { throwIfNoEntry: false }) : undefined;
    const content = this.readOnly && [status.mtimeMs, status.size, log?.mtimeMs, log?.size].join(':');
    return `${status.dev}:${status.ino}:${content}`;
  }
}

/** Adds an entry; false when it was there already. To be called in a transaction. */
export function addEntry(file: OutboxFile, entry: JournalEntry, record = encodeEntry(entry)): boolean {
  const added = file
    .statement('insert into entries (id, record) values (?, ?) on conflict (id) do nothing')
    .run(entry.id, record);
  if (added.changes === 0) return false;
  const reach = file.statement('insert into entry_reach (name, seq) values (?, ?)');
  for (const name of reachOf(entry.changes).alters) reach.run(name, added.lastInsertRowid);
  raiseRevision(file);
  return true;
}

export function raiseRevision(file: OutboxFile): void {
  file.statement('update marks set value = value + 1 where name = ?').run(REVISION);
}

export function revisionOf(file: OutboxFile): string {
  const marks = file.statement('select value from marks where name in (?, ?) order by name').pluck();
  return marks.all(GENERATION, REVISION).join(':');
}

/** Whether an error says that the file is damaged, rather than busy, full or read-only. */
export const isDamage = (error: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB)/.test(driverCode(error) ?? '');

/**
 * Opens the outbox at `file`; makes it when missing, and sets a damaged one aside after saving what it holds.
 * A file that can only be read is opened for reading. Blocks for up to 5 s while other processes open it.
 * @param thorough checks every page and every entry, as after a failure
 * @throws JournalUnavailable when it cannot be opened; the file is left as it is
 */
export function openOutboxFile(file: string, now: () => number, thorough: boolean): OutboxFile {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    return withFileLockSync(`${file}.lock`, OPENING_TIMEOUT_MS, () => {
      const log = readIfThere(`${file}-wal`);
      const passedOver = entriesPassedOver(log);
      const copy = newCopyName(file, now);
      // Before SQLite opens the file: it trusts what it can read of the log, and deletes it when closing.
      if (passedOver.length > 0) writeDurably(`${copy}-wal`, log);
      let database = openSound(file, log.length > 0, thorough);
      if (database === undefined) {
        setAside(file, copy);
        database = openSound(file, false, false);
        if (database === undefined) throw new Error('a new file is damaged');
      }
      const opened = new OutboxFile(file, database, false, []);
      try {
        // Another process was in the middle of a commit when the log was read.
        if (passedOver.length > 0 && hasAll(opened, passedOver)) rmSync(`${copy}-wal`);
        opened.damage.push(...damagedCopies(file).map((copy) => saveFrom(opened, file, copy)));
        // What was passed over stays in the log beside what is written next, and would be found again.
        if (passedOver.length > 0) database.pragma('wal_checkpoint(TRUNCATE)');
        pruneProvisional(opened, now());
        database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
        return opened;
      } catch (error) {
        database.close();
        throw error;
      }
    });
  } catch (error) {
    if (error instanceof JournalUnavailable) throw error;
    return openForReading(file) ?? cannotOpen(file, error);
  }
}

function cannotOpen(file: string, error: unknown): never {
  const message = `the outbox ${file} cannot be opened: ${describeDriverError(error)}`;
  throw new JournalUnavailable('outbox', message, { cause: error });
}

/** The file opened, and made if need be; undefined when it is damaged or not ours. */
function openSound(file: string, hasLog: boolean, thorough: boolean): Database.Database | undefined {
  // SQLite would delete the log of an empty file.
  if (hasLog && sizeOf(file) === 0) return undefined;
  const database = new Database(file, { timeout: OPENING_TIMEOUT_MS });
  let sound = false;
  try {
    const id = database.pragma('application_id', { simple: true });
    const version = Number(database.pragma('user_version', { simple: true }));
    if (id === OUTBOX_APPLICATION_ID && version > SCHEMA_VERSION) {
      throw new JournalUnavailable('outbox', `the outbox ${file} was made by a newer Worktrail`);
    }
    database.pragma('synchronous = FULL');
    database.pragma('cell_size_check = ON');
    database.pragma('secure_delete = FAST');
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    const tables = database.prepare('select count(*) from sqlite_master').pluck().get();
    if (id === 0 && tables === 0) makeSchema(database);
    else if (id !== OUTBOX_APPLICATION_ID || version !== SCHEMA_VERSION) return undefined;
    sound = isSound(database, thorough);
    return sound ? database : undefined;
  } catch (error) {
    // With statements this plain, a mere SQLITE_ERROR says that the tables are not what they should be.
    if (isDamage(error) || driverCode(error) === 'SQLITE_ERROR') return undefined;
    throw error;
  } finally {
    if (!sound) database.close();
  }
}

function makeSchema(database: Database.Database): void {
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

function isSound(database: Database.Database, thorough: boolean): boolean {
  const check = thorough ? 'integrity_check(1)' : 'quick_check(1)';
  if (database.pragma(check, { simple: true }) !== 'ok') return false;
  // These throw where a table is missing, or has other columns.
  for (const table of ['entries', 'entry_reach', 'marks', 'provisional']) {
    database.prepare(`select * from ${table} limit 1`).get();
  }
  if (!thorough) return true;
  for (const { id, record } of database.prepare('select id, record from entries').iterate() as Iterable<{
    id: string;
    record: string;
  }>) {
    const decoded = decodeEntry(record);
    if ('entry' in decoded ? decoded.entry.id !== id : decoded.problem === 'damaged') return false;
  }
  return true;
}

/** Renames a damaged outbox, log first: an empty file must never be seen beside the log of its predecessor. */
function setAside(file: string, copy: string): void {
  for (const suffix of ['-wal', '-shm', '']) {
    const target = existsSync(copy + suffix) ? `${copy}${suffix}-left` : copy + suffix;
    if (existsSync(file + suffix)) renameSync(file + suffix, target);
  }
  syncFolder(file);
}

function hasAll(opened: OutboxFile, entries: JournalEntry[]): boolean {
  const known = opened.statement('select 1 from entries where id = ?');
  return entries.every(({ id }) => known.get(id) !== undefined);
}

function newCopyName(file: string, now: () => number): string {
  const base = file.replace(/\.db$/, '');
  const time = new Date(now()).toISOString().replace(/[-:.]/g, '');
  const taken = new Set(damagedCopies(file));
  for (let count = 1; ; count += 1) {
    const name = `${base}.damaged-${time}${count === 1 ? '' : `-${count}`}.db`;
    if (!taken.has(name)) return name;
  }
}

/** The damaged files beside `file`, each named once whichever of its parts are left. */
function damagedCopies(file: string): string[] {
  const start = `${path.basename(file).replace(/\.db$/, '')}.damaged-`;
  const names = readdirSync(path.dirname(file))
    .filter((name) => name.startsWith(start) && /\.db(-wal|-shm)?$/.test(name))
    .map((name) => path.join(path.dirname(file), name.replace(/-(wal|shm)$/, '')));
  return [...new Set(names)].sort();
}

/** Takes over what a damaged copy holds, once; a process that was killed over it leaves it to the next. */
function saveFrom(opened: OutboxFile, file: string, copy: string): string {
  const done = `${SALVAGED}${path.basename(copy)}`;
  const told = opened.statement('select value from marks where name = ?').pluck().get(done);
  if (typeof told === 'string') return told;
  const found = salvage(readIfThere(copy), readIfThere(`${copy}-wal`));
  return opened.transaction(() => {
    for (const { entry, attempts, reason } of found.entries.values()) {
      if (!addEntry(opened, entry)) continue;
      opened
        .statement('update entries set attempts = ?, reason = ? where id = ?')
        .run(attempts, reason, entry.id);
    }
    const mark = opened.statement(
      `insert into marks (name, value) values (?, ?) on conflict (name) do update set value = excluded.value
       where cast(excluded.value as integer) > cast(value as integer)`,
    );
    for (const { name, value } of found.marks) if (!name.startsWith('outbox:')) mark.run(name, value);
    const provisional = opened.statement('insert or ignore into provisional values (?, ?, ?, ?)');
    for (const row of found.provisional) {
      provisional.run(row.record_id, row.version, row.change_id, row.noted_at);
    }
    const sentence =
      `The outbox ${file} was damaged. ${found.entries.size} of the writes waiting in it were saved; ` +
      `the damaged file is kept as ${copy}.`;
    mark.run(done, sentence);
    return sentence;
  });
}

function pruneProvisional(opened: OutboxFile, now: number): void {
  const before = now - PROVISIONAL_KEPT_MS;
  const old = opened.statement('select 1 from provisional where noted_at < ? limit 1').get(before);
  if (old !== undefined) opened.statement('delete from provisional where noted_at < ?').run(before);
}

/** A copy in memory of a file that cannot be opened for writing; undefined when there is none to read. */
function openForReading(file: string): OutboxFile | undefined {
  let database;
  try {
    const image = committedImage(readIfThere(file), readIfThere(`${file}-wal`));
    if (image.length === 0) return undefined;
    database = new Database(image);
    const id = database.pragma('application_id', { simple: true });
    const version = database.pragma('user_version', { simple: true });
    if (id === OUTBOX_APPLICATION_ID && version === SCHEMA_VERSION && isSound(database, false)) {
      return new OutboxFile(file, database, true, []);
    }
  } catch {
    // Why it cannot be opened for writing is the more useful thing to tell.
  }
  database?.close();
  return undefined;
}

function readIfThere(file: string): Buffer {
  return existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
}

function writeDurably(file: string, bytes: Buffer): void {
  writeFileSync(file, bytes, { flush: true });
  syncFolder(file);
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

function syncFolder(file: string): void {
  if (process.platform === 'win32') return; // which has no such thing
  const folder = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
