// The same story with a fault at each call of a layer in turn, once and from there on.
import { expect, it } from 'vitest';
import { report } from './scale.ts';
import { tell, type Case } from './model/scenario.ts';

const KINDS = ['before', 'after', 'hang'] as const;

it('keeps every acknowledged write whichever call of a layer fails', { timeout: 300_000 }, async () => {
  const { violations, calls } = await tell({});
  expect(violations).toEqual([]);
  const cases = Array.from({ length: calls }, (_, index) => index + 1).flatMap((call) =>
    [false, true].flatMap((forever) => KINDS.map((kind): Case => ({ call, forever, kind }))),
  );
  const wrong: string[] = [];
  for (const one of cases) {
    const result = await tell(one);
    if (result.violations.length > 0) wrong.push(`${JSON.stringify(one)}: ${String(result.violations[0])}`);
  }
  expect(wrong).toEqual([]);
  report(
    'nth call',
    `${cases.length} cases: each of ${calls} calls of layers fails once and for ever, in ${KINDS.length} ways, 0 lost or twice`,
  );
});
