/** What happened after a position in the feed that concerns one session. */
import { and, desc, eq, gt, inArray, isNull, lte, ne, or } from 'drizzle-orm';
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

/** More are counted as if they were one. */
const ROWS_MAX = 100;

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
      .execute(),
    c.db
      .select({ id: claims.item_id })
      .from(claims)
      .where(and(inArray(claims.holder, [...names]), eq(claims.handed_over, 1), gt(claims.expires_at, c.now)))
      .execute(),
    c.db
      .select({ id: o.conflict_id })
      .from(o)
      .where(inArray(o.record_id, [...ids]))
      .execute(),
  );
  const waiting = links.flatMap((link) => blockingPair(link) ?? []);
  const found = [
    ...ids,
    ...waiting.map(({ blocker }) => blocker),
    ...[...handed, ...open].map(({ id }) => id),
  ];
  const byOthers = or(ne(t.session, session), isNull(t.session));
  const isConflict = and(eq(t.entity, 'conflict'), eq(t.kind, 'create'));
  const changes = await c.db
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
    .orderBy(desc(t.seq))
    .limit(ROWS_MAX);
  const met = changes.filter(({ entity }) => entity === 'conflict').map(({ entity_id }) => entity_id);
  const about =
    met.length === 0
      ? []
      : await c.db
          .select({ id: conflicts.id, record_id: conflicts.entity_id })
          .from(conflicts)
          .where(inArray(conflicts.id, met));
  const titles = await findNames(c, [
    ...new Set(
      [...changes, ...waiting.map(({ blocked }) => ({ entity_id: blocked, related_id: null }))]
        .flatMap(({ entity_id, related_id }) => [entity_id, related_id ?? entity_id])
        .concat(about.map(({ record_id }) => record_id)),
    ),
  ]);
  return {
    changes,
    waiting: groupBy(waiting, ({ blocker }) => blocker),
    handedOver: new Set(handed.map(({ id }) => id)),
    conflicts: new Map(about.map(({ id, record_id }) => [id, record_id])),
    titles,
  };
}
