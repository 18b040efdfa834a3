import { expect, it } from 'vitest';
import { watchDataVersion } from '../../../src/storage/primary/sqlite-hints.ts';

it('gives no hint after it was stopped, also of a look that was under way', async () => {
  const looks: ((version: number) => void)[] = [];
  let hints = 0;
  const watch = watchDataVersion(
    () => new Promise((resolve) => looks.push(resolve)),
    () => (hints += 1),
  );
  for (const version of [1, 2]) {
    await expect.poll(() => looks).toHaveLength(version);
    looks.at(-1)?.(version);
  }
  await expect.poll(() => hints).toBe(1);
  await expect.poll(() => looks).toHaveLength(3);
  watch.stop();
  looks.at(-1)?.(3);
  await new Promise((resolve) => setImmediate(resolve));
  expect(hints).toBe(1);
});
