// The model must notice what it is there for: bugs put in between the parts of the tracker, one at a time.
import { describe, expect, it } from 'vitest';
import { BUGS, BUGS_AFTER_RESTORES, DIRECTED } from './model/bugs.ts';
import { runRestored } from './model/restored.ts';
import { report } from './scale.ts';
import { makeSchedule, runSchedule } from './model/schedule.ts';

const SEED = 'ladybirds';
/** Within so many schedules each bug has to be noticed. */
const SCHEDULES_MAX = 600;
/** Within so many restores, those bugs. */
const RESTORES = 200;
const TIMEOUT_MS = 300_000;

describe('the model', () => {
  let furthest = 0;
  let noticed = 0;

  it.each(Object.entries(BUGS))('notices a store that %s', { timeout: TIMEOUT_MS }, async (name, seams) => {
    const { often, from = 0 } = DIRECTED[name] ?? {};
    let found: string | undefined;
    let schedule = makeSchedule(`${SEED}/${from}`, often);
    let schedules = 0;
    for (; schedules < SCHEDULES_MAX && found === undefined; schedules += 1) {
      schedule = makeSchedule(`${SEED}/${from + schedules}`, often);
      [found] = (await runSchedule(schedule, seams)).violations;
    }
    console.log(
      `${name}: ${found === undefined ? 'not noticed' : `after ${schedules} schedules: ${found.slice(0, 160)}`}`,
    );
    furthest = Math.max(furthest, schedules);
    expect(found, 'noticed').toBeDefined();
    expect((await runSchedule(schedule)).violations, 'the same without the bug').toEqual([]);
    noticed += 1;
  });

  it.each(Object.entries(BUGS_AFTER_RESTORES))(
    'notices, after a restore, a store that %s',
    { timeout: TIMEOUT_MS },
    async (name, seams) => {
      let found: string | undefined;
      let index = DIRECTED[name]?.from ?? 0;
      for (; index < RESTORES && found === undefined; index += 1)
        [found] = await runRestored(`${SEED}/${index}`, seams);
      expect(found, 'noticed').toBeDefined();
      expect(await runRestored(`${SEED}/${index - 1}`), 'the same without the bug').toEqual([]);
    },
  );

  it('was given all of them', () => {
    expect(Object.keys({ ...BUGS, ...BUGS_AFTER_RESTORES })).toEqual(
      expect.arrayContaining(Object.keys(DIRECTED)),
    );
    const bugs = Object.keys(BUGS).length;
    report(
      'model with bugs',
      `${noticed} of ${bugs} bugs noticed, each within ${furthest} schedules, without which none is`,
    );
  });
});
