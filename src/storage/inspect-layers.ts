/**
 * Looks at every layer of a project's tracker without changing anything: nothing is made, migrated, replayed,
 * refreshed or put aside, whatever is found. What uses the tracker does all that by itself; see `tiered-store.ts`.
 */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { TrackerError, databaseError } from '../errors.ts';
import { GitJournal } from './git/journal.ts';
import { runPlumbing } from './git/plumbing.ts';
import { findRootCommit, runGit } from './git/repository.ts';
import { SNAPSHOT_REF, readCommittedStatusFile } from './git/snapshot.ts';
import { inspectStore, unavailableError, type StoreSighting } from './inspect-store.ts';
import { readRecords } from './markdown/journal-format.ts';
import { parseStatusFile } from './markdown/status-parser.ts';
import { readMemory, schemaName, slugOfFolder, SQLITE_FILE, type PrimaryOptions } from './open-primary.ts';
import { CACHE_FILE, OUTBOX_FILE, PENDING_DIR } from './open-store.ts';
import { describeDriverError } from './sql/driver-errors.ts';
import { openPostgres } from './sql/postgres.ts';
import type { ProjectRow } from './sql/queries/configuration.ts';
import { SqlStore, type Primary } from './sql/sql-store.ts';
import { openSqlite } from './sql/sqlite.ts';
import type { DataSource, JournalReport, LayerReport, LayersReport, TrackerStore } from './store.ts';
import { decodeEntry } from './tiers/entry-codec.ts';
import { inReplayOrder, type JournalEntry, type JournalName } from './tiers/journal.ts';
import { committedImage } from './tiers/outbox-salvage.ts';
import { ATTEMPTS_MAX, holdOf } from './tiers/replayer.ts';
import type { TierState } from './tiers/state.ts';
import { mismatchOf, readTruth, type Truth } from './tiers/truth.ts';
import { reasonOf } from './tiers/words.ts';

const STATUS_FILE = '.project_status.md';
/** A person asked, and would rather wait than be told that a slow server is away. */
const TIMEOUTS = { connectMs: 5_000, queryMs: 5_000, statementMs: 4_000, lockMs: 3_000 };
/** Another process may be in the middle of writing the file that is read. */
const READ_ATTEMPTS = 3;

export type InspectOptions = Pick<PrimaryOptions, 'projectDir' | 'dataDir' | 'databaseUrl' | 'slug'>;

/**
 * Why a primary is not to be used although it answers. `misplaced`: the folder's tracker is of the other kind;
 * `stranger`: the folder never met this one; `other_project`, `older`: it is not what the folder knows.
 */
export interface Refusal {
  kind: 'misplaced' | 'stranger' | 'other_project' | 'older';
  why: string;
}

/** A write that is not tried any more, because it failed too often for a reason that is not known. */
export interface ParkedWrite {
  id: string;
  at: string;
  attempts: number;
  reason: string | null;
}

export interface Inspection {
  sighting: StoreSighting;
  report: LayersReport;
  refusal: Refusal | null;
  project: { project_id: string; project_slug: string } | null;
  /** What the last process that found the primary away noted of it; null when it was there last. */
  breaker: { reason: string; at: string } | null;
  parked: ParkedWrite[];
  /** As far as any layer knows; null when none does. */
  open_conflicts: { total: number; source: DataSource; as_of: string | null } | null;
  /** Whether the project is in a git repository: without one, that journal and that layer cannot exist. */
  has_git: boolean;
  /** The primary for reading; undefined when it is not there or cannot be used. */
  store: TrackerStore | undefined;
  close(): Promise<void>;
}

