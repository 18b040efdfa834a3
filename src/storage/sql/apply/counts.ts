/** Keeping the number of items of each kind, beside every change to an item. */
import { sql } from 'drizzle-orm';
import { shelfOf, type WorkItem } from '../../../domain/work-item.ts';
import type { Connection } from '../connection.ts';

export type Counted = Pick<
  WorkItem,
  'id' | 'item_type' | 'status' | 'priority' | 'created_at' | 'deleted_at' | 'archived_at'
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
