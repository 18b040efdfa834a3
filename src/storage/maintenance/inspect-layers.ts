/**
 * Looks at every layer of a project's tracker without changing anything: nothing is made, migrated, replayed,
 * refreshed or put aside, whatever is found. What uses the tracker does all that by itself; see `tiered-store.ts`.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TrackerError, databaseError } from '../../domain/errors.ts';
import { isInRepository } from '../git/repository.ts';
import { refuseStranger, whyNotOurs } from '../opening/first-meeting.ts';
import {
  damagedCaches,
  readCache,
  savedCopies,
  snapshotLayer,
  statusLayer,
  type OpenConflicts,
} from './inspect-copies.ts';
import { readGitJournal, readOutbox, readPending, type OutboxContent } from './inspect-journals.ts';
import { inspectStore, unavailableError, type StoreSighting } from './inspect-store.ts';
import { readMemory, schemaName, slugOfFolder, SQLITE_FILE } from '../opening/open-primary.ts';
import { CACHE_FILE, OUTBOX_FILE } from '../opening/open-store.ts';
import { findLacking, positionIn, readSeen, type Lacking, type SeenContent } from './inspect-seen.ts';
import type { Connection } from '../database/connection.ts';
import { remedyOf, reasonOf } from '../database/driver-errors.ts';
import type { Position } from '../database/feed-guard.ts';
import { openPostgres } from '../primary/postgres.ts';
import type { ProjectRow } from '../queries/configuration.ts';
import { SqlStore, type Primary } from '../primary/sql-store.ts';
import { openSqlite } from '../primary/sqlite.ts';
import type { LayersReport, TrackerStore } from '../contract/store.ts';
import { inReplayOrder, type JournalEntry } from '../contract/journal.ts';
import { ATTEMPTS_MAX, holdOf } from '../tiers/held-writes.ts';
import type { TierState } from '../contract/state.ts';
import { mismatchOf, readIdentity, type StoreIdentity } from '../contract/store-identity.ts';
import { unsealedByPlace } from '../contract/unsealed.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

/** A person asked, and would rather wait than be told that a slow server is away. */
const TIMEOUTS = { connectMs: 5_000, queryMs: 5_000, statementMs: 4_000, lockMs: 3_000 };

/** The folder that is looked at, and the store that its settings name. */
export type InspectOptions = Pick<PrimaryOptions, 'projectDir' | 'dataDir' | 'databaseUrl' | 'slug'> & {
  /** Stands for the store that is not to be looked at, with the reason; the folder itself is. */
  unseen?: StoreSighting;
};

/**
 * Why a primary is not to be used although it answers. `misplaced`: the folder's tracker is of the other kind;
 * `stranger`: the folder never met this one; `other_project`, `older`: it is not what the folder knows.
 */
export interface Refusal {
  kind: 'misplaced' | 'stranger' | 'other_project' | 'older';
  why: string;
}

/** A write that could not be applied when it was tried. */
export interface FailedWrite {
  id: string;
  at: string;
  attempts: number;
  reason: string | null;
}

/** What was found. Close it after use. */
export interface Inspection {
  sighting: StoreSighting;
  report: LayersReport;
  refusal: Refusal | null;
  project: { project_id: string; project_slug: string } | null;
  breaker: OutboxContent['breaker'];
  /** Put aside, because they failed too often for a reason that is not known. */
  parked: FailedWrite[];
  /** Tried again by themselves. */
  failing: FailedWrite[];
  /** As far as any layer knows; null when none does. */
  open_conflicts: OpenConflicts | null;
  /** Whether the project is in a git repository: without one, that journal and that layer cannot exist. */
  has_git: boolean;
  /** What of this folder's own acknowledged writes the primary lacks; null where it could not be compared. */
  lacking: Lacking | null;
  /** Why what this folder has seen cannot be read; null when it can. */
  seen: { location: string; problem: string | null };
  /** The primary for reading; undefined when it is not there or cannot be used. */
  store: TrackerStore | undefined;
  close(): Promise<void>;
}

/** Looks at every layer; what is wrong with one is in the report. */
export async function inspectLayers(options: InspectOptions): Promise<Inspection> {
  const { projectDir, dataDir, databaseUrl, unseen } = options;
  const isEmbedded = databaseUrl === undefined && unseen?.source !== 'postgres';
  const memory = readMemory(dataDir);
  const has_git = await isInRepository(projectDir);
  const outbox = await readOutbox(path.join(dataDir, OUTBOX_FILE));
  const journals = [outbox, await readGitJournal(options, has_git), await readPending(dataDir)];
  // A repository may hold the journals of several projects.
  const own = journals
    .flatMap((one) => one.entries)
    .filter(({ project_id }) => project_id === undefined || project_id === memory?.project_id);
  const entries = [...new Map(own.map((entry) => [entry.id, entry])).values()].sort(inReplayOrder);
  const cache = isEmbedded ? undefined : readCache(path.join(dataDir, CACHE_FILE));
  const seen = readSeen(dataDir);
  const { sighting, primary, refusal, openConflicts, project, lacking } = await look(options, {
    seen,
    points: positionIn(seen, outbox.highWater),
    cached: cache?.identity ?? {},
  }).finally(() => seen.close());
  const { failures } = outbox;
  const holds = entries.map((entry) => holdOf(entry, failures));
  const failed = entries.flatMap(({ id, at }): FailedWrite[] => {
    const failure = failures.get(id);
    return failure === undefined || failure.reason === null ? [] : [{ id, at, ...failure }];
  });
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
        label: isEmbedded ? 'the embedded database' : (sighting.engine ?? 'PostgreSQL'),
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
    unsealed: unsealedByPlace(journals.flatMap((one) => one.unsealed)),
    damage: [
      ...journals.flatMap((one) => one.damage),
      ...(await damagedCaches(dataDir)),
      ...(await savedCopies(dataDir)),
    ],
  };
  return {
    sighting,
    report,
    refusal: refusal ?? null,
    project: project ?? memory ?? null,
    breaker: outbox.breaker,
    parked: failed.filter(({ attempts }) => attempts >= ATTEMPTS_MAX),
    failing: failed.filter(({ attempts }) => attempts < ATTEMPTS_MAX),
    open_conflicts:
      openConflicts === undefined
        ? (cache?.openConflicts ?? null)
        : { total: openConflicts, source: sighting.source, as_of: null },
    has_git,
    lacking: lacking ?? null,
    seen: { location: seen.location, problem: seen.problem },
    store: primary === undefined ? undefined : readOnly(primary, report, entries),
    close: async () => primary?.close(),
  };
}

