/**
 * The queue of open work, kept in the transaction of every change that matters for it. Called after the feed
 * was bumped: no other writer is between its own bump and its commit then, so that what is seen here is all there is.
 */
import { and, inArray, notInArray, sql, type SQL } from 'drizzle-orm';
import { stretches } from '../../platform/in-turns.ts';
import { blockingPair } from '../../domain/dependency.ts';
import { WAITS } from '../../domain/readiness.ts';
import { CLOSED_STATUSES, isOpen } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { countDiffering } from '../database/plain-statement.ts';
import type { Tables } from '../database/schema.ts';
import { chunks } from '../queries/work-items.ts';
import type { Counted, CountedChange } from './counts.ts';

/** The version of the rules that the queue is made by: see `derived.ts`. */
export const READINESS_RULES = 2;
/** Up to this many items have their statements prepared; for more, one statement for all is built. */
const SINGLY_MAX = 3;
/** Rows that one statement makes: it has to end within the time that a statement gets on PostgreSQL. */
const ROWS_PER_STATEMENT = 500;

/** How far a change of an item reaches: its own row, or also those below it, or also those that it blocks with theirs. */
type Reach = 'alone' | 'below' | 'around';

/**
 * Brings the queue up to date with items that came to be or changed. Costs nothing when none of them opened,
 * closed, became startable, moved or got another priority.
 * @param relinked items that a blocking link was put on or taken off
 */
export async function refreshQueue(
  c: Connection,
  changes: readonly CountedChange[],
  relinked: readonly string[] = [],
): Promise<void> {
  const fresh = new Set<string>();
  const reaches = new Map<string, Reach>(relinked.map((id) => [id, 'below']));
  const reach = (id: string | null | undefined, wanted: Reach) => {
    if (id == null) return;
    const known = reaches.get(id);
    if (known === undefined || REACHES.indexOf(wanted) > REACHES.indexOf(known)) reaches.set(id, wanted);
  };
  for (const { before, after } of changes) {
    const isOpened =
      before === null ? after !== null && isOpen(after) : after === null || isOpen(before) !== isOpen(after);
    const isMoved = before !== null && after !== null && before.parent_id !== after.parent_id;
    if (before === null) {
      // Nothing is linked with an item that has just come to be, so only its own row is missing.
      if (after !== null && isOpen(after)) fresh.add(after.id);
    } else if (isOpened) reach(before.id, 'around');
    else if (after !== null && (isMoved || (before.status === 'blocked') !== (after.status === 'blocked')))
      reach(after.id, 'below');
    else if (after !== null && !isPlacedAlike(before, after)) reach(after.id, 'alone');
    // A parent is held up by its open children.
    if (isOpened || isMoved) for (const item of [before, after]) reach(item?.parent_id, 'alone');
  }
  for (const id of reaches.keys()) fresh.delete(id);
  if (fresh.size > 0) await insertOpen(c, [...fresh]);
  for (const wanted of REACHES) {
    const ids = [...reaches].filter(([, one]) => one === wanted).map(([id]) => id);
    if (ids.length > 0) await refreshReadiness(c, ids, wanted);
  }
}

const REACHES = ['alone', 'below', 'around'] as const satisfies readonly Reach[];

function isPlacedAlike(before: Counted, after: Counted): boolean {
  return before.priority === after.priority && before.position === after.position;
}

/** Recomputes the rows of these items and of those that the reach takes along. */
async function refreshReadiness(c: Connection, ids: readonly string[], reach: Reach): Promise<void> {
  if (ids.length > SINGLY_MAX) {
    await remake(c, reach === 'alone' ? ids : [...(await withReached(c, ids, reach))]);
    return;
  }
  for (const id of ids) {
    const which = (t: Tables) => (reach === 'alone' ? sql`${sql.placeholder('id')}` : firstReached(t, reach));
    const [reached] = await pipelined(
      reach === 'alone' ? Promise.resolve([]) : findReached(c, id, reach),
      c
        .statement(`unqueue ${reach}`, (db, t) =>
          db.delete(t.readyQueue).where(sql`${t.readyQueue.item_id} in (${which(t)})`),
        )
        .execute({ id }),
      c.statement(`queue ${reach}`, (db, t) => insertStatement(db, t, which(t))).execute({ id }),
    );
    await remake(c, reached.slice(ROWS_PER_STATEMENT));
  }
}

