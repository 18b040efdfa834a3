/** Reading vendors. */
import { and, asc, count, eq, getTableColumns, gte, inArray, lte, sql, type SQL } from 'drizzle-orm';
import { vendorNameKey, type Vendor, type VendorStatus } from '../../domain/vendor.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import type { Tables } from '../database/schema.ts';
import { given, present } from './conditions.ts';
import { findPageRows, toPage, type Order, type Page, type PageRequest } from './paging.ts';

/** What a vendor answers: everything but the key that its name is compared by. */
export function vendorColumns(t: Tables) {
  const { name_key: _key, ...columns } = getTableColumns(t.vendors);
  return columns;
}

export async function findVendorByKey(c: Connection, nameKey: string): Promise<Vendor | undefined> {
  const rows = await c
    .statement('vendor_by_key', (db, t) =>
      db
        .select(vendorColumns(t))
        .from(t.vendors)
        .where(eq(t.vendors.name_key, sql.placeholder('key'))),
    )
    .execute({ key: nameKey });
  return rows[0];
}

/** The vendor and, in the same query, how many changes to it wait for a decision. */
export async function findVendorWithConflicts(
  c: Connection,
  nameKey: string,
): Promise<(Vendor & { open_conflicts: number }) | undefined> {
  const rows = await c
    .statement('vendor_with_conflicts', (db, t) =>
      db
        .select({
          ...vendorColumns(t),
          open_conflicts: sql<number>`(select count(*) from ${t.openConflicts} where ${t.openConflicts.record_id} = ${t.vendors.id})`,
        })
        .from(t.vendors)
        .where(eq(t.vendors.name_key, sql.placeholder('key'))),
    )
    .execute({ key: nameKey });
  return rows[0];
}

export async function findVendorsByKeys(c: Connection, nameKeys: string[]): Promise<Vendor[]> {
  if (nameKeys.length === 0) return [];
  const { vendors } = c.tables;
  return await c.db.select(vendorColumns(c.tables)).from(vendors).where(inArray(vendors.name_key, nameKeys));
}

export async function findVendors(c: Connection, ids: string[]): Promise<Vendor[]> {
  if (ids.length === 0) return [];
  const { vendors } = c.tables;
  return await c.db.select(vendorColumns(c.tables)).from(vendors).where(inArray(vendors.id, ids));
}

export async function findVendorsByIdRange(
  c: Connection,
  range: { from: string; to: string },
  limit: number,
): Promise<{ id: string; title: string }[]> {
  const { vendors } = c.tables;
  return await c.db
    .select({ id: vendors.id, title: vendors.name })
    .from(vendors)
    .where(and(gte(vendors.id, range.from), lte(vendors.id, range.to)))
    .orderBy(asc(vendors.id))
    .limit(limit);
}

/** The names that exist, for "did you mean"; at most `limit`. */
export async function vendorNames(c: Connection, limit: number): Promise<string[]> {
  const { vendors } = c.tables;
  const rows = await c.db
    .select({ name: vendors.name })
    .from(vendors)
    .orderBy(asc(vendors.name_key))
    .limit(limit);
  return rows.map(({ name }) => name);
}

export interface VendorFilter extends PageRequest {
  status?: VendorStatus | undefined;
  format?: 'excel' | 'csv' | 'pdf' | 'ocr' | undefined;
  /** Found anywhere in the name, without regard to case. */
  text?: string | undefined;
}

export interface VendorSummary {
  operational: number;
  broken: number;
}

/** A page of vendors by name, with the number of each status among all that match. */
export async function listVendors(
  c: Connection,
  filter: VendorFilter,
): Promise<Page<Vendor> & { summary: VendorSummary }> {
  const { vendors } = c.tables;
  const order: Order = { name: 'vendors', columns: [vendors.name_key, vendors.id], descending: false };
  const where = conditions(c.tables, filter);
  const [rows, counted] = await pipelined(
    findPageRows({
      name: 'list_vendors',
      select: c.db.select(getTableColumns(vendors)).from(vendors).$dynamic(),
      where,
      order,
      request: filter,
    }),
    c.db
      .select({ status: vendors.status, vendors: count() })
      .from(vendors)
      .where(and(...where))
      .groupBy(vendors.status)
      .execute(),
  );
  const summary = { operational: 0, broken: 0 };
  for (const { status, vendors: number } of counted) summary[status] = Number(number);
  const page = toPage(rows, filter, order, summary.operational + summary.broken);
  return { ...page, items: page.items.map(({ name_key: _key, ...vendor }) => vendor), summary };
}

function conditions({ vendors }: Tables, filter: VendorFilter): SQL[] {
  return present(
    given(filter.status, (status) => eq(vendors.status, status)),
    // The operators give JSON on both databases; as text, true is `true` there.
    given(
      filter.format,
      (format) =>
        sql`cast(${vendors.metadata} -> 'format_support' -> ${sql.raw(`'${format}'`)} as text) = 'true'`,
    ),
    given(
      filter.text,
      (text) =>
        sql`${vendors.name_key} like ${`%${vendorNameKey(text).replaceAll(/[\\%_]/g, '\\$&')}%`} escape '\\'`,
    ),
  );
}
