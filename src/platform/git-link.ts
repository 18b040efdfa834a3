/**
 * Where a folder's `.git` leads. It is a file in linked work trees and in submodules, and names the repository; a
 * folder that came from elsewhere may name any. Git believes it. Here the repository must name the folder in turn.
 */
import { lstatSync, readdirSync, readlinkSync, realpathSync, type Dirent } from 'node:fs';
import path from 'node:path';
import { isInside, isLink, readPlainFile } from './plain-file.ts';

/** None of the files read here is larger. */
const FILE_MAX_BYTES = 64 * 1024;

export type GitLink =
  /** No `.git`, or a folder of that name that is git's alone: nothing leads elsewhere. */
  | { kind: 'none' }
  /** A linked work tree, whose repository's folder is `common`. */
  | { kind: 'linked'; common: string }
  /** A submodule, or a repository that was put elsewhere on purpose. */
  | { kind: 'elsewhere' }
  /** `reason` says what is wrong, as a sentence. */
  | { kind: 'refused'; reason: string };

/** The folder at or above `start` that has a `.git`, whatever that is; undefined without any. */
export function folderWithGit(start: string): string | undefined {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    if (lstatSync(path.join(folder, '.git'), { throwIfNoEntry: false }) !== undefined) return folder;
    if (path.dirname(folder) === folder) return undefined;
  }
}

/** Never throws. @param folder one that `folderWithGit` gave */
export function readGitLink(folder: string): GitLink {
  const dotGit = path.join(folder, '.git');
  try {
    const type = lstatSync(dotGit);
    if (type.isDirectory()) return ownFolder(dotGit);
    if (type.isSymbolicLink()) return linkTo(folder, dotGit, realpathSync(dotGit));
    const named = /^gitdir: (.+)$/m.exec(read(dotGit) ?? '')?.[1]?.trim();
    if (named === undefined) return refused(`${dotGit} is not a file that git makes`);
    return linkTo(folder, dotGit, path.resolve(folder, named));
  } catch {
    return refused(`${dotGit} leads to what cannot be read`);
  }
}

/** A link as it is, unless a part of the repository that it leads to is another's: what git writes would go there. */
function unlessBorrowed(dotGit: string, repository: string, link: GitLink): GitLink {
  const outside = linksOf(repository)
    .map((file) => path.resolve(path.dirname(file), readlinkSync(file)))
    .find((target) => !isInside(real(target), real(repository)));
  return outside === undefined ? link : refused(`${dotGit} leads to ${outside}, which is not its own`);
}

/** The links in a repository among what is written to, and what says where its history begins. */
function linksOf(repository: string): string[] {
  const parts = ['HEAD', 'objects', 'packed-refs', 'refs'].map((name) => path.join(repository, name));
  const folders = ['objects', 'refs', 'refs/heads', 'refs/worktrail', 'refs/worktrail/journal'];
  const within = folders.flatMap((name) => {
    const folder = path.join(repository, name);
    return entriesOf(folder).flatMap((one) => (one.isSymbolicLink() ? [path.join(folder, one.name)] : []));
  });
  return [...parts.filter(isLink), ...within];
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function ownFolder(dotGit: string): GitLink {
  // Only linked work trees have that file, and their `.git` is one.
  const common = read(path.join(dotGit, 'commondir'));
  if (common !== undefined) return refused(`${dotGit} leads to ${common.trim()}, which is not its own`);
  return unlessBorrowed(dotGit, dotGit, { kind: 'none' });
}

function linkTo(folder: string, dotGit: string, repository: string): GitLink {
  const back = read(path.join(repository, 'gitdir'))?.trim();
  const common = read(path.join(repository, 'commondir'))?.trim();
  if (common !== undefined) {
    const main = path.resolve(repository, common);
    // Among those that the repository itself keeps, or anybody could write it.
    const isKept = path.dirname(real(repository)) === path.join(real(main), 'worktrees');
    const isMutual = back !== undefined && isSame(path.resolve(repository, back), dotGit);
    if (isKept && isMutual) return unlessBorrowed(dotGit, main, { kind: 'linked', common: main });
    return refused(`${dotGit} leads to ${repository}, which is a work tree of another folder`);
  }
  const settings = read(path.join(repository, 'config')) ?? '';
  const workTree = /^\s*worktree\s*=\s*"?([^"\n]+?)"?\s*$/im.exec(settings)?.[1];
  const isOfAnother =
    workTree === undefined
      ? path.basename(repository) === '.git' || /^\s*bare\s*=\s*true\s*$/im.test(settings)
      : !isSame(path.resolve(repository, workTree), folder);
  // What lies in the folder itself came with it, and leads nowhere else.
  if (!isOfAnother || isInside(real(repository), real(folder))) {
    return unlessBorrowed(dotGit, repository, { kind: 'elsewhere' });
  }
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
