/** What the tracker asks the project's git repository. Reads only; never touches index, work tree or branches. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runGit } from '../../platform/git.ts';

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
  const plain = await readPlainHead(path.join(folder, '.git'));
  if (plain !== undefined) return plain;
  if (!hasDotGitAbove(folder)) return { branch: null, commit: null };
  const [branch, commit] = await Promise.all([
    askGit(folder, ['symbolic-ref', '--short', '-q', 'HEAD']),
    askGit(folder, ['rev-parse', '-q', '--verify', 'HEAD']),
  ]);
  return { branch: branch || null, commit: commit || null };
}

async function readPlainHead(gitDir: string): Promise<GitHead | undefined> {
  const head = await readIfThere(path.join(gitDir, 'HEAD'));
  if (head !== undefined && FULL_HASH.test(head)) return { branch: null, commit: head };
  const branch = /^ref: refs\/heads\/(.+)$/.exec(head ?? '')?.[1];
  if (branch === undefined) return undefined;
  const commit = await readIfThere(path.join(gitDir, 'refs', 'heads', branch));
  return commit !== undefined && FULL_HASH.test(commit) ? { branch, commit } : undefined;
}

const FULL_HASH = /^[0-9a-f]{40}$/;

async function readIfThere(file: string): Promise<string | undefined> {
  return (await readFile(file, 'utf8').catch(() => undefined))?.trim();
}

function hasDotGitAbove(folder: string): boolean {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.git'))) return true;
    if (path.dirname(at) === at) return false;
  }
}

/**
 * The first commit of the current branch's history, which names a repository wherever it is cloned. Null
 * without commits, and in a shallow clone, whose oldest commit is not the first.
 */
export async function findRootCommit(folder: string): Promise<string | null> {
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
