// JSON as values: what is equal, what can be stored, what text stands for it.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  equalJson,
  findUnstorable,
  jsonBytes,
  ownValue,
  stableJson,
  type JsonObject,
} from '../../src/domain/json.ts';

/** The same value with the keys of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, entry]) => [key, reversed(entry)]),
  );
}

describe('equality by value', () => {
  it('does not see the order of keys', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => equalJson(value, reversed(value))));
  });

  it('agrees with the stable text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
        fc.pre(![stableJson(a), stableJson(b)].some((text) => text.includes('-0') || text === '0'));
        expect(equalJson(a, b)).toBe(stableJson(a) === stableJson(b));
      }),
    );
  });

  it.each([
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: 1 }, { a: 1, b: undefined }],
    [{ a: null }, {}],
    [{ toString: 1 }, {}],
    [[], {}],
    ['1', 1],
    [null, undefined],
    [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }],
  ])('tells %j from %j', (a, b) => {
    expect(equalJson(a, b)).toBe(false);
    expect(equalJson(b, a)).toBe(false);
  });
});

describe('the stable text', () => {
  it('is the same for the same value, and reads back as it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(stableJson(value)).toBe(stableJson(reversed(value)));
        expect(JSON.parse(stableJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('own values', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('are not inherited: %s', (key) => {
    expect(ownValue({}, key)).toBeNull();
    expect(ownValue(JSON.parse(`{"${key}": 1}`) as JsonObject, key)).toBe(1);
  });
});

describe('what no store can keep', () => {
  it.each([
    ['NUL in a text', { a: ['x', 'a\0'] }, 'm.a[1]', 'text must not contain the NUL character'],
    ['NUL in a key', { 'a\0': 1 }, 'm.a\0', 'a key must not contain the NUL character'],
    ['the first half of a character', { a: '\ud83d' }, 'm.a', 'half of a surrogate pair'],
    ['the second half of a character', { a: { b: 'x\ude80' } }, 'm.a.b', 'half of a surrogate pair'],
    ['half a character in a key', { '\ud83d': 1 }, 'm.\ud83d', 'a key must be well-formed'],
    [
      'a key that would change the object',
      JSON.parse('{"a": {"__proto__": {}}}'),
      'm.a.__proto__',
      '"__proto__" is not allowed',
    ],
  ])('finds %s', (_, value, path, constraint) => {
    const found = findUnstorable(value, 32, 'm');
    expect(found?.path).toBe(path);
    expect(found?.constraint).toContain(constraint);
  });

  it('counts containers within containers', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 'bottom' : [nested(depth - 1)]);
    expect(findUnstorable(nested(5), 5)).toBeUndefined();
    expect(findUnstorable(nested(6), 5)).toMatchObject({
      path: '[0][0][0][0][0]',
      constraint: 'must not be nested deeper than 5 levels',
    });
  });

  it('survives any depth', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 200_000; level += 1) deep = { deeper: deep };
    expect(findUnstorable(deep, 32, 'm')?.constraint).toContain('deeper than 32');
  });

  it('is nothing in any well-formed value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        fc.pre(!/__proto__|\\u0000/.test(JSON.stringify(value)));
        expect(findUnstorable(value, 32)).toBeUndefined();
      }),
    );
  });

  it('is found at the top too', () => {
    expect(findUnstorable('\0', 32)).toMatchObject({ path: '' });
    for (const value of [null, true, 1, 'text', undefined]) expect(findUnstorable(value, 0)).toBeUndefined();
  });
});

it('counts bytes as UTF-8', () => {
  expect(jsonBytes({ a: 'é🚀' })).toBe('{"a":""}'.length + 2 + 4);
  expect(jsonBytes(undefined)).toBe(0);
});
