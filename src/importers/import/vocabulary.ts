/** The words of other trackers for status and priority, and the nearest word here. */
import { PRIORITY_DEFAULT, PRIORITY_HIGHEST, PRIORITY_LOWEST } from '../../domain/limits.ts';
import type { ItemStatus } from '../../domain/work-item.ts';
import { display, type PlanLog } from './plan-log.ts';

/** What a tracker is known to say, in the form of `normalWord`, and what it means here. */
export type Vocabulary<Meaning> = ReadonlyMap<string, Meaning>;

/** Words that trackers use, beyond those a reader knows for its own: the nearest status of an unknown one. */
const STATUS_WORDS: Record<ItemStatus, string> = {
  planned:
    'todo to-do open new backlog pending deferred draft icebox ready triage later someday proposed planned accepted',
  active:
    'in-progress inprogress doing started wip active working review in-review reviewing testing qa verifying hooked pinned',
  blocked: 'blocked on-hold hold waiting paused stuck',
  completed: 'done closed complete completed resolved finished shipped merged fixed released delivered',
  cancelled:
    'cancelled canceled wontfix wont-fix wont-do tombstone rejected abandoned dropped duplicate obsolete invalid archived deleted',
};

const NEAREST_STATUS: Vocabulary<ItemStatus> = new Map(
  (Object.entries(STATUS_WORDS) as [ItemStatus, string][]).flatMap(([status, words]) =>
    words.split(' ').map((word) => [word, status] as const),
  ),
);

const NEAREST_PRIORITY: Vocabulary<number> = new Map([
  ...['critical', 'urgent', 'highest', 'blocker', 'high'].map((word) => [word, 1] as const),
  ...['medium', 'normal', 'moderate', 'default', 'none'].map((word) => [word, 3] as const),
  ...['low', 'lowest', 'minor', 'trivial'].map((word) => [word, 5] as const),
]);

/** `In Progress`, `in_progress` and `IN-PROGRESS` are one word. */
export function normalWord(word: string): string {
  return word
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, '-')
    .replaceAll("'", '');
}

/**
 * The status here for the source's word. A word that `known` does not hold is mapped to the nearest and noted;
 * without a word the item is planned.
 * @param nearest decides words that neither vocabulary holds (default: planned)
 */
export function readStatus(
  word: unknown,
  foreignId: string,
  known: Vocabulary<ItemStatus>,
  log: PlanLog,
  nearest: (word: string) => ItemStatus = () => 'planned',
): ItemStatus {
  if (isMissing(word)) {
    log.map('status', '(none)', 'planned');
    return 'planned';
  }
  const normal = normalWord(display(word));
  const own = known.get(normal);
  const status = own ?? NEAREST_STATUS.get(normal) ?? nearest(normal);
  log.map('status', word, status);
  if (own === undefined) {
    log.note(
      'status_unknown',
      foreignId,
      `status ${quote(word)} became the nearest, "${status}"; the original is kept`,
    );
  }
  return status;
}

/**
 * The priority here (1 highest to 5) for the source's word. An unknown word is mapped to the nearest and noted.
 * @param fallback what an item without priority gets
 */
export function readPriority(
  word: unknown,
  foreignId: string,
  known: Vocabulary<number>,
  log: PlanLog,
  fallback: { priority: number; as: string } = { priority: PRIORITY_DEFAULT, as: '(none)' },
): number {
  if (isMissing(word)) {
    log.map('priority', fallback.as, fallback.priority);
    return fallback.priority;
  }
  const normal = normalWord(display(word));
  const own = known.get(normal);
  const priority = own ?? NEAREST_PRIORITY.get(normal) ?? nearestNumber(normal, known);
  log.map('priority', word, priority);
  if (own === undefined) {
    log.note(
      'priority_unknown',
      foreignId,
      `priority ${quote(word)} became ${priority}; the original is kept`,
    );
  }
  return priority;
}

/** A number, or `p<number>`, outside the source's range becomes the nearest end of it. */
function nearestNumber(word: string, known: Vocabulary<number>): number {
  const value = Number(/^p?(-?\d+(?:\.\d+)?)$/.exec(word)?.[1] ?? Number.NaN);
  if (Number.isNaN(value)) return PRIORITY_DEFAULT;
  const offset = known.get('0') === PRIORITY_HIGHEST ? 1 : 0;
  return Math.min(PRIORITY_LOWEST, Math.max(PRIORITY_HIGHEST, Math.round(value) + offset));
}

const isMissing = (word: unknown): boolean => word === undefined || word === null || word === '';
const quote = (word: unknown): string => `"${display(word)}"`;
