/** Whether git has files of a folder in its index: those came with the repository, or go along with it. */
import { runGitNow } from '../../platform/git.ts';

/** A folder in no repository has no tracked file; where git does not say, one may be there. Blocks. */
export function mayBeTracked(folder: string): boolean {
  const listed = runGitNow(folder, ['ls-files', '-z']);
  if (listed.ok) return listed.output.length > 0;
  return listed.failure !== 'no-git' && listed.failure !== 'no-repository';
}
