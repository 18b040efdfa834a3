import { expect, it } from 'vitest';
import { files } from './hostile/files.ts';
import { gitCommands } from './hostile/git-commands.ts';
import { journals } from './hostile/journals.ts';
import { settings } from './hostile/settings.ts';

it('has at least sixty hostile repositories, each of a name of its own', () => {
  const all = [settings, gitCommands, journals, files].flat();
  expect(all.length).toBeGreaterThanOrEqual(60);
  for (const cases of [settings, gitCommands, journals, files])
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});
