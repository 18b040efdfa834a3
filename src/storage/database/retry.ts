import { setTimeout as sleep } from 'node:timers/promises';
import { classifyDriverError } from './driver-errors.ts';

/** How long a write waits for its turn before it is refused. Sixteen busy processes need a few seconds. */
export const CONTENTION_LIMIT_MS = 30_000;
const PAUSE_MIN_MS = 1;
const PAUSE_MAX_MS = 25;

/** Repeats `attempt` while other writers are in the way, with growing random pauses, up to the limit. */
export async function retryContention<T>(attempt: () => Promise<T> | T): Promise<T> {
  const giveUpAt = Date.now() + CONTENTION_LIMIT_MS;
  for (let pauseMs = PAUSE_MIN_MS * 2; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (classifyDriverError(error) !== 'contention' || Date.now() > giveUpAt) throw error;
      await sleep(PAUSE_MIN_MS + Math.random() * pauseMs);
    }
  }
}

/** Runs async work one at a time, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
