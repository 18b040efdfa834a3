// Random schedules of writes, faults, kills and waits against the promise that no acknowledged write is ever lost,
// applied twice or silently overwritten, and that no refused one appears. Some seeds are always the same, the last is
// new in each run; WORKTRAIL_TORTURE_SEED repeats it, WORKTRAIL_TORTURE_SCHEDULES sets how many schedules there are.
import { expect, it } from 'vitest';
import { episodes, report, seed } from './scale.ts';
import { Tally, explain, makeSchedule, runMany, runSchedule } from './model/schedule.ts';

const SCHEDULES = Number(process.env['WORKTRAIL_TORTURE_SCHEDULES'] ?? episodes(600, 12_000));
const SEEDS = ['lighthouse', 'harbour', 'estuary', seed];
const TIMEOUT_MS = 60_000 + SCHEDULES * 1_000;

const tally = new Tally();

it.each(SEEDS)(
  'keeps its promise in every schedule of the seed %s',
  { timeout: TIMEOUT_MS },
  async (name) => {
    const failure = await runMany(name, Math.ceil(SCHEDULES / SEEDS.length), { tally });
    expect(failure === undefined ? '' : await explain(failure)).toBe('');
    if (name !== seed) return;
    console.log(tally.toString());
    report(
      'model',
      `${tally.summary()}; 0 lost, twice, phantom or silently overwritten; seeds ${SEEDS.join(' ')}`,
    );
  },
);

// Each showed a fault that no other test shows.
it.each([
  // A waiting write that did not fit was tried again on top of later ones, and came to lie above them.
  'estuary/2852',
  // The write that it builds on turned up later, from a journal that could not be read: now it does fit.
  'harbour/7',
  'lighthouse/1630',
  'estuary/1773',
])('keeps its promise in the schedule %s', { timeout: TIMEOUT_MS }, async (name) => {
  expect((await runSchedule(makeSchedule(name))).violations).toEqual([]);
});

it('gives the same run for the same seed', { timeout: TIMEOUT_MS }, async () => {
  for (let index = 0; index < 20; index += 1) {
    const schedule = makeSchedule(`again/${index}`);
    expect(await runSchedule(schedule)).toEqual(await runSchedule(schedule));
  }
});
