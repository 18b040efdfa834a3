/** Reading enhancements. */
import { eq } from 'drizzle-orm';
import type { Enhancement } from '../../../domain/enhancement.ts';
import type { Connection } from '../connection.ts';

export async function findEnhancement(c: Connection, id: string): Promise<Enhancement | undefined> {
  const { enhancements: t } = c.tables;
  const [row] = await c.db.select().from(t).where(eq(t.id, id));
  return row;
}
