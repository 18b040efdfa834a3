/** Reading what imports brought: an item of another tracker says so in `metadata.imported`. */
import { sql } from 'drizzle-orm';
import type { Connection } from '../database/connection.ts';

/** Enough of an item to tell whether a source means the same one. */
export interface ImportedItem {
  id: string;
  title: string;
  /** Of the description; null without one. */
  start: string | null;
  created_at: string;
  namespace: string;
  foreign_id: string;
  hash: string | null;
  /** Where the file or folder lay that it was last brought from; null for items of versions that did not say. */
  from: string | null;
  /** The tag or prefix that its id here was made with, where the source calls that otherwise since. */
  first_group: string | null;
}

const START_CHARACTERS = 200;

/** As much of a text as `start` is. */
export function startOfText(text: string): string {
  return Array.from(text.slice(0, START_CHARACTERS * 2))
    .slice(0, START_CHARACTERS)
    .join('');
}

/** Every item that imports of this kind brought, those deleted or archived since included, by id. Reads the whole table. */
export async function findImportedItems(c: Connection, source: string): Promise<ImportedItem[]> {
  const { workItems: w } = c.tables;
  const imported = (key: string) =>
    sql<string | null>`${w.metadata} -> 'imported' ->> ${sql.raw(`'${key}'`)}`;
  const rows = await c.db
    .select({
      id: w.id,
      title: w.title,
      start: sql<string | null>`substr(${w.description}, 1, ${sql.raw(String(START_CHARACTERS))})`,
      created_at: w.created_at,
      namespace: imported('namespace'),
      foreign_id: imported('id'),
      hash: imported('hash'),
      from: imported('from'),
      first_group: imported('first_group'),
    })
    .from(w)
    .where(sql`${imported('source')} = ${source}`)
    .orderBy(w.id);
  return rows.flatMap(({ namespace, foreign_id, ...row }) =>
    namespace === null || foreign_id === null ? [] : [{ ...row, namespace, foreign_id }],
  );
}