async function remake(c: Connection, ids: readonly string[]): Promise<void> {
  const { readyQueue: q } = c.tables;
  const turn = stretches();
  for (const chunk of chunks(ids, ROWS_PER_STATEMENT)) {
    await turn();
    await c.db.delete(q).where(inArray(q.item_id, chunk));
    await insertStatement(c.db, c.tables, listOf(chunk));
  }
}

/** Makes the whole queue anew: where records were filled in without the rules, or by older ones. */
export async function refillQueue(c: Connection): Promise<void> {
  const { readyQueue, workItems: w } = c.tables;
  await c.db.delete(readyQueue);
  const open = await c.db
    .select({ id: w.id })
    .from(w)
    .where(notInArray(w.status, [...CLOSED_STATUSES]));
  await insertOpen(
    c,
    open.map(({ id }) => id),
  );
}

/** How many items are in the queue and should not be, or the other way round, or stand in another place. */
export async function differingQueue(c: Connection): Promise<number> {
  const { readyQueue: q, workItems: w } = c.tables;
  const open = sql`select id from ${w} where status not in (${names(CLOSED_STATUSES)})`;
  const queued = sql`select item_id, waits, priority, rank, position from ${q}`;
  return await countDiffering(c, queueRows(c.tables, open), queued);
}

