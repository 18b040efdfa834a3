/** Reading notes. */
import { desc, eq, inArray, sql } from 'drizzle-orm';
import type { Note } from '../../domain/note.ts';
import type { Connection } from '../database/connection.ts';
import { pipelined } from '../database/pipelined.ts';
import { chunks } from './work-items.ts';
import { countRows, findPageRows, toPage, type Order, type Page, type PageRequest } from './paging.ts';

export async function findNote(c: Connection, id: string): Promise<Note | undefined> {
  const { notes: t } = c.tables;
  const [row] = await c.db.select().from(t).where(eq(t.id, id));
  return row;
}

/** Which of these notes there are. */
export async function findNoteIds(c: Connection, ids: readonly string[]): Promise<Set<string>> {
  const { notes: t } = c.tables;
  const found = new Set<string>();
  for (const chunk of chunks([...ids])) {
    const rows = await c.db.select({ id: t.id }).from(t).where(inArray(t.id, chunk));
    for (const { id } of rows) found.add(id);
  }
  return found;
}

export interface NoteHead extends Omit<Note, 'item_id'> {
  /** Of the whole text; `text` is its beginning. */
  characters: number;
  /** How many notes the item has. */
  total: number;
}

/** The newest notes of an item, newest first, each with the first `characters` characters of its text. */
export async function latestNotes(
  c: Connection,
  request: { item_id: string; limit: number; characters: number },
): Promise<NoteHead[]> {
  const rows = await c
    .statement('latest_notes', (db, { notes: t }) =>
      db
        .select({
          id: t.id,
          text: sql<string>`substr(${t.text}, 1, ${sql.placeholder('characters')})`,
          created_at: t.created_at,
          created_by: t.created_by,
          characters: sql<number | string>`length(${t.text})`,
          total: sql<number | string>`count(*) over ()`,
        })
        .from(t)
        .where(eq(t.item_id, sql.placeholder('item_id')))
        .orderBy(desc(t.created_at), desc(t.id))
        .limit(sql.placeholder('limit')),
    )
    .execute(request);
  return rows.map((row) => ({ ...row, characters: Number(row.characters), total: Number(row.total) }));
}

/** Texts on one page, in characters; the page ends earlier where more would come together. */
const PAGE_MAX_CHARACTERS = 100_000;

/** The notes of an item, newest first, whole. */
export async function listNotes(
  c: Connection,
  filter: PageRequest & { item_id: string },
): Promise<Page<Note>> {
  const { notes: t } = c.tables;
  const order: Order = { name: 'notes', columns: [t.created_at, t.id], descending: true };
  const listing = {
    name: 'list_notes',
    table: t,
    select: c.db.select().from(t).$dynamic(),
    where: [eq(t.item_id, filter.item_id)],
    order,
    request: filter,
  };
  const [rows, total] = await pipelined(findPageRows(listing), countRows(c, listing));
  let room = PAGE_MAX_CHARACTERS;
  const tooMuch = rows.findIndex(({ text }) => (room -= text.length) < 0);
  const limit = tooMuch === -1 ? filter.limit : Math.min(filter.limit, Math.max(1, tooMuch));
  return toPage<Note>(rows, { ...filter, limit }, order, total);
}
