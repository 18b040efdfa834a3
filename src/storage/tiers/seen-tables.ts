/**
 * What is in `seen.db`: how far this folder has seen its database, the writes of its own that the database has
 * acknowledged, and the versions that were shown here and that the database has lost.
 *
 * A row belongs to whoever has the key of the seal: what somebody else packed into a folder counts for nothing. Rows of
 * `own_writes` are records of journals, so that they can wait as such again.
 */
import type { Position } from '../database/feed-guard.ts';
import { Statements } from '../primary/side-file.ts';
import type { Database, Statement } from '../primary/sqlite-driver.ts';
import { decodeEntry, encodeEntry } from '../journals/entry-codec.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { ownSeal } from '../journals/seal.ts';

/** "WTSN": marks a file as this one (PRAGMA application_id). */
export const SEEN_APPLICATION_ID = 0x5754534e;
export const SEEN_SCHEMA_VERSION = 1;

export const SEEN_SCHEMA = `
  create table positions (owner text primary key, seq integer not null, change_id text) strict, without rowid;
  create table own_writes (
    number integer primary key,
    owner text not null,
    at integer not null,
    seq integer not null,
    change_id text not null,
    made text not null,
    record text not null,
    lost integer not null default 0
  ) strict;
  create index own_writes_lost on own_writes (number) where lost = 1;
  create table void_versions (
    owner text not null,
    record_id text not null,
    version integer not null,
    at integer not null,
    told text not null default '[]',
    primary key (owner, record_id, version)
  ) strict, without rowid;`;

/** A version of a record. */
export type MadeVersion = [record_id: string, version: number];

/** A position of the feed with the change that was seen there. */
export interface Point {
  seq: number;
  change_id: string;
}

/** A write of this folder that the database acknowledged. */
export interface OwnWrite {
  number: number;
  /** The last position of the feed that it took, and its change there. */
  seq: number;
  change_id: string;
  entry: JournalEntry;
  /** The versions of records that it made. */
  made: MadeVersion[];
}

export interface KeptWrite extends Omit<OwnWrite, 'number'> {
  at: number;
  /** The entry as its sealed record, where that was made before. */
  record?: string;
}

interface Row extends Position {
  number: number;
  change_id: string;
  made: string;
  record: string;
}

/** Every method throws what the driver does. */
export class SeenTables {
  readonly #statements: Statements;
  readonly #owner = ownerOf();

  constructor(readonly database: Database) {
    this.#statements = new Statements(database);
  }

  position(): Position | undefined {
    return this.#run('select seq, change_id from positions where owner = ?').get(this.#owner) as
      Position | undefined;
  }

  /** Where another process is further, that stays. */
  raise({ seq, change_id }: Position): void {
    const sql = `insert into positions values (?, ?, ?) on conflict (owner) do update
      set seq = excluded.seq, change_id = excluded.change_id where excluded.seq > positions.seq`;
    this.#run(sql).run(this.#owner, seq, change_id);
  }

  /** Nothing happens where another process has moved it meanwhile: what `to` was held against is no longer so. */
  raiseFrom(from: Position, { seq, change_id }: Position): void {
    const sql = 'update positions set seq = ?, change_id = ? where owner = ? and seq = ? and change_id is ?';
    this.#run(sql).run(seq, change_id, this.#owner, from.seq, from.change_id);
  }

  /** Takes it for what was seen, wherever it was before. */
  reset({ seq, change_id }: Position): void {
    this.#run('insert or replace into positions values (?, ?, ?)').run(this.#owner, seq, change_id);
  }

  keep({ at, seq, change_id, made, entry, record = encodeEntry(entry) }: KeptWrite): void {
    const sql = 'insert into own_writes (owner, at, seq, change_id, made, record) values (?, ?, ?, ?, ?, ?)';
    this.#run(sql).run(this.#owner, at, seq, change_id, JSON.stringify(made), record);
  }

  /** Whether a write is among the last that were kept. Reads at most 10,000 of them: there is no index for it. */
  hasLately({ seq, change_id }: Point): boolean {
    const sql = `select 1 from own_writes where owner = ? and seq = ? and change_id = ?
      and number > (select max(number) from own_writes) - ${LATELY}`;
    return this.#run(sql).get(this.#owner, seq, change_id) !== undefined;
  }

  /** Where own writes stood in the feed when they were acknowledged, by position. */
  points(): Point[] {
    const sql = 'select seq, change_id from own_writes where owner = ? and lost = 0 order by seq';
    return this.#run(sql).all(this.#owner) as Point[];
  }

