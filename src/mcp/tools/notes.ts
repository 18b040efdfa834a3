import { type Note } from '../../domain/note.ts';
import type { WorkItemView } from '../../use-cases/records/work-items.ts';
import { addNote, listNotes, type NoteExcerpt } from '../../use-cases/records/notes.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { cutLine, listText, shortId } from '../definitions/text.ts';

const NOTE_IN_LINE_CHARACTERS = 500;

export const addNoteTool = defineTool(addNote, {
  toolset: 'notes',
  title: 'Add a note',
  description:
    'Comment on a work item, for ever: up to 64 KiB, no version needed. Example: {"id":"3f2a9c1b","text":"Vendor answers Monday"}',
  parameters: {
    id: 'The item: an id or its first 6+ characters',
    text: 'Markdown, up to 64 KiB',
  },
  text: (note) => `Added note ${shortId(note.id)} to ${shortId(note.item_id)}`,
});

export const listNotesTool = defineTool(listNotes, {
  toolset: 'notes',
  title: 'List notes',
  description: 'Notes of an item, newest first. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'The item: an id or its first 6+ characters',
  },
  text: (page) => listText(page, 'notes', noteLine),
});

function noteLine({ text, created_at, created_by }: Note | NoteExcerpt): string {
  return `${created_at} ${oneLine(created_by)}: ${cutLine(text, NOTE_IN_LINE_CHARACTERS)}`;
}

/** The notes beside an item, as lines. */
export function notesText({
  notes = [],
  notes_total = 0,
}: Pick<WorkItemView, 'notes' | 'notes_total'>): string[] {
  if (notes.length === 0) return [];
  const more = notes_total > notes.length ? ` (${notes.length} newest shown; list_notes has all)` : '';
  return [
    `${notes_total} notes${more}:`,
    ...notes.map((note) => `  ${noteLine(note)}${note.cut === undefined ? '' : ` (${note.cut})`}`),
  ];
}
