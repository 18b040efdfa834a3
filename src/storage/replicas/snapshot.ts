/**
 * The tracker's records as a commit in the project's repository: readable without the database, and a copy that
 * git carries along. Each snapshot is a commit on `refs/worktrail/snapshot`, after the one before. Its tree holds
 *
 *     meta.json                what this is a snapshot of
 *     work_items.jsonl         a record per line, keys and lines sorted; past 2,000 records instead
 *     work_items/3f.jsonl      a file for those whose id begins with 3f
 *     …                        the same for the other tables; history is not part of a snapshot
 *     .project_status.md       for people, where the caller gives it
 *
 * so that what did not change is the same object of git again. Its message carries the seal of this user on this machine
 * (see seal.ts): a snapshot without it is neither shown nor built upon, and ours takes its place. Index, work tree, branches, hooks and settings of
 * the repository are never touched.
 */
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { STATUS_FILE } from '../status-file/status-file-name.ts';
import type { Connection } from '../database/connection.ts';
import type { Row, TableName } from '../database/table-copy.ts';
import { ownSeal } from '../journals/seal.ts';
import {
  SNAPSHOT_TABLES,
  isFileOf,
  parseMeta,
  parseRecords,
  recordFiles,
  snapshotMetaOf,
  type SnapshotMeta,
} from './snapshot-files.ts';
import {
  GitFailure,
  commitsFrom,
  git,
  lineOf,
  listFiles,
  readObjects,
  unlessDamaged,
  writeFiles,
} from './snapshot-objects.ts';

export const SNAPSHOT_REF = 'refs/worktrail/snapshot';
/** Keeps what lay in the place of our snapshots, under the id of its commit: it may be of the version before. */
const ASIDE_REFS = 'refs/worktrail/aside';
const META_FILE = 'meta.json';

/** Runs `work` on the store to be kept, all of it seeing one moment: `session.read(work)`. */
export type SnapshotSource = <T>(work: (c: Connection) => Promise<T>) => Promise<T>;

export interface SnapshotOptions {
  /** The text of `.project_status.md`; without it the snapshot has none. */
  statusFile?: string;
  now?: () => Date;
}

export type SnapshotOutcome =
  /** `bytes`: the size of all files together; `ms`: how long it took. */
  | { written: true; commit: string; bytes: number; ms: number }
  /** `message` says for a person why nothing was written. */
  | { written: false; reason: SnapshotRefusal; message: string };

/** `newer`: the repository has a later state of this tracker, which is never replaced by an earlier one. */
export type SnapshotRefusal = 'unchanged' | 'newer' | 'other_project' | 'unavailable';

type Refused = Extract<SnapshotOutcome, { written: false }>;

/**
 * Takes a snapshot, unless the last one is of the same project and position. Safe when many processes do so at
 * once. What git cannot do is an answer (`unavailable`); what the source throws is thrown.
 */
export async function writeSnapshot(
  projectDir: string,
  source: SnapshotSource,
  { statusFile, now = () => new Date() }: SnapshotOptions = {},
): Promise<SnapshotOutcome> {
  const started = performance.now();
  try {
    const tip = await findTip(projectDir);
    const taken = await source(async (c) => {
      const meta = await snapshotMetaOf(c, now());
      return refusal(meta, tip) ?? { meta, files: await recordFiles(c) };
    });
    if ('written' in taken) return taken;
    const { meta, files } = taken;
    files.set(META_FILE, Buffer.from(`${JSON.stringify(meta, null, 2)}\n`));
    if (statusFile !== undefined) files.set(STATUS_FILE, Buffer.from(statusFile));
    const tree = await writeFiles(projectDir, files, tip.parent);
    const commit = await moveRef(projectDir, tree, meta, tip);
    if (typeof commit !== 'string') return commit;
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    return { written: true, commit, bytes, ms: Math.round(performance.now() - started) };
  } catch (error) {
    if (error instanceof GitFailure) return refused('unavailable', `Git: ${error.message}.`);
    throw error;
  }
}

function refusal(meta: SnapshotMeta, { meta: last }: Tip): Refused | undefined {
  if (last === undefined) return undefined;
  if (last === 'newer_format') return refused('newer', `In the repository, ${NEWER_FORMAT.unavailable}.`);
  if (last.project_id !== meta.project_id) {
    const theirs = `"${last.project_slug}" (${last.project_id})`;
    return refused('other_project', `The repository has a snapshot of another project, ${theirs}.`);
  }
  if (last.seq > meta.seq) {
    const positions = `of change ${last.seq}, and this would be ${meta.seq}`;
    return refused('newer', `The repository has a newer snapshot: ${positions}.`);
  }
  if (last.seq === meta.seq) return refused('unchanged', 'Nothing changed since the last snapshot.');
  return undefined;
}

