/** Long work that stands aside: in order, whole, and with others in between. */
import { expect, it } from 'vitest';
import { mapInTurns, stretches } from '../../src/platform/in-turns.ts';

it('keeps the order of what it maps, and others have their turns meanwhile', async () => {
  let turns = 0;
  let isOver = false;
  const others = (): void => {
    turns += 1;
    if (!isOver) setImmediate(others);
  };
  setImmediate(others);
  const doubled = await mapInTurns([1, 2, 3, 4, 5, 6], (one, at) => {
    busyFor(12);
    return [one * 2, at];
  });
  isOver = true;
  expect(doubled).toEqual([
    [2, 0],
    [4, 1],
    [6, 2],
    [8, 3],
    [10, 4],
    [12, 5],
  ]);
  // After each of them but for chance; without turns it would be none.
  expect(turns).toBeGreaterThan(2);
});

it('waits for nothing while no turn is due', async () => {
  let turned = false;
  setImmediate(() => (turned = true));
  const turn = stretches();
  await turn();
  expect(turned).toBe(false);
});

it('gives up the whole work when one part of it fails', async () => {
  const work = (one: number) => {
    if (one === 2) throw new Error('no');
    return one;
  };
  await expect(mapInTurns([1, 2, 3], work)).rejects.toThrow('no');
});

function busyFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
