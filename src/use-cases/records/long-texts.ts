/** Long texts of an item: read in parts, added to without being sent again, and not cut off by what a reader was shown. */
import { notFound, validationError } from '../../domain/errors.ts';
import { countCharacters } from '../../domain/fields.ts';
import { isPlainObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import { unknownFieldsOf } from '../support/unknown-fields.ts';

/** A part of a text, from `offset` on; an answer may show less of it. */
export interface TextPart {
  /** Of the item. */
  id: string;
  version: number;
  /** As it was asked for. */
  field: string;
  /** In characters. */
  offset: number;
  text: string;
  /** Of the whole text. */
  characters: number;
}

const NOTE = /^note ([0-9a-f-]{6,36})$/i;
const NOTES_READ = 100;
const CHANGES_READ = 100;

/** @throws ValidationError for a field that is no text; NotFoundError for a note that the item does not have */
export async function readTextPart(
  reader: Reader,
  item: WorkItem,
  field: string,
  offset: number,
): Promise<TextPart> {
  const { id, version } = item;
  const whole = Array.from(await textOf(reader, item, field));
  return { id, version, field, offset, text: whole.slice(offset).join(''), characters: whole.length };
}

async function textOf(reader: Reader, item: WorkItem, field: string): Promise<string> {
  if (field === 'description') return item.description ?? '';
  if (field === 'metadata') return JSON.stringify(item.metadata);
  const [, hex] = NOTE.exec(field) ?? [];
  if (hex === undefined) {
    throw validationError({
      field: 'field',
      constraint: 'must be description, metadata, or the word note and the id of a note of the item',
      value: field,
    });
  }
  for (let cursor: string | undefined; ;) {
    const page = await reader.listNotes({ item_id: item.id, limit: NOTES_READ, cursor });
    const note = page.items.find(({ id }) => id.startsWith(hex.toLowerCase()));
    if (note !== undefined) return note.text;
    if (page.next_cursor === null) throw notFound('note', { id: hex });
    cursor = page.next_cursor;
  }
}

/**
 * The item; with `isKeyed`, as a call that names a key may be a retry, with the description of the version that was
 * read: what the first call made of that is asked for again, not what it would make of its own result.
 */
export async function findAsRead(
  reader: Reader,
  id: string,
  version: number,
  isKeyed: boolean,
): Promise<WorkItem | undefined> {
  const item = await reader.findWorkItem(id);
  if (item === undefined || !isKeyed || item.version <= version) return item;
  let { description } = item;
  for (let cursor: string | undefined; ;) {
    const page = await reader.listChanges({ record_id: id, limit: CHANGES_READ, cursor });
    for (const change of page.items) {
      if (change.version === null) continue;
      if (change.version <= version) return { ...item, description };
      const set = change.fields.find(({ field }) => field === 'description');
      if (set !== undefined) description = typeof set.from === 'string' ? set.from : null;
    }
    if (page.next_cursor === null) return { ...item, description };
    cursor = page.next_cursor;
  }
}

/** The description with more at its end, a paragraph of its own. @throws ValidationError where the layer does not show it whole */
export function appended(item: WorkItem, addition: string): string {
  if (unknownFieldsOf(item).includes('description')) {
    throw validationError(
      {
        field: 'append_description',
        constraint:
          'cannot be added: the layer that answers at the moment does not know the whole description',
        value: addition,
      },
      'Leave it as a note of the item, or repeat the call when the database is back. Nothing was saved.',
    );
  }
  const there = item.description ?? '';
  return there === '' ? addition : `${there.trimEnd()}\n\n${addition}`;
}

/** So many characters and more are shown of a long text, in steps of this. */
const STEP = 100;
/** A text of which less is the same is another one. The first step has less than its length without white space. */
const SHOWN_MIN = 40;
/** Less than this at the end of a text is left out by people too. */
const LEFT_OUT_MIN = 200;
/** How answers end the beginning of a text, without white space; they may say how long the whole is. */
const ENDING = /^\u2026(\(\d+characters\))?$/;

/**
 * Whether a new text is the beginning of the one that is there, up to where an answer was cut, with or without something
 * behind it: whoever sends that has not seen the rest. White space counts for nothing: it changes in a quotation.
 */
export function isCutOff(next: string, there: string): boolean {
  const [to, from] = [bare(next), bare(there)];
  let common = 0;
  while (common < to.length && to[common] === from[common]) common += 1;
  if (common < SHOWN_MIN || common === from.length) return false;
  if (ENDING.test(to.slice(common))) return true;
  const characters = Array.from(there);
  for (let shown = STEP; shown <= characters.length - LEFT_OUT_MIN; shown += STEP) {
    const length = bare(characters.slice(0, shown).join('')).length;
    if (length > common + 1) return false;
    if (Math.abs(length - common) <= 1) return true;
  }
  return false;
}

const bare = (text: string): string => text.replaceAll(/\s+/g, '');

/** How answers end a value that they show in part, see `shortValue`. */
const NOTICE = /^(.*)\u2026 \((\d+) characters\)\s*$/s;

function isShownPart(value: JsonValue | undefined): boolean {
  const [, head = '', characters] = (typeof value === 'string' && NOTICE.exec(value)) || [];
  return characters !== undefined && countCharacters(head) < Number(characters);
}

/** @throws ValidationError for a description, or a value of the metadata, that is what an answer showed of it */
export function refuseShownParts({ description, metadata }: JsonObject): void {
  const values = isPlainObject(metadata) ? Object.entries(metadata) : [];
  const problems = [
    ['description', description] as const,
    ...values.map(([key, value]) => [`metadata.${key}`, value as JsonValue] as const),
  ].filter(([, value]) => isShownPart(value));
  if (problems.length === 0) return;
  const constraint = 'is the beginning of a longer value, as an answer showed it';
  throw validationError(
    problems.map(([field, value]) => ({ field, constraint, value })),
    'Leave out what should stay as it is, or read all of it first. Nothing was saved.',
  );
}

const OF_ITEM =
  'To add to it, send only what is new as append_description. To read the rest, call query_work_item with field "description" and offset. Nothing was saved.';

/** @throws ValidationError for a description that was cut for showing */
export function refuseCutOff(
  { description: there }: { description: string | null },
  description: string,
  next = OF_ITEM,
): void {
  if (there === null || !isCutOff(description, there)) return;
  const characters = Array.from(there).length;
  throw validationError(
    {
      field: 'description',
      constraint: `is the beginning of the description that is there, which has ${characters} characters: an answer showed you a part of it`,
      value: description,
    },
    next,
  );
}
