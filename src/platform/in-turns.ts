/**
 * Long work that lets the event loop go around now and then: a ping, another call and progress on its way out do not wait
 * for its end. What is locked or begun meanwhile stays so: whoever holds a transaction or a turn of a queue holds it on.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long work keeps the loop to itself: so short that nobody notices, so long that going around costs nothing. */
const STRETCH_MS = 10;

/** @returns to be waited for between two steps: it resolves at once, or after a turn of the loop where one is due */
export function stretches(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < STRETCH_MS) return;
    await nextTurn();
    since = performance.now();
  };
}

/** `all.map(work)`, whose order is kept, with turns for others in between. */
export async function mapInTurns<One, Result>(
  all: readonly One[],
  work: (one: One, at: number) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  const turn = stretches();
  for (const [at, one] of all.entries()) {
    results.push(work(one, at));
    await turn();
  }
  return results;
}
