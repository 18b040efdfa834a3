/** What happened after a position in the feed that concerns one session. */
import { and, desc, eq, gt, inArray, isNull, lte, ne, or, sql } from 'drizzle-orm';
import { blockingPair } from '../../domain/dependency.ts';
import { groupBy } from '../../domain/grouping.ts';
import type { News } from '../../domain/news.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { changeColumns } from './changes.ts';
import { findNames } from './names.ts';

export interface NewsQuestion {
  session: string;
  /** By which a claim may be handed over to the session. */
  names: readonly string[];
  /** The records that it goes by, some hundreds at most. */
  ids: readonly string[];
  /** Positions in the feed: after the one, up to the other. */
  after: number;
  upTo: number;
}

/**
 * Where the feed stands, and whether anything after a position is not the session's own: after most calls, nothing is. One
 * statement, so that it costs a call next to nothing.
 */
export async function findUnheard(
  c: Connection,
  session: string,
  after: number,
): Promise<{ seq: number; isAny: boolean }> {
  const [row] = await c
    .statement('unheard', (db, { feed: f, changes: t }) =>
      db
        .select({
          seq: f.seq,
          others: sql<number | boolean>`exists(select 1 from ${t} where ${and(
            gt(t.seq, sql.placeholder('after')),
            or(isNull(t.session), ne(t.session, sql.placeholder('session')), eq(t.entity, 'conflict')),
          )})`,
        })
        .from(f),
    )
    .execute({ session, after });
  return { seq: row?.seq ?? 0, isAny: Boolean(row?.others) };
}

/** Of more changes those that matter least are left out. */
const ROWS_MAX = 100;
/** A statement takes so many parameters only; nobody waits for more in earnest. */
const LINKS_MAX = 1_000;

/**
 * Changes of others to these records, to what they wait for and to what was handed over to the session, and the conflicts
 * that its own writes met. Each is found through an index from the record, so that it does not matter how much else changed.
 */
export async function findNews(c: Connection, question: NewsQuestion): Promise<News> {
  const { session, names, ids, after, upTo } = question;
  const { changes: t, claims, conflicts, dependencies: d, openConflicts: o } = c.tables;
  const [links, handed, open] = await pipelined(
    c.db
      .select({ source_id: d.source_id, target_id: d.target_id, dependency_type: d.dependency_type })
      .from(d)
      .where(
        or(
          and(eq(d.dependency_type, 'blocks'), inArray(d.target_id, [...ids])),
          and(eq(d.dependency_type, 'depends_on'), inArray(d.source_id, [...ids])),
        ),
      )
      .limit(LINKS_MAX)
      .execute(),
    c.db
      .select({ id: claims.item_id })
      .from(claims)
      .where(and(inArray(claims.holder, [...names]), eq(claims.handed_over, 1), gt(claims.expires_at, c.now)))
      .limit(LINKS_MAX)
      .execute(),
    c.db
      .select({ id: o.conflict_id })
      .from(o)
      .where(inArray(o.record_id, [...ids]))
      .limit(LINKS_MAX)
      .execute(),
  );
  const waiting = links.flatMap((link) => blockingPair(link) ?? []);
  const blockers = [...new Set(waiting.map(({ blocker }) => blocker))];
  const found = [...ids, ...blockers, ...[...handed, ...open].map(({ id }) => id)];
  const byOthers = or(ne(t.session, session), isNull(t.session));
  const isConflict = and(eq(t.entity, 'conflict'), eq(t.kind, 'create'));
  const weight = sql`case when ${t.kind} = 'claim' then 0 when ${or(eq(t.entity, 'conflict'), inArray(t.entity_id, blockers))} then 1 else 2 end`;
  const newest = await c.db
    .select(changeColumns(c.tables))
    .from(t)
    .where(
      and(
        gt(t.seq, after),
        lte(t.seq, upTo),
        or(
          and(inArray(t.entity_id, [...new Set(found)]), byOthers),
          and(inArray(t.related_id, [...ids]), byOthers),
          and(eq(t.session, session), isConflict),
        ),
      ),
    )
    .orderBy(weight, desc(t.seq))
    .limit(ROWS_MAX);
  const changes = newest.sort((a, b) => b.seq - a.seq);
  const met = changes.filter(({ entity }) => entity === 'conflict').map(({ entity_id }) => entity_id);
  const about =
    met.length === 0
      ? []
      : await c.db
          .select({ id: conflicts.id, record_id: conflicts.entity_id })
          .from(conflicts)
          .where(inArray(conflicts.id, met));
  const changed = new Set(
    changes.flatMap(({ entity_id, related_id }) => [entity_id, related_id ?? entity_id]),
  );
  const goOn = waiting.filter(({ blocker }) => changed.has(blocker)).map(({ blocked }) => blocked);
  const titles = await findNames(c, [
    ...new Set([...changed, ...goOn, ...about.map(({ record_id }) => record_id)]),
  ]);
  return {
    changes,
    waiting: groupBy(waiting, ({ blocker }) => blocker),
    handedOver: new Set(handed.map(({ id }) => id)),
    conflicts: new Map(about.map(({ id, record_id }) => [id, record_id])),
    titles,
  };
}

/** The items that a session holds, those of the longest leases first. */
export async function findHeldIn(c: Connection, session: string, limit: number): Promise<string[]> {
  const { claims: t } = c.tables;
  const rows = await c.db
    .select({ id: t.item_id })
    .from(t)
    .where(and(eq(t.session, session), gt(t.expires_at, c.now)))
    .orderBy(desc(t.expires_at))
    .limit(limit);
  return rows.map(({ id }) => id);
}
