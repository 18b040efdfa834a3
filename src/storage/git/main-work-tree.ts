import path from 'node:path';
import { folderWithGit, readGitLink, whyNoGit } from '../../platform/git-link.ts';

/**
 * The folder that speaks for a project: the main work tree of the git repository around `start` (also from a
 * linked work tree), else `start` itself. Reads git's files directly, because every start waits for it.
 */
export function mainWorkTree(start: string): string {
  const folder = innermostWorkTree(start);
  const link = readGitLink(folder);
  if (link.kind !== 'linked') return folder;
  return path.basename(link.common) === '.git' ? path.dirname(link.common) : folder;
}

/** The work tree, main or linked, around `start`; outside of any, `start` itself. */
export function innermostWorkTree(start: string): string {
  return folderWithGit(start) ?? path.resolve(start);
}

/** Why the repository around a folder is not used, as a sentence; undefined when it is. */
export function foreignRepository(folder: string): string | undefined {
  const reason = whyNoGit(folder);
  return reason === undefined
    ? undefined
    : `${reason}: git is not used here, and the folder is a project of its own`;
}
