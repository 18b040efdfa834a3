// Simulated time: nothing waits for a real clock, and what is due happens in one order.
import { performance } from 'node:perf_hooks';

interface Timer {
  at: number;
  order: number;
  wake: () => void;
}

export class SimulatedTime {
  /** Milliseconds since the start of the schedule. */
  now = 0;
  #order = 0;
  #timers: Timer[] = [];

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#add({ at: this.now + Math.max(0, ms), order: this.#order++, wake }));
  }

  /** Lets everything happen that is due within `ms`. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    await settled();
    for (let next = this.#timers[0]; next !== undefined && next.at <= until; next = this.#timers[0]) {
      this.#timers.shift();
      this.now = Math.max(this.now, next.at);
      next.wake();
      await settled();
    }
    this.now = until;
  }

  /** Lets everything happen up to the moment when `isDone`, at most `ms`. */
  async advanceUntil(isDone: () => boolean, ms: number): Promise<boolean> {
    const until = this.now + ms;
    await settled();
    while (!isDone()) {
      const next = this.#timers[0];
      if (next === undefined || next.at > until) break;
      this.#timers.shift();
      this.now = Math.max(this.now, next.at);
      next.wake();
      await settled();
    }
    if (!isDone()) this.now = until;
    return isDone();
  }

  /** Forgets what was still to come: nobody waits for it any more. */
  clear(): void {
    this.#timers = [];
  }

  #add(timer: Timer): void {
    // Few wait at once, and most of them for later than the others: looking from the end is short.
    let index = this.#timers.length;
    for (; index > 0; index -= 1) {
      const before = this.#timers[index - 1] as Timer;
      if (before.at < timer.at || (before.at === timer.at && before.order < timer.order)) break;
    }
    this.#timers.splice(index, 0, timer);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Resolves when nobody can go on without time passing: a turn of the event loop empties the queue of promises. */
async function settled(): Promise<void> {
  const started = performance.now();
  do {
    await turn();
    if (performance.now() - started > STUCK_MS) throw new Error('the schedule does not come to rest');
    // Copying whole tables gives others their turn by the same means.
  } while (process.getActiveResourcesInfo().includes('Immediate'));
}

/** Real time, for a model that goes round in circles. */
const STUCK_MS = 20_000;
