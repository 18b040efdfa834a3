/** What the items of a file say about whether it is a source that was imported before, or another one with the same ids. */
import { startOfText, type ImportedItem } from '../../storage/queries/imported.ts';
import {
  hashOf,
  isTelling,
  matchItems,
  type KnownSource,
  type Match,
  type MatchOptions,
} from './known-items.ts';
import { planUnder } from './plan-identity.ts';
import type { ImportPlan, PlannedItem } from './plan.ts';

export interface Evidence {
  source: KnownSource;
  matches: Match[];
  /** Items that are the same here and there, by their title (and time where both are known), or in all they say. */
  same: number;
  /** Items under one id of which one thing speaks for their being the same, and another against it. */
  doubtful: number;
  /** Items under one id whose titles have half of their words in common. */
  retitled: number;
  /** Items under one id that have nothing in common. */
  others: Match[];
}

/** One source with more than this many times as much for as against it is told apart from its copies by nothing else. */
const CLEAR = 4;

export type Verdict =
  /** Nothing in common: no item would be touched. */
  | 'none'
  | 'same'
  /** Another source that uses the same ids. */
  | 'other'
  | 'unclear';

/** What the items alone say, wherever the file lies. */
export function verdictOf({ same, doubtful, retitled, others }: Evidence): Verdict {
  const against = others.length + retitled;
  if (same + doubtful + against === 0) return 'none';
  if (same >= CLEAR * against && same >= doubtful && same > 0) return 'same';
  return against >= CLEAR * (same + doubtful) ? 'other' : 'unclear';
}

/** Whether a file in the place of a source may be that source: titles may have changed, but not most of them altogether. */
export const isCredible = ({ same, doubtful, retitled, others }: Evidence): boolean =>
  others.length <= same + doubtful + retitled;

export function compareWith(read: ImportPlan, source: KnownSource, options: MatchOptions): Evidence {
  const plan = planUnder(read, source.namespace);
  const matches = matchItems(plan, source, options);
  const evidence: Evidence = { source, matches, same: 0, doubtful: 0, retitled: 0, others: [] };
  const smaller = Math.min(plan.items.length, source.items.length);
  const byContent = matches.filter(({ by }) => by === 'content').length;
  // A few files may be the same in any two folders.
  if (byContent * 2 >= smaller) evidence.same += byContent;
  const byId = matches.filter(({ by }) => by === 'id');
  if (plan.source === 'status-file') {
    // Its ids are titles: only how many of them there are in both says something.
    if (byId.length * 2 >= smaller) evidence.same += byId.length;
    else evidence.doubtful += byId.length;
    return evidence;
  }
  const times = repeatedTimes(plan.items);
  for (const match of byId) {
    const { planned, known } = match;
    // A tag, or an item without a title, is called as its id says.
    if (planned.title === planned.foreign_id) continue;
    const found = compare(planned, known, times);
    if (found === 'other') evidence.others.push(match);
    else evidence[found] += 1;
  }
  return evidence;
}

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
function repeatedTimes(items: readonly PlannedItem[]): Set<string> {
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
