// A person's word, for tests in which the project's own file names the database.
import { expect } from 'vitest';
import type { EnvironmentOverrides } from './environment.ts';
import { runCli } from './program.ts';

/** Agrees to what `worktrail.config.json` of the project names, as its user would. */
export async function agreeToDatabase(project: string, env?: EnvironmentOverrides): Promise<void> {
  const { code, stderr } = await runCli(['trust', '--yes'], { project, ...(env !== undefined && { env }) });
  expect(code, stderr).toBe(0);
}