function stateOf(sighting: StoreSighting, refusal: Refusal | undefined, hasReplayable: boolean): TierState {
  if (refusal !== undefined) return 'refused';
  // What is wrong with an embedded tracker can be mended too, and writes are kept until it is.
  if (sighting.remedy !== null && sighting.source === 'postgres') return 'misconfigured';
  if (sighting.problem !== null) return 'offline';
  return hasReplayable ? 'replaying' : 'online';
}

interface Look {
  sighting: StoreSighting;
  primary?: Primary;
  project?: ProjectRow;
  openConflicts?: number;
  refusal?: Refusal;
  lacking?: Lacking;
}

/** What the folder knows of its primary. */
interface Known {
  seen: SeenContent;
  points: Position[];
  cached: Partial<StoreIdentity>;
}

/** The primary itself; opened only where opening alters nothing. */
async function look(options: InspectOptions, known: Known): Promise<Look> {
  if (options.unseen !== undefined) return { sighting: options.unseen };
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
      const lacking = refusal.kind === 'older' && {
        lacking: await findLacking(primary, known.seen, options.dataDir),
      };
      await primary.close();
      return { sighting, refusal, ...lacking };
    }
    const lacking = await findLacking(primary, known.seen, options.dataDir);
    const { data } = await primary.read((reader) => reader.listConflicts({ resolved: false, limit: 1 }));
    return {
      sighting,
      primary,
      ...(project !== undefined && { project }),
      openConflicts: data.total_count,
      lacking,
    };
  } catch (error) {
    await primary?.close();
    return { sighting: { ...sighting, problem: reasonOf(error), remedy: remedyOf(error) ?? null } };
  }
}

async function openForReading(options: InspectOptions, { location }: StoreSighting): Promise<Primary> {
  const { databaseUrl, dataDir } = options;
  const schema = schemaName(slugOfFolder(options).value);
  const { session, state } =
    databaseUrl === undefined
      ? await openSqlite({ file: path.join(dataDir, SQLITE_FILE) })
      : await openPostgres({
          url: databaseUrl,
          schema,
          timeouts: TIMEOUTS,
          beforeFirst: refuseToMake,
          beforeUpgrade: (client) => {
            const meeting = { ...options, slug: slugOfFolder(options), databaseUrl };
            return refuseStranger(client, schema, meeting, readMemory(dataDir));
          },
        });
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
  { points, cached }: Known,
): Promise<Refusal | undefined> {
  if (project === undefined) return { kind: 'other_project', why: 'it holds no project' };
  const { databaseUrl } = options;
  const memory = readMemory(options.dataDir);
  if (databaseUrl !== undefined && (memory === undefined || memory.project_id === project.project_id)) {
    const meeting = { ...options, slug: slugOfFolder(options), databaseUrl };
    const doubt = await whyNotOurs(meeting, project, memory);
    if (doubt !== undefined) return { kind: 'stranger', why: doubt.why };
  }
  if (memory === undefined) return undefined;
  const found = await primary.inSnapshot((c) => readIdentity(c, [...points, ...(cached.points ?? [])]));
  const why = mismatchOf(found, { project_id: memory.project_id, points }) ?? mismatchOf(found, cached);
  if (why === null) return undefined;
  return { kind: found.project_id === memory.project_id ? 'older' : 'other_project', why };
}

/**
 * Looks into the database as it is at this moment, whether or not this folder would use it. Migrates one that is older
 * than the program, as any use of it does.
 * @returns undefined where there is none
 * @throws DatabaseError
 */
export async function withPrimaryAsItIs<T>(
  options: InspectOptions,
  work: (c: Connection) => Promise<T>,
): Promise<T | undefined> {
  const sighting = await inspectStore(options);
  if (sighting.problem !== null) throw unavailableError(sighting);
  if (!sighting.exists) return undefined;
  const primary = await openForReading(options, sighting);
  try {
    return await primary.inSnapshot(work);
  } finally {
    await primary.close();
  }
}

function readOnly(primary: Primary, report: LayersReport, entries: JournalEntry[]): TrackerStore {
  return {
    read: (work, options) => primary.read(work, options),
    latest: async (work, options) => (await primary.read(work, options)).data,
    write: () =>
      Promise.reject(new TrackerError('NotSavedError', 'This looks only.', {}, 'Use another command.')),
    health: () => primary.health(),
    pending: () => Promise.resolve(entries),
    watch: () => Promise.resolve(() => undefined),
    layers: () => Promise.resolve(report),
    close: () => primary.close(),
  };
}
