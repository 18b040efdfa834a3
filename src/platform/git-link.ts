/**
 * Where a folder's `.git` leads. It is a file in linked work trees and in submodules, and names the repository; a
 * folder that came from elsewhere may name any. Git believes it. Here the repository must name the folder in turn.
 */
import { lstatSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { strayIn } from './git-folder.ts';
import { isInside, readPlainFile } from './plain-file.ts';

/** None of the files read here is larger. */
const FILE_MAX_BYTES = 64 * 1024;

/** `common` is the folder with the objects and refs. */
export type GitLink =
  /** A folder of that name: it leads nowhere else. */
  | { kind: 'folder'; common: string }
  /** A linked work tree. */
  | { kind: 'linked'; common: string }
  /** A submodule, or a repository that was put elsewhere on purpose. */
  | { kind: 'elsewhere'; common: string }
  /** `reason` says what is wrong, as a sentence. */
  | { kind: 'refused'; reason: string };

/** The folder at or above `start` that has a `.git`, whatever that is; undefined without any. */
export function folderWithGit(start: string): string | undefined {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    if (lstatSync(path.join(folder, '.git'), { throwIfNoEntry: false }) !== undefined) return folder;
    if (path.dirname(folder) === folder) return undefined;
  }
}

/** Why git is not used in a folder, as a sentence; undefined when it is, and where there is none. */
export function whyNoGit(folder: string): string | undefined {
  const around = folderWithGit(folder);
  if (around === undefined) return undefined;
  const link = readGitLink(around);
  return link.kind === 'refused' ? link.reason : strayIn(link.common);
}

/** Never throws. @param folder one that `folderWithGit` gave */
export function readGitLink(folder: string): GitLink {
  const dotGit = path.join(folder, '.git');
  try {
    const type = lstatSync(dotGit);
    if (type.isDirectory()) return { kind: 'folder', common: dotGit };
    if (type.isSymbolicLink()) return linkTo(folder, dotGit, realpathSync(dotGit));
    const named = /^gitdir: (.+)$/m.exec(read(dotGit) ?? '')?.[1]?.trim();
    if (named === undefined) return refused(`${dotGit} is not a file that git makes`);
    return linkTo(folder, dotGit, path.resolve(folder, named));
  } catch {
    return refused(`${dotGit} leads to what cannot be read`);
  }
}

function linkTo(folder: string, dotGit: string, repository: string): GitLink {
  const back = read(path.join(repository, 'gitdir'))?.trim();
  const common = read(path.join(repository, 'commondir'))?.trim();
  if (common !== undefined) {
    const main = path.resolve(repository, common);
    // Among those that the repository itself keeps, or anybody could write it.
    const isKept = path.dirname(real(repository)) === path.join(real(main), 'worktrees');
    const isMutual = back !== undefined && isSame(path.resolve(repository, back), dotGit);
    if (isKept && isMutual) return { kind: 'linked', common: main };
    return refused(`${dotGit} leads to ${repository}, which is a work tree of another folder`);
  }
  const settings = read(path.join(repository, 'config')) ?? '';
  const workTree = /^\s*worktree\s*=\s*"?([^"\n]+?)"?\s*$/im.exec(settings)?.[1];
  const isOfAnother =
    workTree === undefined
      ? path.basename(repository) === '.git' || /^\s*bare\s*=\s*true\s*$/im.test(settings)
      : !isSame(path.resolve(repository, workTree), folder);
  // What lies in the folder itself came with it, and leads nowhere else.
  if (!isOfAnother || isInside(real(repository), real(folder)))
    return { kind: 'elsewhere', common: repository };
  return refused(`${dotGit} leads to ${repository}, which is the repository of another folder`);
}

function refused(reason: string): GitLink {
  return { kind: 'refused', reason };
}

function isSame(one: string, other: string): boolean {
  // The last part is not followed: it may be a link itself.
  const place = (file: string) => path.join(real(path.dirname(file)), path.basename(file));
  return place(one) === place(other);
}

function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}

/** Wherever it is: a linked work tree lies outside of its repository. */
function read(file: string): string | undefined {
  const content = readPlainFile(file, {
    maxBytes: FILE_MAX_BYTES,
    inside: path.parse(path.resolve(file)).root,
  });
  return content?.toString('utf8');
}
