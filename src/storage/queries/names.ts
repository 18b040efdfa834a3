/** What records are called: where they may be of any kind, and where only work items are meant. */
import { inArray } from 'drizzle-orm';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { chunks } from './work-items.ts';

/** Titles and names by id, of at most a page of records; those without one, and unknown ids, are absent. */
export async function findNames(c: Connection, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const { workItems: w, vendors: v, enhancements: e } = c.tables;
  const found = await pipelined(
    c.db.select({ id: w.id, name: w.title }).from(w).where(inArray(w.id, ids)).execute(),
    c.db.select({ id: v.id, name: v.name }).from(v).where(inArray(v.id, ids)).execute(),
    c.db.select({ id: e.id, name: e.title }).from(e).where(inArray(e.id, ids)).execute(),
  );
  return new Map(found.flat().map(({ id, name }) => [id, name]));
}

/** Titles by id, of any number of work items; unknown ids, and those of other records, are absent. */
export async function findTitles(c: Connection, ids: string[]): Promise<Map<string, string>> {
  const { workItems: w } = c.tables;
  const titles = new Map<string, string>();
  for (const chunk of chunks(ids)) {
    const rows = await c.db.select({ id: w.id, title: w.title }).from(w).where(inArray(w.id, chunk));
    for (const { id, title } of rows) titles.set(id, title);
  }
  return titles;
}
