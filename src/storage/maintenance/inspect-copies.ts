/** Looks at the copies that answer while the primary is away, without filling, refreshing or putting one aside. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { SNAPSHOT_REF, readCommittedStatusFile, snapshotDate } from '../replicas/snapshot.ts';
import { parseStatusFile } from '../status-file/status-parser.ts';
import { STATUS_FILE } from '../status-file/status-file-name.ts';
import { readStatusText } from '../status-file/status-file-on-disk.ts';
import { describeDriverError } from '../database/driver-errors.ts';
import type { DataSource, LayerReport } from '../contract/store.ts';
import { lookIntoCache } from '../replicas/cache-position.ts';
import type { StoreIdentity } from '../contract/store-identity.ts';

/** How many conflicts wait for a decision. */
export interface OpenConflicts {
  total: number;
  source: DataSource;
  /** When that was so, ISO 8601; null for now. */
  as_of: string | null;
}

/** What the local cache knows; with a problem, nothing. */
export interface CacheContent {
  layer: LayerReport;
  identity: Partial<StoreIdentity>;
  openConflicts: OpenConflicts | null;
}

/** Never throws: what is wrong with it is the layer's problem. */
export function readCache(location: string): CacheContent {
  const layer: LayerReport = {
    source: 'sqlite_cache',
    label: 'the local cache',
    location,
    as_of: null,
    problem: null,
  };
  const empty = (problem: string): CacheContent => ({
    layer: { ...layer, problem },
    identity: {},
    openConflicts: null,
  });
  try {
    const seen = existsSync(location) ? lookIntoCache(location) : undefined;
    if (seen === undefined) return empty('it has not been filled yet');
    const { identity, as_of, openConflicts } = seen;
    return {
      layer: { ...layer, as_of },
      identity,
      openConflicts: { total: openConflicts, source: 'sqlite_cache', as_of },
    };
  } catch (error) {
    return empty(`it cannot be read: ${describeDriverError(error)}`);
  }
}

/** The last snapshot; before the first one, the status file that was last committed. */
export async function snapshotLayer(projectDir: string, hasGit: boolean): Promise<LayerReport> {
  const layer: LayerReport = {
    source: 'git_history',
    label: 'the last snapshot in git',
    location: `${SNAPSHOT_REF} in the git repository of ${projectDir}`,
    as_of: null,
    problem: null,
  };
  if (!hasGit) return { ...layer, problem: 'the project is not in a git repository' };
  const taken = await snapshotDate(projectDir);
  if (typeof taken === 'number') return { ...layer, as_of: new Date(taken).toISOString() };
  const committed = await readCommittedStatusFile(projectDir);
  const as_of = committed === undefined ? null : parseStatusFile(committed).generated_at;
  const problem = taken?.unavailable ?? (as_of === null ? 'none was taken yet' : null);
  return { ...layer, as_of, problem };
}

/** The status file as it lies in the project's folder. */
export async function statusLayer(projectDir: string): Promise<LayerReport> {
  const location = path.join(projectDir, STATUS_FILE);
  const layer: LayerReport = {
    source: 'markdown_file',
    label: 'the status file',
    location,
    as_of: null,
    problem: null,
  };
  const text = await readStatusText(location);
  if (text === undefined) return { ...layer, problem: `there is no ${STATUS_FILE}` };
  const as_of = parseStatusFile(text).generated_at;
  return { ...layer, as_of, problem: as_of === null ? 'it was not written by Worktrail' : null };
}

/** Caches that were put aside because they were damaged. */
export async function damagedCaches(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => []);
  return names
    .filter((name) => /^cache\.damaged.*\.db$/.test(name))
    .map((name) => `The local cache was damaged once; the damaged file is ${path.join(dataDir, name)}.`);
}

/** Copies that a program made of an embedded tracker because its files were lost under it: see `primary/lost-files.ts`. */
export async function savedCopies(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => []);
  return names
    .filter((name) => /^worktrail\.saved-.*\.db$/.test(name))
    .map(
      (name) =>
        `Files of the tracker were deleted or replaced while a program used it; the tracker as that program saw it last is ${path.join(dataDir, name)}.`,
    );
}
