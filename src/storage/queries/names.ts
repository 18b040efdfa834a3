/** What records are called: where they may be of any kind, and where only work items are meant. */
import { inArray, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { ENTITIES } from '../../domain/change.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { NOUNS } from './nouns.ts';
import { chunks } from './work-items.ts';

/** Titles and names by id, of at most a page of records; those without one, and unknown ids, are absent. */
export async function findNames(c: Connection, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const columns = ENTITIES.flatMap((entity) => NOUNS[entity].name?.(c.tables) ?? []);
  const found = await pipelined(
    ...columns.map(({ id, name }) =>
      c.db
        .select({ id: sql<string>`${id}`, name: sql<string>`${name}` })
        .from(id.table as PgTable)
        .where(inArray(id, ids))
        .execute(),
    ),
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
