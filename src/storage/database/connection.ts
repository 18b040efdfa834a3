/** One database connection as the queries see it, and the session that hands connections out. */
import { sql, type SQL } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import { provisionalStep } from '../../domain/provisional-version.ts';
import type { ChangeHints } from './hints.ts';
import type { FeedTurn } from './feed-guard.ts';
import type { DialectSql } from './columns.ts';
import type { Tables } from './schema.ts';

/** The query builder, typed by the reference dialect. */
export type Db = PgDatabase<PgQueryResultHKT, Record<string, never>>;

export type SourceName = 'postgres' | 'sqlite';

/**
 * Taken at the start of a transaction that depends on the shape of the hierarchy or of the blocking links.
 * Holders of `shared` (a new item below a parent) do not disturb each other; `exclusive` (a move, a delete, a
 * blocking link) waits for all of them. SQLite has one writer at a time, so there it is free.
 */
export type StructureLock = 'shared' | 'exclusive';

/**
 * Keeps a program from writing by its rules to a store that a newer one has brought up to date meanwhile. Asked with a
 * statement that every write sends anyway; where a session looks by itself, `applied` is null.
 */
export interface SchemaGuard {
  /** The newest migration that was applied to the store. */
  applied: SQL<unknown>;
  /** @throws NewerSchema */
  check: (applied: unknown) => void;
}

const UNGUARDED: SchemaGuard = { applied: sql`null`, check: () => undefined };

export class Connection {
  #primary: Connection | undefined;

  constructor(
    readonly db: Db,
    readonly tables: Tables,
    readonly lockStructure: (mode: StructureLock) => Promise<void>,
    readonly dialect: DialectSql,
    /** Whether this is a copy that stands in for a primary: its records may lag behind, its versions are provisional. */
    readonly isReplica = false,
    /** Says, as the transaction commits, where the feed stands now, to whoever watches it. Free where nobody can listen. */
    readonly announceFeed: (seq: number) => Promise<void> = () => Promise.resolve(),
    readonly schemaGuard: SchemaGuard = UNGUARDED,
    /** Of a transaction that writes to a primary whose users remember it. */
    readonly turn?: FeedTurn,
    private readonly statements = new Map<string, unknown>(),
  ) {}

  get now(): SQL<string> {
    return this.dialect.now;
  }

  /** The same connection for one transaction that writes. */
  inTurn(turn: FeedTurn): Connection {
    const { db, tables, lockStructure, dialect, isReplica, announceFeed, schemaGuard, statements } = this;
    return new Connection(
      db,
      tables,
      lockStructure,
      dialect,
      isReplica,
      announceFeed,
      schemaGuard,
      turn,
      statements,
    );
  }

  /** The same connection for what the primary has applied already, with real versions. */
  get asPrimary(): Connection {
    if (!this.isReplica) return this;
    this.#primary ??= new Connection(
      this.db,
      this.tables,
      this.lockStructure,
      this.dialect,
      false,
      this.announceFeed,
      this.schemaGuard,
    );
    return this.#primary;
  }

  /** By how much a change raises the version of a record. */
  versionStep(change: { id: string }): number {
    return this.isReplica ? provisionalStep(change.id) : 1;
  }

  /** A statement that is built once per connection: building costs more than running it. */
  statement<Prepared>(
    name: string,
    build: (db: Db, tables: Tables) => { prepare(name: string): Prepared },
  ): Prepared {
    let prepared = this.statements.get(name) as Prepared | undefined;
    if (prepared === undefined) {
      prepared = build(this.db, this.tables).prepare(name);
      this.statements.set(name, prepared);
    }
    return prepared;
  }
}

/** Told of every statement as it is sent: for measuring and for explaining plans. */
export type QueryLog = (sql: string, parameters: unknown[]) => void;

export interface ReadOptions {
  /** The work asks one statement only, which sees one moment by itself. For look-ups that are made often. */
  oneStatement?: boolean;
}

/** The connection was lost after `commit` was sent: the work may be stored or not. `cause` is the driver's error. */
export class OutcomeUnknown extends Error {}

/** An open database. Safe for any number of concurrent callers; each call of `work` has a connection to itself. */
export interface Session {
  readonly source: SourceName;
  /** The server's or library's version, as `PostgreSQL 18.1` or `SQLite 3.53.2`. */
  readonly engine: string;
  /** All statements of `work` see one moment of the database. */
  read<T>(work: (connection: Connection) => Promise<T>, options?: ReadOptions): Promise<T>;
  /** Runs `work` in a transaction; repeats it from the start when others got in the way, so it must be repeatable. */
  write<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /**
   * Resolves when the store can be read and written at this moment; changes nothing. Rejects with the driver's
   * error otherwise: also where a table is missing, or where reading works and writing does not.
   */
  probe(): Promise<void>;
  /** Calls `onHint` when something was or may have been committed, by anyone, until it is stopped. */
  hints(onHint: () => void): ChangeHints;
  /** Waits for the work that runs; on PostgreSQL for a second at most, and then cuts it off. */
  close(): Promise<void>;
}
