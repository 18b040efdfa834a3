/** What a person decides about the layers: to trust a database that was replaced on purpose, to try writes again. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { databaseError } from '../../domain/errors.ts';
import { withPrimaryAsItIs, type InspectOptions } from './inspect-layers.ts';
import { withCachedChanges } from './inspect-seen.ts';
import { readMemory } from '../opening/open-primary.ts';
import { CACHE_FILE, OUTBOX_FILE } from '../opening/open-store.ts';
import { openDatabaseFile } from '../primary/database-file.ts';
import { describeDriverError, describeFailure } from '../database/driver-errors.ts';
import { asideName, setAside } from '../primary/set-aside.ts';
import { LazyOutbox } from '../journals/lazy-outbox.ts';
import { findLostWrites, type LostWrites } from './lost-writes.ts';
import { readSnapshot } from '../replicas/snapshot.ts';
import { SEEN_FILE, openSeenFile } from '../tiers/seen-file.ts';
import type { OwnWrite, SeenTables } from '../tiers/seen-tables.ts';
import { TierMemory } from '../tiers/tier-memory.ts';
import { mismatchOf, readIdentity } from '../contract/store-identity.ts';

export interface Accepted {
  /** Where the cache was put; null when there was none, or it fits. */
  cache_put_aside: string | null;
  /** The position of the feed that was remembered, and the one that the database stands at. */
  position: { before: number; now: number };
  /** Acknowledged writes of this folder that the database lacks; they are kept here, and can be put back. */
  lacking: number;
  /** Writes that wait, and will be applied to the accepted database. */
  waiting: number;
}

/**
 * Takes the database as it is for the truth, although it is older than what this folder has seen. Nothing is
 * deleted, and what waits keeps waiting.
 * @param putBack lets own writes wait again that the database lacks. It is done before anything is applied to the
 *   database, so that nothing overtakes them; without it they are kept as lost
 * @throws DatabaseError when the database holds another project, or nothing can be noted; nothing was changed then
 */
export async function acceptPrimary(
  options: InspectOptions,
  putBack?: (lost: readonly OwnWrite[]) => Promise<void>,
): Promise<Accepted> {
  const { dataDir, databaseUrl } = options;
  const project_id = readMemory(dataDir)?.project_id;
  if (project_id === undefined) throw otherProject(null, undefined);
  const outbox = new LazyOutbox(path.join(dataDir, OUTBOX_FILE), Date.now);
  const tables = openSeen(dataDir);
  try {
    const memory = new TierMemory(() => outbox.open({ create: false }));
    const seen = tables.position() ?? { seq: memory.earlierPosition, change_id: null };
    const found = await withCachedChanges(dataDir, (cached) =>
      withPrimaryAsItIs(options, async (c) => {
        const points =
          cached === undefined ? [] : [{ seq: cached.cursor, change_id: cached.idAt(cached.cursor) }];
        const identity = await readIdentity(c, [...points, seen]);
        if (identity.project_id !== project_id) return { identity };
        const lost = await findLostWrites(c, tables, cached);
        return { identity, lost, isCopied: mismatchOf(identity, { points }) === null };
      }),
    );
    if (found?.lost === undefined) throw otherProject(found?.identity.project_id ?? null, project_id);
    const { identity, lost, isCopied } = found;
    noteLost(tables, lost);
    const snapshot = await readSnapshot(options.projectDir, project_id);
    if ('meta' in snapshot && snapshot.meta.seq > lost.common)
      tables.noteLostSnapshot(snapshot.commit, Date.now());
    if (putBack !== undefined) {
      const writes = tables.lost();
      await putBack(writes);
      tables.forget(writes.map(({ number }) => number));
    }
    tables.reset(identity);
    memory.noteOutage(null);
    const waiting = (await outbox.list()).length;
    const isCopy = databaseUrl !== undefined && !isCopied;
    return {
      cache_put_aside: isCopy ? putCacheAside(dataDir) : null,
      position: { before: seen.seq, now: identity.seq },
      lacking: lost.writes.length,
      waiting,
    };
  } finally {
    tables.database.close();
    await outbox.close();
  }
}

/**
 * All of it or nothing: what is lost, and what became void by that. Until the position is reset, nothing is applied.
 * @throws DatabaseError
 */
export function noteLost(tables: SeenTables, { fresh, returned, notedAnew, versions }: LostWrites): void {
  try {
    tables.transaction(() => {
      for (const write of fresh) tables.noteLost(write);
      tables.forget(notedAnew.map(({ number }) => number));
      tables.noteReturned(returned.map(({ number }) => number));
      tables.addVoid(versions, Date.now());
    });
  } catch (error) {
    throw cannotNote(error);
  }
}

/** Runs `work` on what this folder remembers. @throws DatabaseError */
export function withSeen<T>(dataDir: string, work: (tables: SeenTables) => T): T {
  const tables = openSeen(dataDir);
  try {
    return work(tables);
  } catch (error) {
    throw cannotNote(error);
  } finally {
    tables.database.close();
  }
}

function openSeen(dataDir: string): SeenTables {
  try {
    return openSeenFile(path.join(dataDir, SEEN_FILE));
  } catch (error) {
    throw cannotNote(error);
  }
}

function otherProject(found: string | null, expected: string | undefined) {
  return databaseError(
    'store',
    `it holds ${found === null ? 'no project' : `the project ${found}`}, and this folder belongs to ${expected ?? 'none yet'}`,
    'Only another state of the same project can be accepted. Check DATABASE_URL and project.slug. Nothing was changed.',
  );
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

function cannotNote(cause: unknown) {
  return databaseError(
    SEEN_FILE,
    `what this folder has seen cannot be noted: ${describeFailure(cause)}`,
    `Check who owns .worktrail/${SEEN_FILE} and the free disk space, then run the same command again. Nothing was changed in the database.`,
    cause,
  );
}

/** @returns where the cache is now; null when there is none */
export function putCacheAside(dataDir: string): string | null {
  const file = path.join(dataDir, CACHE_FILE);
  if (!existsSync(file)) return null;
  const aside = asideName(file, 'before', Date.now());
  emptyLog(file);
  try {
    setAside(file, aside);
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
