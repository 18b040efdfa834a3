import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * The folder that speaks for a project: the main work tree of the git repository around `start` (also from a
 * linked work tree), else `start` itself. Reads git's files directly, because every start waits for it.
 */
export function mainWorkTree(start: string): string {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    const dotGit = path.join(folder, '.git');
    if (existsSync(dotGit)) return statSync(dotGit).isDirectory() ? folder : behindLink(folder, dotGit);
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
