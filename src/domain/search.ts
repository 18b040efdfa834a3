/** Full-text search: what is asked, how words are told apart, how matches are ranked and shown. Pure. */
import * as z from 'zod';
import type { Entity } from './change.ts';
import { askedText, integer } from './fields.ts';

/** Whether the records of a noun are searched: then the database has a view of their texts (`search_source_…`). */
const IS_SEARCHED = {
  work_item: true,
  note: true,
  vendor: true,
  deployment: true,
  enhancement: true,
  dependency: false,
  configuration: false,
  conflict: false,
} as const satisfies { readonly [E in Entity]: boolean };

export type SearchEntity = { [E in Entity]: (typeof IS_SEARCHED)[E] extends true ? E : never }[Entity];
export const SEARCH_ENTITIES = (Object.keys(IS_SEARCHED) as Entity[]).filter(
  (entity): entity is SearchEntity => IS_SEARCHED[entity],
);

const RESULTS_DEFAULT = 10;
const RESULTS_MAX = 50;

export const searchInput = z.object({
  query: askedText(),
  entities: z.array(z.enum(SEARCH_ENTITIES)).max(SEARCH_ENTITIES.length).optional(),
  archived: z.boolean().default(false),
  limit: integer(1, RESULTS_MAX).default(RESULTS_DEFAULT),
});
export type SearchInput = z.output<typeof searchInput>;

/** Words that must stand next to each other in this order: one word, a phrase, or what punctuation joins. */
export interface Term {
  words: string[];
}

export interface SearchQuery {
  /** All of them must match. */
  terms: Term[];
  /** Whether the last word may also be the beginning of one. */
  open: boolean;
  /** The beginning of an id, when the query can be read as one: 6 to 32 lowercase hex characters. */
  hex: string | null;
  /** How many words at the end were left out. */
  ignored: number;
}

/** What counts of a query: more words say no more, and cost more. */
const WORDS_MAX = 32;
const QUERY_MAX_CHARACTERS = 2_000;
/** Beginnings of words that are shorter would match nearly everything. */
const PREFIX_MIN_CHARACTERS = 3;

/** Scripts without spaces between words: each letter is a word of its own, here as in the index. */
const UNSPACED =
  /[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u3100-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\u{20000}-\u{2ffff}]/gu;

/** The words of a text as it writes them; everything but letters and digits divides. */
export function wordsOf(text: string): string[] {
  return text
    .replaceAll(UNSPACED, ' $& ')
    .split(/[^\p{L}\p{N}\p{M}\p{Co}]+/u)
    .filter((word) => /[\p{L}\p{N}\p{Co}]/u.test(word));
}

/** Reads any text as a query: it never fails, and what has no words asks for nothing. */
export function parseQuery(text: string): SearchQuery {
  const terms: Term[] = [];
  let room = WORDS_MAX;
  let ignored = text.length > QUERY_MAX_CHARACTERS ? 1 : 0;
  let open = false;
  for (const [chunk] of text.slice(0, QUERY_MAX_CHARACTERS).matchAll(/"[^"]*"?|[^\s"]+/gu)) {
    const words = wordsOf(chunk);
    if (words.length === 0) continue;
    ignored += Math.max(0, words.length - room);
    const kept = words.slice(0, room);
    room -= kept.length;
    if (kept.length === 0) continue;
    terms.push({ words: kept });
    open = !chunk.startsWith('"') && (kept.at(-1) ?? '').length >= PREFIX_MIN_CHARACTERS;
  }
  const hex = text.trim().toLowerCase().replaceAll('-', '');
  return {
    terms,
    open: open && ignored === 0,
    hex: /^[0-9a-f]{6,32}$/.test(hex) ? hex : null,
    ignored,
  };
}

/** Words without regard to case and diacritics, for comparing. */
function folded(text: string): string {
  // Most text is ASCII and needs no more.
  if (/^\p{ASCII}*$/u.test(text)) return text.toLowerCase();
  return text
    .normalize('NFD')
    .replaceAll(/\p{Mn}/gu, '')
    .normalize('NFC')
    .toLowerCase();
}

