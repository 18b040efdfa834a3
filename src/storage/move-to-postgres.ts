/**
 * Moves a folder's embedded tracker to PostgreSQL, the same project under the same id.
 *
 *     worktrail.db, held alone ──copy──▶ schema worktrail_<slug>.new ──compare every row──▶ renamed to
 *     worktrail_<slug> ──▶ project.json says postgres ──▶ worktrail.db is let go of, as it was
 *
 * Until the rename nobody can take the copy for the tracker, and until project.json is written the folder goes on
 * with its file: whatever ends the move on the way, running it again completes it.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { getTableName, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Sql } from 'postgres';
import { TrackerError, databaseError } from '../errors.ts';
import { stableJson } from '../domain/json.ts';
import {
  SQLITE_FILE,
  openPrimary,
  publicUrl,
  readMemory,
  schemaName,
  slugOfFolder,
  type PrimaryOptions,
} from './open-primary.ts';
import { openStore, type OpenOptions } from './open-store.ts';
import { runGit } from './git/repository.ts';
import type { Connection, Session } from './sql/connection.ts';
import { classifyDriverError, describeDriverError, driverCode } from './sql/driver-errors.ts';
import { readMigrations, schemaState } from './sql/migrate.ts';
import * as postgresStore from './sql/postgres.ts';
import { findFeedPosition, findProject, type ProjectRow } from './sql/queries/configuration.ts';
import { CONTENTION_LIMIT_MS } from './sql/retry.ts';
import { connect, isOurs, lastApplied } from './sql/sqlite.ts';
import {
  TABLE_NAMES,
  clearTables,
  insertRows,
  primaryKeyOf,
  readTable,
  type Row,
  type TableName,
} from './sql/table-copy.ts';

const ROWS_PER_BATCH = 500;
/** How long the file is asked for before whoever has it open is named as the reason. */
const ALONE_PATIENCE_MS = 5_000;
const ALONE_PAUSE_MS = 50;
const SETTLE_PATIENCE_MS = 10_000;
/**
 * A program that began to open the file before project.json was written waits for it this long at most. It must
 * not get in after the move: what it wrote to the file would be lost.
 */
const OPENERS_PATIENCE_MS = CONTENTION_LIMIT_MS + 2_000;
/** Long enough for a batch over a slow line. */
const TIMEOUTS: postgresStore.PostgresTimeouts = {
  connectMs: 10_000,
  queryMs: 120_000,
  statementMs: 100_000,
  lockMs: 30_000,
};
/** No slug has a dot, so that this is no other project's schema. */
const STAGING_SUFFIX = '.new';

export interface MoveOptions extends Pick<PrimaryOptions, 'projectDir' | 'dataDir' | 'slug'> {
  /** Where PostgreSQL is. */
  url: string;
  onProgress?: (step: MoveStep) => void;
  /** For tests, which know that no other program opens the file. */
  openersPatienceMs?: number;
}

export type MoveStep =
  | { step: 'copied' | 'compared'; table: string; rows: number }
  /** The copy is the tracker now; the file is held until no program can be waiting for it. */
  | { step: 'switched'; heldForMs: number };

export interface TableMoved {
  table: string;
  rows: number;
  /** How many of them this run brought; the others were there from an earlier one. */
  copied: number;
}

export interface MoveReport {
  /** `already`: an earlier run had completed the move, and nothing was done. */
  outcome: 'moved' | 'already';
  project_id: string;
  project_slug: string;
  engine: string;
  /** Where the tracker is now, without secrets. */
  location: string;
  /** The embedded file, left as it was and no longer used; null when it is not there any more. */
  old_file: string | null;
  tables: TableMoved[];
  rows: number;
  /** Over every row of every table as canonical JSON; null where nothing was done. */
  sha256: { source: string; target: string } | null;
}

/**
 * Copies, compares and switches. Safe to run again after any interruption.
 * @throws DatabaseError saying what is in the way; the folder goes on with its file then
 */
