/** Puts the layers of a project's tracker together: the primary, the copies below it, and the journals. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { runGit } from '../../platform/git.ts';
import { checkDataDir, prepareDataDir } from './data-folder.ts';
import { foreignRepository } from '../git/main-work-tree.ts';
import { GitJournal } from '../journals/git-journal.ts';
import { SNAPSHOT_REF, readCommittedStatusFile, snapshotDate, writeSnapshot } from '../replicas/snapshot.ts';
import { MarkdownJournal } from '../journals/markdown-journal.ts';
import { STATUS_FILE } from '../status-file/status-file-name.ts';
import { readStatusText } from '../status-file/status-file-on-disk.ts';
import { readMark } from '../status-file/status-mark.ts';
import { parseStatusFile } from '../status-file/status-parser.ts';
import { openPrimary, publicUrl, readMemory, slugOfFolder, SQLITE_FILE } from './open-primary.ts';
import type { Jobs } from '../operations/jobs.ts';
import { Patience } from '../primary/patience.ts';
import type { Primary } from '../primary/sql-store.ts';
import { addressMark } from '../tiers/address-mark.ts';
import { CacheReplica } from '../replicas/cache.ts';
import { checkedAt } from '../replicas/cache-position.ts';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { deviceOf } from '../journals/device.ts';
import { earlierIn } from '../journals/earlier-version.ts';
import { Election } from '../tiers/election.ts';
import { Journals } from '../journals/journals.ts';
import { LazyOutbox } from '../journals/lazy-outbox.ts';
import { MemoryReplica } from '../replicas/memory-replica.ts';
import { loadImage, loadSnapshot, loadStatusFile, type Loaded } from '../replicas/replica-sources.ts';
import { LayerUnavailable, type Replica } from '../replicas/replica.ts';
import { SEEN_FILE } from '../tiers/seen-file.ts';
import type { OwnWritesKept } from '../tiers/own-writes-kept.ts';
import { seenIn, type AnySeen } from '../tiers/seen.ts';
import { mismatchOf, readIdentity } from '../contract/store-identity.ts';
import { TierMemory } from '../tiers/tier-memory.ts';
import { TieredStore } from '../tiers/tiered-store.ts';
import type { TieredParts } from '../tiers/parts.ts';
import type { PrimaryOptions } from './primary-options.ts';

export interface OpenOptions extends Omit<PrimaryOptions, 'patience'> {
  /** How long a PostgreSQL is waited for that nothing can stand in for; default 15 s. */
  patienceMs?: number;
  /** How long the end waits for a snapshot in git that is long due; default 3 s. */
  snapshotPatienceMs?: number;
  /** Milliseconds after which the local cache counts as stale. */
  staleAfterMs?: number;
  /** How much of what the primary acknowledged to this folder is kept here. */
  ownWritesKept?: OwnWritesKept;
  /** For what a person should know, one line each. Nothing by default. */
  log?: (message: string) => void;
  /** Runs what is done in the background as jobs; by default without a record of them. */
  jobs?: Jobs;
  clock?: Clock;
  /** What remembers the database; default `seen.db` of the folder. Another one is for measuring. */
  seen?: AnySeen;
}

/** Clients of a server wait at least a minute for an answer. */
export const PATIENCE_MS_DEFAULT = 15_000;
/** PostgreSQL's copy in the folder; disposable. */
export const CACHE_FILE = 'cache.db';
/** Acknowledged writes that wait for the primary; never rebuilt, so never in one file with the copy. */
export const OUTBOX_FILE = 'outbox.db';
/** The last journal: one Markdown file per process. */
export const PENDING_DIR = 'pending';

/**
 * Opens, and at the first start makes, the project's tracker. Goes on without its primary when that is away and
 * the folder knows the project. Safe when many processes do so at once.
 * @throws DatabaseError when the primary cannot be opened and nothing is known of the project here, or when the folder
 *   holds what leads out of the project
 */
