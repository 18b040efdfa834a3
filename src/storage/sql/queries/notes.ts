/** Reading notes. */
import { eq } from 'drizzle-orm';
import type { Note } from '../../../domain/note.ts';
import type { Connection } from '../connection.ts';

export async function findNote(c: Connection, id: string): Promise<Note | undefined> {
  const { notes: t } = c.tables;
  const [row] = await c.db.select().from(t).where(eq(t.id, id));
  return row;
}