export async function moveToPostgres(options: MoveOptions): Promise<MoveReport> {
  const { dataDir, url } = options;
  const file = path.join(dataDir, SQLITE_FILE);
  if (readMemory(dataDir)?.store === 'postgres') return await alreadyMoved(options, file);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) throw nothingToMove(file);
  await settleJournals(options);
  const slug = slugOfFolder(options);
  const source = await holdAlone(file);
  try {
    const project = await sourceProject(source.connection, slug.value, file);
    const target = await openTarget(options, slug, project, source.connection);
    let moved: Compared;
    try {
      const copied = await copyMissing(source.connection, target.session, options);
      moved = await compareAll(source.connection, target.session, options, copied);
      if (target.isStaging) await rename(target.session, target.schema, schemaName(slug.value));
    } finally {
      await target.session.close();
    }
    await switchFolder(options);
    const heldForMs = options.openersPatienceMs ?? OPENERS_PATIENCE_MS;
    options.onProgress?.({ step: 'switched', heldForMs });
    await sleep(heldForMs);
    return {
      outcome: 'moved',
      project_id: project.project_id,
      project_slug: project.project_slug,
      engine: target.session.engine,
      location: publicUrl(url, slug.value),
      old_file: file,
      ...moved,
    };
  } catch (error) {
    throw inOurWords(error);
  } finally {
    source.close();
  }
}

/** Writes that wait belong to the tracker as much as those in it: they have to arrive first. */
async function settleJournals({ projectDir, dataDir, slug }: MoveOptions): Promise<void> {
  const embedded: OpenOptions = { projectDir, dataDir, slug, databaseUrl: undefined };
  const store = await openStore(embedded);
  try {
    await store.settle(SETTLE_PATIENCE_MS);
    const { state, reason, waiting, journals } = await store.layers();
    if (state !== 'online') {
      throw refused(
        'sqlite',
        `the embedded database cannot be used at the moment (${reason ?? `it is ${state}`})`,
        'Run `worktrail doctor`, and move the tracker when all is well.',
      );
    }
    if (waiting.total > 0) {
      throw refused(
        'sqlite',
        `${waiting.total} of the writes made here could not be applied yet, and they would be left behind`,
        'Settle open conflicts (`worktrail conflicts`), let `worktrail doctor --fix` try what was put aside, then move the tracker.',
      );
    }
    const hasGit = (await runGit(projectDir, ['rev-parse', '--git-dir'])) !== undefined;
    const unread = journals.find(({ name, problem }) => problem !== null && (name !== 'git' || hasGit));
    if (unread !== undefined) {
      throw refused(
        'sqlite',
        `it cannot be known whether writes wait: ${unread.problem ?? ''}`,
        'Run `worktrail doctor` and follow what it says, then move the tracker.',
      );
    }
  } finally {
    await store.close();
  }
}

interface Held {
  connection: Connection;
  close(): void;
}

