/** Who git says works here. */
import { runGit } from './git.ts';

/** `user.name` as git uses it in this folder, also outside of repositories; undefined where it is not set or git is missing. */
export async function gitUserName(folder: string): Promise<string | undefined> {
  const here = await runGit(folder, ['config', '--get', 'user.name']);
  const found =
    !here.ok && here.failure === 'no-repository'
      ? await runGit(folder, ['config', '--global', '--get', 'user.name'])
      : here;
  const name = found.ok ? found.output.toString('utf8').trim() : '';
  return name === '' ? undefined : name;
}
