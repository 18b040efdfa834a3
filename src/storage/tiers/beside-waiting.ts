/** A read of the primary while writes of this folder wait: it says how many of them the answer may lack. */
import type { Answer } from '../store.ts';
import type { Journals } from './journals.ts';
import { notIncluded } from './words.ts';

/**
 * @param read asks the primary; undefined when it is not to be asked any more
 * @returns what it answered
 */
export async function readBesideWaiting<T>(
  journals: Pick<Journals, 'mayHold' | 'waiting'>,
  read: () => Promise<Answer<T> | undefined>,
): Promise<Answer<T> | undefined> {
  for (let isFirst = true; ; isFirst = false) {
    const before = await waitingIds(journals);
    const answer = await read();
    if (answer === undefined) return undefined;
    const after = await waitingIds(journals);
    // What was applied while it was read is in the next one.
    if (isFirst && [...before].some((id) => !after.has(id))) continue;
    const lacking = new Set([...before, ...after]).size;
    if (lacking > 0) answer.warnings.push(notIncluded(lacking));
    return answer;
  }
}

/** While nothing waits, it costs nothing. */
async function waitingIds(journals: Pick<Journals, 'mayHold' | 'waiting'>): Promise<ReadonlySet<string>> {
  return new Set(journals.mayHold ? (await journals.waiting()).entries.map(({ id }) => id) : []);
}
