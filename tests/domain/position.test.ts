import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newChangeId } from '../../src/domain/ids.ts';
import { POSITION, positionBetween, positionByAge, positionOf } from '../../src/domain/position.ts';

it('comes later with each change, and within one in the order of its items', () => {
  const made: string[] = [];
  for (let change = 0; change < 300; change += 1) {
    const id = newChangeId();
    for (const number of [0, 1, 9, 35, 36, 20_000]) made.push(positionOf(id, number));
  }
  expect([...made].sort()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
  for (const one of made) expect(one).toMatch(POSITION);
});

it('of an item of an earlier version is its age, before all that is made now', () => {
  const older = { id: 'ffffffff-0000-4000-8000-000000000000', created_at: '2026-01-05T09:00:00.000Z' };
  const newer = { id: '00000000-0000-4000-8000-000000000000', created_at: '2026-01-05T09:00:00.001Z' };
  expect(positionByAge(older) < positionByAge(newer)).toBe(true);
  expect(positionByAge(newer) < positionOf(newChangeId())).toBe(true);
});

it('lies between any two, however often', () => {
  const at = fc.nat({ max: 1_000 });
  fc.assert(
    fc.property(fc.array(at, { minLength: 1, maxLength: 150 }), (places) => {
      const order = [positionOf(newChangeId())];
      for (const place of places) {
        const index = place % (order.length + 1);
        const [low, high] = [order[index - 1], order[index]];
        const between = positionBetween(low, high);
        if (low !== undefined) expect(between > low).toBe(true);
        if (high !== undefined) expect(between < high).toBe(true);
        expect(between).toMatch(POSITION);
        order.splice(index, 0, between);
      }
      // What is made now comes after all of them.
      expect((order.at(-1) ?? '') < positionOf(newChangeId(Date.now() + 1_000))).toBe(true);
    }),
  );
});

it('grows slowly where always the same place is taken', () => {
  for (const side of ['before', 'after'] as const) {
    const fixed = positionOf(newChangeId());
    let last = positionOf(newChangeId());
    for (let move = 0; move < 1_000; move += 1) {
      last = side === 'before' ? positionBetween(fixed, last) : positionBetween(last, undefined);
    }
    expect(last.length, side).toBeLessThan(400);
  }
});