/** The file, with nobody else in it, not even reading, until it is closed. A kill lets go of it too. */
async function holdAlone(file: string): Promise<Held> {
  const database = new Database(file, { fileMustExist: true });
  try {
    database.pragma('busy_timeout = 0');
    // Set before the first read, this takes the file itself: it fails while any other process has it open.
    database.pragma('locking_mode = EXCLUSIVE');
    const giveUpAt = Date.now() + ALONE_PATIENCE_MS;
    for (;;) {
      try {
        database.exec('begin immediate');
        break;
      } catch (error) {
        if (classifyDriverError(error) !== 'contention') throw error;
        if (Date.now() > giveUpAt) throw inUse(file, error);
        await sleep(ALONE_PAUSE_MS);
      }
    }
    const state = schemaState(lastApplied(database), readMigrations('sqlite'));
    if (!isOurs(database) || state !== 'current') {
      throw refused(
        'sqlite',
        `${file} has the schema of another version of Worktrail`,
        'Update Worktrail here to the version that the others use, then move the tracker.',
      );
    }
    return {
      connection: connect(database, {}),
      close: () => {
        if (database.inTransaction) database.exec('rollback');
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw inOurWords(error);
  }
}

async function sourceProject(c: Connection, slug: string, file: string): Promise<ProjectRow> {
  const project = await findProject(c);
  if (project === undefined) throw nothingToMove(file);
  if (project.project_slug !== slug) {
    throw refused(
      'sqlite',
      `the tracker is called "${project.project_slug}", and project.slug is set to "${slug}"`,
      `Set project.slug in worktrail.config.json to "${project.project_slug}", or take it out, then move the tracker.`,
    );
  }
  return project;
}

interface Target {
  session: Session;
  schema: string;
  /** Whether it is still to be renamed. */
  isStaging: boolean;
}

/** The schema to copy to: one that an earlier run left, or a new one. */
async function openTarget(
  { url }: MoveOptions,
  slug: PrimaryOptions['slug'],
  project: ProjectRow,
  source: Connection,
): Promise<Target> {
  const final = schemaName(slug.value);
  const staging = `${final}${STAGING_SUFFIX}`;
  const found = await lookAt(url, async (client) => ({
    final: await projectIn(client, final),
    staging: await projectIn(client, staging),
    others: await postgresStore.findProjects(client),
  }));
  const there = found.final ?? found.staging;
  if (there !== undefined) refuseOther(there, project, found.final === undefined ? staging : final);
  const second = found.others.find(
    ({ project_slug, root_commit }) =>
      project.root_commit !== null && root_commit === project.root_commit && project_slug !== slug.value,
  );
  if (second !== undefined && !slug.explicit) throw secondName(second.project_slug, slug.value);
  let schema = found.final === undefined ? staging : final;
  let session = await openSchema(url, schema);
  try {
    if ((await relationTo(source, session)) === 'earlier') {
      // Others must not meet it while it is filled anew.
      if (schema === final) {
        await rename(session, final, staging);
        await session.close();
        schema = staging;
        session = await openSchema(url, schema);
      }
      await session.write((c) => clearTables(c));
    }
    return { session, schema, isStaging: schema === staging };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function openSchema(url: string, schema: string): Promise<Session> {
  const { session, state } = await postgresStore.openPostgres({ url, schema, timeouts: TIMEOUTS });
  if (state === 'current') return session;
  await session.close();
  throw refused(
    'postgres',
    'what is there was made by a newer Worktrail',
    'Update Worktrail here to the version that the others use, then move the tracker.',
  );
}

/**
 * How far the copy is. An `earlier` one has nothing of its own: the tracker here went on after it was made.
 * @throws DatabaseError when it has gone on by itself
 */
async function relationTo(source: Connection, target: Session): Promise<'earlier' | 'same'> {
  const here = await findFeedPosition(source);
  const [there] = await target.read((c) => c.db.select().from(c.tables.feed));
  if (there === undefined || there.seq === here.seq) return 'same';
  const conclusion =
    'Look at both with `worktrail history`, with and without the address of PostgreSQL; the tracker here goes on with its file. To move it beside the other one, set project.slug in worktrail.config.json to another name.';
  if (there.seq > here.seq) {
    throw refused(
      'postgres',
      `it has this project already and has gone on: it stands at change ${there.seq}, the tracker here at ${here.seq}`,
      conclusion,
    );
  }
  await target.read(async (c) => {
    for await (const { mine, theirs } of sideBySide(source, c, 'changes')) {
      if (theirs === undefined || (mine !== undefined && stableJson(mine) === stableJson(theirs))) continue;
      throw refused(
        'postgres',
        'it has this project already, with changes that are not made here',
        conclusion,
      );
    }
  });
  return 'earlier';
}

/** Brings what the target lacks, in batches of their own, so that an interrupted run is gone on with. */
async function copyMissing(
  source: Connection,
  target: Session,
  { onProgress }: MoveOptions,
): Promise<Map<TableName, number>> {
  const copied = new Map<TableName, number>();
  for (const name of TABLE_NAMES) {
    let rows = 0;
    let batch: Row[] = [];
    const bring = async () => {
      if (batch.length === 0) return;
      const ready = batch;
      await target.write((c) => insertRows(c, name, ready));
      batch = [];
      rows += ready.length;
      onProgress?.({ step: 'copied', table: tableName(source, name), rows });
    };
    await target.read(async (there) => {
      // Begun anew where others were in the way.
      batch = [];
      for await (const { mine, theirs } of sideBySide(source, there, name)) {
        if (mine === undefined || (theirs !== undefined && stableJson(mine) !== stableJson(theirs))) {
          throw differs(source, name, mine ?? theirs ?? {});
        }
        if (theirs !== undefined) continue;
        batch.push(mine);
        if (batch.length === ROWS_PER_BATCH) await bring();
      }
      await bring();
    });
    copied.set(name, rows);
  }
  return copied;
}

type Compared = Pick<MoveReport, 'tables' | 'rows' | 'sha256'>;

/** @throws DatabaseError for the first row that is not the same on both sides */
async function compareAll(
  source: Connection,
  target: Session,
  { onProgress }: MoveOptions,
  copied: ReadonlyMap<TableName, number>,
): Promise<Compared> {
  const hashes = { source: createHash('sha256'), target: createHash('sha256') };
  const tables: TableMoved[] = [];
  for (const name of TABLE_NAMES) {
    const table = tableName(source, name);
    let rows = 0;
    await target.read(async (there) => {
      for await (const { mine, theirs } of sideBySide(source, there, name)) {
        if (mine === undefined || theirs === undefined) throw differs(source, name, mine ?? theirs ?? {});
        const texts = { source: stableJson(mine), target: stableJson(theirs) };
        if (texts.source !== texts.target) throw differs(source, name, mine);
        hashes.source.update(`${table} ${texts.source}\n`);
        hashes.target.update(`${table} ${texts.target}\n`);
        rows += 1;
      }
    });
    onProgress?.({ step: 'compared', table, rows });
    tables.push({ table, rows, copied: copied.get(name) ?? 0 });
  }
  return {
    tables,
    rows: tables.reduce((sum, one) => sum + one.rows, 0),
    sha256: { source: hashes.source.digest('hex'), target: hashes.target.digest('hex') },
  };
}

interface Pair {
  mine: Row | undefined;
  theirs: Row | undefined;
}

/** The rows of a table of both databases, those of one key together. */
async function* sideBySide(source: Connection, target: Connection, name: TableName): AsyncGenerator<Pair> {
  const keys = [...(name === 'workItems' ? ['depth'] : []), ...primaryKeyOf(name)];
  const here = rowsOf(source, name);
  const there = rowsOf(target, name);
  let mine = await nextOf(here);
  let theirs = await nextOf(there);
  while (mine !== undefined || theirs !== undefined) {
    const order = mine === undefined ? 1 : theirs === undefined ? -1 : compareKeys(mine, theirs, keys);
    yield { mine: order <= 0 ? mine : undefined, theirs: order >= 0 ? theirs : undefined };
    if (order <= 0) mine = await nextOf(here);
    if (order >= 0) theirs = await nextOf(there);
  }
}

async function* rowsOf(c: Connection, name: TableName): AsyncGenerator<Row> {
  for await (const rows of readTable(c, name, { chunkRows: ROWS_PER_BATCH })) yield* rows;
}

async function nextOf(rows: AsyncGenerator<Row>): Promise<Row | undefined> {
  const next = await rows.next();
  return next.done === true ? undefined : next.value;
}

/** As both databases order them: numbers by value, text by its bytes. */
function compareKeys(a: Row, b: Row, keys: readonly string[]): number {
  for (const key of keys) {
    const [left, right] = [a[key], b[key]];
    if (left === right) continue;
    if (typeof left === 'number' && typeof right === 'number') return left - right;
    const order = Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
    if (order !== 0) return order;
  }
  return 0;
}

async function rename(session: Session, from: string, to: string): Promise<void> {
  await session.write((c) =>
    c.db.execute(sql`alter schema ${sql.identifier(from)} rename to ${sql.identifier(to)}`),
  );
}

/** From here on the folder opens PostgreSQL and refuses its file. */
async function switchFolder({ projectDir, dataDir, slug, url }: MoveOptions): Promise<void> {
  const primary = await openPrimary({ projectDir, dataDir, slug, databaseUrl: url, isMoving: true });
  await primary.close();
}

async function alreadyMoved(options: MoveOptions, file: string): Promise<MoveReport> {
  const { dataDir, url } = options;
  const slug = slugOfFolder(options).value;
  const memory = readMemory(dataDir);
  const found = await lookAt(url, async (client) => ({
    project: await projectIn(client, schemaName(slug)),
    engine: await postgresStore.engineVersion(client),
  }));
  if (memory === undefined || found.project?.project_id !== memory.project_id) {
    throw refused(
      'postgres',
      `the tracker of this folder is on PostgreSQL already, and ${publicUrl(url, slug)} does not have it`,
      'Check the address: it has to be the one that the tracker was moved to.',
    );
  }
  return {
    outcome: 'already',
    project_id: memory.project_id,
    project_slug: memory.project_slug,
    engine: found.engine,
    location: publicUrl(url, slug),
    old_file: existsSync(file) ? file : null,
    tables: [],
    rows: 0,
    sha256: null,
  };
}

/** The id is null where a schema was made and no project put into it. */
interface ProjectThere {
  project_id: string | null;
}

/** What a schema holds; undefined where there is none of ours. Changes nothing. */
async function projectIn(client: Sql, schema: string): Promise<ProjectThere | undefined> {
  if ((await postgresStore.lastApplied(client, schema)) === undefined) return undefined;
  // The driver's own quoting would take the dot in a name for two names.
  const rows = await client.unsafe<ProjectThere[]>(`select project_id from "${schema}".meta`);
  return rows[0] ?? { project_id: null };
}

function refuseOther({ project_id }: ProjectThere, project: ProjectRow, schema: string): void {
  // Nothing but a move makes a staging schema, and its first row is the project's.
  const isBegun = project_id === null && schema.endsWith(STAGING_SUFFIX);
  if (isBegun || project_id === project.project_id) return;
  const holds = project_id === null ? 'no project' : `another project (${project_id})`;
  throw refused(
    'postgres',
    `the name "${project.project_slug}" is taken there: the schema ${schema} holds ${holds}`,
    'Check the address. If it is the right one, ask whoever looks after that database what the schema is.',
  );
}

async function lookAt<T>(url: string, look: (client: Sql) => Promise<T>): Promise<T> {
  const { default: postgres } = await import('postgres');
  const client = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined });
  try {
    await postgresStore.withinConnectTimeout(client`select 1`);
    return await look(client);
  } catch (error) {
    throw inOurWords(error);
  } finally {
    await client.end({ timeout: 0 });
  }
}

const tableName = (c: Connection, name: TableName): string => getTableName(c.tables[name] as PgTable);

function refused(layer: 'sqlite' | 'postgres', reason: string, next: string, cause?: unknown): TrackerError {
  return databaseError(layer, reason, `${next} The tracker was not moved.`, cause);
}

function nothingToMove(file: string): TrackerError {
  return refused(
    'sqlite',
    `there is no embedded tracker to move: ${file} is missing or empty`,
    'To begin a new tracker on PostgreSQL, set DATABASE_URL, or database.url in worktrail.config.json.',
  );
}

function inUse(file: string, cause: unknown): TrackerError {
  return refused(
    'sqlite',
    `another program has ${file} open`,
    "Close the AI clients and servers that use this project's tracker, then run the same command again.",
    cause,
  );
}

function secondName(there: string, here: string): TrackerError {
  return refused(
    'postgres',
    `this repository has a tracker there already, under the name "${there}"; here it is called "${here}"`,
    `To keep two trackers, set project.slug to "${here}" in worktrail.config.json.`,
  );
}

function differs(c: Connection, name: TableName, row: Row): TrackerError {
  const key = primaryKeyOf(name)
    .map((column) => `${column} ${String(row[column])}`)
    .join(', ');
  return refused(
    'postgres',
    `a row of ${tableName(c, name)} is not the same there as here (${key})`,
    'Somebody altered the copy. Ask whoever looks after that database, then run the same command again; the tracker here goes on with its file.',
  );
}

function inOurWords(error: unknown): unknown {
  if (error instanceof TrackerError || classifyDriverError(error) === 'other') return error;
  return refused(
    driverCode(error)?.startsWith('SQLITE_') === true ? 'sqlite' : 'postgres',
    describeDriverError(error),
    'Run the same command again: what was copied is kept, and it goes on from there.',
    error,
  );
}
