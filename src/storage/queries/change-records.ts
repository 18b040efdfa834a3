/** The record of changes by change and by record: for taking changes back and for what a record was like before. */
import { and, asc, desc, eq, gt, gte, inArray, lte, max, min, or } from 'drizzle-orm';
import type { Applied, Change, RecordedChange } from '../../domain/change.ts';
import type { Connection } from '../database/connection.ts';
import { changeColumns, madeBy } from './changes.ts';
import { ENTITIES_WITH_PAST } from './nouns.ts';
import { chunks } from './work-items.ts';

/** A change is made a moment before it gets its id, which begins with the time. */
const ID_MADE_WITHIN_MS = 2_000;

/** The change at a position of the feed; undefined past its end. */
export async function findChangeAt(c: Connection, seq: number): Promise<RecordedChange | undefined> {
  const { changes: t } = c.tables;
  return (await c.db.select(changeColumns(c.tables)).from(t).where(eq(t.seq, seq)))[0];
}

/** Which of these changes were applied, or kept as conflicts. */
export async function findSettled(c: Connection, change_ids: readonly string[]): Promise<Set<string>> {
  const { appliedChanges: t } = c.tables;
  const settled = new Set<string>();
  for (const ids of chunks(change_ids)) {
    const rows = await c.db
      .select({ id: t.change_id })
      .from(t)
      .where(inArray(t.change_id, padded(ids)));
    for (const { id } of rows) settled.add(id);
  }
  return settled;
}

/** To a power of two: PostgreSQL keeps each length as a statement of its own for as long as the connection lives. */
function padded(ids: string[]): string[] {
  const length = 2 ** Math.ceil(Math.log2(ids.length));
  return [...ids, ...Array.from({ length: length - ids.length }, () => ids[0] as string)];
}

