// When what the database refuses is tried again: not much later than its fault ends.
import { expect, it } from 'vitest';
import { HeldWrites } from '../../../src/storage/tiers/held-writes.ts';
import { Random } from '../../torture/model/random.ts';

const FAULT_MAX_MS = 10_000;
const BACK_MAX_MS = 10_000;

it('a fault of some seconds costs at most as many more, whatever chance does to the pauses', () => {
  for (let seed = 0; seed < 2_000; seed += 1) {
    const random = new Random(String(seed));
    const held = new HeldWrites(() => undefined);
    const faultMs = random.int(FAULT_MAX_MS);
    // Half of them with pauses that are all stretched or all cut.
    const chance = () => (seed % 2 === 0 ? random.next() : seed % 4 === 1 ? 0 : 1);
    let now = 0;
    while (now <= faultMs) {
      expect(held.isRetryDue(now)).toBe(true);
      held.planRetry(now, chance(), false);
      now += held.dueInMs(now);
    }
    expect(now - faultMs, `after ${faultMs} ms, seed ${seed}`).toBeLessThanOrEqual(BACK_MAX_MS);
  }
});

it('a pause grows up to a minute, and is short again after something was applied', () => {
  const held = new HeldWrites(() => undefined);
  let now = 0;
  for (let attempt = 0; attempt < 20; attempt += 1) {
    held.planRetry(now, 0.5, false);
    now += held.dueInMs(now);
  }
  held.planRetry(now, 0.5, false);
  expect(held.dueInMs(now)).toBe(60_000);
  held.planRetry(now, 0.5, true);
  expect(held.dueInMs(now)).toBe(1_000);
});
