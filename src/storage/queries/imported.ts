/** Reading what imports brought: an item of another tracker says so in `metadata.imported`. */
import { and, asc, gt, lte, sql } from 'drizzle-orm';
import { stretches } from '../../platform/in-turns.ts';
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
/** Looked through by one statement: SQLite answers it without letting the event loop go. */
const ROWS_LOOKED_THROUGH = 1_000;

/** As much of a text as `start` is. */
export function startOfText(text: string): string {
  const start = text.slice(0, START_CHARACTERS);
  // Two units of one character are rare, and telling characters apart is slow.
  if (!/[\ud800-\udfff]/.test(start)) return start;
  return Array.from(text.slice(0, START_CHARACTERS * 2))
    .slice(0, START_CHARACTERS)
    .join('');
}

/** Every item that imports of this kind brought, those deleted or archived since included, by id. Reads the whole table. */
export async function findImportedItems(c: Connection, source: string): Promise<ImportedItem[]> {
  const { workItems: w } = c.tables;
  const imported = (key: string) =>
    sql<string | null>`${w.metadata} -> 'imported' ->> ${sql.raw(`'${key}'`)}`;
  const columns = {
    id: w.id,
    title: w.title,
    start: sql<string | null>`substr(${w.description}, 1, ${sql.raw(String(START_CHARACTERS))})`,
    created_at: w.created_at,
    namespace: imported('namespace'),
    foreign_id: imported('id'),
    hash: imported('hash'),
    from: imported('from'),
    first_group: imported('first_group'),
  };
  const found: ImportedItem[] = [];
  const turn = stretches();
  for (let after: string | undefined, isLast = false; !isLast; await turn()) {
    const start = after === undefined ? undefined : gt(w.id, after);
    const [end] = await c.db
      .select({ id: w.id })
      .from(w)
      .where(start)
      .orderBy(asc(w.id))
      .limit(1)
      .offset(ROWS_LOOKED_THROUGH - 1);
    const rows = await c.db
      .select(columns)
      .from(w)
      .where(and(start, end && lte(w.id, end.id), sql`${imported('source')} = ${source}`))
      .orderBy(asc(w.id));
    for (const { namespace, foreign_id, ...row } of rows) {
      if (namespace !== null && foreign_id !== null) found.push({ ...row, namespace, foreign_id });
    }
    after = end?.id;
    isLast = end === undefined;
  }
  return found;
}
