/** The feed as those read it who follow it: which records changed, without what changed in them. */
import { asc, eq, gt, sql, type Placeholder, type SQL } from 'drizzle-orm';
import type { ChangeKind, Entity } from '../../domain/change.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { whyNotSeen, IdentityMismatch, type Position } from '../database/feed-guard.ts';

/** One record that a change altered. */
export interface FeedEntry {
  /** Position in the feed; null for a write that waits for the primary. */
  seq: number | null;
  change_id: string;
  /** When it was made, ISO 8601. */
  at: string;
  actor: string;
  client: string;
  /** Null where an earlier version wrote it. */
  session: string | null;
  entity: Entity;
  entity_id: string;
  /** The other item of a dependency, the item of a note. */
  related_id: string | null;
  kind: ChangeKind;
  /** The version the record has after it; null where it has none, or none yet. */
  version: number | null;
}

/** What lies after a position, oldest first. */
export async function findFeedAfter(c: Connection, seq: number, limit: number): Promise<FeedEntry[]> {
  return await c
    .statement('feed_after', (db, { changes: t }) =>
      db
        .select({
          seq: t.seq,
          change_id: t.change_id,
          at: t.at,
          actor: t.actor,
          client: t.client,
          session: t.session,
          entity: t.entity,
          entity_id: t.entity_id,
          related_id: t.related_id,
          kind: t.kind,
          version: t.version,
        })
        .from(t)
        .where(gt(t.seq, sql.placeholder('seq')))
        .orderBy(asc(t.seq))
        .limit(sql.placeholder('limit')),
    )
    .execute({ seq, limit });
}

/** The change at a position; null past the end of the feed. */
export async function findChangeIdAt(c: Connection, seq: number): Promise<string | null> {
  const rows = await c
    .statement('change_id_at', (db, { changes: t }) =>
      db
        .select({ change_id: t.change_id })
        .from(t)
        .where(eq(t.seq, sql.placeholder('seq'))),
    )
    .execute({ seq });
  return rows[0]?.change_id ?? null;
}

/** The same as a part of another statement. */
export function changeIdAt({ changes: t }: Pick<Tables, 'changes'>, seq: Placeholder): SQL<string | null> {
  return sql`(select s.change_id from ${t} s where s.seq = ${seq})`;
}

export interface FeedHead {
  seq: number;
  /** The change at the head; null in a feed that nothing was written to. */
  change_id: string | null;
  /** The change at the position that was asked about; null where there is none. */
  at_seen: string | null;
}

/** Where the feed stands, and what it has at a position, in one question. */
export async function findFeedHead(c: Connection, seen: number): Promise<FeedHead> {
  const rows = await c
    .statement('feed_head', (db, { feed: f, changes: t }) =>
      db
        .select({
          seq: f.seq,
          change_id: t.change_id,
          at_seen: changeIdAt({ changes: t }, sql.placeholder('seen')),
        })
        .from(f)
        .leftJoin(t, eq(t.seq, f.seq)),
    )
    .execute({ seen });
  return rows[0] ?? { seq: 0, change_id: null, at_seen: null };
}

/**
 * Reads how far the database is, and compares it with what was seen before the question was sent.
 * @throws IdentityMismatch
 */
export async function readHead(c: Connection, seen: Position | undefined): Promise<Position> {
  const { seq, change_id, at_seen } = await findFeedHead(c, seen?.seq ?? 0);
  const why = seen === undefined ? null : whyNotSeen({ seq, at_seen }, seen);
  if (why !== null) throw new IdentityMismatch(why);
  return { seq, change_id };
}
