/** Notes: add one, list them, and show the newest beside their item. */
import * as z from 'zod';
import { notFound } from '../../domain/errors.ts';
import { newRecordId } from '../../domain/ids.ts';
import { type Note, addNoteInput, listNotesInput, noteRecord } from '../../domain/note.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { writeOne, type WriteOutcome } from '../support/context.ts';
import { findItemId } from '../support/find-id.ts';
import { lookUp } from '../support/look-up.ts';
import { listShape, writeShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** Answers the note without its text: who sent it has it. @throws NotFoundError for an item that is not there */
export const addNote = defineUseCase({
  name: 'add_note',
  kind: 'add',
  input: addNoteInput,
  output: () => ({ id: z.string(), item_id: z.string(), created_at: z.string(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<Omit<Note, 'text'> & WriteOutcome>> => {
    const asked = { call: 'add_note', arguments: input };
    const item_id = await lookUp(context, asked, (reader) => findItemId(reader, input.id), {
      oneStatement: true,
    });
    const answer = await writeOne<Note>(context, caller, {
      entity: 'note',
      entity_id: newRecordId(),
      kind: 'create',
      patch: { item_id, text: input.text },
      claim_token: input.claim_token ?? null,
      actor: input.created_by,
      idempotency_key: input.idempotency_key,
    });
    const { text: _text, ...data } = answer.data;
    return { ...answer, data };
  },
});

/** A page of an item's notes, whole. */
export interface NoteList extends Page<Note> {
  item_id: string;
}

/** Newest first. @throws NotFoundError for an item that is not there */
export const listNotes = defineUseCase({
  name: 'list_notes',
  kind: 'read',
  input: listNotesInput,
  output: () => ({ ...listShape(noteRecord()), item_id: z.string() }),
  run: async (context, _caller, input): Promise<Answer<NoteList>> => {
    return await context.store.read(async (reader) => {
      const { id, ...page } = input;
      const item_id = await findItemId(reader, id);
      const found = await reader.listNotes({ ...page, item_id });
      if (found.total_count === 0 && (await reader.findWorkItem(item_id)) === undefined) {
        throw notFound('work item', { id: item_id });
      }
      return { item_id, ...found };
    });
  },
});

const NOTES_SHOWN = 5;
const NOTE_SHOWN_CHARACTERS = 500;

/** A note as its item shows it. */
export interface NoteExcerpt extends Omit<Note, 'item_id'> {
  /** Of the whole text, where that is longer. */
  characters?: number;
}

/** The newest notes of an item, newest first, long ones cut; nothing for an item without any. */
export async function readLatestNotes(
  reader: Reader,
  item_id: string,
): Promise<{ notes?: NoteExcerpt[]; notes_total?: number }> {
  const found = await reader.latestNotes({
    item_id,
    limit: NOTES_SHOWN,
    characters: NOTE_SHOWN_CHARACTERS,
  });
  const [first] = found;
  if (first === undefined) return {};
  const notes = found.map(({ characters, total: _total, ...note }): NoteExcerpt => {
    if (characters <= NOTE_SHOWN_CHARACTERS) return note;
    return { ...note, characters };
  });
  return { notes, notes_total: first.total };
}
