/** What `cache.db` holds besides the tracker's tables: how far it has followed its primary, and what lies on top. */
import { sql, type SQL } from 'drizzle-orm';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import type { Connection, Session } from '../database/connection.ts';
import { COPY_TABLES } from '../database/copy-tables.ts';
import { openDatabaseFile } from '../primary/database-file.ts';
import { findProject } from '../queries/configuration.ts';
import { findChangeIdAt } from '../queries/feed.ts';
import { readMigrations } from '../primary/migrate.ts';
import { refuseForeignInTracker } from '../primary/schema-objects.ts';
import { execute } from './replica.ts';
import type { StoreIdentity } from '../contract/store-identity.ts';

export interface Position {
  /** The position of the primary's feed up to which the copy is complete; null before it was first filled. */
  cursor: number | null;
  /** How many items the primary had there: the copy's own count includes what waits. */
  items: number | null;
  /** When the copy was last known to equal the primary, ISO 8601; null before. */
  checked_at: string | null;
  /** The fingerprint of the waiting writes that were laid on top last, by whichever process; null before. */
  top: string | null;
}

/** The position is the one row of a table that only a copy has. */
const READ_POSITION = 'select cursor, items, checked_at, top from copy_state where id = 1';

/** Makes the tables where they are missing; else it takes no lock: another process may be filling the copy. */
export async function makePosition(session: Session): Promise<void> {
  const names = Object.keys(COPY_TABLES);
  const look = sql`select 1 from sqlite_master where type = 'table' and name in ${names}`;
  const found = await session.read((c) => Promise.resolve(rowsOf(c, look)));
  if (found.length === names.length) return;
  await session.write((c) => Promise.resolve(makeTables(c)));
}

function makeTables(c: Connection): void {
  for (const made of Object.values(COPY_TABLES)) {
    execute(c, sql.raw(made.replace('create table', 'create table if not exists')));
  }
}

export function writePosition(c: Connection, { seq, items }: StoreIdentity, checkedAt: string): void {
  execute(
    c,
    sql`insert into copy_state values (1, ${seq}, ${items}, ${checkedAt}, null)
      on conflict (id) do update set cursor = excluded.cursor, items = excluded.items, checked_at = excluded.checked_at`,
  );
}

/** Of a copy that was filled: remembers what lies on top of it now, and which waiting writes did not fit. */
export function writeTop(c: Connection, fingerprint: string, leftOut: ReadonlySet<string>): void {
  execute(c, sql`update copy_state set top = ${fingerprint}`);
  execute(c, sql`delete from copy_left_out`);
  if (leftOut.size === 0) return;
  const ids = JSON.stringify([...leftOut]);
  execute(c, sql`insert into copy_left_out select value from json_each(${ids})`);
}

/** The waiting writes that did not fit when they were laid on top. */
export function readLeftOut(c: Connection): Set<string> {
  const rows = rowsOf<{ change_id: string }>(c, sql`select change_id from copy_left_out`);
  return new Set(rows.map(({ change_id }) => change_id));
}

/** When a copy was last known to equal the primary, ISO 8601; undefined before it was filled. */
export async function checkedAt(copy: Session): Promise<string | undefined> {
  return (await copy.read(readPosition)).checked_at ?? undefined;
}

/** A cache as a look from outside finds it. */
export interface CacheSighting {
  /** What came from the primary by the feed. */
  identity: Partial<StoreIdentity>;
  /** When it was last known to equal the primary, ISO 8601. */
  as_of: string;
  openConflicts: number;
}

/**
 * Looks into the file without making, migrating or refreshing it; undefined before it was filled.
 * @throws what the driver does when the file is missing or cannot be read
 */
export function lookIntoCache(location: string): CacheSighting | undefined {
  const database = openDatabaseFile(location, { fileMustExist: true, timeout: 2_000 });
  try {
    database.pragma('query_only = ON');
    refuseForeignInTracker(database, readMigrations('sqlite'));
    const one = (query: string) => database.prepare(query).get() as Record<string, unknown> | undefined;
    const { cursor, items, checked_at } = one(READ_POSITION) ?? {};
    if (typeof cursor !== 'number') return undefined;
    const project_id = one('select project_id from meta')?.['project_id'];
    const change_id = one(`select change_id from changes where seq = ${cursor}`)?.['change_id'];
    const open = one('select count(*) as open from conflicts where resolved_at is null')?.['open'];
    return {
      identity: {
        seq: cursor,
        ...(typeof items === 'number' && { items }),
        ...(typeof project_id === 'string' && { project_id }),
        ...(typeof change_id === 'string' && { points: [{ seq: cursor, change_id }] }),
      },
      as_of: String(checked_at),
      openConflicts: Number(open),
    };
  } finally {
    database.close();
  }
}

/** What a local copy has of the feed of the primary. */
export interface CachedChanges {
  cursor: number;
  /** Null where it has none. */
  idAt(seq: number): string | null;
  /** Versions that changes after a position made, own ones among them that the feed had not brought yet. */
  after(seq: number): { change_id: string; entity_id: string; version: number }[];
  close(): void;
}

/** Undefined before the copy was first filled. @throws what the driver does when the file is missing or cannot be read */
export function openCachedChanges(location: string): CachedChanges | undefined {
  const database = openDatabaseFile(location, { fileMustExist: true, timeout: 2_000 });
  try {
    database.pragma('query_only = ON');
    refuseForeignInTracker(database, readMigrations('sqlite'));
    const position = database.prepare(READ_POSITION).get() as Partial<Position> | undefined;
    const cursor = position?.cursor;
    if (typeof cursor === 'number') {
      const idAt = database.prepare('select change_id from changes where seq = ?').pluck();
      const after = database.prepare(
        `select change_id, entity_id, version from changes where seq > ? and seq < ${PROVISIONAL_FEED_STEP} and version is not null`,
      );
      return {
        cursor,
        idAt: (seq) => (idAt.get(seq) as string | undefined) ?? null,
        after: (seq) => after.all(seq) as ReturnType<CachedChanges['after']>,
        close: () => database.close(),
      };
    }
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return undefined;
}

export async function readPosition(c: Connection): Promise<Position> {
  const rows = rowsOf<Position>(c, sql.raw(READ_POSITION));
  return Promise.resolve(rows[0] ?? { cursor: null, items: null, checked_at: null, top: null });
}

/**
 * What the copy has seen of its primary; empty before it was filled. What was mirrored is no part of it: the folder
 * remembers its own writes by itself (`seen.ts`), and may have accepted a database that lacks them.
 */
export async function readSeen(c: Connection): Promise<Partial<StoreIdentity>> {
  const { cursor, items } = await readPosition(c);
  if (cursor === null) return {};
  const project = await findProject(c);
  return {
    project_id: project?.project_id ?? null,
    ...(await lastOf(c, cursor)),
    seq: cursor,
    ...(items !== null && { items }),
  };
}

/** The change up to which the copy has followed the feed; nothing before the first one. */
async function lastOf(c: Connection, seq: number): Promise<Pick<StoreIdentity, 'points'>> {
  const change_id = await findChangeIdAt(c, seq);
  return { points: change_id === null ? [] : [{ seq, change_id }] };
}

function rowsOf<T>(c: Connection, query: SQL): T[] {
  // The reference dialect's type lacks what the SQLite driver has.
  return (c.db as unknown as { all(statement: SQL): T[] }).all(query);
}
