/** Foreign text and values brought inside the tracker's limits, with nothing changed that already fits. */
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import { LABELS_MAX, LABEL_MAX_CHARACTERS } from '../../domain/limits.ts';

/** What had to be replaced, in words for a note; a set, because one word per kind is enough. */
export type Replacements = Set<string>;

/** Deeper values are kept as their JSON text: metadata has 32 levels, of which `imported` takes some. */
const FIELD_MAX_DEPTH = 24;

/** Text without what no store can keep: NUL is removed, half of a surrogate pair becomes U+FFFD. */
export function cleanText(text: string, replaced: Replacements): string {
  let clean = text;
  if (clean.includes('\0')) {
    clean = clean.replaceAll('\0', '');
    replaced.add('NUL characters were removed');
  }
  if (!clean.isWellFormed()) {
    clean = clean.toWellFormed();
    replaced.add('half surrogate pairs became U+FFFD');
  }
  return clean;
}

/** Any value of a parsed file as JSON that metadata can hold. */
export function cleanJson(value: unknown, replaced: Replacements, depth = 0): JsonValue {
  if (typeof value === 'string') return cleanText(value, replaced);
  if (typeof value === 'boolean') return value;
  // JSON knows neither infinity nor a negative zero.
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : String(value);
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= FIELD_MAX_DEPTH) {
    replaced.add(`values nested deeper than ${FIELD_MAX_DEPTH} levels were kept as JSON text`);
    return cleanText(JSON.stringify(value), replaced);
  }
  if (Array.isArray(value)) return value.map((entry) => cleanJson(entry, replaced, depth + 1));
  const object: JsonObject = {};
  for (const [key, entry] of Object.entries(value)) {
    setFree(object, cleanKey(key, replaced), cleanJson(entry, replaced, depth + 1));
  }
  return object;
}

/** Sets a key, or the first free one of `key_`, `key__`, … where the key is taken by another value. */
export function setFree(object: JsonObject, key: string, value: JsonValue): void {
  let free = key;
  while (Object.hasOwn(object, free)) free += '_';
  object[free] = value;
}

export function cleanKey(key: string, replaced: Replacements): string {
  if (key !== '__proto__') return cleanText(key, replaced);
  replaced.add('the key "__proto__" became "proto"');
  return 'proto';
}

/** One line of at most `max` code points: control characters become spaces, what is too long ends in `…`. */
export function fitLine(text: string, max: number): string {
  const oneLine = CONTROL.test(text) ? text.replace(CONTROL_RUNS, ' ').trim() : text;
  return cutCharacters(oneLine, max);
}

export interface FittedLabels {
  labels: string[];
  /** What was changed, in words for a note; empty when every label was kept as it is. */
  changes: string[];
}

/** At most 32 different labels of at most 50 characters, in the order of the source. */
export function fitLabels(values: readonly string[]): FittedLabels {
  const changes: string[] = [];
  const labels = new Set<string>();
  for (const value of values) {
    const label = fitLine(value, LABEL_MAX_CHARACTERS).trim();
    if (label === '') changes.push('an empty label was left out');
    else if (labels.has(label)) changes.push(`"${label}" was there twice`);
    else if (labels.size === LABELS_MAX) changes.push(`"${label}" is past the limit of ${LABELS_MAX} labels`);
    else {
      if (label !== value) changes.push(`one became "${label}"`);
      labels.add(label);
    }
  }
  return { labels: [...labels], changes };
}

/** The longest start of well-formed text that has at most `maxBytes` bytes in UTF-8, and the rest. */
export function splitBytes(text: string, maxBytes: number): { start: string; rest: string } {
  if (maxBytes <= 0) return { start: '', rest: text };
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return { start: text, rest: '' };
  const end = endOfPiece(bytes, 0, maxBytes);
  return { start: bytes.subarray(0, end).toString('utf8'), rest: bytes.subarray(end).toString('utf8') };
}

/** Well-formed text in pieces of at most `maxBytes` (4 or more) bytes in UTF-8; together they are the text. Linear time. */
export function piecesOf(text: string, maxBytes: number): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const pieces: string[] = [];
  for (let from = 0; from < bytes.length;) {
    const end = endOfPiece(bytes, from, maxBytes);
    pieces.push(bytes.subarray(from, end).toString('utf8'));
    from = end;
  }
  return pieces;
}

function endOfPiece(bytes: Buffer, from: number, maxBytes: number): number {
  let end = Math.min(from + maxBytes, bytes.length);
  // A byte 10xxxxxx continues a character: step back to where it begins.
  while (end > from && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end;
}

function cutCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  // No more than this can be kept; a huge text is not spread into characters.
  const characters = Array.from(text.slice(0, max * 2 + 2));
  return characters.length <= max
    ? text
    : `${characters
        .slice(0, max - 1)
        .join('')
        .trimEnd()}…`;
}

/** And line breaks of any kind. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const CONTROL_RUNS = /[\p{Cc}\u2028\u2029]+/gu;
