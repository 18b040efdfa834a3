// Fenced blocks of code, by the rules of CommonMark.
import { describe, expect, it } from 'vitest';
import { closesFence, fencedLines, openingFence } from '../../src/formats/fences.ts';

describe('a fence', () => {
  it.each([
    ['```', '```'],
    ['~~~~', '~~~~'],
    ['```js', '```'],
    ['   ``` js title="a"', '```'],
    ['~~~ a `b` ~~~', '~~~'],
    ['```\r', '```'],
  ])('is opened by %j', (line, fence) => expect(openingFence(line)).toBe(fence));

  it.each(['``', 'text ```', '    ```', '\t```', '``` a `b`', '```code```', '> ```', ''])(
    'is not opened by %j',
    (line) => expect(openingFence(line)).toBeUndefined(),
  );

  it.each([
    ['```', '```'],
    ['`````', '```'],
    ['   ``` \t', '```'],
    ['~~~~\r', '~~~'],
  ])('%j closes %j', (line, fence) => expect(closesFence(line, fence)).toBe(true));

  it.each([
    ['```js', '```'],
    ['``` x', '```'],
    ['~~~', '```'],
    ['```', '````'],
    ['    ```', '```'],
    ['x```', '```'],
  ])('%j does not close %j', (line, fence) => expect(closesFence(line, fence)).toBe(false));

  it('may stand deeper in a list, where that is asked for', () => {
    expect(openingFence('      ```sh', { inLists: true })).toBe('```');
    expect(closesFence('\t\t```', '```', { inLists: true })).toBe(true);
  });
});

it('a block goes from its fence to the one that closes it, or to the end', () => {
  const lines = ['a', '```md', '```js', '# no heading', '~~~', '````', 'b', '~~~', '```', 'c'];
  expect(lines.filter((_, at) => !fencedLines(lines)[at])).toEqual(['a', 'b']);
});

it('a line of a megabyte takes linear time', () => {
  for (const line of ['`'.repeat(1_000_000) + 'x`', ' '.repeat(1_000_000) + '`', '~'.repeat(1_000_000)]) {
    openingFence(line, { inLists: true });
    closesFence(line, '```', { inLists: true });
  }
});
