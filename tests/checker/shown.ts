// What answers show of items, and whether they admit not to be of the newest.
import type { Call, Json, JsonObject } from './history.ts';
import { isObject, labelsOf } from './ledger.ts';

/** Parts of an item that only ever grow in these schedules: what was there once must be there from then on. */
export type Part = 'metadata' | 'labels' | 'notes';

export interface Shown {
  item: string;
  part: Part;
  /** Everything of that part which the answer shows. */
  marks: Set<string>;
}

/** Only whole parts: a page of notes that goes on elsewhere proves nothing. */
export function shownBy(call: Call): Shown[] {
  if (call.outcome !== 'answered') return [];
  const { answer } = call;
  if (call.tool === 'list_notes') {
    const item = String(call.args['id']);
    return answer['next_cursor'] === null ? [shownNotes(item, answer['items'])] : [];
  }
  return [...recordsIn(call).values()].flatMap((record) => shownOfRecord(record));
}

/** The items that an answer carries, by id. */
export function recordsIn({ tool, answer, outcome }: Call): Map<string, JsonObject> {
  if (outcome !== 'answered') return new Map();
  const listed = tool === 'list_work_items' && Array.isArray(answer['items']) ? answer['items'] : [answer];
  const records = listed.filter(isObject).filter((one) => 'title' in one && 'version' in one);
  return new Map(records.map((record) => [String(record['id']), record]));
}

/** Fields of which an answer shows less than it has, for its budget. */
export function cutFields({ cut }: JsonObject): string[] {
  return Array.isArray(cut) ? cut.filter(isObject).map(({ field }) => String(field)) : [];
}

function shownOfRecord(record: JsonObject): Shown[] {
  const item = String(record['id']);
  const shown: Shown[] = [];
  const { metadata, labels, notes, notes_total } = record;
  // Of these it has only what was added here, or only the first.
  const unknown = new Set([...labelsOf(record['unknown_fields']), ...cutFields(record)]);
  if (isObject(metadata) && !unknown.has('metadata'))
    shown.push({ item, part: 'metadata', marks: new Set(Object.keys(metadata)) });
  if (Array.isArray(labels) && !unknown.has('labels'))
    shown.push({ item, part: 'labels', marks: new Set(labelsOf(labels)) });
  if (Array.isArray(notes) && notes_total === notes.length) shown.push(shownNotes(item, notes));
  return shown;
}

function shownNotes(item: string, notes: Json | undefined): Shown {
  const texts = Array.isArray(notes) ? notes.filter(isObject).map(({ text }) => String(text)) : [];
  return { item, part: 'notes', marks: new Set(texts) };
}

export interface Growth {
  item: string;
  part: Part;
  mark: string;
}

/** What an acknowledged write adds to a part of its item. */
export function growthOf({ tool, args, deed }: Call): Growth[] {
  const item = deed?.item;
  if (item == null) return [];
  if (tool === 'add_note') return [{ item, part: 'notes', mark: String(args['text']) }];
  if (tool !== 'update_work_item') return [];
  const keys = isObject(args['metadata']) ? Object.keys(args['metadata']) : [];
  const label = labelsOf(args['labels']).filter((one) => deed?.marks.includes(one) === true);
  return [
    ...keys.map((mark) => ({ item, part: 'metadata' as const, mark })),
    ...label.map((mark) => ({ item, part: 'labels' as const, mark })),
  ];
}

/** Warnings by which an answer says that it may lack something, whatever moment it is from. */
const SAYS_LESS = new Set([
  'unchecked',
  'incomplete',
  'partial',
  'primary_refused',
  'went_back',
  'feed_went_back',
  'open_conflicts',
]);

/** Whether an answer says that it may lack what was there at `moment`. */
export function admitsToLack({ answer }: Call, moment: number): boolean {
  const as_of = asOf(answer);
  if (as_of !== undefined && as_of <= moment) return true;
  if (Number(answer['open_conflicts'] ?? 0) > 0) return true;
  return warningsOf(answer).some(
    ({ code, message }) =>
      SAYS_LESS.has(code) || (code === 'pending_changes' && message.includes('not include')),
  );
}

export function asOf(answer: JsonObject): number | undefined {
  return typeof answer['as_of'] === 'string' ? Date.parse(answer['as_of']) : undefined;
}

export function warningsOf(answer: JsonObject): { code: string; message: string }[] {
  const { warnings } = answer;
  if (!Array.isArray(warnings)) return [];
  return warnings
    .filter(isObject)
    .map(({ code, message }) => ({ code: String(code), message: String(message) }));
}
