/**
 * Whether the database that answers is the one this folder knows. An empty, an older or another database
 * behind the configured address is not the truth: nothing is copied from it and nothing replayed into it.
 */
import { count, sql } from 'drizzle-orm';
import type { Connection } from '../database/connection.ts';
import { whyNotSeen, type Position } from '../database/feed-guard.ts';
import { findProject } from '../queries/configuration.ts';
import { findChangeIdAt, findFeedHead } from '../queries/feed.ts';

/** What is compared. */
export interface StoreIdentity {
  project_id: string | null;
  /** Position of the feed; it never goes back. */
  seq: number;
  /** The change there; null in a feed that nothing was written to. */
  change_id: string | null;
  /** Items of all kinds, deleted and archived ones too: they are never removed. */
  items: number;
  /**
   * The changes at positions that are asked about. A database that was restored and has grown past such a position
   * since shows by them that it is not the one that was seen, or copied.
   */
  points: readonly Position[];
}

/** A drop below this share of the items that were there is not believed. */
const ITEMS_KEPT_MIN = 0.8;
/** Below this many items a share says nothing. */
const ITEMS_COMPARED_MIN = 10;

/** The same with the items themselves counted, which reads all of them: for a primary that was away. */
export async function countIdentity(c: Connection, points: readonly Position[] = []): Promise<StoreIdentity> {
  const { workItems: t } = c.tables;
  const [row] = await c.db.select({ items: count() }).from(t);
  return { ...(await readIdentity(c, points)), items: Number(row?.items ?? 0) };
}

/** @param points known ones: what is there is read */
export async function readIdentity(c: Connection, points: readonly Position[] = []): Promise<StoreIdentity> {
  const project = await findProject(c);
  const { seq, change_id } = await findFeedHead(c, 0);
  const { workItemCounts: t } = c.tables;
  const [row] = await c.db
    .select({ items: sql<number | string | null>`coalesce(sum(${t.items}), 0)` })
    .from(t);
  return {
    project_id: project?.project_id ?? null,
    seq,
    change_id,
    items: Number(row?.items ?? 0),
    points: await Promise.all(
      points.map(async (at) => ({ seq: at.seq, change_id: await findChangeIdAt(c, at.seq) })),
    ),
  };
}

/**
 * @param known what this folder has seen of its project; a part that is not known is undefined
 * @returns why it is not the truth, in words for a person; null when it is
 */
export function mismatchOf(found: StoreIdentity, known: Partial<StoreIdentity>): string | null {
  if (known.project_id != null && found.project_id !== known.project_id) {
    return `it holds another project (${found.project_id ?? 'none'}) than this folder knows (${known.project_id})`;
  }
  const heads = known.seq === undefined ? [] : [{ seq: known.seq, change_id: null }];
  for (const seen of [...heads, ...(known.points ?? [])]) {
    const at_seen = found.points.find(({ seq }) => seq === seen.seq);
    const change_id = at_seen === undefined ? null : seen.change_id;
    const why = whyNotSeen({ seq: found.seq, at_seen: at_seen?.change_id ?? null }, { ...seen, change_id });
    if (why !== null) return why;
  }
  if (
    known.items !== undefined &&
    known.items >= ITEMS_COMPARED_MIN &&
    found.items < known.items * ITEMS_KEPT_MIN
  ) {
    return `it holds ${found.items} items where ${known.items} were seen`;
  }
  return null;
}
