/** A read of the primary while writes of this folder wait: it says how many of them the answer may lack. */
import type { Warning } from '../../domain/warnings.ts';
import type { Answer } from '../contract/store.ts';
import type { JournalEntry } from '../contract/journal.ts';
import type { Journals } from '../journals/journals.ts';

/**
 * @param read asks the primary; undefined when it is not to be asked any more
 * @param warningOf words what the answer may lack
 * @returns what it answered
 */
export async function readBesideWaiting<T>(
  journals: Pick<Journals, 'mayHold' | 'waiting'>,
  read: () => Promise<Answer<T> | undefined>,
  warningOf: (lacking: readonly JournalEntry[]) => Warning,
): Promise<Answer<T> | undefined> {
  for (let isFirst = true; ; isFirst = false) {
    const before = await waitingEntries(journals);
    const answer = await read();
    if (answer === undefined) return undefined;
    const after = await waitingEntries(journals);
    const settled = [...before.values()].filter(({ id }) => !after.has(id));
    // What was applied while it was read is in the next one.
    if (isFirst && settled.length > 0) continue;
    const lacking = [...after.values(), ...settled];
    if (lacking.length > 0) answer.warnings.push(warningOf(lacking));
    return answer;
  }
}

/** While nothing waits, it costs nothing. */
async function waitingEntries(
  journals: Pick<Journals, 'mayHold' | 'waiting'>,
): Promise<ReadonlyMap<string, JournalEntry>> {
  if (!journals.mayHold) return NONE;
  const { entries, unread } = await journals.waiting();
  return new Map([...entries, ...unread].map((entry) => [entry.id, entry]));
}

const NONE: ReadonlyMap<string, JournalEntry> = new Map();
