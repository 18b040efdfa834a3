/** Time, so that tests can hold it still. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970, as the wall clock of this machine tells it: it may jump. */
  now(): number;
  /** Resolves after `ms`; never keeps the process alive. */
  sleep(ms: number): Promise<void>;
  /** A number from 0 up to 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => delay(ms, undefined, { ref: false }),
  random: () => Math.random(),
};
