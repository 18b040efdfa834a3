/**
 * The queue of ready work, kept in the transaction of every change that matters for it. Called after the feed
 * was bumped: no other writer is between its own bump and its commit then, so that what is seen here is all there is.
 */
import { and, inArray, sql, type SQL } from 'drizzle-orm';
import { CLOSED_STATUSES, STARTABLE_STATUSES, isOpen, isStartable } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { countDiffering } from '../database/plain-statement.ts';
import type { Tables } from '../database/schema.ts';
import { chunks } from '../queries/work-items.ts';
import type { Counted, CountedChange } from './counts.ts';

/** The version of the rules that the queue is made by: see `derived.ts`. */
export const READINESS_RULES = 1;
/** Up to this many items have their statements prepared; for more, one statement for all is built. */
const SINGLY_MAX = 3;

/**
 * Brings the queue up to date with items that came to be or changed. Costs nothing when none of them opened,
 * closed, became startable or got another priority.
 * @param relinked items that a blocking link was put on or taken off
 */
export async function refreshQueue(
  c: Connection,
  changes: readonly CountedChange[],
  relinked: readonly string[] = [],
): Promise<void> {
  const fresh = new Set<string>();
  const alone = new Set<string>(relinked);
  const around = new Set<string>();
  for (const { before, after } of changes) {
    if (before === null || after === null) {
      // Nothing is linked with an item that has just come to be, so only its own row is missing.
      if (before !== null) around.add(before.id);
      else if (after !== null && isStartable(after)) fresh.add(after.id);
    } else if (isOpen(before) !== isOpen(after)) around.add(after.id);
    else if (isStartable(before) !== isStartable(after) || !isPlacedAlike(before, after)) alone.add(after.id);
  }
  for (const id of [...alone, ...around]) fresh.delete(id);
  for (const id of around) alone.delete(id);
  if (fresh.size > 0) await insertReady(c, [...fresh]);
  if (around.size > 0) await refreshReadiness(c, [...around]);
  if (alone.size > 0) await refreshReadiness(c, [...alone], { alone: true });
}

/** A copy finds another time where the item that waited in it came to be by another attempt. */
function isPlacedAlike(before: Counted, after: Counted): boolean {
  return before.priority === after.priority && before.created_at === after.created_at;
}

/**
 * Recomputes the rows of these items, and of those that they block or that block them.
 * @param alone leaves the others out: right where an item stayed open or closed as it was
 */
async function refreshReadiness(
  c: Connection,
  ids: readonly string[],
  { alone = false }: { alone?: boolean } = {},
): Promise<void> {
  if (ids.length > SINGLY_MAX) {
    const all = alone ? ids : await withNeighbours(c, ids);
    for (const chunk of chunks([...all])) {
      const { readyQueue: q } = c.tables;
      await c.db.delete(q).where(inArray(q.item_id, chunk));
      await insertStatement(c.db, c.tables, listOf(chunk));
    }
    return;
  }
  const name = alone ? 'one' : 'one and its neighbours';
  const which = (t: Tables) => (alone ? sql`${sql.placeholder('id')}` : idAndNeighbours(t));
  for (const id of ids) {
    await pipelined(
      c
        .statement(`unqueue ${name}`, (db, t) =>
          db.delete(t.readyQueue).where(sql`${t.readyQueue.item_id} in (${which(t)})`),
        )
        .execute({ id }),
      c.statement(`queue ${name}`, (db, t) => insertStatement(db, t, which(t))).execute({ id }),
    );
  }
}

/** Makes the whole queue anew: where records were filled in without the rules, or by older ones. */
export async function refillQueue(c: Connection): Promise<void> {
  const { readyQueue, workItems: w } = c.tables;
  await c.db.delete(readyQueue);
  const startable = await c.db
    .select({ id: w.id })
    .from(w)
    .where(inArray(w.status, [...STARTABLE_STATUSES]));
  await insertReady(
    c,
    startable.map(({ id }) => id),
  );
}