async function insertOpen(c: Connection, ids: string[]): Promise<void> {
  if (ids.length > SINGLY_MAX) {
    const turn = stretches();
    for (const chunk of chunks(ids, ROWS_PER_STATEMENT)) {
      await turn();
      await insertStatement(c.db, c.tables, listOf(chunk));
    }
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
    .select(queueRows(t, which))
    .onConflictDoUpdate({
      target: q.item_id,
      set: {
        waits: sql`excluded.waits`,
        priority: sql`excluded.priority`,
        rank: sql`excluded.rank`,
        position: sql`excluded.position`,
      },
    });
}

/**
 * The rows that the queue has of those items: the reasons for what they wait for are told by `queries/ready.ts`.
 * Whether a linked item is open is asked for each link, by its key: no statistics can lead PostgreSQL to go through
 * all live items instead.
 */
function queueRows({ workItems: w, dependencies: d }: Tables, which: SQL): SQL {
  const isOpenItem = (id: string) => sql`(select ${isOpenAs('o')} from ${w} o where o.id = ${sql.raw(id)})`;
  const hasOpenBlocker = (id: string) => sql`(exists (select 1 from ${d} d
        where d.target_id = ${sql.raw(id)} and d.dependency_type = 'blocks' and ${isOpenItem('d.source_id')})
      or exists (select 1 from ${d} d
        where d.source_id = ${sql.raw(id)} and d.dependency_type = 'depends_on' and ${isOpenItem('d.target_id')}))`;
  const isBelowStopped = sql`exists (with recursive above(id) as (
        select w.parent_id where w.parent_id is not null
        union all
        select p.parent_id from above join ${w} p on p.id = above.id where p.parent_id is not null
      ) select 1 from above join ${w} a on a.id = above.id
        where a.status = 'blocked' or not ${isOpenAs('a')} or ${hasOpenBlocker('a.id')})`;
  // In the order of an index, which PostgreSQL then takes: where few items have children it would go through all of them.
  const hasOpenChild = sql`(select true from ${w} k where k.parent_id = w.id and ${isOpenAs('k')}
        order by k.position, k.id limit 1)`;
  return sql`select w.id,
      case
        when w.status = 'blocked' or ${hasOpenBlocker('w.id')} or ${isBelowStopped} then ${sql.raw(String(WAITS.FOR_OTHERS))}
        when ${hasOpenChild} then ${sql.raw(String(WAITS.FOR_CHILDREN))}
        else ${sql.raw(String(WAITS.FOR_NOTHING))}
      end,
      w.priority, -(
      select count(*) from (
        select d.target_id as id from ${d} d where d.source_id = w.id and d.dependency_type = 'blocks'
        union
        select d.source_id from ${d} d where d.target_id = w.id and d.dependency_type = 'depends_on'
      ) held where ${isOpenItem('held.id')}
    ), w.position
    from ${w} w
    where w.id in (${which}) and ${isOpenAs('w')}`;
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

/** By id, so that the first ones are those of `firstReached`. */
async function findReached(c: Connection, id: string, reach: 'below' | 'around'): Promise<string[]> {
  const rows = await c
    .statement(`reached ${reach}`, (db, t) => {
      const { id: itemId } = t.workItems;
      return db
        .select({ id: itemId })
        .from(t.workItems)
        .where(sql`${itemId} in (${reachedFrom(t, reach)})`)
        .orderBy(itemId);
    })
    .execute({ id });
  return rows.map((row) => row.id);
}

function firstReached(t: Tables, reach: 'below' | 'around'): SQL {
  return sql`select id from (${reachedFrom(t, reach)}) reached order by id limit ${sql.raw(String(ROWS_PER_STATEMENT))}`;
}

/** The item itself from its table, so that the parameter has the column's type. */
function reachedFrom({ workItems: w, dependencies: d }: Tables, reach: 'below' | 'around'): SQL {
  const id = sql.placeholder('id');
  const blocked = sql`select target_id from ${d} where source_id = ${id} and dependency_type = 'blocks'
      union select source_id from ${d} where target_id = ${id} and dependency_type = 'depends_on'`;
  const blockers = sql`select source_id from ${d} where target_id = ${id} and dependency_type = 'blocks'
      union select target_id from ${d} where source_id = ${id} and dependency_type = 'depends_on'`;
  const stopped = sql`select id from ${w} where id = ${id}`;
  return sql`select id from (with recursive reached(id) as (
      ${reach === 'around' ? sql`select id from (${stopped} union ${blocked}) stopped` : stopped}
      union
      select k.id from reached join ${w} k on k.parent_id = reached.id
    ) select id from reached) below ${reach === 'around' ? sql`union ${blockers}` : sql``}`;
}

/** The same for many items. */
async function withReached(
  c: Connection,
  ids: readonly string[],
  reach: 'below' | 'around',
): Promise<Set<string>> {
  const { dependencies: d, workItems: w } = c.tables;
  const stopped = new Set(ids);
  const blockers: string[] = [];
  for (const chunk of reach === 'around' ? chunks([...ids]) : []) {
    for (const end of [d.source_id, d.target_id]) {
      const links = await c.db
        .select({ source_id: d.source_id, target_id: d.target_id, dependency_type: d.dependency_type })
        .from(d)
        .where(and(inArray(end, chunk), BLOCKING));
      for (const link of links) {
        const pair = blockingPair(link);
        if (pair === undefined) continue;
        stopped.add(pair.blocked);
        blockers.push(pair.blocker);
      }
    }
  }
  const reached = new Set([...stopped, ...blockers]);
  for (let level = [...stopped]; level.length > 0;) {
    const next: string[] = [];
    for (const chunk of chunks(level)) {
      const rows = await c.db.select({ id: w.id }).from(w).where(inArray(w.parent_id, chunk));
      next.push(...rows.map(({ id }) => id));
    }
    for (const id of next) reached.add(id);
    level = next;
  }
  return reached;
}

function listOf(ids: readonly string[]): SQL {
  return sql.join(
    ids.map((id) => sql`${id}`),
    sql`, `,
  );
}
