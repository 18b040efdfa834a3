// A person's word, for tests in which the project's own file names the database.
import { expect } from 'vitest';
import type { EnvironmentOverrides } from './environment.ts';
import { runInProcess } from './in-process.ts';

/** Agrees to what `worktrail.config.json` of the project names, as its user would. */
export async function agreeToDatabase(project: string, env?: EnvironmentOverrides): Promise<void> {
  const { code, stderr } = await runInProcess(['trust', '--yes'], {
    project,
    ...(env !== undefined && { env }),
  });
  expect(code, stderr).toBe(0);
}