/** How many items are in the queue and should not be, or the other way round, or stand in another place. */
export async function differingQueue(c: Connection): Promise<number> {
  const { readyQueue: q, workItems: w } = c.tables;
  const startable = sql`select id from ${w} where status in (${names(STARTABLE_STATUSES)})`;
  const queued = sql`select item_id, priority, rank, created_at from ${q}`;
  return await countDiffering(c, readyRows(c.tables, startable), queued);
}

async function insertReady(c: Connection, ids: string[]): Promise<void> {
  if (ids.length > SINGLY_MAX) {
    for (const chunk of chunks(ids)) await insertStatement(c.db, c.tables, listOf(chunk));
    return;
  }
  for (const id of ids) {
    await c
      .statement('queue one', (db, t) => insertStatement(db, t, sql`${sql.placeholder('id')}`))
      .execute({ id });
  }
}

function insertStatement(db: Connection['db'], t: Tables, which: SQL) {
  const { readyQueue: q } = t;
  return db
    .insert(q)
    .select(readyRows(t, which))
    .onConflictDoUpdate({
      target: q.item_id,
      set: { priority: sql`excluded.priority`, rank: sql`excluded.rank` },
    });
}

/**
 * The rows that the queue has of those items: the reasons why one is missing are told by `queries/ready.ts`.
 * Whether a linked item is open is asked for each link, by its key: no statistics can lead PostgreSQL to go through
 * all live items instead.
 */
function readyRows({ workItems: w, dependencies: d }: Tables, which: SQL): SQL {
  const isOpenItem = (id: string) => sql`(select ${isOpenAs('o')} from ${w} o where o.id = ${sql.raw(id)})`;
  return sql`select w.id, w.priority, -(
      select count(*) from (
        select d.target_id as id from ${d} d where d.source_id = w.id and d.dependency_type = 'blocks'
        union
        select d.source_id from ${d} d where d.target_id = w.id and d.dependency_type = 'depends_on'
      ) held where ${isOpenItem('held.id')}
    ), w.created_at
    from ${w} w
    where w.id in (${which}) and ${isOpenAs('w')} and w.status in (${names(STARTABLE_STATUSES)})
      and not exists (select 1 from ${d} d
        where d.target_id = w.id and d.dependency_type = 'blocks' and ${isOpenItem('d.source_id')})
      and not exists (select 1 from ${d} d
        where d.source_id = w.id and d.dependency_type = 'depends_on' and ${isOpenItem('d.target_id')})`;
}

/** `isOpen` in SQL, for a table under an alias; put so that no index of live items seems to fit. */
function isOpenAs(alias: string): SQL {
  const a = sql.raw(alias);
  return sql`(coalesce(${a}.deleted_at, ${a}.archived_at) is null and ${a}.status not in (${names(CLOSED_STATUSES)}))`;
}

function names(statuses: readonly string[]): SQL {
  return sql.raw(statuses.map((status) => `'${status}'`).join(', '));
}

const BLOCKING = sql.raw("dependency_type in ('blocks', 'depends_on')");

/** The item itself from its table, so that the parameter has the column's type. */
function idAndNeighbours({ workItems: w, dependencies: d }: Tables): SQL {
  const id = sql.placeholder('id');
  return sql`select id from ${w} where id = ${id}
    union select target_id from ${d} where source_id = ${id} and ${BLOCKING}
    union select source_id from ${d} where target_id = ${id} and ${BLOCKING}`;
}

async function withNeighbours(c: Connection, ids: readonly string[]): Promise<Set<string>> {
  const { dependencies: d } = c.tables;
  const all = new Set(ids);
  for (const chunk of chunks([...ids])) {
    for (const end of [d.source_id, d.target_id]) {
      const links = await c.db
        .select({ source_id: d.source_id, target_id: d.target_id })
        .from(d)
        .where(and(inArray(end, chunk), BLOCKING));
      for (const { source_id, target_id } of links) all.add(source_id).add(target_id);
    }
  }
  return all;
}

function listOf(ids: readonly string[]): SQL {
  return sql.join(
    ids.map((id) => sql`${id}`),
    sql`, `,
  );
}