function refused(reason: SnapshotRefusal, message: string): Refused {
  return { written: false, reason, message };
}

/** The newest snapshot, as far as it can be read. */
interface Tip {
  /** What the ref points to; undefined without a snapshot. */
  ref: string | undefined;
  /** Whether that is a snapshot of ours. */
  isOwn: boolean;
  /** The newest of ours; undefined when a commit after it is damaged. */
  parent: string | undefined;
  /** Of the newest of ours that has a readable one. */
  meta: SnapshotMeta | 'newer_format' | undefined;
}

/** Older snapshots that are tried when the newest is damaged. */
const ANCESTORS_MAX = 20;

async function findTip(folder: string): Promise<Tip> {
  const tip: Tip = { ref: await resolveRef(folder), isOwn: false, parent: undefined, meta: undefined };
  if (tip.ref === undefined) return tip;
  for await (const { commit, text } of commitsFrom(folder, tip.ref, 1 + ANCESTORS_MAX)) {
    if (text === undefined) break;
    if (ownDate(text) === undefined) continue;
    if (commit === tip.ref) tip.isOwn = true;
    tip.parent ??= commit;
    tip.meta = await readMeta(folder, commit);
    if (tip.meta !== undefined) break;
  }
  return tip;
}

/** How often a snapshot that another process was faster with is put after theirs, if it is still newer. */
const MOVES_MAX = 5;

/** The ref moves only from the snapshot that was looked at. */
async function moveRef(folder: string, tree: string, meta: SnapshotMeta, seen: Tip) {
  let tip = seen;
  for (let attempt = 1; ; attempt += 1) {
    if (tip.ref !== undefined && !tip.isOwn) await keepAside(folder, tip.ref);
    const parent = tip.parent === undefined ? [] : ['-p', tip.parent];
    const seconds = Math.floor(Date.parse(meta.taken_at) / 1000);
    const seal = ownSeal().of(SEAL_PURPOSE, sealedText(tree, seconds));
    const commit = lineOf(
      await git(folder, ['commit-tree', tree, ...parent], {
        input: `Snapshot of ${meta.project_slug} at change ${meta.seq}\n\nSeal: ${seal}\n`,
        env: authorAt(meta.taken_at),
      }),
    );
    try {
      await git(folder, ['update-ref', '--no-deref', SNAPSHOT_REF, commit, tip.ref ?? '']);
      return commit;
    } catch (error) {
      if (!(error instanceof GitFailure) || error.failure !== 'moved' || attempt === MOVES_MAX) throw error;
      tip = await findTip(folder);
      const theirs = refusal(meta, tip);
      if (theirs !== undefined) return theirs;
    }
  }
}

/** What is damaged cannot be kept, and is not in the way. */
async function keepAside(folder: string, commit: string): Promise<void> {
  await unlessDamaged(git(folder, ['update-ref', '--no-deref', `${ASIDE_REFS}/${commit}`, commit]));
}

const SEAL_PURPOSE = 'worktrail snapshot v1';

function sealedText(tree: string, seconds: number): string {
  return `tree ${tree}\ndate ${seconds}\n`;
}

const COMMIT = /^tree ([0-9a-f]+)\n(?:[^\n]+\n)*?committer [^\n]* (\d{1,12}) [+-]\d{4}\n/;

/** When the snapshot of a commit was taken, in milliseconds since 1970; undefined for one that is not ours. */
function ownDate(text: string): number | undefined {
  const [, tree, date] = COMMIT.exec(text) ?? [];
  const seal = /^Seal: ([0-9a-f]{64})$/m.exec(text)?.[1];
  if (tree === undefined || seal === undefined) return undefined;
  const seconds = Number(date);
  return ownSeal().isOwn(SEAL_PURPOSE, sealedText(tree, seconds), seal) ? seconds * 1000 : undefined;
}

function authorAt(date: string): Record<string, string> {
  const of = (role: string) => ({
    [`GIT_${role}_NAME`]: 'worktrail',
    [`GIT_${role}_EMAIL`]: 'worktrail@localhost',
    [`GIT_${role}_DATE`]: date,
  });
  return { ...of('AUTHOR'), ...of('COMMITTER') };
}

export interface Snapshot {
  meta: SnapshotMeta;
  commit: string;
  /** The rows of each of `SNAPSHOT_TABLES`, in the order of their primary keys. */
  tables: Map<TableName, Row[]>;
  /** The text of its `.project_status.md`, where it has one. */
  statusFile: string | undefined;
  /** How many newer snapshots are damaged, so that this one is the answer; 0 as a rule. */
  skipped: number;
}

