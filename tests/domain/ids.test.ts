// Ids: random for records, in order of time for changes.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUuid, idRange, newChangeId, newRecordId } from '../../src/domain/ids.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('ids of changes', () => {
  it('are UUIDs of version 7 that begin with the time', () => {
    const soon = Date.now() + 60_000;
    const id = newChangeId(soon);
    expect(id).toMatch(UUID_V7);
    expect(timeOf(id)).toBe(soon);
  });

  it('grow strictly within a millisecond, and past the end of its counter', () => {
    const now = Date.now() + 120_000;
    const ids = Array.from({ length: 10_000 }, () => newChangeId(now));
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => UUID_V7.test(id))).toBe(true);
  });

  it('grow even when the clock goes back', () => {
    const now = Date.now() + 180_000;
    const ids = [0, -1, -1000, 5, -86_400_000, 6].map((shift) => newChangeId(now + shift));
    expect([...ids].sort()).toEqual(ids);
  });

  it('grow for any sequence of times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 47 }), { minLength: 2 }), (times) => {
        const ids = times.map((time) => newChangeId(time));
        expect([...ids].sort()).toEqual(ids);
      }),
    );
  });
});

describe('ids of records', () => {
  it('are UUIDs of version 4, never the same', () => {
    const ids = Array.from({ length: 1_000 }, newRecordId);
    expect(new Set(ids).size).toBe(1_000);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('the range of a prefix', () => {
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });

  it('holds exactly the ids that begin with it', () => {
    fc.assert(
      fc.property(hex, hex, fc.integer({ min: 6, max: 32 }), (whole, other, length) => {
        const prefix = whole.slice(0, length);
        const { from, to } = idRange(prefix);
        for (const id of [formatUuid(whole), formatUuid(other), formatUuid(prefix + other.slice(length))]) {
          expect(from <= id && id <= to).toBe(id.replaceAll('-', '').startsWith(prefix));
        }
      }),
    );
  });
});
