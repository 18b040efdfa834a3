/** What a person decides about the layers: to trust a database that was replaced on purpose, to try writes again. */
import { existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { databaseError } from '../../errors.ts';
import { readPrimaryTruth, type InspectOptions } from '../inspect-layers.ts';
import { readMemory } from '../open-primary.ts';
import { CACHE_FILE, OUTBOX_FILE } from '../open-store.ts';
import { openDatabaseFile } from '../sql/database-file.ts';
import { describeDriverError } from '../sql/driver-errors.ts';
import { LazyOutbox } from './lazy-outbox.ts';
import { TierMemory } from './tier-memory.ts';

export interface Accepted {
  /** Where the cache was put; null when there was none. */
  cache_put_aside: string | null;
  /** The position of the feed that was remembered, and the one that the database stands at. */
  position: { before: number; now: number };
  /** Writes that wait, and will be applied to the accepted database. */
  waiting: number;
}

/**
 * Takes the database as it is for the truth, although it is older than what this folder has seen. Nothing is
 * deleted, and what waits keeps waiting.
 * @throws DatabaseError when the database holds another project; nothing was changed then
 */
export async function acceptPrimary(options: InspectOptions): Promise<Accepted> {
  const { dataDir } = options;
  const outboxFile = path.join(dataDir, OUTBOX_FILE);
  const project_id = readMemory(dataDir)?.project_id;
  const found = await readPrimaryTruth(options);
  if (project_id === undefined || found.project_id !== project_id) {
    throw databaseError(
      'postgres',
      `it holds ${found.project_id === null ? 'no project' : `the project ${found.project_id}`}, and this folder belongs to ${project_id === undefined ? 'none yet' : project_id}`,
      'Only another state of the same project can be accepted. Check DATABASE_URL and project.slug. Nothing was changed.',
    );
  }
  const outbox = new LazyOutbox(outboxFile, Date.now);
  try {
    const memory = new TierMemory(() => outbox.open({ create: false }));
    const before = memory.highWater;
    const waiting = (await outbox.list()).length;
    memory.forgetPosition();
    // A memory that cannot be written keeps quiet about it elsewhere.
    if (memory.highWater !== 0) throw cannotForget(outboxFile);
    memory.noteOutage(null);
    const cache_put_aside = putAside(path.join(dataDir, CACHE_FILE));
    return { cache_put_aside, position: { before, now: found.seq }, waiting };
  } finally {
    await outbox.close();
  }
}

/**
 * Lets writes be tried again at once that failed, put aside or not.
 * @returns how many
 */
export async function retryFailed(dataDir: string): Promise<number> {
  const outbox = new LazyOutbox(path.join(dataDir, OUTBOX_FILE), Date.now);
  try {
    const { held } = new TierMemory(() => outbox.open({ create: false }));
    const failed = held.failures().size;
    if (failed > 0) held.forgive();
    return failed;
  } finally {
    await outbox.close();
  }
}

function cannotForget(outboxFile: string) {
  return databaseError(
    'outbox',
    `the position remembered in ${outboxFile} cannot be changed`,
    'Check who owns the file and the free disk space, then run the same command again. Nothing was changed.',
  );
}

/** Renamed with its log, the log first: a new cache must never be seen beside the log of its predecessor. */
export function putAside(file: string): string | null {
  if (!existsSync(file)) return null;
  const time = new Date().toISOString().replace(/[-:.]/g, '');
  const aside = `${file.replace(/\.db$/, '')}.before-${time}.db`;
  emptyLog(file);
  try {
    for (const suffix of ['-wal', '-shm', '']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    }
  } catch (error) {
    throw databaseError(
      'sqlite_cache',
      `${file} cannot be renamed: ${describeDriverError(error)}`,
      'Check who owns the folder and run the same command again. What waits is untouched.',
      error,
    );
  }
  return aside;
}

/** So that the renamed file is whole by itself. A damaged one is renamed as it is. */
function emptyLog(file: string): void {
  try {
    const database = openDatabaseFile(file, { fileMustExist: true, timeout: 500 });
    try {
      database.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      database.close();
    }
  } catch {
    // It is disposable.
  }
}
