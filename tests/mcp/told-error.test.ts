import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { TrackerError, notFound, validationError } from '../../src/domain/errors.ts';
import { toldError } from '../../src/mcp/definitions/told-error.ts';

const tokensOf = (value: unknown) => encode(JSON.stringify(value)).length;

describe('an error as a model is told it', () => {
  const problem = { field: 'fields[0]', constraint: `must be one of ${'"a", '.repeat(30)}"b"`, value: 'c' };

  it('tells one problem once', () => {
    const told = toldError(validationError(problem));
    expect(told.message).toBe('fields[0] is not as it should be.');
    expect(told.details).toEqual(problem);
    expect(told.next).toContain('nothing was changed');
  });

  it('tells several as a list, and how many are left out', () => {
    const two = toldError(validationError([problem, { ...problem, field: 'sort' }]));
    expect(two.message).toBe('2 arguments are not as they should be.');
    expect(two.details).toEqual({ problems: [problem, { ...problem, field: 'sort' }] });
    const many = toldError(validationError(Array.from({ length: 50 }, () => problem)));
    expect(many.message).toBe('50 arguments are not as they should be.');
    expect(many.details).toMatchObject({ problems_left_out: 30 });
  });

  it('shows the beginning of long values of a conflict, and whole what is short', () => {
    const long = 'Long text. '.repeat(2_000);
    const change = { field: 'description', from: long, to: `${long}!` };
    const conflict = new TrackerError(
      'VersionConflictError',
      'This work item is at version 2, not 1.',
      {
        ...{ expected_version: 1, current_version: 2, overlap: ['description'], mergeable: false },
        current: {
          id: '3f2a9c1b',
          version: 2,
          item_type: 'task',
          title: 'Short',
          description: `${long}!`,
          labels: ['ui'],
          path: '/x',
        },
        theirs: [{ ...change, by: 'ada' }],
        yours: [change, { field: 'title', from: 'Short', to: 'Mine' }],
      },
      'Decide which value is right.',
    );
    const { details } = toldError(conflict);
    const begins = expect.stringMatching(/^Long text\. .* \(2200[01] characters\)$/) as unknown;
    expect(details['current']).toMatchObject({ version: 2, title: 'Short', description: begins });
    expect(details['cut']).toEqual([
      { field: 'current.description', next: 'query_work_item {"id":"3f2a9c1b","field":"description"}' },
    ]);
    expect(details['theirs']).toEqual([{ field: 'description', from: begins, to: begins, by: 'ada' }]);
    expect(details['yours']).toMatchObject([{ to: begins }, { field: 'title', from: 'Short', to: 'Mine' }]);
    expect(tokensOf(details)).toBeLessThan(600);
  });

  it('leaves every other error as it is', () => {
    const missing = notFound('vendor', { name: 'x' });
    expect(toldError(missing)).toEqual(missing.toBody());
  });
});
