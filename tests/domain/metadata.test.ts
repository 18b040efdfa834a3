// Metadata: merging key by key, known keys checked, unknown ones kept; and the schemas' building blocks.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldChanges } from '../../src/domain/change.ts';
import { countCharacters, idOrPrefix, timestampInput } from '../../src/domain/fields.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { mergeMetadata, quarter } from '../../src/domain/metadata.ts';
import { mergeVendorMetadata, VENDOR_METADATA_DEFAULT, vendorNameKey } from '../../src/domain/vendor.ts';
import { checkItemMetadata, completedAt } from '../../src/domain/work-item.ts';
import { refusedFields } from '../storage/refusal.ts';

const object = fc.dictionary(
  fc.string({ maxLength: 3 }),
  fc.jsonValue({ maxDepth: 1 }),
) as fc.Arbitrary<JsonObject>;

describe('merging metadata', () => {
  it('sets the keys that are given, removes those that are null, and keeps the others', () => {
    fc.assert(
      fc.property(object, object, (current, patch) => {
        const merged = mergeMetadata(current, patch);
        for (const key of new Set([...Object.keys(current), ...Object.keys(patch)])) {
          const expected = Object.hasOwn(patch, key) ? patch[key] : current[key];
          expect(Object.hasOwn(merged, key)).toBe(!(Object.hasOwn(patch, key) && patch[key] === null));
          if (Object.hasOwn(merged, key)) expect(merged[key]).toEqual(expected);
        }
      }),
    );
  });

  it('does the same when done twice, and leaves its input alone', () => {
    fc.assert(
      fc.property(object, object, (current, patch) => {
        const [before, patchBefore] = [structuredClone(current), structuredClone(patch)];
        const once = mergeMetadata(current, patch);
        expect(mergeMetadata(once as JsonObject, patch)).toEqual(once);
        expect([current, patch]).toEqual([before, patchBefore]);
      }),
    );
  });

  it('goes one level deeper where told, and only there', () => {
    const current = { inner: { a: 1, b: 2 }, other: { a: 1, b: 2 } };
    const patch = { inner: { b: null, c: 3 }, other: { c: 3 } };
    expect(mergeMetadata(current, patch, ['inner'])).toEqual({ inner: { a: 1, c: 3 }, other: { c: 3 } });
    expect(mergeMetadata({ inner: 'text' }, { inner: { a: 1 } }, ['inner'])).toEqual({ inner: { a: 1 } });
    expect(mergeMetadata(current, { inner: null }, ['inner'])).toEqual({ other: current.other });
  });
});

describe('checking metadata', () => {
  it('warns of each unknown key in order, with the nearest known one', () => {
    const { metadata, warnings } = checkItemMetadata('task', { zebra: 1, actual_hour: 2, actual_hours: 3 });
    expect(metadata).toEqual({ zebra: 1, actual_hour: 2, actual_hours: 3 });
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('The nearest known key is "actual_hours".'),
      expect.stringMatching(/^"zebra" is not a known metadata key of a task; it was kept/),
    ]);
  });

  it('names every wrong key', async () => {
    const wrong = { estimated_hours: -1, actual_hours: 'many', blocked_reason: 5 };
    expect(await refusedFields(() => checkItemMetadata('task', wrong))).toEqual([
      'metadata.estimated_hours',
      'metadata.actual_hours',
      'metadata.blocked_reason',
    ]);
  });

  it('of vendors takes every partial update of the defaults', () => {
    const flags = fc.record(
      { excel: fc.boolean(), csv: fc.boolean(), pdf: fc.boolean(), ocr: fc.boolean() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(flags, fc.option(fc.boolean(), { nil: undefined }), (format_support, compliant) => {
        const patch = { format_support, ...(compliant !== undefined && { manifest_compliant: compliant }) };
        const { metadata } = mergeVendorMetadata(VENDOR_METADATA_DEFAULT, patch, undefined);
        expect(metadata).toEqual({
          ...VENDOR_METADATA_DEFAULT,
          ...patch,
          format_support: { ...VENDOR_METADATA_DEFAULT.format_support, ...format_support },
        });
      }),
    );
  });

  it('of vendors refuses exactly the results that do not add up', async () => {
    const number = fc.nat({ max: 6 });
    await fc.assert(
      fc.asyncProperty(number, number, number, async (passing, skipped, total) => {
        const check = () =>
          mergeVendorMetadata(
            VENDOR_METADATA_DEFAULT,
            { test_results: { passing, skipped, total } },
            undefined,
          );
        if (passing + skipped <= total)
          expect(check().metadata['test_results']).toEqual({ passing, skipped, total });
        else expect(await refusedFields(check)).toEqual(['metadata.test_results']);
      }),
    );
  });
});

