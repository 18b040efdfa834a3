/**
 * The writes of this folder that a database acknowledged and has no longer: it was restored from a backup, or a standby
 * took over that had not received its last moments. Looking alters nothing.
 */
import { and, inArray, lte, max } from 'drizzle-orm';
import { partsOf } from '../../domain/batch.ts';
import { madeAgain } from '../../domain/lost-branch.ts';
import type { Connection } from '../database/connection.ts';
import { findChangeIdAt } from '../queries/feed.ts';
import { chunks } from '../queries/work-items.ts';
import type { CachedChanges } from '../replicas/cache-position.ts';
import type { MadeVersion, OwnWrite, SeenTables } from '../tiers/seen-tables.ts';

export interface LostWrites {
  /** Up to this position of the feed the database and this folder have seen the same, as far as the folder knows. */
  common: number;
  /** Own writes that it lacks, as they are to be made again, in the order in which they had been applied. */
  writes: OwnWrite[];
  /** Those among them that were not known to be lost before. */
  fresh: OwnWrite[];
  /** Own writes that were known to be lost and that it has after all, by their number. */
  returned: number[];
  /** Versions that were made or shown here and that it lacks. */
  versions: MadeVersion[];
}

/** @param cached what the local copy has of the feed, where there is one */
export async function findLostWrites(
  c: Connection,
  seen: SeenTables,
  cached: CachedChanges | undefined,
): Promise<LostWrites> {
  const common = await lastCommon(c, seen, cached);
  const after = seen.after(common);
  const known = seen.lost();
  const settled = await findSettled(
    c,
    [...known, ...after].map(({ entry }) => entry.id),
  );
  const isLost = ({ entry }: OwnWrite) => !settled.has(entry.id);
  const gone = after.filter(isLost);
  const shared = await sharedVersions(c, gone, common);
  const again = madeAgain(
    gone.map(({ entry }) => entry.changes),
    (id) => shared.get(id) ?? 0,
  );
  const fresh = gone.map((write, at) => ({
    ...write,
    entry: { ...write.entry, changes: again[at] ?? write.entry.changes },
  }));
  const shown = cached?.after(common) ?? [];
  const present = await findSettled(
    c,
    shown.map(({ change_id }) => change_id),
  );
  return {
    common,
    writes: [...known.filter(isLost), ...fresh],
    fresh,
    returned: known.filter((write) => !isLost(write)).map(({ number }) => number),
    versions: [
      ...gone.flatMap(({ made }) => made),
      ...shown
        .filter(({ change_id }) => !present.has(change_id))
        .map(({ entity_id, version }): MadeVersion => [entity_id, version]),
    ],
  };
}

/** The database and what was seen of it are the same up to one position, and differ in everything after it. */
async function lastCommon(
  c: Connection,
  seen: SeenTables,
  cached: CachedChanges | undefined,
): Promise<number> {
  const points = seen.points();
  const agrees = async ({ seq, change_id }: { seq: number; change_id: string | null }) =>
    change_id !== null && (await findChangeIdAt(c, seq)) === change_id;
  const index = await lastTrue(points.length, async (at) => {
    const point = points[at];
    return point !== undefined && (await agrees(point));
  });
  const own = points[index]?.seq ?? 0;
  if (cached === undefined || cached.cursor <= own) return own;
  const beyond = await lastTrue(cached.cursor - own, async (at) => {
    const seq = own + 1 + at;
    return await agrees({ seq, change_id: cached.idAt(seq) });
  });
  return own + 1 + beyond;
}

/** The last of `count` that holds, where all before it do and none after it does; -1 where none does. Asks the last first. */
async function lastTrue(count: number, holds: (at: number) => Promise<boolean>): Promise<number> {
  if (count > 0 && (await holds(count - 1))) return count - 1;
  let [low, high] = [-1, count - 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

async function findSettled(c: Connection, ids: readonly string[]): Promise<Set<string>> {
  const { appliedChanges: t } = c.tables;
  const found = new Set<string>();
  for (const chunk of chunks([...ids])) {
    const rows = await c.db.select({ id: t.change_id }).from(t).where(inArray(t.change_id, chunk));
    for (const { id } of rows) found.add(id);
  }
  return found;
}

/** The versions that records had at a position which both branches share. */
async function sharedVersions(
  c: Connection,
  writes: readonly OwnWrite[],
  seq: number,
): Promise<Map<string, number>> {
  const { changes: t } = c.tables;
  const ids = writes.flatMap(({ entry }) => entry.changes.flatMap(partsOf).map(({ entity_id }) => entity_id));
  const shared = new Map<string, number>();
  for (const chunk of chunks([...new Set(ids)])) {
    const rows = await c.db
      .select({ id: t.entity_id, version: max(t.version) })
      .from(t)
      .where(and(inArray(t.entity_id, chunk), lte(t.seq, seq)))
      .groupBy(t.entity_id);
    for (const { id, version } of rows) shared.set(id, Number(version ?? 0));
  }
  return shared;
}
