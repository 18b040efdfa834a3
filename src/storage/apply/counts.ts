/** Keeping the number of items of each kind, beside every change to an item. */
import { sql, type SQL } from 'drizzle-orm';
import { shelfOf, type WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { countDiffering } from '../database/plain-statement.ts';
import type { Tables } from '../database/schema.ts';

/** The version of the rules that the counts are made by: see `derived.ts`. */
export const COUNT_RULES = 1;

export type Counted = Pick<
  WorkItem,
  'id' | 'item_type' | 'status' | 'priority' | 'parent_id' | 'position' | 'deleted_at' | 'archived_at'
>;

/** An item before and after a change; null where it was not there. */
export interface CountedChange {
  before: Counted | null;
  after: Counted | null;
}

/**
 * Adds the differences to the counts. Called after the feed was bumped: then no other writer is between its
 * own bump and its commit, so that these rows are never waited for in different orders.
 */
export async function recount(c: Connection, changes: CountedChange[]): Promise<void> {
  const differences = new Map<string, number>();
  const add = (item: Counted, difference: number) => {
    const kind = `${shelfOf(item)} ${item.item_type} ${item.status}`;
    differences.set(kind, (differences.get(kind) ?? 0) + difference);
  };
  for (const { before, after } of changes) {
    if (before !== null) add(before, -1);
    if (after !== null) add(after, 1);
  }
  for (const [kind, items] of differences) {
    if (items === 0) continue;
    const [shelf, item_type, status] = kind.split(' ');
    await c
      .statement('recount', (db, { workItemCounts: t }) =>
        db
          .insert(t)
          .values({
            shelf: sql.placeholder('shelf'),
            item_type: sql.placeholder('item_type'),
            status: sql.placeholder('status'),
            items: sql.placeholder('items'),
          } as never)
          .onConflictDoUpdate({
            target: [t.shelf, t.item_type, t.status],
            set: { items: sql`${t.items} + excluded.items` },
          }),
      )
      .execute({ shelf, item_type, status, items });
  }
}

/** Counts all items anew. A kind that has no items any more keeps its row: what is right stays as it is. */
export async function refillCounts(c: Connection): Promise<void> {
  const { workItemCounts: t } = c.tables;
  await c.db.update(t).set({ items: 0 });
  await c.db
    .insert(t)
    .select(countedNow(c.tables))
    .onConflictDoUpdate({ target: [t.shelf, t.item_type, t.status], set: { items: sql`excluded.items` } });
}

/** How many kinds of items are counted wrongly. */
export async function differingCounts(c: Connection): Promise<number> {
  const { workItemCounts: t } = c.tables;
  const counted = sql`select shelf, item_type, status, items from ${t} where items <> 0`;
  return await countDiffering(c, countedNow(c.tables), counted);
}

/** `shelfOf`, in SQL. SQLite needs the `where` to tell an upsert from a join. */
function countedNow({ workItems: w }: Tables): SQL {
  return sql`select case when archived_at is not null then 'archived' when deleted_at is not null then 'deleted' else 'live' end as shelf,
      item_type, status, count(*) as items
    from ${w} where true group by 1, 2, 3`;
}
