// One PostgreSQL server for the whole test run. Workers reach it with `inject('postgresUrl')`,
// best through `describeWithPostgres`, and create their own databases on it.
import type { TestProject } from 'vitest/node';
import { postgresSkipReason, startPostgres } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Empty if PostgreSQL is skipped: `postgresSkipReason()` says why. */
    postgresUrl: string;
  }
}

export default async function startSharedPostgres(project: TestProject): Promise<() => Promise<void>> {
  if (postgresSkipReason() !== undefined) {
    project.provide('postgresUrl', '');
    return () => Promise.resolve();
  }
  const server = await startPostgres();
  project.provide('postgresUrl', server.url());
  return () => server.stop();
}
