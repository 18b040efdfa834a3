// One PostgreSQL server for the whole test run. Workers reach it with `inject('postgresUrl')`,
// best through `describeWithPostgres`, and create their own databases on it.
// And a user's folder for the run: no test reads or writes that of the developer. And a folder for what they write, in
// memory where there is enough: a disk makes them wait for half of their time, for files that nobody reads again.
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { isLong } from '../torture/scale.ts';
import { EMPTY_CLUSTER } from './postgres-process.ts';
import { dropDatabase, freshName, postgresSkipReason, startPostgres } from './postgres.ts';
import { warmUpProgram } from './warm-program.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Empty if PostgreSQL is skipped: `postgresSkipReason()` says why. */
    postgresUrl: string;
    /** The database that holds an empty project, once somebody has made it: see `databaseWithSchema` in tests/storage/backends.ts. */
    postgresTemplate: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  process.env['WORKTRAIL_CHECKER_HISTORIES'] ??= path.join(os.tmpdir(), 'worktrail-checker-histories');
  process.env['WORKTRAIL_TEST_DISK'] = os.tmpdir();
  const folder = mkdtempSync(path.join(placeForFiles(), 'worktrail-run-'));
  // As /tmp is: PostgreSQL of root, and some programs, run as somebody else.
  chmodSync(folder, 0o1777);
  process.env['TMPDIR'] = folder;
  process.env['XDG_CONFIG_HOME'] = mkdtempSync(path.join(folder, 'worktrail-user-'));
  process.env[EMPTY_CLUSTER] = path.join(folder, 'worktrail-cluster');
  const [stopPostgres] = await Promise.all([startSharedPostgres(project), warmUpProgram()]);
  return async () => {
    await stopPostgres();
    rmSync(folder, { recursive: true, force: true });
  };
}

const IN_MEMORY = '/dev/shm';
const FILES_MAX_BYTES = 6 * 1024 ** 3;

/** Not for the long forms, whose point is what a disk does, nor where somebody chose a place. */
function placeForFiles(): string {
  if (isLong || process.env['TMPDIR'] !== undefined) return os.tmpdir();
  try {
    const { bsize, bavail } = statfsSync(IN_MEMORY);
    const isEnough = bsize * bavail > FILES_MAX_BYTES && os.freemem() > 2 * FILES_MAX_BYTES;
    return isEnough ? IN_MEMORY : os.tmpdir();
  } catch {
    return os.tmpdir();
  }
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
