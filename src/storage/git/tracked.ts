/** Whether git has files of a folder in its index: those came with the repository, or go along with it. */
import { spawnSync } from 'node:child_process';
import { classify, environment, globalArguments } from './plumbing.ts';

const GIT_TIMEOUT_MS = 2_000;

/**
 * Asked where an answer is needed at once, and seldom. A folder in no repository has no tracked file; where git does not
 * say, one may be there.
 */
export function mayBeTracked(folder: string): boolean {
  const { status, stdout, stderr, error } = spawnSync('git', [...globalArguments(), 'ls-files', '-z'], {
    cwd: folder,
    env: environment(),
    timeout: GIT_TIMEOUT_MS,
    windowsHide: true,
  });
  if (error !== undefined) return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  if (status === 0) return stdout.length > 0;
  return classify(stderr.toString()) !== 'no-repository';
}
