import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * The folder that speaks for a project: the main work tree of the git repository around `start` (also from a
 * linked work tree), else `start` itself. Reads git's files directly, because every start waits for it.
 */
export function mainWorkTree(start: string): string {
  const folder = innermostWorkTree(start);
  const dotGit = path.join(folder, '.git');
  return existsSync(dotGit) && !statSync(dotGit).isDirectory() ? behindLink(folder, dotGit) : folder;
}

/** The work tree, main or linked, around `start`; outside of any, `start` itself. */
export function innermostWorkTree(start: string): string {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, '.git'))) return folder;
    if (path.dirname(folder) === folder) return path.resolve(start);
  }
}

/** `.git` is a file in linked work trees, where `commondir` leads to the main one, and in submodules. */
function behindLink(folder: string, dotGit: string): string {
  const gitDir = /^gitdir: (.+)$/m.exec(readFileSync(dotGit, 'utf8'))?.[1]?.trim();
  if (gitDir === undefined) return folder;
  const absolute = path.resolve(folder, gitDir);
  const commonFile = path.join(absolute, 'commondir');
  if (!existsSync(commonFile)) return folder;
  const common = path.resolve(absolute, readFileSync(commonFile, 'utf8').trim());
  return path.basename(common) === '.git' ? path.dirname(common) : folder;
}
