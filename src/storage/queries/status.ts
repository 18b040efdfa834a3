/** What the status file shows, read with only the columns it prints. */
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import type { Connection } from '../database/connection.ts';
import { vendorColumns } from './vendors.ts';
import { countItems } from './work-items.ts';

/** All vendors by name. */
export async function statusVendors(c: Connection) {
  return await c
    .statement('status_vendors', (db, t) =>
      db.select(vendorColumns(t)).from(t.vendors).orderBy(asc(t.vendors.name_key)),
    )
    .execute();
}

/**
 * Active items, at most `limit`, with the total.
 * @param limit the file stays readable and quick to write however large the tracker is
 */
export async function statusWorkItems(c: Connection, limit: number) {
  const rows = await c
    .statement('status_work_items', (db, t) => {
      const w = t.workItems;
      return db
        .select({
          id: w.id,
          version: w.version,
          item_type: w.item_type,
          title: w.title,
          status: w.status,
          parent_id: w.parent_id,
          depth: w.depth,
          path: w.path,
          position: w.position,
          branch_name: w.branch_name,
          created_at: w.created_at,
          updated_at: w.updated_at,
        })
        .from(w)
        .where(and(eq(w.status, 'active'), isNull(w.deleted_at), isNull(w.archived_at)))
        .orderBy(asc(w.updated_at), asc(w.position), asc(w.id))
        .limit(sql.placeholder('limit'));
    })
    .execute({ limit });
  if (rows.length < limit) return { items: rows, total: rows.length };
  const total = (await countItems(c))
    .filter(({ shelf, status }) => shelf === 'live' && status === 'active')
    .reduce((sum, { items }) => sum + items, 0);
  return { items: rows, total };
}
