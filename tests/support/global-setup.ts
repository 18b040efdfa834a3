// One PostgreSQL server for the whole test run. Workers reach it with `inject('postgresUrl')`,
// best through `describeWithPostgres`, and create their own databases on it.
// And a user's folder for the run: no test reads or writes that of the developer.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { dropDatabase, freshName, postgresSkipReason, startPostgres } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Empty if PostgreSQL is skipped: `postgresSkipReason()` says why. */
    postgresUrl: string;
    /** The database that holds an empty project, once somebody has made it: see `databaseWithSchema` in tests/storage/backends.ts. */
    postgresTemplate: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const configuration = mkdtempSync(path.join(os.tmpdir(), 'worktrail-user-'));
  process.env['XDG_CONFIG_HOME'] = configuration;
  const stopPostgres = await startSharedPostgres(project);
  return async () => {
    await stopPostgres();
    rmSync(configuration, { recursive: true, force: true });
  };
}

async function startSharedPostgres(project: TestProject): Promise<() => Promise<void>> {
  if (postgresSkipReason() !== undefined) {
    project.provide('postgresUrl', '');
    project.provide('postgresTemplate', '');
    return () => Promise.resolve();
  }
  const server = await startPostgres();
  const template = freshName();
  project.provide('postgresUrl', server.url());
  project.provide('postgresTemplate', template);
  return async () => {
    if (!server.controllable) await dropDatabase(server.url(), template);
    await server.stop();
  };
}
