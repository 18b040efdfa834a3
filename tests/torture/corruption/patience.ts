// Waiting for what a tracker does by itself, no longer than a test may take.
import { systemClock, type Clock } from '../../../src/platform/clock.ts';
import type { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import type { Tracker } from '../../storage/tracker.ts';

export const PATIENCE_MS = 20_000;
const LOOK_PAUSE_MS = 25;

/** Pauses between probes are cut short: what is waited for is the same. */
export const impatientClock: Clock = { ...systemClock, sleep: (ms) => systemClock.sleep(Math.min(ms, 60)) };

export async function settled(tracker: Tracker): Promise<void> {
  const store = tracker.store as TieredStore;
  await eventually('the store to be online', async () => {
    await store.settle(200);
    return store.state === 'online';
  });
}

export async function copiesAreFresh(tracker: Tracker): Promise<void> {
  const store = tracker.store as TieredStore;
  const { cache } = store.parts;
  if (cache === undefined) return;
  const seq = await tracker.seq();
  await eventually('the cache to be filled', async () => (await cache.known()).seq === seq);
}

export async function eventually(
  what: string,
  check: () => Promise<boolean> | boolean,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  for (const until = Date.now() + patienceMs; !(await check());) {
    if (Date.now() > until) throw new Error(`waited ${patienceMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
  }
}
