/** What a brief asks and nothing else does: what a worker holds, what is blocked and why, where it was last. */
import { and, asc, count, eq, gt, inArray, isNull, max, ne, or, type SQL } from 'drizzle-orm';
import type { Claim } from '../../domain/claim.ts';
import { groupBy } from '../../domain/grouping.ts';
import { WAITS } from '../../domain/readiness.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { clientName, type Worker } from '../../domain/worker.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { findOpenBlockers, findStoppedAbove, type StoppedAncestor } from './ready.ts';

export type ClaimedRow = WorkItem & Pick<Claim, 'token' | 'client' | 'session' | 'handed_over'>;

/** Unexpired claims of a session, and beside them those of other sessions of the same person. */
export interface ClaimsOf {
  /** With those that were handed over to the worker and those that an earlier version granted to its name. */
  own: { total: number; items: ClaimedRow[] };
  elsewhere: { total: number; items: ClaimedRow[] };
}

/** Those whose lease ends first before the others. */
export async function listClaimsOf(
  c: Connection,
  { actor, person, client, session }: Worker & { actor: string },
  limit: number,
): Promise<ClaimsOf> {
  const { claims, workItems: w } = c.tables;
  const names = [...new Set([actor, person, clientName(client)])];
  const own = or(
    eq(claims.session, session),
    and(inArray(claims.holder, names), eq(claims.handed_over, 1)),
    and(eq(claims.holder, actor), isNull(claims.session), eq(claims.handed_over, 0)),
  );
  const elsewhere = and(eq(claims.person, person), ne(claims.session, session));
  const [mine, ofPerson] = await pipelined(listOf(own), listOf(elsewhere));
  return { own: mine, elsewhere: ofPerson };

  async function listOf(whose: SQL | undefined): Promise<ClaimsOf['own']> {
    const held = and(gt(claims.expires_at, c.now), whose);
    const { token, client: through, session: of, handed_over } = claims;
    const [rows, totals] = await pipelined(
      c.db
        .select({ item: w, claim: { token, client: through, session: of, handed_over } })
        .from(claims)
        .innerJoin(w, eq(w.id, claims.item_id))
        .where(held)
        .orderBy(asc(claims.expires_at), asc(w.position), asc(claims.item_id))
        .limit(limit)
        .execute(),
      c.db.select({ total: count() }).from(claims).where(held).execute(),
    );
    return {
      total: Number(totals[0]?.total ?? 0),
      items: rows.map(({ item, claim }) => ({ ...item, ...claim })),
    };
  }
}

export type BlockedRow = WorkItem & { blockers: { id: string; title: string }[]; below?: StoppedAncestor };

/** Open items that wait for others, as `WAITS.FOR_OTHERS` says; in the order of the queue. */
export async function listBlocked(
  c: Connection,
  limit: number,
): Promise<{ total: number; items: BlockedRow[] }> {
  const { workItems: w, readyQueue: q } = c.tables;
  const waiting = eq(q.waits, WAITS.FOR_OTHERS);
  const [rows, totals] = await pipelined(
    c.db
      .select({ item: w })
      .from(q)
      .innerJoin(w, eq(w.id, q.item_id))
      .where(waiting)
      .orderBy(asc(q.priority), asc(q.rank), asc(q.position), asc(q.item_id))
      .limit(limit)
      .execute(),
    c.db.select({ total: count() }).from(q).where(waiting).execute(),
  );
  const items = rows.map(({ item }) => item);
  const found = await findOpenBlockers(
    c,
    items.map(({ id }) => id),
  );
  const blockers = groupBy(found, ({ blocked_id }) => blocked_id);
  const stopped = await findStoppedAbove(c, items);
  return {
    total: Number(totals[0]?.total ?? 0),
    items: items.map((item) => {
      const below = stopped.get(item.id);
      const waits = (blockers.get(item.id) ?? []).map(({ id, title }) => ({ id, title }));
      return { ...item, blockers: waits, ...(below !== undefined && { below }) };
    }),
  };
}

/** Where a worker was last: the position of the last change of its session, else of any session of its person. */
export async function findLastChangeOf(
  c: Connection,
  { person, session }: Pick<Worker, 'person' | 'session'>,
): Promise<{ seq: number; isOwn: boolean } | undefined> {
  const { changes: t } = c.tables;
  const lastOf = async (whose: SQL) => {
    const [row] = await c.db
      .select({ seq: max(t.seq) })
      .from(t)
      .where(whose);
    return row?.seq == null ? undefined : Number(row.seq);
  };
  const own = await lastOf(eq(t.session, session));
  if (own !== undefined) return { seq: own, isOwn: true };
  const seq = await lastOf(eq(t.person, person));
  return seq === undefined ? undefined : { seq, isOwn: false };
}

/** How many changes, to whatever, wait for a decision. */
export async function countAllOpenConflicts(c: Connection): Promise<number> {
  const { conflicts: t } = c.tables;
  const [row] = await c.db.select({ open: count() }).from(t).where(isNull(t.resolved_at));
  return Number(row?.open ?? 0);
}
