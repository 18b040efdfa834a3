/** Whether an item that a source has now is one that was imported, and what many of them together say. */
import { startOfText, type ImportedItem } from '../../storage/queries/imported.ts';
import type { PlannedItem } from './plan.ts';

export interface Pair {
  planned: PlannedItem;
  known: ImportedItem;
}

/** What items under one id say about whether two sources, or two parts of one, are the same. */
export interface Likeness {
  /** Items that are the same here and there, by their title (and time where both are known), or in all they say. */
  same: number;
  /** Items of which one thing speaks for their being the same, and another against it. */
  doubtful: number;
  /** Items whose titles have half of their words in common. */
  retitled: number;
  /** Items that have nothing in common. */
  others: Pair[];
}

/** Told apart by nothing else is what has more than this many times as much for as against it. */
const CLEAR = 4;

export type Verdict =
  /** Nothing in common: no item would be touched. */
  | 'none'
  | 'same'
  /** Another one that uses the same ids. */
  | 'other'
  | 'unclear';

/** What the items alone say, wherever the file lies. */
export function verdictOf({ same, doubtful, retitled, others }: Likeness): Verdict {
  const against = others.length + retitled;
  if (same + doubtful + against === 0) return 'none';
  if (same >= CLEAR * against && same >= doubtful && same > 0) return 'same';
  return against >= CLEAR * (same + doubtful) ? 'other' : 'unclear';
}

/** Whether it may be the same at all: titles may have changed, but not most of them altogether. */
export const isCredible = ({ same, doubtful, retitled, others }: Likeness): boolean =>
  others.length <= same + doubtful + retitled;

/** @param times those that several items of the source have, see `repeatedTimes` */
export function likenessOf(pairs: readonly Pair[], times: ReadonlySet<string>): Likeness {
  const likeness: Likeness = { same: 0, doubtful: 0, retitled: 0, others: [] };
  for (const pair of pairs) {
    const { planned, known } = pair;
    // A tag, or an item without a title, is called as its id says.
    if (planned.title === planned.foreign_id) continue;
    const found = compare(planned, known, times);
    if (found === 'other') likeness.others.push(pair);
    else likeness[found] += 1;
  }
  return likeness;
}

/** Whether an item has nothing in common with the one that was imported under its id. */
export const isOther = ({ planned, known }: Pair, times: ReadonlySet<string>): boolean =>
  compare(planned, known, times) === 'other';

function compare(
  planned: PlannedItem,
  known: ImportedItem,
  times: ReadonlySet<string>,
): 'same' | 'doubtful' | 'retitled' | 'other' {
  if (hashOf(planned) === known.hash) return 'same';
  const [words, knownWords] = [wordsOf(planned.title), wordsOf(known.title)];
  const isDated = planned.made_of.is_dated && isTelling(planned.created_at) && !times.has(planned.created_at);
  const isSameTime = isDated && planned.created_at === known.created_at;
  const isSameTitle = words.join(' ') === knownWords.join(' ');
  if (isSameTitle) return isSameTime || !isDated || !isTelling(known.created_at) ? 'same' : 'doubtful';
  if (isSameTime || isSameStart(planned.description, known.start)) return 'doubtful';
  return haveHalfInCommon(words, knownWords) ? 'retitled' : 'other';
}

/** What several items say of themselves tells none of them. */
export function repeatedTimes(items: readonly PlannedItem[]): Set<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { created_at } of items) (seen.has(created_at) ? repeated : seen).add(created_at);
  return repeated;
}

/** Shorter texts are the same in many items. */
const TELLING_CHARACTERS = 40;

const isSameStart = (description: string | null, start: string | null): boolean =>
  start !== null &&
  start.length >= TELLING_CHARACTERS &&
  description !== null &&
  startOfText(description) === start;

const wordsOf = (title: string): string[] =>
  title
    .normalize('NFC')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [title];

function haveHalfInCommon(words: readonly string[], others: readonly string[]): boolean {
  const all = new Set([...words, ...others]);
  const there = new Set(others);
  return new Set(words.filter((word) => there.has(word))).size * 2 >= all.size;
}

/** Of what the source says about an item; see `imported-metadata.ts`. */
export function hashOf(item: ImportedItem | PlannedItem): string | null {
  if (!('made_of' in item)) return item.hash;
  const imported = item.metadata['imported'] as { hash?: string } | undefined;
  return imported?.hash ?? null;
}

/** A day without a time is the day of many items. */
export const isTelling = (time: string): boolean => !time.endsWith('T00:00:00.000Z');
