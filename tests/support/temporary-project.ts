// Fresh project folders for the program to work in.
import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cleanUpLater } from './cleanup.ts';
import { cleanEnvironment } from './environment.ts';

const REMOVAL_MAX_MS = 20_000;

/**
 * An empty folder, removed at the end of the test (or file); with `git`, a repository on branch
 * `main` with one commit. Its name holds a space, as real folders' names do.
 */
export async function temporaryProject(options: { git?: boolean } = {}): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'worktrail project-')));
  cleanUpLater(() => remove(folder));
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

/** Also while a program that was told to end still writes there; says what is left when it goes on. */
async function remove(folder: string): Promise<void> {
  for (const giveUpAt = Date.now() + REMOVAL_MAX_MS; ;) {
    try {
      await rm(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (Date.now() > giveUpAt) {
        const left = (await readdir(folder, { recursive: true })).slice(0, 20);
        throw new Error(`${folder} cannot be removed: ${left.join(', ')}`, { cause: error });
      }
      await sleep(100);
    }
  }
}

/** Runs git in `folder` without the developer's own configuration; answers its standard output. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', args, {
    cwd: folder,
    env: cleanEnvironment({ GIT_CONFIG_GLOBAL: os.devNull, GIT_CONFIG_NOSYSTEM: '1' }),
  });
  return stdout;
}
