/** What records of any kind are called. */
import { inArray } from 'drizzle-orm';
import type { Connection } from '../connection.ts';
import { pipelined } from '../pipelined.ts';

/** Titles and names by id; records without one, and unknown ids, are absent. */
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
