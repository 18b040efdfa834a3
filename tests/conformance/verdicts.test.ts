// The judge of the conformance suite's findings fails wherever these are not what the list says.
import { describe, expect, it } from 'vitest';
import type { Exception } from './exceptions.ts';
import type { Check } from './suite.ts';
import { foundAgain, judge } from './verdicts.ts';

const check = (id: string, status: Check['status']): Check => ({ id, status, errorMessage: 'why' });

const GOOD = [check('one', 'SUCCESS'), check('two', 'SUCCESS'), check('note', 'INFO')];
const BAD = [check('one', 'SUCCESS'), check('two', 'FAILURE')];

function judged(found: Record<string, Check[]>, ...exceptions: Omit<Exception, 'reason'>[]) {
  const run = { build: 'product', era: '2025-11-25', scenarios: ['a'] } as const;
  const list = exceptions.map((one) => ({ reason: 'because', ...one }));
  return judge({ ...run, found: new Map(Object.entries(found)) }, list);
}

describe('the judge', () => {
  it('passes what succeeds, and counts no remarks', () => {
    expect(judged({ a: GOOD })).toEqual({ problems: [], passed: 2, listed: 0 });
  });

  it.each(['FAILURE', 'WARNING', 'SKIPPED'] as const)('refuses a %s that is not listed', (status) => {
    const found = { a: [check('one', 'SUCCESS'), check('two', status)] };
    expect(judged(found)).toEqual({ problems: [`a:two: ${status}: why`], passed: 1, listed: 0 });
  });

  it('passes what is listed, as a whole or one check of it, and does not count it', () => {
    expect(judged({ a: BAD }, { of: ['a'] })).toEqual({ problems: [], passed: 0, listed: 2 });
    expect(judged({ a: BAD }, { of: ['a:two'] })).toEqual({ problems: [], passed: 1, listed: 1 });
  });

  it('refuses what is listed and succeeds', () => {
    expect(judged({ a: GOOD }, { of: ['a'] }).problems).toEqual(['a: is listed, and succeeds']);
    expect(judged({ a: BAD }, { of: ['a:one', 'a:two'] }).problems).toEqual([
      'a:one: is listed, and succeeds',
    ]);
  });

  it('does not count what succeeds for nothing, and refuses it where it fails', () => {
    const vacuous = { of: ['a'], passes: 'vacuously' } as const;
    expect(judged({ a: GOOD }, vacuous)).toEqual({ problems: [], passed: 0, listed: 2 });
    expect(judged({ a: BAD }, vacuous).problems).toEqual(['a: is listed as passing vacuously, and fails']);
  });

  it('refuses what was not run, not checked, or is not known', () => {
    expect(judged({}).problems).toEqual(['a: was not run']);
    expect(judged({ a: [check('note', 'INFO')] }, { of: ['a'] }).problems).toEqual(['a: was not run']);
    expect(judged({ a: GOOD }, { of: ['a:three'] }).problems).toEqual([
      'a:three: is listed, and was not checked',
    ]);
    expect(judged({ a: GOOD, b: GOOD }).problems).toEqual(['b: is no scenario of this revision']);
  });

  it('goes by what is listed for this build and this era', () => {
    for (const elsewhere of [{ build: 'fixtures' }, { era: '2026-07-28' }] as const)
      expect(judged({ a: BAD }, { of: ['a'], ...elsewhere }).problems).toEqual(['a:two: FAILURE: why']);
  });
});

it('a problem that is told in other words the next time is the same one', () => {
  const first = ['a:one: FAILURE: no answer to 17', 'a:two: WARNING: late'];
  const again = ['a:one: FAILURE: no answer to 42', 'b:two: WARNING: late'];
  expect(foundAgain(again, first)).toEqual(['a:one: FAILURE: no answer to 42']);
});
