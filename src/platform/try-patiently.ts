/** Tries again for as long as somebody who starts may be expected to wait. */
import type { Clock } from './clock.ts';

const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 1_000;
/** When the waiting is told of. */
const TOLD_AFTER_MS = 1_000;
/** Many who start together must not come in step: each pause is cut or stretched by up to a quarter. */
const JITTER = 0.25;

interface Patient {
  clock: Clock;
  /** No attempt begins later than this after the first. */
  limitMs: number;
  /** Whether an error may pass by itself. */
  isWorthwhile: (error: unknown) => boolean;
  /** Called once, when it takes long. */
  onWaiting: () => void;
}

/** @throws what the last attempt threw */
export async function tryPatiently<T>(
  work: () => Promise<T>,
  { clock, limitMs, isWorthwhile, onWaiting }: Patient,
): Promise<T> {
  const telling = setTimeout(onWaiting, TOLD_AFTER_MS);
  // The clock's pauses do not keep the process alive.
  const alive = setInterval(() => undefined, limitMs + PAUSE_MAX_MS);
  let leftMs = limitMs;
  try {
    for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
      const began = performance.now();
      try {
        return await work();
      } catch (error) {
        if (!isWorthwhile(error)) throw error;
        const pause = pauseMs * (1 - JITTER + 2 * JITTER * clock.random());
        // Not by the clock, which may be set meanwhile.
        leftMs -= performance.now() - began + pause;
        if (leftMs <= 0) throw error;
        await clock.sleep(pause);
      }
    }
  } finally {
    clearTimeout(telling);
    clearInterval(alive);
  }
}