/** The ids of applied changes in a range, up to `limit`: resolves prefixes. */
export async function findChangeIds(
  c: Connection,
  range: { from: string; to: string },
  limit: number,
): Promise<string[]> {
  const { appliedChanges: t } = c.tables;
  const rows = await c.db
    .select({ id: t.change_id })
    .from(t)
    .where(and(gte(t.change_id, range.from), lte(t.change_id, range.to)))
    .orderBy(asc(t.change_id))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Every row of a change, oldest first. */
export async function findRowsOfChange(c: Connection, change_id: string): Promise<RecordedChange[]> {
  const { changes: t } = c.tables;
  const made = parseInt(change_id.replaceAll('-', '').slice(0, 12), 16);
  const near = [made - ID_MADE_WITHIN_MS, made + ID_MADE_WITHIN_MS].map((ms) => new Date(ms));
  const isTime = near.every((time) => !Number.isNaN(time.getTime()) && time.getUTCFullYear() < 10_000);
  const [from, to] = isTime ? near.map((time) => time.toISOString()) : [];
  const rows = (where: ReturnType<typeof and>) =>
    c.db
      .select(changeColumns(c.tables))
      .from(t)
      .where(and(eq(t.change_id, change_id), where))
      .orderBy(asc(t.seq));
  // There is an index by time and none by change; only a change with an odd time has to be looked for everywhere.
  const found = from === undefined || to === undefined ? [] : await rows(and(gte(t.at, from), lte(t.at, to)));
  return found.length > 0 ? found : await rows(undefined);
}

/**
 * Every row of changes that were settled, oldest first. There is an index by time and one by record: the rows have the time
 * of their change, and a write that was kept as a conflict is recorded under the id of its first change.
 */
export async function findRowsOfSettled(
  c: Connection,
  changes: readonly Pick<Change, 'id' | 'at'>[],
): Promise<RecordedChange[]> {
  const { changes: t } = c.tables;
  const rows = new Map<number, RecordedChange>();
  for (const chunk of chunks([...changes])) {
    const ids = chunk.map(({ id }) => id);
    const times = [...new Set(chunk.map(({ at }) => at))];
    for (const where of [inArray(t.at, times), inArray(t.entity_id, ids)]) {
      const found = await c.db
        .select(changeColumns(c.tables))
        .from(t)
        .where(and(where, inArray(t.change_id, ids)));
      for (const row of found) rows.set(row.seq, row);
    }
  }
  return [...rows.values()].sort((a, b) => a.seq - b.seq);
}

/** What somebody did from a time on, newest first, up to `limit` rows. */
export async function findRowsBy(
  c: Connection,
  maker: string,
  since: string,
  limit: number,
): Promise<RecordedChange[]> {
  const { changes: t } = c.tables;
  return await c.db
    .select(changeColumns(c.tables))
    .from(t)
    .where(and(madeBy(c.tables, maker), gte(t.at, since)))
    .orderBy(desc(t.seq))
    .limit(limit);
}

/** Everything recorded of these records from a position on, links of the items included, oldest first. */
export async function findRowsOfRecords(
  c: Connection,
  ids: readonly string[],
  fromSeq: number,
): Promise<RecordedChange[]> {
  const { changes: t } = c.tables;
  const rows: RecordedChange[] = [];
  for (const chunk of chunks([...ids])) {
    rows.push(
      ...(await c.db
        .select(changeColumns(c.tables))
        .from(t)
        .where(and(inArray(t.entity_id, chunk), gte(t.seq, fromSeq)))),
    );
  }
  return rows.sort((a, b) => a.seq - b.seq);
}

/** When a record came to be and what kind it is of; undefined when nothing is recorded of it. */
export async function findFirstRow(
  c: Connection,
  id: string,
): Promise<Pick<RecordedChange, 'entity' | 'kind' | 'at' | 'seq'> | undefined> {
  const { changes: t } = c.tables;
  const rows = await c.db
    .select({ entity: t.entity, kind: t.kind, at: t.at, seq: t.seq })
    .from(t)
    .where(and(eq(t.entity_id, id), inArray(t.entity, ENTITIES_WITH_PAST)))
    .orderBy(asc(t.seq))
    .limit(1);
  return rows[0];
}

/**
 * What was recorded of a record after a moment, newest first. The moment lies before the first row, in the order of
 * the feed, whose time is later: so what is left is a state that there was, whatever other machines' clocks said.
 */
export async function findRowsAfter(
  c: Connection,
  id: string,
  time: string,
  what: 'record' | 'links',
): Promise<RecordedChange[]> {
  const { changes: t } = c.tables;
  const own =
    what === 'record'
      ? and(eq(t.entity_id, id), inArray(t.entity, ENTITIES_WITH_PAST))
      : and(or(eq(t.entity_id, id), eq(t.related_id, id)), eq(t.entity, 'dependency'));
  const [cut] = await c.db
    .select({ seq: min(t.seq) })
    .from(t)
    .where(and(own, gt(t.at, time)));
  const seq = cut?.seq ?? null;
  if (seq === null) return [];
  return await c.db
    .select(changeColumns(c.tables))
    .from(t)
    .where(and(own, gte(t.seq, Number(seq))))
    .orderBy(desc(t.seq));
}

/** The last row of a record before a position; before any, when there is none given. */
export async function findLastRow(
  c: Connection,
  id: string,
  beforeSeq: number,
): Promise<RecordedChange | undefined> {
  const { changes: t } = c.tables;
  const [last] = await c.db
    .select({ seq: max(t.seq) })
    .from(t)
    .where(and(eq(t.entity_id, id), inArray(t.entity, ENTITIES_WITH_PAST), lte(t.seq, beforeSeq)));
  return last?.seq == null ? undefined : await findChangeAt(c, Number(last.seq));
}

/** The first answer that was given under an idempotency key. */
export async function findResultByKey(c: Connection, key: string): Promise<Applied | undefined> {
  const { appliedChanges: t } = c.tables;
  const [row] = await c.db.select({ result: t.result }).from(t).where(eq(t.idempotency_key, key));
  return (row?.result ?? undefined) as unknown as Applied | undefined;
}