export async function inspectLayers(options: InspectOptions): Promise<Inspection> {
  const { projectDir, dataDir, databaseUrl } = options;
  const memory = readMemory(dataDir);
  const has_git = (await runGit(projectDir, ['rev-parse', '--git-dir'])) !== undefined;
  const outbox = await readOutbox(path.join(dataDir, OUTBOX_FILE));
  const journals = [outbox, await readGitJournal(projectDir, has_git), await readPending(dataDir)];
  // A repository may hold the journals of several projects.
  const own = journals
    .flatMap((one) => one.entries)
    .filter(({ project_id }) => project_id === undefined || project_id === memory?.project_id);
  const entries = [...new Map(own.map((entry) => [entry.id, entry])).values()].sort(inReplayOrder);
  const cache = databaseUrl === undefined ? undefined : readCache(path.join(dataDir, CACHE_FILE));
  const { sighting, primary, refusal, openConflicts, project } = await look(options, {
    seq: outbox.highWater,
    cached: cache?.truth ?? {},
  });
  const attempts = new Map([...outbox.failures].map(([id, one]) => [id, one.attempts]));
  const holds = entries.map((entry) => holdOf(entry, attempts));
  const now = new Date().toISOString();
  const state = stateOf(sighting, refusal, holds.includes(undefined));
  const reason = refusal?.why ?? sighting.problem;
  const report: LayersReport = {
    state,
    reason,
    since: state === 'offline' ? (outbox.breaker?.at ?? now) : now,
    layers: [
      {
        source: sighting.source,
        label: databaseUrl === undefined ? 'the embedded database' : (sighting.engine ?? 'PostgreSQL'),
        location: sighting.location,
        as_of: primary === undefined ? null : now,
        problem: reason ?? (sighting.exists ? null : 'it is not there yet'),
      },
      ...(cache === undefined ? [] : [cache.layer]),
      await snapshotLayer(projectDir, has_git),
      await statusLayer(projectDir),
    ],
    journals: journals.map(({ name, location, problem }) => ({ name, location, problem })),
    waiting: {
      total: entries.length,
      parked: holds.filter((hold) => hold === 'parked').length,
      newer_version: holds.filter((hold) => hold === 'newer_version').length,
      oldest_at: entries[0]?.at ?? null,
    },
    damage: [...journals.flatMap((one) => one.damage), ...(await damagedCaches(dataDir))],
  };
  return {
    sighting,
    report,
    refusal: refusal ?? null,
    project: project ?? memory ?? null,
    breaker: outbox.breaker,
    parked: entries.flatMap(({ id, at }) => {
      const failure = outbox.failures.get(id);
      return failure !== undefined && failure.attempts >= ATTEMPTS_MAX ? [{ id, at, ...failure }] : [];
    }),
    open_conflicts:
      openConflicts === undefined
        ? (cache?.openConflicts ?? null)
        : { total: openConflicts, source: sighting.source, as_of: null },
    has_git,
    store: primary === undefined ? undefined : readOnly(primary, report, entries),
    close: async () => primary?.close(),
  };
}

function stateOf(sighting: StoreSighting, refusal: Refusal | undefined, hasReplayable: boolean): TierState {
  if (refusal !== undefined) return 'refused';
  if (sighting.problem !== null) return 'offline';
  return hasReplayable ? 'replaying' : 'online';
}

interface Look {
  sighting: StoreSighting;
  primary?: Primary;
  project?: ProjectRow;
  openConflicts?: number;
  refusal?: Refusal;
}

/** The primary itself; opened only where opening alters nothing. */
async function look(options: InspectOptions, known: { seq: number; cached: Partial<Truth> }): Promise<Look> {
  const sighting = await inspectStore(options);
  const misplaced = whyMisplaced(options);
  if (misplaced !== undefined) return { sighting, refusal: misplaced };
  if (sighting.problem !== null || !sighting.exists || sighting.schema === 'behind') return { sighting };
  let primary: Primary | undefined;
  try {
    primary = await openForReading(options, sighting);
    const { data: project } = await primary.read((reader) => reader.findProject());
    const refusal = await whyRefused(options, project, primary, known);
    if (refusal !== undefined) {
      await primary.close();
      return { sighting, refusal };
    }
    const { data } = await primary.read((reader) => reader.listConflicts({ resolved: false, limit: 1 }));
    return { sighting, primary, ...(project !== undefined && { project }), openConflicts: data.total_count };
  } catch (error) {
    await primary?.close();
    return { sighting: { ...sighting, problem: reasonOf(error) } };
  }
}

