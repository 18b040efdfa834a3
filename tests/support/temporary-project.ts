// Fresh project folders for the program to work in.
import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { cleanUpLater } from './cleanup.ts';
import { cleanEnvironment } from './environment.ts';

/**
 * An empty folder, removed at the end of the test (or file); with `git`, a repository on branch
 * `main` with one commit. Its name holds a space, as real folders' names do.
 */
export async function temporaryProject(options: { git?: boolean } = {}): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'worktrail project-')));
  cleanUpLater(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  if (options.git) {
    await cp(await (prepared ??= prepareRepository()), folder, { recursive: true });
    await git(folder, 'commit', '--quiet', '--message', `Start the project ${randomUUID()}`);
  }
  return folder;
}

let prepared: Promise<string> | undefined;

/** A repository as it is before its first commit: made once by each process, because git takes six programs for it. */
async function prepareRepository(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'worktrail-repository-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  await git(folder, 'config', 'user.name', 'Test Person');
  await git(folder, 'config', 'user.email', 'test@example.com');
  await git(folder, 'config', 'commit.gpgsign', 'false');
  await writeFile(path.join(folder, 'README.md'), '# A project\n');
  await git(folder, 'add', '.');
  return folder;
}

/** Runs git in `folder` without the developer's own configuration; answers its standard output. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', args, {
    cwd: folder,
    env: cleanEnvironment({ GIT_CONFIG_GLOBAL: os.devNull, GIT_CONFIG_NOSYSTEM: '1' }),
  });
  return stdout;
}
