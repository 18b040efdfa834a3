/** Records from a layer that does not show all of their fields, as callers get them: what is not known is left out. */
import { isPlainObject } from '../../domain/json.ts';

/** Fields of which a part may be shown: what is there is true, and not all of it. */
const SHOWN_IN_PART: ReadonlySet<string> = new Set(['description', 'metadata', 'labels']);

/** The same value without the fields that its records name in `unknown_fields`. */
export function withoutUnknown<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutUnknown) as T;
  if (!isPlainObject(value)) return value;
  const unknown = unknownFieldsOf(value);
  const kept = Object.entries(value).filter(
    ([name, held]) => !unknown.includes(name) || (SHOWN_IN_PART.has(name) && !isEmpty(held)),
  );
  return Object.fromEntries(kept.map(([name, held]) => [name, withoutUnknown(held)])) as T;
}

/** The same value for a text: what fills a field that is not known reads as `?`. */
export function withQuestionMarks<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withQuestionMarks) as T;
  if (!isPlainObject(value)) return value;
  const unknown = unknownFieldsOf(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [
      name,
      unknown.includes(name) && !SHOWN_IN_PART.has(name) && !isEmpty(held) ? '?' : withQuestionMarks(held),
    ]),
  ) as T;
}

/** The fields that are not known of a record, or not whole. */
export function unknownFieldsOf(record: object): readonly string[] {
  return (record as { unknown_fields?: string[] }).unknown_fields ?? [];
}

/** What is not known of the records of an answer, in a line for people and models; nothing where all is. */
export function unknownLine(data: object): string {
  const { items } = data as { items?: unknown };
  const records = Array.isArray(items) ? items.filter((item) => isPlainObject(item)) : [];
  const names = new Set([data, ...(records as object[])].flatMap(unknownFieldsOf));
  return names.size === 0 ? '' : `\nNot known to this layer, or not whole: ${[...names].join(', ')}`;
}

/** Whether nothing is to be learned from it. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