async function openForReading(options: InspectOptions, { location }: StoreSighting): Promise<Primary> {
  const { databaseUrl, dataDir } = options;
  const schema = schemaName(slugOfFolder(options).value);
  const { session, state } =
    databaseUrl === undefined
      ? await openSqlite({ file: path.join(dataDir, SQLITE_FILE) })
      : await openPostgres({ url: databaseUrl, schema, timeouts: TIMEOUTS, beforeFirst: refuseToMake });
  return new SqlStore(session, state, location);
}

function refuseToMake(): Promise<never> {
  return Promise.reject(databaseError('postgres', 'it was removed a moment ago', 'Look again.'));
}

/** The folder's tracker is of the other kind. */
function whyMisplaced({ dataDir, databaseUrl }: InspectOptions): Refusal | undefined {
  const store = readMemory(dataDir)?.store;
  if (databaseUrl === undefined && store === 'postgres') {
    const why = 'the tracker of this folder is on PostgreSQL, and no address of it is set here';
    return { kind: 'misplaced', why };
  }
  if (databaseUrl !== undefined && store === 'sqlite' && existsSync(path.join(dataDir, SQLITE_FILE))) {
    return { kind: 'misplaced', why: 'this folder has an embedded tracker that was not moved to PostgreSQL' };
  }
  return undefined;
}

async function whyRefused(
  options: InspectOptions,
  project: ProjectRow | undefined,
  primary: Primary,
  { seq, cached }: { seq: number; cached: Partial<Truth> },
): Promise<Refusal | undefined> {
  if (project === undefined) return { kind: 'other_project', why: 'it holds no project' };
  const memory = readMemory(options.dataDir);
  if (memory === undefined) {
    const strange = await whyStrange(options, project);
    return strange === undefined ? undefined : { kind: 'stranger', why: strange };
  }
  const found = await primary.inSnapshot(readTruth);
  const why = mismatchOf(found, { project_id: memory.project_id, seq }) ?? mismatchOf(found, cached);
  if (why === null) return undefined;
  return { kind: found.project_id === memory.project_id ? 'older' : 'other_project', why };
}

/** A folder that never met this store; the rules are those of `open-primary.ts`. */
async function whyStrange(
  { databaseUrl, slug, projectDir }: InspectOptions,
  project: ProjectRow,
): Promise<string | undefined> {
  if (databaseUrl === undefined) return undefined;
  if (project.project_slug !== slug.value) return `it holds the project "${project.project_slug}"`;
  const root = await findRootCommit(projectDir);
  if (root !== null && project.root_commit !== null) {
    return root === project.root_commit ? undefined : 'its project began with another first commit';
  }
  return slug.explicit
    ? undefined
    : 'a project of that name is there already, and nothing proves that it is this one (no common first commit)';
}

/**
 * What the database holds at this moment, whether or not this folder would use it. Migrates one that is older
 * than the program, as any use of it does.
 * @throws DatabaseError
 */
export async function readPrimaryTruth(options: InspectOptions): Promise<Truth> {
  const sighting = await inspectStore(options);
  if (sighting.problem !== null) throw unavailableError(sighting);
  if (!sighting.exists) return { project_id: null, seq: 0, items: 0 };
  const primary = await openForReading(options, sighting);
  try {
    return await primary.inSnapshot(readTruth);
  } finally {
    await primary.close();
  }
}

interface JournalContent extends JournalReport {
  entries: JournalEntry[];
  damage: string[];
}

function unread(name: JournalName, location: string, problem: string | null): JournalContent {
  return { name, location, problem, entries: [], damage: [] };
}

