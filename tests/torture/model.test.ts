// Random schedules of writes, faults, kills and waits against the promise that no acknowledged write is ever lost,
// applied twice or silently overwritten, and that no refused one appears. Some seeds are always the same, the last is
// new in each run; WORKTRAIL_TORTURE_SEED repeats it, WORKTRAIL_TORTURE_SCHEDULES sets how many schedules there are.
import { expect, it } from 'vitest';
import { episodes, report, seed } from './scale.ts';
import { carryOut, type Action } from './model/commands.ts';
import { KNOWN, KNOWN_RESTORES } from './model/known.ts';
import { runRestored } from './model/restored.ts';
import { Tally, explain, makeSchedule, prepare, runMany, runSchedule } from './model/schedule.ts';

const SCHEDULES = Number(process.env['WORKTRAIL_TORTURE_SCHEDULES'] ?? episodes(70, 12_000));
const RESTORES = episodes(15, 3_000);
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
it.each(KNOWN)('keeps its promise in the known schedule $seed', { timeout: TIMEOUT_MS }, async (schedule) => {
  expect((await runSchedule(schedule)).violations).toEqual([]);
});

it.each(KNOWN_RESTORES)('keeps its promise after the known restore %s', async (name) => {
  expect(await runRestored(name)).toEqual([]);
});

it('keeps its promise after every restore', { timeout: TIMEOUT_MS }, async () => {
  for (let index = 0; index < RESTORES; index += 1)
    expect(await runRestored(`${seed}/${index}`), `${seed}/${index}`).toEqual([]);
});

const WRITES: Action[] = [
  'create',
  'update',
  'link',
  'update vendor',
  'group',
  'note',
  'plan',
  'take',
  'promote',
];

it('reaches the primary with every kind of write while nothing fails', async () => {
  const world = await prepare({ ...makeSchedule('quiet'), processes: [1], skews: [0], hasCaches: true }, {});
  for (const slot of world.slots) await world.start(slot);
  for (const action of WRITES) {
    for (let dice = 0; dice < 4; dice += 1) await carryOut(world, { action, client: 0, dice, gap: 200 });
  }
  const attempts = world.ledger.writes.flatMap((write) => write.attempts);
  world.close();
  const kept = attempts.flatMap(({ durability }) => durability ?? []);
  expect(kept.length).toBeGreaterThan(WRITES.length);
  expect(kept.filter((durability) => durability !== 'postgres')).toEqual([]);
});

it('gives the same run for the same seed', { timeout: TIMEOUT_MS }, async () => {
  for (let index = 0; index < episodes(6, 20); index += 1) {
    const schedule = makeSchedule(`again/${index}`);
    expect(await runSchedule(schedule)).toEqual(await runSchedule(schedule));
  }
});
