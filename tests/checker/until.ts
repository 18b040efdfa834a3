import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_PAUSE_MS = 100;

/** Looks again and again; a failure of the look counts as no. Answers whether it came true in time. */
export async function came(
  check: () => Promise<boolean> | boolean,
  patienceMs: number,
  pauseMs = LOOK_PAUSE_MS,
): Promise<boolean> {
  for (const giveUpAt = Date.now() + patienceMs; Date.now() < giveUpAt; await sleep(pauseMs)) {
    try {
      if (await check()) return true;
    } catch {
      // not yet
    }
  }
  return false;
}

export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  patienceMs = 60_000,
): Promise<void> {
  if (!(await came(check, patienceMs)))
    throw new Error(`waited ${patienceMs / 1000} s in vain until ${what}`);
}