const spaced = (words: readonly string[]): string => ` ${words.map(folded).join(' ')} `;

/** The score of a title that has all words, and others too. */
export const ALL_IN_TITLE = 0.9;

/**
 * How well a title answers a query, from 0 (the words are elsewhere in the record) to 1 (they are the title): each
 * term that is in it counts, the beginning of a word half. Both databases rank by this and nothing else.
 */
export function titleScore({ terms }: SearchQuery): (title: string) => number {
  const wanted = terms.map(({ words }) => spaced(words));
  const whole = spaced(terms.flatMap(({ words }) => words));
  return (title) => {
    if (title === '' || wanted.length === 0) return 0;
    const words = spaced(wordsOf(title));
    if (words === whole) return 1;
    let found = 0;
    for (const term of wanted) {
      if (words.includes(term)) found += 1;
      else if (words.includes(term.trimEnd())) found += 0.5;
    }
    return Math.round((found / wanted.length) * 100 * ALL_IN_TITLE) / 100;
  };
}

const SNIPPET_CHARACTERS = 160;

/** A place of a snippet where the query was found: from `start` up to before `end`, in UTF-16 units. */
export interface Mark {
  start: number;
  end: number;
}

/** The part of a text around the first place that the query names, on one line; its beginning when there is none. */
export function snippetOf(query: SearchQuery, text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= SNIPPET_CHARACTERS) return line;
  const first = firstPlace(query, line);
  const from = first === undefined ? 0 : Math.max(0, first.start - SNIPPET_CHARACTERS / 4);
  const to = Math.min(line.length, from + SNIPPET_CHARACTERS);
  const start = from === 0 ? 0 : nearestSpace(line, from, Math.min(first?.start ?? from, from + 20));
  const end = to === line.length ? to : whole(line, to);
  return `${start > 0 ? '…' : ''}${line.slice(start, end).trim()}${end < line.length ? '…' : ''}`;
}

/** Where words that belong together stand so, else where any word does. */
function firstPlace(query: SearchQuery, line: string): { start: number } | undefined {
  for (const { words } of query.terms) {
    if (words.length < 2) continue;
    const start = line.search(new RegExp(words.join('[^\\p{L}\\p{N}]*'), 'iu'));
    if (start !== -1) return { start };
  }
  return marksIn(query, line)[0];
}

/** The place after the first space between two places, or the first of them that cuts no character. */
function nearestSpace(line: string, from: number, to: number): number {
  const space = line.indexOf(' ', from);
  return space === -1 || space >= to ? whole(line, from) : space + 1;
}

/** Not between the two halves of a character. */
function whole(line: string, at: number): number {
  return /[\udc00-\udfff]/.test(line[at] ?? '') ? at - 1 : at;
}

/** Where words of the query stand in a line, in order and without overlaps. */
export function marksIn({ terms }: SearchQuery, line: string): Mark[] {
  const wanted = new Set(terms.flatMap(({ words }) => words.map(folded)));
  const last = folded(terms.at(-1)?.words.at(-1) ?? '');
  const marks: Mark[] = [];
  for (const match of line.matchAll(/[\p{L}\p{N}\p{M}\p{Co}]+/gu)) {
    let at = match.index;
    for (const word of match[0].split(SPLIT_UNSPACED)) {
      const plain = folded(word);
      const isPrefix = last.length >= PREFIX_MIN_CHARACTERS && plain.startsWith(last);
      if (word !== '' && (wanted.has(plain) || isPrefix)) {
        const end = at + (wanted.has(plain) ? word.length : Math.min(word.length, last.length));
        const previous = marks.at(-1);
        if (previous?.end === at) previous.end = end;
        else marks.push({ start: at, end });
      }
      at += word.length;
    }
  }
  return marks;
}

/** Keeps what it splits at. */
const SPLIT_UNSPACED = new RegExp(`(${UNSPACED.source})`, 'u');
