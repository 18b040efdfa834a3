/** How a change adds a note. Notes are never altered, so that adding one never conflicts. */
import { notFound } from '../../domain/errors.ts';
import { fieldChanges } from '../../domain/change.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import type { Note } from '../../domain/note.ts';
import type { Connection } from '../database/connection.ts';
import { findWorkItem } from '../queries/work-items.ts';
import { checkItemToken } from './claims.ts';
import { asJson, type Effect } from './effect.ts';

/** The item may be deleted or archived: what is said about it afterwards counts too. */
export async function addNote(c: Connection, change: ChangeOf<'create note'>): Promise<Effect> {
  const { item_id, text, created_at, created_by } = change.patch;
  const item = await findWorkItem(c, item_id);
  if (item === undefined) throw notFound('work item', { id: item_id });
  // A token must be current; without one, a comment disturbs nobody's claim.
  await checkItemToken(c, change, item);
  const note: Note = {
    id: change.entity_id,
    item_id,
    text,
    created_at: created_at ?? change.at,
    created_by: created_by ?? change.actor,
  };
  await c.db.insert(c.tables.notes).values(note);
  return {
    record: asJson(note),
    touched: [
      {
        entity: 'note',
        entity_id: note.id,
        related_id: item_id,
        kind: 'create',
        version: null,
        fields: fieldChanges(null, { text: note.text }),
      },
    ],
    merged_with: [],
    warnings: [],
  };
}
