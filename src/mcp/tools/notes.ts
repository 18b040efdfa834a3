import { type Note } from '../../domain/note.ts';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { addNote, listNotes, type NoteExcerpt } from '../../use-cases/records/notes.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { changedOf } from '../definitions/shown.ts';
import { doneText, listText, shortId } from '../definitions/text.ts';

const NOTE_IN_ROW_CHARACTERS = 500;

export const addNoteTool = defineTool(addNote, {
  toolset: 'notes',
  title: 'Add a note',
  inCore: true,
  hint: 'comment, log progress, finding, decision, remember',
  description:
    'Comment on a work item, for ever: up to 64 KiB, no version needed. Example: {"id":"3f2a9c1b","text":"Vendor answers Monday"}',
  parameters: {
    id: 'The item: an id or its first 6+ characters',
    text: 'Markdown, up to 64 KiB',
  },
  show: (note) => changedOf(note, {}, ['id', 'item_id', 'created_at']),
  text: ({ id, item_id, ...outcome }) =>
    `${doneText('Added', outcome)} note ${shortId(id)} to ${shortId(item_id)}`,
});

export const listNotesTool = defineTool(listNotes, {
  toolset: 'notes',
  title: 'List notes',
  description: 'Notes of an item, newest first. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'The item: an id or its first 6+ characters',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: (page, input) => pageOf(page, input, (note) => noteRow(note, page.item_id)),
  parts: [{ at: 'items' }],
  text: (page) => listText(page, 'note', noteLine),
});

export interface NoteRow extends Pick<Note, 'id' | 'text' | 'created_at' | 'created_by'> {
  /** How much of the text is left, and the call that gives it. */
  cut?: string;
}

/** A note and the first of its text. */
export function noteRow(note: Note | NoteExcerpt, item_id: string): NoteRow {
  const { id, text, created_at, created_by } = note;
  const characters = Array.from(text);
  const shown = characters.slice(0, NOTE_IN_ROW_CHARACTERS).join('');
  const all = ('characters' in note ? note.characters : undefined) ?? characters.length;
  const left = all - Math.min(characters.length, NOTE_IN_ROW_CHARACTERS);
  const call = { id: shortId(item_id), field: `note ${shortId(id)}`, offset: NOTE_IN_ROW_CHARACTERS };
  return {
    id: shortId(id),
    ...{ created_at, created_by },
    text: shown,
    ...(left > 0 && { cut: `${left} more characters: query_work_item ${JSON.stringify(call)}` }),
  };
}

export function noteLine({ id, text, created_at, created_by, cut }: NoteRow): string {
  return `${id} ${created_at} ${oneLine(created_by)}: ${oneLine(text)}${cut === undefined ? '' : ` (${cut})`}`;
}