interface OutboxContent extends JournalContent {
  failures: Map<string, { attempts: number; reason: string | null }>;
  highWater: number;
  breaker: Inspection['breaker'];
}

/** From a copy in memory: opening the file itself would make, recover or set aside what is found. */
async function readOutbox(location: string): Promise<OutboxContent> {
  const content: OutboxContent = {
    ...unread('outbox', location, null),
    failures: new Map(),
    highWater: 0,
    breaker: null,
  };
  if (!existsSync(location)) return content;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const image = committedImage(await readFile(location), await readIfThere(`${location}-wal`));
      const database = new Database(image);
      try {
        return { ...content, ...outboxContent(location, database) };
      } finally {
        database.close();
      }
    } catch (error) {
      if (attempt < READ_ATTEMPTS) continue;
      return { ...content, problem: `it cannot be read: ${describeDriverError(error)}` };
    }
  }
}

function outboxContent(location: string, database: Database.Database) {
  const mark = (name: string) =>
    database.prepare('select value from marks where name = ?').pluck().get(name) as string | undefined;
  const rows = database.prepare('select id, record, attempts, reason from entries').all() as {
    id: string;
    record: string;
    attempts: number;
    reason: string | null;
  }[];
  const entries: JournalEntry[] = [];
  const damage = database
    .prepare("select value from marks where name like 'outbox:salvaged:%'")
    .pluck()
    .all() as string[];
  for (const { id, record } of rows) {
    const decoded = decodeEntry(record);
    if ('entry' in decoded) entries.push(decoded.entry);
    else if (decoded.problem === 'newer') damage.push(`${location} holds a write of a newer Worktrail.`);
    else damage.push(`The write ${id} in ${location} is damaged; the next use of the tracker looks into it.`);
  }
  const outage = mark('breaker');
  const noted =
    outage === undefined || outage === ''
      ? undefined
      : (JSON.parse(outage) as { reason: string; at: number });
  return {
    entries,
    damage,
    failures: new Map(rows.map(({ id, attempts, reason }) => [id, { attempts, reason }])),
    highWater: Number(mark('high_water') ?? 0),
    breaker: noted === undefined ? null : { ...noted, at: new Date(noted.at).toISOString() },
  };
}

async function readGitJournal(projectDir: string, hasGit: boolean): Promise<JournalContent> {
  const journal = new GitJournal(projectDir, 'inspection');
  const { name, location } = journal;
  if (!hasGit) return unread(name, location, 'the project is not in a git repository');
  try {
    const entries = await journal.list();
    return { name, location, problem: null, entries, damage: journal.damage() };
  } catch (error) {
    return unread(name, location, error instanceof Error ? error.message : String(error));
  } finally {
    await journal.close();
  }
}

/** The files as they are; the journal itself would keep aside what is damaged. */
async function readPending(dataDir: string): Promise<JournalContent> {
  const content = unread('markdown', path.join(dataDir, PENDING_DIR), null);
  if (!existsSync(content.location)) return content;
  try {
    for (const name of await readdir(content.location)) {
      if (!/\.(md|claimed)$/.test(name)) continue;
      const file = path.join(content.location, name);
      const { records, damaged } = readRecords(await readFile(file));
      for (const { entry } of records) {
        if (entry === undefined) content.damage.push(`${file} holds a write of a newer Worktrail.`);
        else content.entries.push(entry);
      }
      if (damaged.length > 0)
        content.damage.push(`${count(damaged.length, 'write')} in ${file} cannot be read.`);
    }
    const kept = path.join(content.location, 'damaged');
    for (const name of existsSync(kept) ? await readdir(kept) : []) {
      content.damage.push(
        `A waiting write was damaged. What is left of it is kept in ${path.join(kept, name)}.`,
      );
    }
    return content;
  } catch (error) {
    return { ...content, problem: `it cannot be read: ${describeDriverError(error)}` };
  }
}

interface CacheContent {
  layer: LayerReport;
  truth: Partial<Truth>;
  openConflicts: Inspection['open_conflicts'];
}