export async function openStore(options: OpenOptions): Promise<TieredStore> {
  checkDataDir(options.dataDir);
  const foreign = foreignRepository(options.projectDir);
  if (foreign !== undefined) options.log?.(foreign);
  const store = new TieredStore(partsOf(options));
  try {
    await store.open();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Whether a program has opened the project's tracker from this folder before. Makes nothing. */
export function knowsTracker(dataDir: string): boolean {
  return readMemory(dataDir) !== undefined || existsSync(path.join(dataDir, SQLITE_FILE));
}

function partsOf(options: OpenOptions): TieredParts {
  const { projectDir, dataDir, databaseUrl, clock = systemClock, log = () => undefined } = options;
  const isEmbedded = databaseUrl === undefined;
  // Where it cannot be made, opening the primary says so.
  const device = deviceOf(dataDir, madeIfMissing(dataDir));
  const election = new Election(dataDir);
  const outbox = new LazyOutbox(path.join(dataDir, OUTBOX_FILE), () => clock.now());
  const file = path.join(dataDir, isEmbedded ? SQLITE_FILE : CACHE_FILE);
  let memory: ReturnType<typeof readMemory>;
  const project = () => {
    // What this process knew counts while the folder is gone: what waits is still of that project. With the embedded
    // database the project is gone too, and the next one has an id of its own.
    memory = readMemory(dataDir) ?? (isEmbedded ? undefined : memory);
    return { project_id: memory?.project_id, project_slug: memory?.project_slug };
  };
  const cache = isEmbedded ? undefined : new CacheReplica(file, () => project().project_id, clock, log);
  const notes = new TierMemory(() => outbox.open({ create: !isEmbedded && existsSync(dataDir) }));
  const seen =
    options.seen ??
    seenIn(path.join(dataDir, SEEN_FILE), {
      device,
      projectId: () => project().project_id,
      now: () => clock.now(),
      mayMake: () => existsSync(dataDir),
      earlier: () => notes.earlierPosition,
      kept: options.ownWritesKept,
      log,
    });
  const replicas: Replica[] = [
    ...(cache === undefined ? [] : [cache]),
    imageReplica(file, project, { cache, seen, clock }),
    snapshotReplica(projectDir, project, seen, clock),
    statusReplica(projectDir, project, clock),
  ];
  const journals = new Journals(
    [
      outbox,
      new GitJournal(projectDir, device, { findEarlier: earlierIn(dataDir) }),
      new MarkdownJournal(path.join(dataDir, PENDING_DIR), device),
    ],
    device,
    clock,
    () => project().project_id,
  );
  const patience = isEmbedded ? undefined : new Patience();
  return {
    primaryLabel: isEmbedded ? 'The embedded database' : 'PostgreSQL',
    location: isEmbedded ? file : publicUrl(databaseUrl, slugOfFolder(options).value),
    ...(!isEmbedded && { address: addressMark(databaseUrl, device) }),
    ...(patience !== undefined && { patience, patienceMs: options.patienceMs ?? PATIENCE_MS_DEFAULT }),
    connect: () => openPrimary({ ...options, witness: seen, ...(patience !== undefined && { patience }) }),
    reopens: isEmbedded,
    project,
    replicas,
    cache,
    journals,
    memory: notes,
    seen,
    snapshot: {
      age: () => snapshotAge(projectDir, clock),
      take: (primary) => takeSnapshot(projectDir, primary, options.jobs),
    },
    ...(options.snapshotPatienceMs !== undefined && { snapshotPatienceMs: options.snapshotPatienceMs }),
    elect: (role, work) => election.run(role, work),
    ...(options.jobs !== undefined && { jobs: options.jobs }),
    clock,
    ...(options.staleAfterMs !== undefined && { staleAfterMs: options.staleAfterMs }),
    log,
    release: () => election.close(),
  };
}

export function madeIfMissing(dataDir: string): boolean {
  try {
    prepareDataDir(dataDir);
    return true;
  } catch {
    return false;
  }
}

/** The local database file as a whole, for when it can be read but not written. */
function imageReplica(
  file: string,
  project: TieredParts['project'],
  { cache, seen, clock }: { cache: CacheReplica | undefined; seen: AnySeen; clock: Clock },
): MemoryReplica {
  const isEmbedded = cache === undefined;
  const changedAt = () =>
    Math.max(...[file, `${file}-wal`].map((one) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0));
  return new MemoryReplica({
    source: isEmbedded ? 'sqlite' : 'sqlite_cache',
    label: isEmbedded ? 'what can still be read of the embedded database' : 'a copy of the local cache',
    location: file,
    isWhole: true,
    load: () =>
      isEmbedded ? loadNewest(file, project().project_id, seen) : loadCacheImage(file, project().project_id),
    age: async () => {
      if (cache !== undefined) return (await cache.age()) ?? (await ageOfImage(file, project().project_id));
      return changedAt() === 0 ? undefined : new Date(changedAt()).toISOString();
    },
    mark: () => Promise.resolve(String(changedAt())),
    clock,
  });
}

/** What was put in the place of the embedded file may be older than what was seen of it: then it answers nothing. */
async function loadNewest(file: string, project_id: string | undefined, seen: AnySeen): Promise<Loaded> {
  const at = seen.seen();
  const loaded = await loadImage(file, project_id);
  const points = at === undefined ? [] : [at];
  const mismatch = mismatchOf(await loaded.session.read((c) => readIdentity(c, points)), { points });
  if (mismatch === null) return loaded;
  await loaded.session.close();
  throw new LayerUnavailable(mismatch);
}

/**
 * One of a state that the database has lost was noted when that was accepted; another folder's is ahead of what was seen
 * here, for a while at least.
 */
function loadSnapshotOf(projectDir: string, project_id: string | undefined, seen: AnySeen): Promise<Loaded> {
  const at = seen.seen()?.seq ?? 0;
  return loadSnapshot(
    projectDir,
    project_id,
    ({ commit, meta }) => (at > 0 && meta.seq > at) || seen.isLostSnapshot(commit),
  );
}

/** How old the copy is, it says itself: the cache cannot be opened where it cannot be written. */
async function loadCacheImage(file: string, project_id: string | undefined): Promise<Loaded> {
  const loaded = await loadImage(file, project_id);
  const as_of = await checkedAt(loaded.session).catch(() => undefined);
  if (as_of !== undefined && loaded.schema !== 'newer') return { ...loaded, as_of };
  await loaded.session.close();
  const isNewer = loaded.schema === 'newer';
  throw new LayerUnavailable(
    isNewer ? 'the local cache was made by a newer Worktrail' : 'the local cache has not been filled yet',
  );
}

async function ageOfImage(file: string, project_id: string | undefined): Promise<string> {
  const { session, as_of } = await loadCacheImage(file, project_id);
  await session.close();
  return as_of;
}

function snapshotReplica(
  projectDir: string,
  project: TieredParts['project'],
  seen: AnySeen,
  clock: Clock,
): MemoryReplica {
  return new MemoryReplica({
    source: 'git_history',
    label: 'the last snapshot in git',
    isWhole: false,
    location: `${SNAPSHOT_REF} in the git repository of ${projectDir}`,
    load: async () => {
      try {
        return await loadSnapshotOf(projectDir, project().project_id, seen);
      } catch (error) {
        const committed = await readCommittedStatusFile(projectDir);
        if (committed === undefined) throw error;
        return await loadStatusFile(committed, { project: known(project) });
      }
    },
    age: async () => {
      const taken = await snapshotDate(projectDir);
      if (typeof taken === 'number') return new Date(taken).toISOString();
      const committed = await readCommittedStatusFile(projectDir);
      return committed === undefined ? undefined : timeOf(committed);
    },
    mark: () => snapshotTip(projectDir),
    clock,
  });
}

function statusReplica(projectDir: string, project: TieredParts['project'], clock: Clock): MemoryReplica {
  const file = path.join(projectDir, STATUS_FILE);
  const read = () => readStatusText(file);
  return new MemoryReplica({
    source: 'markdown_file',
    label: `the status file (${STATUS_FILE})`,
    isWhole: false,
    location: file,
    load: async () => {
      const text = await read();
      if (text === undefined) throw new LayerUnavailable(`there is no ${STATUS_FILE}`);
      return await loadStatusFile(text, { project: known(project) });
    },
    age: async () => {
      const text = await read();
      return text === undefined ? undefined : timeOf(text);
    },
    mark: () => Promise.resolve(String(statSync(file, { throwIfNoEntry: false })?.mtimeMs)),
    clock,
  });
}

function timeOf(statusFile: string): string | undefined {
  return parseStatusFile(statusFile).generated_at ?? undefined;
}

/** A status file does not name its project: it is the folder's. */
function known(project: TieredParts['project']) {
  const { project_id, project_slug } = project();
  if (project_id === undefined || project_slug === undefined) {
    throw new LayerUnavailable('this folder does not know its project yet');
  }
  return { project_id, project_slug, root_commit: null };
}

/** A snapshot is made in memory: of a larger tracker there is none. */
const SNAPSHOT_ITEMS_MAX = 200_000;

async function snapshotAge(projectDir: string, clock: Clock): Promise<number | undefined> {
  const taken = await snapshotDate(projectDir);
  return typeof taken === 'number' ? clock.now() - taken : undefined;
}

async function takeSnapshot(projectDir: string, primary: Primary, jobs: Jobs | undefined): Promise<void> {
  const { items, seq } = await primary.inSnapshot((c) => readIdentity(c));
  if (items > SNAPSHOT_ITEMS_MAX) return;
  const text = await readStatusText(path.join(projectDir, STATUS_FILE));
  const statusFile = text === undefined || readMark(text) === undefined ? undefined : text;
  const taken = await writeSnapshot(projectDir, (work) => primary.inSnapshot(work), {
    ...(statusFile !== undefined && { statusFile }),
  });
  if (!taken.written) return;
  // What is ahead of what was seen here counts as lost: see `loadSnapshotOf`.
  await primary.read((reader) => reader.findFeedPosition(), { oneStatement: true });
  const { commit: reference, bytes, ms } = taken;
  jobs?.snapshot({ kind: 'git_snapshot', reference, bytes, counts: { items, changes: seq, ms } });
}

async function snapshotTip(projectDir: string): Promise<string> {
  const found = await runGit(projectDir, ['for-each-ref', '--format=%(objectname)', SNAPSHOT_REF]);
  return found.ok ? found.output.toString().trim() : '';
}