  /** Own writes from a position of the feed on, in the order of the feed. */
  after(seq: number): OwnWrite[] {
    const sql =
      'select number, seq, change_id, made, record from own_writes where owner = ? and lost = 0 and seq > ? order by seq';
    return ownWrites(this.#run(sql).all(this.#owner, seq) as Row[]);
  }

  /** Own writes that the database was found to lack, in the order in which that was noted. */
  lost(): OwnWrite[] {
    const sql =
      'select number, seq, change_id, made, record from own_writes where owner = ? and lost = 1 order by number';
    return ownWrites(this.#run(sql).all(this.#owner) as Row[]);
  }

  noteLost({ number, entry }: OwnWrite): void {
    const sql =
      'update own_writes set lost = 1, record = ?, number = (select max(number) + 1 from own_writes) where number = ?';
    this.#run(sql).run(encodeEntry(entry), number);
  }

  /** The database has them after all, and may lose them again. */
  noteReturned(numbers: readonly number[]): void {
    for (const number of numbers) this.#run('update own_writes set lost = 0 where number = ?').run(number);
  }

  /** Forgets writes that wait in a journal again, or that were noted once more. */
  forget(numbers: readonly number[]): void {
    for (const number of numbers) this.#run('delete from own_writes where number = ?').run(number);
  }

  /** All that the database had when it was put back on purpose. */
  forgetAll(): void {
    this.#run('delete from own_writes where owner = ? and lost = 0').run(this.#owner);
    this.#run('delete from void_versions where owner = ?').run(this.#owner);
  }

  addVoid(versions: Iterable<MadeVersion>, at: number): void {
    const add = this.#run(
      'insert or replace into void_versions (owner, record_id, version, at) values (?, ?, ?, ?)',
    );
    for (const [record_id, version] of versions) add.run(this.#owner, record_id, version, at);
  }

  /** A snapshot of a state that the database has lost. It is forgotten when void versions are: by then there are newer ones. */
  noteLostSnapshot(commit: string, at: number): void {
    this.addVoid([[commit, SNAPSHOT_VERSION]], at);
  }

  isLostSnapshot(commit: string): boolean {
    const sql = 'select 1 from void_versions where owner = ? and record_id = ? and version = ?';
    return this.#run(sql).get(this.#owner, commit, SNAPSHOT_VERSION) !== undefined;
  }

  hasVoid(): boolean {
    return this.#run('select 1 from void_versions where owner = ? limit 1').get(this.#owner) !== undefined;
  }

  /** Whether a version is void, and `who` has not been told so; from then on it counts as told. */
  tellVoid(record_id: string, version: number, who: string): boolean {
    const key = [this.#owner, record_id, version];
    const where = 'where owner = ? and record_id = ? and version = ?';
    const told = this.#run(`select told from void_versions ${where}`)
      .pluck()
      .get(...key) as string | undefined;
    if (told === undefined) return false;
    const all = JSON.parse(told) as string[];
    if (all.includes(who)) return false;
    this.#run(`update void_versions set told = ? ${where}`).run(JSON.stringify([...all, who]), ...key);
    return true;
  }

  /** Forgets what is older or more than may be kept. What the database was found to lack stays. */
  prune(before: number, maxBytes: number): void {
    // The oldest come first, so that the others need not be looked at.
    const oldest = `select number from own_writes order by number limit ${PRUNED_AT_ONCE}`;
    this.#run(`delete from own_writes where number in (${oldest}) and lost = 0 and at < ?`).run(before);
    this.#run('delete from void_versions where at < ?').run(before);
    if (this.#bytes() <= maxBytes) return;
    // The older half: what is freed is used again, so that the file stays as it is.
    const middle = 'select (min(number) + max(number)) / 2 from own_writes';
    this.#run(`delete from own_writes where lost = 0 and number <= (${middle})`).run();
  }

  #bytes(): number {
    const [pages, free, size] = ['page_count', 'freelist_count', 'page_size'].map((name) =>
      Number(this.database.pragma(name, { simple: true })),
    ) as [number, number, number];
    return (pages - free) * size;
  }

  transaction<T>(work: () => T): T {
    return this.database.transaction(work).immediate();
  }

  #run(sql: string): Statement {
    return this.#statements.of(sql);
  }
}

/** Makes the tables in an empty file. */
export function makeSeenTables(database: Database): void {
  database
    .transaction(() => {
      if (Number(database.pragma('user_version', { simple: true })) > 0) return;
      database.exec(SEEN_SCHEMA);
      database.pragma(`application_id = ${SEEN_APPLICATION_ID}`);
      database.pragma(`user_version = ${SEEN_SCHEMA_VERSION}`);
    })
    .immediate();
}

const PRUNED_AT_ONCE = 1_000;
/** No record has it. */
const SNAPSHOT_VERSION = 0;
const LATELY = 10_000;
const OWNER_DIGITS = 16;

/** What only this user on this machine can write. */
function ownerOf(): string {
  return ownSeal().of('worktrail seen v1', 'owner').slice(0, OWNER_DIGITS);
}

function ownWrites(rows: readonly Row[]): OwnWrite[] {
  return rows.flatMap(({ number, seq, change_id, made, record }) => {
    const decoded = decodeEntry(record);
    if (!('entry' in decoded)) return [];
    return [{ number, seq, change_id, made: JSON.parse(made) as MadeVersion[], entry: decoded.entry }];
  });
}