describe('what changed between two records', () => {
  it('is nothing between equal ones, and never the bookkeeping', () => {
    fc.assert(
      fc.property(object, (metadata) => {
        const before = { title: 'x', metadata, version: 1, updated_at: 'then', updated_by: 'a' };
        expect(
          fieldChanges(before, {
            ...structuredClone(before),
            version: 2,
            updated_at: 'now',
            updated_by: 'b',
          }),
        ).toEqual([]);
      }),
    );
  });

  it('tells before and after of metadata so that either can be made from the other', () => {
    fc.assert(
      fc.property(object, object, (from, to) => {
        const changes = fieldChanges({ metadata: from }, { metadata: to });
        const forward = Object.fromEntries(
          changes.map((change) => [change.field.slice('metadata.'.length), change.to]),
        );
        const withoutNulls = (all: Record<string, unknown>) =>
          Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
        expect(withoutNulls(mergeMetadata(from, forward))).toEqual(withoutNulls(to));
      }),
    );
  });
});

describe('building blocks', () => {
  it('count characters as code points', () => {
    expect(countCharacters('aé🚀')).toBe(3);
    expect(countCharacters('e\u0301')).toBe(2);
  });

  it.each(['2026-Q1', 'Q1 2026', 'q1-2026', ' Q1 2026 '])('read the quarter %j', (text) => {
    expect(quarter.parse(text)).toBe('2026-Q1');
  });

  it.each(['2026-Q0', '2026-Q5', 'Q1', '26-Q1', '2026 Q1', '2026-q1', ''])(
    'refuse the quarter %j',
    (text) => {
      expect(quarter.safeParse(text).success).toBe(false);
    },
  );

  it('read ids in any spelling, from six characters on', () => {
    expect(idOrPrefix.parse(' ABCD-EF ')).toBe('abcdef');
    for (const text of ['abcde', 'abcdeg', 'a'.repeat(33), ''])
      expect(idOrPrefix.safeParse(text).success).toBe(false);
  });

  it('read every time in the years 1 to 9999 as UTC with milliseconds', () => {
    const time = fc.date({
      min: new Date('0001-01-01T00:00:00.000Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(fc.property(time, (date) => timestampInput.parse(date.toISOString()) === date.toISOString()));
    expect(timestampInput.parse('2026-03-29T02:30:00.123456+01:30')).toBe('2026-03-29T01:00:00.123Z');
  });

  it.each([
    '2026-13-01T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00',
    '+012026-01-01T00:00:00Z',
  ])('refuse the time %j', (text) => {
    expect(timestampInput.safeParse(text).success).toBe(false);
  });

  it.each([
    ['completed', null, 'now'],
    ['completed', 'before', 'before'],
    ['active', 'before', null],
    ['cancelled', null, null],
  ] as const)('let completion at %s, completed %s, be %s', (status, previous, expected) => {
    expect(completedAt(status, previous, 'now')).toBe(expected);
  });

  it('compare vendor names without case, composed', () => {
    expect(vendorNameKey('Cafe\u0301')).toBe(vendorNameKey('CAFÉ'));
    expect(vendorNameKey('ABC')).not.toBe(vendorNameKey('ABD'));
  });
});
