/** What the tracker asks the project's git repository. Reads only; never touches index, work tree or branches. */
import path from 'node:path';
import { strayRef } from '../../platform/git-folder.ts';
import { folderWithGit, readGitLink } from '../../platform/git-link.ts';
import { runGit } from '../../platform/git.ts';
import { isLink, readPlainFile } from '../../platform/plain-file.ts';

/** What git answers, without the line break; undefined when git is missing, fails or takes too long. */
export async function askGit(folder: string, args: string[]): Promise<string | undefined> {
  const result = await runGit(folder, args);
  return result.ok ? result.output.toString('utf8').trim() : undefined;
}

export async function isInRepository(folder: string): Promise<boolean> {
  return (await askGit(folder, ['rev-parse', '--git-dir'])) !== undefined;
}

export interface GitHead {
  /** Null on a detached head or outside a repository. */
  branch: string | null;
  /** Null before the first commit or outside a repository. */
  commit: string | null;
}

/** Git is asked only where its files do not say it plainly: in linked work trees, for packed or newer kinds of refs. */
export async function readHead(folder: string): Promise<GitHead> {
  const gitDir = path.join(folder, '.git');
  const plain = isLink(gitDir) ? undefined : readPlainHead(gitDir);
  if (plain !== undefined) return plain;
  if (folderWithGit(folder) === undefined) return { branch: null, commit: null };
  const [branch, commit] = await Promise.all([
    askGit(folder, ['symbolic-ref', '--short', '-q', 'HEAD']),
    askGit(folder, ['rev-parse', '-q', '--verify', 'HEAD']),
  ]);
  return { branch: branch || null, commit: commit || null };
}

function readPlainHead(gitDir: string): GitHead | undefined {
  const head = readIfPlain(gitDir, 'HEAD');
  if (head !== undefined && FULL_HASH.test(head)) return { branch: null, commit: head };
  const branch = /^ref: refs\/heads\/(.+)$/.exec(head ?? '')?.[1];
  if (branch === undefined || branch.split('/').includes('..')) return undefined;
  const commit = readIfPlain(gitDir, path.join('refs', 'heads', branch));
  return commit !== undefined && FULL_HASH.test(commit) ? { branch, commit } : undefined;
}

const FULL_HASH = /^[0-9a-f]{40}$/;
const REF_MAX_BYTES = 4096;

/** Undefined also for what is no plain file, or leads out of git's folder. */
function readIfPlain(gitDir: string, name: string): string | undefined {
  try {
    const content = readPlainFile(path.join(gitDir, name), { maxBytes: REF_MAX_BYTES, inside: gitDir });
    return content?.toString('utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * The first commit of the current branch's history, which names a repository wherever it is cloned. Null
 * without commits, and in a shallow clone, whose oldest commit is not the first.
 */
export async function findRootCommit(folder: string): Promise<string | null> {
  const around = folderWithGit(folder);
  const link = around === undefined ? undefined : readGitLink(around);
  // One ref that is another repository's, and its history would be ours.
  if (link === undefined || link.kind === 'refused' || strayRef(link.common) !== undefined) return null;
  const shallow = await askGit(folder, ['rev-parse', '--is-shallow-repository']);
  if (shallow !== 'false') return null;
  const roots = await askGit(folder, ['rev-list', '--max-parents=0', 'HEAD']);
  return roots?.split('\n').at(-1) || null;
}

/** The full hash of the one commit that starts with `prefix` (hex, checked by the caller), or why there is none. */
export async function resolveCommit(
  folder: string,
  prefix: string,
): Promise<{ hash: string } | { reason: string }> {
  if (!(await isInRepository(folder))) {
    return { reason: 'the project is not in a git repository, or git is not installed' };
  }
  const hash = await askGit(folder, ['rev-parse', '-q', '--verify', `${prefix}^{commit}`]);
  // A branch or tag may have a name like a hash; git then prefers that.
  return hash === undefined || !/^[0-9a-f]{40}$/.test(hash) || !hash.startsWith(prefix)
    ? { reason: "the project's git repository has no commit, or more than one, that starts with it" }
    : { hash };
}
