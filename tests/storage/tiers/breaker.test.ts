// When the primary is no longer asked, and when it is asked again: every state and event.
import { describe, expect, it } from 'vitest';
import { Breaker } from '../../../src/storage/tiers/breaker.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import {
  TRANSITIONS,
  asksPrimary,
  type TierEvent,
  type TierState,
} from '../../../src/storage/contract/state.ts';

const clock = (random = 0.5): Clock => ({
  now: () => Date.parse('2026-01-05T09:00:00Z'),
  sleep: () => Promise.resolve(),
  random: () => random,
});

const STATES = Object.keys(TRANSITIONS) as TierState[];
const EVENTS = Object.keys(TRANSITIONS.online) as TierEvent[];

/** A way to each state from the first. */
const WAY: Record<TierState, TierEvent[]> = {
  online: [],
  offline: ['primaryFailed'],
  replaying: ['journaled'],
  refused: ['mismatch'],
  misconfigured: ['mistaken'],
};

function breakerIn(state: TierState): { breaker: Breaker; entered: TierState[] } {
  const entered: TierState[] = [];
  const breaker = new Breaker(clock(), (to) => entered.push(to));
  for (const event of WAY[state]) breaker.move(event, 'a reason');
  expect(breaker.state).toBe(state);
  entered.length = 0;
  return { breaker, entered };
}

describe('the table of states', () => {
  it.each(
    STATES.flatMap((state) => EVENTS.map((event) => ({ state, event, to: TRANSITIONS[state][event] }))),
  )('goes from $state by $event to $to, and tells of it once', ({ state, event, to }) => {
    const { breaker, entered } = breakerIn(state);
    breaker.move(event, 'another reason');
    breaker.move(event, 'another reason');
    expect(breaker.state).toBe(TRANSITIONS[to][event]);
    expect(entered.slice(0, 1)).toEqual(to === state ? [] : [to]);
  });

  it('asks the primary only where it is there', () => {
    expect(STATES.filter(asksPrimary)).toEqual(['online', 'replaying']);
  });

  it('never comes back to a primary that failed without a recovery', () => {
    for (const state of ['offline', 'refused', 'misconfigured'] as const) {
      for (const event of EVENTS) {
        if (event !== 'recovered') expect(asksPrimary(TRANSITIONS[state][event])).toBe(false);
      }
    }
  });
});

describe('a breaker', () => {
  it('opens after one refusal', () => {
    const { breaker } = breakerIn('online');
    breaker.failed('nothing accepts connections', { timedOut: false });
    expect(breaker).toMatchObject({ state: 'offline', reason: 'nothing accepts connections' });
  });

  it('opens after two timeouts in a row, not after one', () => {
    const { breaker } = breakerIn('online');
    breaker.failed('too slow', { timedOut: true });
    expect(breaker.state).toBe('online');
    breaker.succeeded();
    breaker.failed('too slow', { timedOut: true });
    expect(breaker.state).toBe('online');
    breaker.failed('too slow', { timedOut: true });
    expect(breaker.state).toBe('offline');
  });

  it('closes after two good probes in a row', () => {
    const { breaker } = breakerIn('offline');
    breaker.probeSucceeded();
    breaker.probeFailed('gone again', 'primaryFailed');
    breaker.probeSucceeded();
    expect(breaker).toMatchObject({ state: 'offline', reason: 'gone again' });
    breaker.probeSucceeded();
    expect(breaker).toMatchObject({ state: 'replaying', reason: null });
  });

  it('refuses a primary that is not the truth until it is', () => {
    const { breaker } = breakerIn('offline');
    breaker.probeFailed('it is another project', 'mismatch');
    expect(breaker).toMatchObject({ state: 'refused', reason: 'it is another project' });
    breaker.probeSucceeded();
    breaker.probeSucceeded();
    expect(breaker.state).toBe('replaying');
  });

  it('probes after half a second first, ever more rarely, at most every 15 s, and soon again after a good one', () => {
    const { breaker } = breakerIn('offline');
    const pauses: number[] = [];
    for (let probe = 0; probe < 11; probe += 1) {
      pauses.push(Math.round(breaker.nextProbeMs()));
      breaker.probeFailed('still gone', 'primaryFailed');
    }
    expect(pauses).toEqual([500, 750, 1_125, 1_688, 2_531, 3_797, 5_695, 8_543, 12_814, 15_000, 15_000]);
    breaker.probeSucceeded();
    expect(breaker.nextProbeMs()).toBeLessThan(100);
  });

  it('varies the pause by up to a quarter, so that many processes do not come in step', () => {
    for (const [random, pause] of [
      [0, 375],
      [1, 625],
    ] as const) {
      const breaker = new Breaker(clock(random));
      breaker.move('primaryFailed', null);
      expect(breaker.nextProbeMs()).toBe(pause);
    }
  });
});
