/** Notes: comments on work items, added and never altered. */
import * as z from 'zod';
import {
  actorName,
  idOrPrefix,
  idempotencyKey,
  integer,
  lazily,
  longText,
  storedId,
  storedLine,
  storedTime,
} from './fields.ts';
import { NAME_MAX_CHARACTERS, NOTE_MAX_BYTES, PAGE_DEFAULT, PAGE_MAX } from './limits.ts';
import { text, type RecordOf } from './record.ts';

/** A note as it is stored and answered. */
export const noteRecord = lazily(() => ({
  id: text,
  item_id: text,
  text,
  /** ISO 8601 UTC with milliseconds. */
  created_at: text,
  created_by: text,
}));
export type Note = RecordOf<typeof noteRecord>;

/** `id` is the item's. */
export const addNoteInput = z.object({
  id: idOrPrefix,
  text: longText(NOTE_MAX_BYTES).refine((text) => text.trim() !== '', 'must not be empty or blank'),
  created_by: actorName.optional(),
  claim_token: integer(1).optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type AddNoteInput = z.output<typeof addNoteInput>;

/** The fields of a note as it is stored. Of a long comment that was imported in pieces, one may be blank. */
export const noteFields = lazily(() => ({
  item_id: storedId,
  text: longText(NOTE_MAX_BYTES),
  created_at: storedTime,
  created_by: storedLine(NAME_MAX_CHARACTERS),
}));

export const notePatch = lazily(() => z.object(noteFields()).partial({ created_at: true, created_by: true }));

/** `id` is the item's. */
export const listNotesInput = z.object({
  id: idOrPrefix,
  limit: integer(1, PAGE_MAX).default(PAGE_DEFAULT),
  cursor: z.string().optional(),
});
export type ListNotesInput = z.output<typeof listNotesInput>;
