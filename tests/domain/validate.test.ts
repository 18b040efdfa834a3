// From what a client sends to typed values, with every problem named.
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { clearOf, integer, jsonObject, line } from '../../src/domain/fields.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { TrackerError } from '../../src/domain/errors.ts';
import { nearestName } from '../../src/domain/warnings.ts';
import { problemsOf } from '../storage/refusal.ts';

const schema = z.object({
  title: line(10),
  priority: integer(1, 5).default(3),
  kind: z.enum(['one', 'two']).optional(),
  labels: z.array(line(5)).max(2).nullish(),
  tags: z
    .array(z.string())
    .transform((values) => values.length)
    .optional(),
  metadata: jsonObject.default({}),
});

const constraintOf = async (input: unknown) =>
  (await problemsOf(() => parseInput(schema, input)))[0]?.constraint;

describe('parsing arguments', () => {
  it('fills in defaults and keeps what was said', () => {
    expect(parseInput(schema, { title: 'x', labels: ['a'] })).toEqual({
      title: 'x',
      priority: 3,
      labels: ['a'],
      metadata: {},
    });
  });

  it.each([
    [undefined, 'title', 'is required'],
    [{}, 'title', 'is required'],
    [{ title: 5 }, 'title', 'must be a string, not a number'],
    [{ title: null }, 'title', 'must be a string, not null'],
    [{ title: ['x'] }, 'title', 'must be a string, not an array'],
    [{ title: 'x', priority: 0 }, 'priority', 'must be at least 1'],
    [{ title: 'x', priority: 6 }, 'priority', 'must be at most 5'],
    [{ title: 'x', priority: 1.5 }, 'priority', 'must be an integer, not a number'],
    [{ title: 'x', kind: 'three' }, 'kind', 'must be one of "one", "two"'],
    [{ title: 'x', labels: ['a', 'b', 'c'] }, 'labels', 'must have at most 2 entries'],
    [{ title: 'x', labels: ['a', 'toolong'] }, 'labels[1]', 'must have 1 to 5 characters (it has 7)'],
    [{ title: 'x', metadata: 'no JSON' }, 'metadata', 'must be an object, not a string'],
    [{ title: 'x', metadata: [] }, 'metadata', 'must be an object, not an array'],
    ['text', 'arguments', 'must be an object'],
    [[1], 'arguments', 'must be an object'],
  ])('of %j names %s', async (input, field, constraint) => {
    const [problem] = await problemsOf(() => parseInput(schema, input));
    expect(problem).toMatchObject({ field, constraint });
  });

  it('names every problem, unknown arguments with the nearest known one', async () => {
    const problems = await problemsOf(() => parseInput(schema, { titel: 'x', priority: 9, metdata: {} }));
    expect(problems).toEqual([
      { field: 'titel', constraint: 'is not an argument here; it is called "title"', value: 'x' },
      { field: 'metdata', constraint: 'is not an argument here; it is called "metadata"', value: {} },
      { field: 'title', constraint: 'is required', value: null },
      { field: 'priority', constraint: 'must be at most 5', value: 9 },
    ]);
  });

  it.each([
    ['name', 'title'],
    ['Title', 'title'],
    ['meta', 'metadata'],
  ])('knows what %s is called here', async (name, called) => {
    const [problem] = await problemsOf(() => parseInput(schema, { title: 'x', [name]: 1 }));
    expect(problem?.constraint).toBe(`is not an argument here; it is called "${called}"`);
  });

  it.each([
    ['expected_version', 'version'],
    ['extractorVersion', 'extractor_version'],
    ['acton', 'action'],
    ['actor', 'updated_by'],
    ['session', undefined],
    ['after', undefined],
    ['target_id', undefined],
    ['ids', undefined],
  ])('does not take %s for a word that only looks like it', async (name, called) => {
    const known = [
      ...['version', 'extractor_version', 'action', 'parent_id', 'updated_by'],
      'a_ids',
      'b_ids',
    ];
    const several = z.object(Object.fromEntries(known.map((one) => [one, z.string().optional()])));
    const [problem] = await problemsOf(() => parseInput(several, { [name]: 'x' }));
    expect(/it is called "(.*)"/.exec(problem?.constraint ?? '')?.[1]).toBe(called);
  });

  it('names all arguments where none is like the one that was given', async () => {
    const [problem] = await problemsOf(() => parseInput(schema, { title: 'x', zzz: 1 }));
    expect(problem?.constraint).toMatch(/^is not an argument here; there are title, /);
  });

  it('empties the fields that clear names, as null does', async () => {
    const clearing = z.object({
      title: z.string().optional(),
      labels: z.array(z.string()).nullish(),
      owner: z.string().nullish(),
      clear: clearOf('labels', 'owner'),
    });
    expect(parseInput(clearing, { clear: ['labels'] })).toEqual({ labels: null });
    expect(parseInput(clearing, { clear: '["owner"]', owner: null })).toEqual({ owner: null });
    expect(parseInput(clearing, { clear: null, title: 'x' })).toEqual({ title: 'x' });
    const problems = (input: object) => problemsOf(() => parseInput(clearing, input));
    expect(await problems({ clear: ['owner'], owner: 'ada' })).toEqual([
      { field: 'clear', constraint: 'empties owner, for which a value is given', value: 'owner' },
    ]);
    expect(await problems({ clear: ['title'] })).toMatchObject([
      { field: 'clear[0]', constraint: 'must be one of "labels", "owner"' },
    ]);
  });

  it('takes null for what is not set, and numbers and booleans as text', () => {
    const lenient = z.object({
      number: z.number().optional(),
      flag: z.boolean().default(false),
      text: z.string().optional(),
      empty: z.string().nullish(),
    });
    const given = { number: '3', flag: 'true', text: '3', empty: null };
    expect(parseInput(lenient, given)).toEqual({ number: 3, flag: true, text: '3', empty: null });
    expect(parseInput(lenient, { number: null, flag: null, text: null })).toEqual({ flag: false });
    expect(() => parseInput(lenient, { number: '3x' })).toThrow('number: must be a number, not a string');
  });

  it('does not take a number as text for another one', () => {
    const lenient = z.object({ version: integer(1), hours: z.number().optional() });
    expect(parseInput(lenient, { version: '4000000000000003', hours: '1.25' })).toEqual({
      version: 4_000_000_000_000_003,
      hours: 1.25,
    });
    for (const version of ['9007199254740993', '9007199254740990.9', '3.0000000000000000001'])
      expect(() => parseInput(lenient, { version }), version).toThrow('version: must be');
  });

  it.each(['constructor', 'toString', 'hasOwnProperty'])('does not know %s', async (name) => {
    for (const value of [1, 'x', null]) {
      const problems = await problemsOf(() => parseInput(schema, { title: 'x', [name]: value }));
      expect(problems.map(({ field }) => field)).toEqual([name]);
    }
  });

  it('shortens the values that it repeats', async () => {
    const [long] = await problemsOf(() => parseInput(schema, { title: '🚀'.repeat(500) }));
    expect(long?.value).toBe(`${'🚀'.repeat(80)}…`);
    const [large] = await problemsOf(() => parseInput(schema, { title: { deep: 'x'.repeat(500) } }));
    expect(String(large?.value)).toMatch(/^\{"deep":"x+…$/);
  });

  it('refuses text that no store can keep, wherever it is', async () => {
    expect(await constraintOf({ title: 'a\0b' })).toContain('NUL');
    expect(await constraintOf({ title: 'x', metadata: { a: ['\ud83d'] } })).toContain('surrogate');
    expect(await constraintOf({ title: 'x', metadata: '{"a": "\\u0000"}' })).toContain('NUL');
    expect(await constraintOf({ title: 'x', labels: '["\\ud83d"]' })).toContain('surrogate');
    expect(await constraintOf(JSON.parse('{"title": "x", "__proto__": {}}'))).toContain('__proto__');
  });
});

describe('objects and arrays as JSON text', () => {
  it('are taken for what they say, whatever wraps the field', () => {
    const parsed = parseInput(schema, {
      title: 'x',
      labels: '["a", "b"]',
      metadata: ' {"a": [1]} ',
      tags: '["x", "y"]',
    });
    expect(parsed).toEqual({ title: 'x', priority: 3, labels: ['a', 'b'], metadata: { a: [1] }, tags: 2 });
    expect(parseInput(schema, { title: 'x', labels: 'null' }).labels).toBeNull();
  });

  it('are left as text in fields that hold text', () => {
    expect(parseInput(schema, { title: '["a"]' }).title).toBe('["a"]');
    expect(parseInput(schema, { title: '{}' }).title).toBe('{}');
  });

  it.each(['[1', '5', '"a"', 'true', ''])('are not %j', async (labels) => {
    expect(await constraintOf({ title: 'x', labels })).toBe('must be an array, not a string');
  });

  it('do not change what the caller holds', () => {
    const input = { title: 'x', metadata: '{"a": 1}' };
    parseInput(schema, input);
    expect(input.metadata).toBe('{"a": 1}');
  });
});

describe('the nearest name', () => {
  it.each([
    ['titel', 'title'],
    ['TITLE', 'title'],
    ['prioritty', 'priority'],
  ])('of %s is %s', (name, nearest) => {
    expect(nearestName(name, ['title', 'priority', 'labels'])).toBe(nearest);
  });

  it('is found in any case of the known ones', () => {
    expect(nearestName('vendor_abd', ['Other', 'VENDOR_ABC'])).toBe('VENDOR_ABC');
  });

  it('is none where nothing is known', () => {
    expect(nearestName('x', [])).toBeUndefined();
  });
});

describe('a hopeless call', () => {
  it('is answered with the first problems and the number of the rest, not at greater length than it was made', () => {
    const input = Object.fromEntries(
      Array.from({ length: 50_000 }, (_, number) => [`unknown_${number}`, 'x']),
    );
    const error = refusedBy(() => parseInput(z.object({ id: z.string() }), input));
    expect(error.details['problems']).toHaveLength(20);
    expect(error.details['problems_left_out']).toBe(50_001 - 20);
    expect(error.message).toMatch(/and 49981 more$/);
    expect(JSON.stringify(error.toBody()).length).toBeLessThan(10_000);
  });

  it('with a name of half a megabyte is answered in a few words', () => {
    const error = refusedBy(() =>
      parseInput(z.object({ id: z.string() }), { ['n'.repeat(500_000)]: 1, id: 'x' }),
    );
    expect(JSON.stringify(error.toBody()).length).toBeLessThan(2_000);
  });

  it('names what is required and what it may be', () => {
    const error = refusedBy(() => parseInput(z.object({ kind: z.enum(['a', 'b']) }), {}));
    expect(error.message).toBe('kind: is required; it must be one of "a", "b"');
  });
});

function refusedBy(work: () => unknown): TrackerError {
  try {
    work();
  } catch (error) {
    if (error instanceof TrackerError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
