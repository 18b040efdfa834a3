/** What is shown of records: rows of lists, and what a write changed. */
import type { JsonValue } from '../../domain/json.ts';
import { cut, shortId } from '../../domain/text.ts';
import { isEmpty, unknownFieldsOf } from '../../use-cases/support/unknown-fields.ts';

type Fields = Record<string, unknown>;

/** The same record without the fields that are null or empty; what a layer does not know is still named. */
export function withoutEmpty<T extends object>(record: T): T {
  const kept = Object.entries(record).filter(([, value]) => !isEmpty(value));
  return Object.fromEntries(kept) as T;
}

/** Some fields of a record, those of them that are not empty; ids of records are cut, prefixes being taken everywhere. */
export function rowOf<T extends object, Name extends keyof T & string>(
  record: T,
  names: readonly Name[],
): Pick<T, Name> & { unknown_fields?: string[] } {
  const row: Fields = {};
  for (const name of names) {
    const value = record[name];
    if (!isEmpty(value)) row[name] = isId(name) && typeof value === 'string' ? shortId(value) : value;
  }
  return { ...row, ...unknownAmong(record, names) } as Pick<T, Name>;
}

/** The fields of which the layer that answers does not know all. */
function unknownAmong(record: object, names: readonly string[]): { unknown_fields?: string[] } {
  const unknown = unknownFieldsOf(record).filter((name) => names.includes(name));
  return unknown.length > 0 ? { unknown_fields: unknown } : {};
}

const isId = (name: string): boolean => name === 'id' || name.endsWith('_id');

/** A value as it is; one that is long in text, as its beginning and its length. */
export function shortValue(value: JsonValue, maxCharacters: number): JsonValue {
  const told = typeof value === 'string' ? value : JSON.stringify(value);
  if (told.length <= maxCharacters) return value;
  const characters = Array.from(told).length;
  return characters <= maxCharacters ? value : `${cut(told, maxCharacters)} (${characters} characters)`;
}

const WRITTEN_CHARACTERS = 200;

export type Written<T, Name extends keyof T> = Pick<T, Name> &
  Partial<T> & {
    /** Characters of the fields that are saved and not sent back. */
    saved?: Record<string, number>;
  };

/**
 * What a write changed: the fields that `always` names, those that were given, as they are now, and what follows from
 * them. Whoever wrote a long text has it: only its length is told. An update that was merged with those of others shows
 * the whole record: its version says nothing of what others wrote, and the next update would overwrite it unseen.
 * @param derived fields that are told although nobody gave them, where they are not empty
 */
export function changedOf<T extends object, Name extends keyof T & string>(
  record: T,
  given: object,
  always: readonly Name[],
  derived: readonly (keyof T & string)[] = [],
): Written<T, Name> {
  const shown: Fields = {};
  const saved: Record<string, number> = {};
  const isMerged = 'merged_with' in record;
  for (const [name, value] of Object.entries(isMerged ? settableOf(record) : record)) {
    const isAlways = (always as readonly string[]).includes(name);
    const isGiven = (given as Fields)[name] !== undefined;
    const isDerived = OUTCOME.has(name) || (derived as readonly string[]).includes(name);
    if (!isAlways && !isGiven && (!(isDerived || isMerged) || isEmpty(value))) continue;
    const characters = typeof value === 'string' ? value.length : JSON.stringify(value).length;
    // A set is told: others may have added to it.
    const isTold = isMerged || isAlways || Array.isArray(value);
    if (isTold || characters <= WRITTEN_CHARACTERS) shown[name] = value;
    else saved[name] = characters;
  }
  return {
    ...shown,
    ...unknownAmong(record, isMerged ? Object.keys(record) : Object.keys(shown)),
    ...(Object.keys(saved).length > 0 && { saved }),
  } as Written<T, Name>;
}

/** What a write says beside the record, and what follows from what it set. */
const OUTCOME: ReadonlySet<string> = new Set(['merged_with', 'repeated', 'completed_at']);

/** A record without the fields that are empty, or that no call sets and nobody goes by. */
export function settableOf<T extends object>(record: T): T {
  return withoutEmpty(
    Object.fromEntries(Object.entries(record).filter(([name]) => !BOOKKEEPING.has(name))) as T,
  );
}

/** Of a longer text, in whole steps: see `isCutOff`. */
const SEEN_CHARACTERS = 500;

/** All of a record that a next update may overwrite, long texts as their beginning. */
export function seenOf<T extends object>(record: T): T {
  const seen = Object.entries(settableOf(record)).map(([name, value]: [string, JsonValue]) => [
    name,
    Array.isArray(value) ? value : shortValue(value, SEEN_CHARACTERS),
  ]);
  return Object.fromEntries(seen) as T;
}

const BOOKKEEPING: ReadonlySet<string> = new Set([
  ...['path', 'depth', 'position', 'created_at', 'created_by', 'updated_at', 'updated_by'],
]);
