import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  grantedToken,
  isGrantOf,
  isProvisionalToken,
  mayBeEarlier,
  provisionalToken,
} from '../../src/domain/claim.ts';

const NOW = '2026-11-29T10:00:00.000Z';
const LATER = '2026-11-29T10:00:01.000Z';

describe('tokens of claims', () => {
  it('grow with every grant, also when the clock is set back', () => {
    const first = grantedToken(0, LATER);
    const second = grantedToken(first, LATER);
    const third = grantedToken(second, NOW);
    expect(first < second && second < third).toBe(true);
    expect([first, second, third].some(isProvisionalToken)).toBe(false);
  });

  it('do not come again after the tracker was put back to an older state', () => {
    const lost = grantedToken(grantedToken(0, NOW), NOW);
    expect(grantedToken(0, LATER)).toBeGreaterThan(lost);
  });

  it('go on from those that counted', () => {
    expect(grantedToken(7, NOW)).toBeGreaterThan(7);
    expect(grantedToken(7, '2020-01-01T00:00:00.000Z')).toBe(8);
  });

  it('of a copy are exact numbers of their change, above all of the primary', () => {
    for (let count = 0; count < 1_000; count += 1) {
      const id = randomUUID();
      const token = provisionalToken(id);
      expect(Number.isSafeInteger(token) && isProvisionalToken(token)).toBe(true);
      expect(isGrantOf(token, id)).toBe(true);
      expect(isGrantOf(token, randomUUID())).toBe(false);
    }
  });

  it('of a copy that the version before granted still stand for their change', () => {
    const id = '00000000-0000-4000-8000-000000000001';
    const step = createHash('sha256').update(id).digest().readUInt32BE(0) + 1;
    expect(isGrantOf(3 + step * 1_000_000, id)).toBe(true);
  });

  it('that count may be those of another item', () => {
    expect(mayBeEarlier(1, { token: 3 })).toBe(true);
    expect(mayBeEarlier(4, { token: 3 })).toBe(false);
    expect(mayBeEarlier(grantedToken(0, NOW), { token: grantedToken(0, LATER) })).toBe(false);
  });
});