function readCache(location: string): CacheContent {
  const layer: LayerReport = {
    source: 'sqlite_cache',
    label: 'the local cache',
    location,
    as_of: null,
    problem: null,
  };
  const empty = (problem: string): CacheContent => ({
    layer: { ...layer, problem },
    truth: {},
    openConflicts: null,
  });
  if (!existsSync(location)) return empty('it has not been filled yet');
  let database: Database.Database | undefined;
  try {
    database = new Database(location, { fileMustExist: true, timeout: 2_000 });
    database.pragma('query_only = ON');
    const one = (query: string) => database?.prepare(query).get() as Record<string, unknown> | undefined;
    const position = one('select cursor, items, checked_at from copy_position where id = 1');
    if (typeof position?.['cursor'] !== 'number') return empty('it has not been filled yet');
    const as_of = String(position['checked_at']);
    const project_id = one('select project_id from meta')?.['project_id'];
    const open = Number(one('select count(*) as open from conflicts where resolved_at is null')?.['open']);
    return {
      layer: { ...layer, as_of },
      truth: {
        seq: position['cursor'],
        ...(typeof position['items'] === 'number' && { items: position['items'] }),
        ...(typeof project_id === 'string' && { project_id }),
      },
      openConflicts: { total: open, source: 'sqlite_cache', as_of },
    };
  } catch (error) {
    return empty(`it cannot be read: ${describeDriverError(error)}`);
  } finally {
    database?.close();
  }
}

async function snapshotLayer(projectDir: string, hasGit: boolean): Promise<LayerReport> {
  const layer: LayerReport = {
    source: 'git_history',
    label: 'the last snapshot in git',
    location: `${SNAPSHOT_REF} in the git repository of ${projectDir}`,
    as_of: null,
    problem: null,
  };
  if (!hasGit) return { ...layer, problem: 'the project is not in a git repository' };
  const tip = await runPlumbing(projectDir, ['for-each-ref', '--format=%(creatordate:unix)', SNAPSHOT_REF]);
  if (!tip.ok) return { ...layer, problem: tip.reason };
  const seconds = Number(tip.output.toString().trim());
  if (seconds > 0) return { ...layer, as_of: new Date(seconds * 1000).toISOString() };
  const committed = await readCommittedStatusFile(projectDir);
  const as_of = committed === undefined ? null : parseStatusFile(committed).generated_at;
  return { ...layer, as_of, problem: as_of === null ? 'none was taken yet' : null };
}

async function statusLayer(projectDir: string): Promise<LayerReport> {
  const location = path.join(projectDir, STATUS_FILE);
  const layer: LayerReport = {
    source: 'markdown_file',
    label: 'the status file',
    location,
    as_of: null,
    problem: null,
  };
  const text = await readFile(location, 'utf8').catch(() => undefined);
  if (text === undefined) return { ...layer, problem: `there is no ${STATUS_FILE}` };
  const as_of = parseStatusFile(text).generated_at;
  return { ...layer, as_of, problem: as_of === null ? 'it was not written by Worktrail' : null };
}

/** Caches that were put aside because they were damaged. */
async function damagedCaches(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => []);
  return names
    .filter((name) => /^cache\.damaged.*\.db$/.test(name))
    .map((name) => `The local cache was damaged once; the damaged file is ${path.join(dataDir, name)}.`);
}

function readOnly(primary: Primary, report: LayersReport, entries: JournalEntry[]): TrackerStore {
  return {
    read: (work, options) => primary.read(work, options),
    write: () =>
      Promise.reject(new TrackerError('NotSavedError', 'This looks only.', {}, 'Use another command.')),
    health: () => primary.health(),
    pending: () => Promise.resolve(entries),
    layers: () => Promise.resolve(report),
    close: () => primary.close(),
  };
}

async function readIfThere(file: string): Promise<Buffer> {
  return existsSync(file) ? await readFile(file) : Buffer.alloc(0);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
