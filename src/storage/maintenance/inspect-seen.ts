/** Looks at what this folder remembers of its database, and compares; makes, alters and puts aside nothing. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CACHE_FILE } from '../opening/open-store.ts';
import { describeFailure } from '../database/driver-errors.ts';
import type { Position } from '../database/feed-guard.ts';
import type { Primary } from '../primary/sql-store.ts';
import { openCachedChanges, type CachedChanges } from '../replicas/cache-position.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { findLostWrites } from './lost-writes.ts';
import { SEEN_FILE, readSeenFile } from '../tiers/seen-file.ts';
import type { SeenTables } from '../tiers/seen-tables.ts';

/** What is remembered, in memory. Close it after use. */
export interface SeenContent {
  location: string;
  tables: SeenTables | undefined;
  /** Why the file cannot be read; null when it can, or is not there. */
  problem: string | null;
  close(): void;
}

export function readSeen(dataDir: string): SeenContent {
  const location = path.join(dataDir, SEEN_FILE);
  try {
    const tables = readSeenFile(location);
    return { location, tables, problem: null, close: () => tables?.database.close() };
  } catch (error) {
    const problem = `it cannot be read: ${describeFailure(error)}`;
    return { location, tables: undefined, problem, close: () => undefined };
  }
}

/** What of this folder's own acknowledged writes the database lacks. */
export interface Lacking {
  /** In the order in which they were acknowledged. */
  entries: JournalEntry[];
  /** Up to here the database and the folder have seen the same. */
  common: number;
}

export async function findLacking(
  primary: Primary,
  { tables }: SeenContent,
  dataDir: string,
): Promise<Lacking> {
  if (tables === undefined) return { entries: [], common: 0 };
  return await withCachedChanges(dataDir, async (cached) => {
    const { writes, common } = await primary.inSnapshot((c) => findLostWrites(c, tables, cached));
    return { entries: writes.map(({ entry }) => entry), common };
  });
}

/** The local copy helps to find where the two parted; what is wrong with it is told elsewhere. */
export async function withCachedChanges<T>(
  dataDir: string,
  work: (cached: CachedChanges | undefined) => Promise<T>,
): Promise<T> {
  const cached = openIfThere(path.join(dataDir, CACHE_FILE));
  try {
    return await work(cached);
  } finally {
    cached?.close();
  }
}

function openIfThere(file: string): CachedChanges | undefined {
  try {
    return existsSync(file) ? openCachedChanges(file) : undefined;
  } catch {
    return undefined;
  }
}

/** What was noted of the position: here, or before there was this file. */
export function positionIn({ tables }: SeenContent, earlier: number): Position[] {
  const noted = tables?.position();
  if (noted !== undefined) return [noted];
  return earlier > 0 ? [{ seq: earlier, change_id: null }] : [];
}
