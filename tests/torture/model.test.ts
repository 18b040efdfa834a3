// Random schedules of writes, faults, kills and waits against the promise that no acknowledged write is ever lost,
// applied twice or silently overwritten, and that no refused one appears. WORKTRAIL_TORTURE_SCHEDULES makes it
// longer, WORKTRAIL_TORTURE_SEED repeats a run.
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { Tally, explain, makeSchedule, runMany, runSchedule } from './model/schedule.ts';

const SCHEDULES = Number(process.env['WORKTRAIL_TORTURE_SCHEDULES'] ?? 600);
const GIVEN_SEED = process.env['WORKTRAIL_TORTURE_SEED'];
const SEEDS =
  GIVEN_SEED === undefined
    ? ['lighthouse', 'harbour', 'estuary', randomBytes(4).toString('hex')]
    : [GIVEN_SEED];
const TIMEOUT_MS = 60_000 + SCHEDULES * 1_000;

const tally = new Tally();

it.each(SEEDS)(
  'keeps its promise in every schedule of the seed %s',
  { timeout: TIMEOUT_MS },
  async (seed) => {
    const failure = await runMany(seed, Math.ceil(SCHEDULES / SEEDS.length), { tally });
    const report = failure === undefined ? '' : await explain(failure);
    if (seed === SEEDS.at(-1)) console.log(`seeds ${SEEDS.join(', ')}\n${tally.toString()}`);
    expect(report).toBe('');
  },
);

it('gives the same run for the same seed', { timeout: TIMEOUT_MS }, async () => {
  for (let index = 0; index < 20; index += 1) {
    const schedule = makeSchedule(`again/${index}`);
    expect(await runSchedule(schedule)).toEqual(await runSchedule(schedule));
  }
});
