/**
 * Whether the database that answers is the one this folder knows (F6). An empty, an older or another database
 * behind the configured address is not the truth: nothing is copied from it and nothing replayed into it.
 */
import { count, eq, sql } from 'drizzle-orm';
import type { Connection } from '../sql/connection.ts';
import { findFeedPosition, findProject } from '../sql/queries/configuration.ts';

/** What is compared. */
export interface Truth {
  project_id: string | null;
  /** Position of the feed; it never goes back. */
  seq: number;
  /** Items of all kinds, deleted and archived ones too: they are never removed. */
  items: number;
  /**
   * The change at a position that is asked about. Of a copy: the last one that it has. A database that was restored
   * and has grown past that position since shows by it that it is not the one that was copied.
   */
  last?: { seq: number; change_id: string | null };
}

/** A drop below this share of the items that were there is not believed. */
const ITEMS_KEPT_MIN = 0.8;
/** Below this many items a share says nothing. */
const ITEMS_COMPARED_MIN = 10;

/** The same with the items themselves counted, which reads all of them: for a primary that was away. */
export async function countTruth(c: Connection, at?: number): Promise<Truth> {
  const { workItems: t } = c.tables;
  const [row] = await c.db.select({ items: count() }).from(t);
  return { ...(await readTruth(c, at)), items: Number(row?.items ?? 0) };
}

/** @param at the position at which the change is wanted */
export async function readTruth(c: Connection, at?: number): Promise<Truth> {
  const project = await findProject(c);
  const { seq } = await findFeedPosition(c);
  const { workItemCounts: t } = c.tables;
  const [row] = await c.db
    .select({ items: sql<number | string | null>`coalesce(sum(${t.items}), 0)` })
    .from(t);
  return {
    project_id: project?.project_id ?? null,
    seq,
    items: Number(row?.items ?? 0),
    ...(at !== undefined && { last: { seq: at, change_id: await changeIdAt(c, at) } }),
  };
}

async function changeIdAt(c: Connection, seq: number): Promise<string | null> {
  const { changes: t } = c.tables;
  const [row] = await c.db.select({ change_id: t.change_id }).from(t).where(eq(t.seq, seq));
  return row?.change_id ?? null;
}

/**
 * @param known what this folder has seen of its project; a part that is not known is undefined
 * @returns why it is not the truth, in words for a person; null when it is
 */
export function mismatchOf(found: Truth, known: Partial<Truth>): string | null {
  if (known.project_id != null && found.project_id !== known.project_id) {
    return `it holds another project (${found.project_id ?? 'none'}) than this folder knows (${known.project_id})`;
  }
  if (known.seq !== undefined && found.seq < known.seq) {
    return `it is older than what this folder has seen: it stands at change ${found.seq}, and change ${known.seq} was seen here`;
  }
  if (
    known.last !== undefined &&
    known.last.seq === found.last?.seq &&
    known.last.change_id !== found.last.change_id
  ) {
    return `it has gone another way than what this folder has seen: change ${known.last.seq} is not the same`;
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
