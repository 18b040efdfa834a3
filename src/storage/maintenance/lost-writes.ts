/**
 * The writes of this folder that a database acknowledged and has no longer: it was restored from a backup, or a standby
 * took over that had not received its last moments. Looking alters nothing.
 */
import { and, gt, inArray, lte, max } from 'drizzle-orm';
import { partsOf } from '../../domain/batch.ts';
import { madeAgain } from '../../domain/lost-branch.ts';
import type { Connection } from '../database/connection.ts';
import type { Position } from '../database/feed-guard.ts';
import { findSettled } from '../queries/change-records.ts';
import { chunks } from '../queries/work-items.ts';
import type { CachedChanges } from '../replicas/cache-position.ts';
import type { MadeVersion, OwnWrite, Point, SeenTables } from '../tiers/seen-tables.ts';

export interface LostWrites {
  /** Up to this position of the feed the database has what this folder has seen, as far as the folder knows. */
  common: number;
  /** Own writes that it lacks, as they are to be made again, in the order in which they had been applied. */
  writes: OwnWrite[];
  /** Those among them that were not known to be lost before. */
  fresh: OwnWrite[];
  /** Own writes that were known to be lost and that it has after all. */
  returned: OwnWrite[];
  /** Those among them that were noted anew, where they had waited and were applied again. */
  notedAnew: OwnWrite[];
  /** Versions that were made or shown here and that it lacks. */
  versions: MadeVersion[];
}

/**
 * Asked of each own write by its id: two branches may have the same change at the same position although they differ
 * before it, where writes that waited were applied in both.
 * @param cached what the local copy has of the feed, where there is one
 */
export async function findLostWrites(
  c: Connection,
  seen: SeenTables,
  cached: CachedChanges | undefined,
): Promise<LostWrites> {
  const points = seen.points();
  const known = seen.lost();
  const own = [...points, ...known].map(({ change_id }) => change_id);
  const settled = await findSettled(c, own);
  const isLost = ({ change_id }: { change_id: string }) => !settled.has(change_id);
  const first = points.find(isLost)?.seq;
  const common = await lastCommon(c, points, cached, first);
  const after = seen.after(first === undefined ? common : Math.min(common, first - 1));
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
  const returned = known.filter((write) => !isLost(write));
  const noted = new Set(points.map(({ change_id }) => change_id));
  const made = after.flatMap(({ entry, made }) => {
    const change_ids = entry.changes.map(({ id }) => id);
    return made.map((version): Shown => ({ change_ids, version }));
  });
  const shown = (cached?.after(common) ?? []).map(({ change_id, entity_id, version }): Shown => ({
    change_ids: [change_id],
    version: [entity_id, version],
  }));
  return {
    common,
    writes: [...known.filter(isLost), ...fresh],
    fresh,
    returned,
    notedAnew: returned.filter(({ change_id }) => noted.has(change_id)),
    versions: await findVoid(c, [...made, ...shown], common),
  };
}

/** A version that was made or shown here, and the changes of the write that made it. */
interface Shown {
  change_ids: readonly string[];
  version: MadeVersion;
}

/** Those that the database lacks, or has from another change: one that both branches have may have another number here. */
async function findVoid(c: Connection, shown: readonly Shown[], common: number): Promise<MadeVersion[]> {
  const { changes: t } = c.tables;
  const there = new Map<string, string>();
  for (const chunk of chunks([...new Set(shown.map(({ version: [id] }) => id))])) {
    const rows = await c.db
      .select({ id: t.entity_id, version: t.version, change_id: t.change_id })
      .from(t)
      .where(and(inArray(t.entity_id, chunk), gt(t.seq, common)));
    for (const { id, version, change_id } of rows) there.set(`${id} ${version}`, change_id);
  }
  return shown
    .filter(({ change_ids, version: [id, version] }) => {
      const change_id = there.get(`${id} ${version}`);
      return change_id === undefined || !change_ids.includes(change_id);
    })
    .map(({ version }) => version);
}

/**
 * Up to where the database and what was seen of it are the same. The copy knows every position up to its own; an own write
 * that was applied again later stands elsewhere now, and tells nothing.
 * @param own where own writes stood, by position
 * @param first the position of the first that the database lacks
 */
async function lastCommon(
  c: Connection,
  own: readonly Point[],
  cached: CachedChanges | undefined,
  first = Number.POSITIVE_INFINITY,
): Promise<number> {
  const known = await lastEqual(
    c,
    own.filter(({ seq }) => seq < first),
  );
  if (cached === undefined || cached.cursor <= known) return known;
  const last = { seq: cached.cursor, change_id: cached.idAt(cached.cursor) };
  if (last.seq < first && (await lastEqual(c, [last])) > 0) return last.seq;
  return await endOfEqual(c, cached);
}

/** The last of these positions at which the database has what was seen there; 0 where there is none. */
async function lastEqual(c: Connection, points: readonly Position[]): Promise<number> {
  for (const chunk of chunks([...points]).toReversed()) {
    const found = await findChangeIds(
      c,
      chunk.map(({ seq }) => seq),
    );
    const equal = chunk.findLast(({ seq, change_id }) => found.get(seq) === change_id);
    if (equal !== undefined) return equal.seq;
  }
  return 0;
}

/** The last position before the first at which the copy has another change. Reads the feed from its beginning. */
async function endOfEqual(c: Connection, cached: CachedChanges): Promise<number> {
  const positions = Array.from({ length: cached.cursor }, (_, index) => index + 1);
  for (const chunk of chunks(positions)) {
    const found = await findChangeIds(c, chunk);
    const other = chunk.find((seq) => (found.get(seq) ?? null) !== cached.idAt(seq));
    if (other !== undefined) return other - 1;
  }
  return cached.cursor;
}

async function findChangeIds(c: Connection, positions: number[]): Promise<Map<number, string>> {
  const { changes: t } = c.tables;
  const rows = await c.db
    .select({ seq: t.seq, change_id: t.change_id })
    .from(t)
    .where(inArray(t.seq, positions));
  return new Map(rows.map(({ seq, change_id }) => [seq, change_id]));
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