/**
 * The newest snapshot that is whole: every object there and as git named it, every line a record. Looks at up to
 * 20 before the last one. What git cannot do is an answer.
 * @param project_id the project it must be of; any when undefined
 * @returns or why there is none (`unavailable`), to go after "Git:"
 */
export async function readSnapshot(
  projectDir: string,
  project_id?: string,
): Promise<Snapshot | { unavailable: string }> {
  try {
    const ref = await resolveRef(projectDir);
    if (ref === undefined) return { unavailable: 'the repository has no snapshot of a tracker' };
    let skipped = 0;
    let foreign = 0;
    for await (const { commit, text } of commitsFrom(projectDir, ref, 1 + ANCESTORS_MAX)) {
      if (text !== undefined && ownDate(text) === undefined) {
        foreign += 1;
        continue;
      }
      const found = text !== undefined ? await readWhole(projectDir, commit, project_id) : undefined;
      if (found !== undefined) return 'unavailable' in found ? found : { ...found, skipped };
      skipped += 1;
    }
    return { unavailable: foreign > 0 ? NOT_OURS : 'its snapshots of the tracker are damaged' };
  } catch (error) {
    if (error instanceof GitFailure) return { unavailable: error.message };
    throw error;
  }
}

const NOT_OURS = 'the snapshot in the repository does not have the seal of this user on this machine';

/**
 * When the newest snapshot was taken, in milliseconds since 1970, or why there is none to go by, to go after "Git:".
 * Null before the first one.
 */
export async function snapshotDate(projectDir: string): Promise<number | { unavailable: string } | null> {
  try {
    const text = (await readObjects(projectDir, [SNAPSHOT_REF]))?.[0]?.toString();
    if (text === undefined) return null;
    return ownDate(text) ?? { unavailable: NOT_OURS };
  } catch (error) {
    if (error instanceof GitFailure) return { unavailable: error.message };
    throw error;
  }
}

const NEWER_FORMAT = { unavailable: 'the snapshot was written by a newer version of Worktrail' };

/** Undefined when something of it is damaged. */
async function readWhole(folder: string, commit: string, project_id: string | undefined) {
  const meta = await readMeta(folder, commit);
  if (meta === undefined) return undefined;
  if (meta === 'newer_format') return NEWER_FORMAT;
  if (project_id !== undefined && meta.project_id !== project_id) {
    return { unavailable: `the snapshot is of another project, "${meta.project_slug}" (${meta.project_id})` };
  }
  const files = await listFiles(folder, commit);
  if (files === undefined) return undefined;
  const tables = new Map<TableName, Row[]>();
  for (const name of SNAPSHOT_TABLES) {
    const ids = [...files].filter(([path]) => isFileOf(path, name)).map(([, id]) => id);
    const rows = await readRecords(folder, ids);
    if (rows === undefined) return undefined;
    tables.set(name, rows);
  }
  const statusId = files.get(STATUS_FILE);
  const status = statusId === undefined ? [] : await readObjects(folder, [statusId]);
  return status && { meta, commit, tables, statusFile: status[0]?.toString() };
}

/** Files that one process of git reads, so that it is done in time however large the tracker is. */
const FILES_PER_READ = 64;

async function readRecords(folder: string, ids: string[]): Promise<Row[] | undefined> {
  const records: Row[][] = [];
  for (let start = 0; start < ids.length; start += FILES_PER_READ) {
    const contents = await readObjects(folder, ids.slice(start, start + FILES_PER_READ));
    if (contents === undefined) return undefined;
    for (const content of contents) {
      const rows = parseRecords(content);
      if (rows === undefined) return undefined;
      records.push(rows);
      await nextTurn();
    }
  }
  return records.flat();
}

async function readMeta(folder: string, commit: string) {
  const content = (await readObjects(folder, [`${commit}:${META_FILE}`]))?.[0];
  return content && parseMeta(content.toString());
}

/** What the ref points to, whether or not that is there. */
async function resolveRef(folder: string): Promise<string | undefined> {
  const found = await unlessDamaged(git(folder, ['rev-parse', '--verify', '--quiet', SNAPSHOT_REF]));
  return found && lineOf(found);
}

/** `.project_status.md` as it is committed on the current branch; undefined where there is none. */
export async function readCommittedStatusFile(projectDir: string): Promise<string | undefined> {
  try {
    const found = await unlessDamaged(git(projectDir, ['cat-file', 'blob', `HEAD:./${STATUS_FILE}`]));
    return found?.toString();
  } catch (error) {
    if (error instanceof GitFailure) return undefined;
    throw error;
  }
}
