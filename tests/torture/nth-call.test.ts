// The same story with a fault at each call of a layer in turn, once and from there on. The short form gives each call one
// of the six faults, another one in each run of six; the long form gives each all of them.
import { expect, it } from 'vitest';
import { isLong, randomFor, report } from './scale.ts';
import { tell, type Case } from './model/scenario.ts';

const KINDS = ['before', 'after', 'hang'] as const;
const FAULTS = [false, true].flatMap((forever) => KINDS.map((kind) => ({ forever, kind })));

it('keeps every acknowledged write whichever call of a layer fails', { timeout: 300_000 }, async () => {
  const { violations, calls } = await tell({});
  expect(violations).toEqual([]);
  const first = randomFor('nth call').int(FAULTS.length);
  const cases = Array.from({ length: calls }, (_, index) => index + 1).flatMap((call) => {
    const faults = isLong ? FAULTS : [FAULTS[(first + call) % FAULTS.length] as (typeof FAULTS)[number]];
    return faults.map((fault): Case => ({ call, ...fault }));
  });
  const wrong: string[] = [];
  for (const one of cases) {
    const result = await tell(one);
    if (result.violations.length > 0) wrong.push(`${JSON.stringify(one)}: ${String(result.violations[0])}`);
  }
  expect(wrong).toEqual([]);
  report(
    'nth call',
    `${cases.length} cases: each of ${calls} calls of layers fails ${isLong ? 'once and for ever, in three ways' : 'in one of six ways'}, 0 lost or twice`,
  );
});
