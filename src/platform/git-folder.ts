/**
 * Links in a git folder that lead out of it. Git follows them: it would write objects, refs and lines of a log elsewhere,
 * or take the history of another repository for that of this one. None of them is made by git; who packs a repository
 * together with its `.git` can put them anywhere.
 */
import { lstatSync, readdirSync, realpathSync, type Dirent, type Stats } from 'node:fs';
import path from 'node:path';
import { isInside } from './plain-file.ts';

/** More than our own refs ever are. What has more entries is not looked through, and not used. */
const ENTRIES_MAX = 20_000;
/** What git opens or replaces when an object or a ref is written, each with the folders on its way. */
const PLACES = ['HEAD', 'packed-refs', 'objects', 'refs', 'refs/heads', 'logs', 'logs/refs'];
/** Looked into as well; `everything below` where git goes deeper. */
const FOLDERS = [
  { name: 'objects', isDeep: false },
  { name: 'refs/worktrail', isDeep: true },
  { name: 'logs/refs/worktrail', isDeep: true },
  { name: 'reftable', isDeep: true },
];
/** Git writes one where it cannot go on, and knows its name beforehand. */
const CRASH_REPORT = /^fast_import_crash_/;

/**
 * What is wrong with a git folder, as a sentence; undefined when git may read and write in it.
 * @param repository the folder with the objects and refs
 */
export function strayIn(repository: string): string | undefined {
  const root = realOrUndefined(repository);
  if (root === undefined) return undefined;
  // Only the folder of a linked work tree has one, and that is not this one.
  if (typeOf(path.join(root, 'commondir')) !== undefined) {
    return `${path.join(repository, 'commondir')} makes git use another repository`;
  }
  const crash = readEntries(root).find(({ name }) => CRASH_REPORT.test(name));
  const suspects = [...PLACES, ...(crash === undefined ? [] : [crash.name])];
  for (const name of suspects) {
    const found = problemWith(root, path.join(root, name), typeOf(path.join(root, name)));
    if (found !== undefined) return found;
  }
  for (const { name, isDeep } of FOLDERS) {
    const found = strayBelow(root, path.join(root, name), isDeep);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same for all refs: a history that is another repository's can be had by one link among them. */
export function strayRef(repository: string): string | undefined {
  const root = realOrUndefined(repository);
  return root === undefined ? undefined : strayBelow(root, path.join(root, 'refs'), true);
}

function strayBelow(root: string, folder: string, isDeep: boolean): string | undefined {
  const open = [folder];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const type = typeOf(next);
    const found = problemWith(root, next, type);
    if (found !== undefined || type === undefined) return found;
    for (const entry of readEntries(next)) {
      const file = path.join(next, entry.name);
      count += 1;
      if (count > ENTRIES_MAX) return `${folder} has more than ${ENTRIES_MAX} entries`;
      const problem = problemWith(root, file, entry);
      if (problem !== undefined) return problem;
      if (isDeep && entry.isDirectory()) open.push(file);
    }
  }
  return undefined;
}

type FileType = Pick<Dirent | Stats, 'isSymbolicLink' | 'isFile' | 'isDirectory'>;

function problemWith(root: string, file: string, given: FileType | undefined): string | undefined {
  const isPlain = (type: FileType | undefined) => type === undefined || type.isFile() || type.isDirectory();
  // Some file systems do not tell types when a folder is listed.
  const type = isPlain(given) ? undefined : typeOf(file);
  if (isPlain(type)) return undefined;
  if (type?.isSymbolicLink() !== true) return `${file} is a pipe, a socket or a device`;
  const real = realOrUndefined(file);
  return real !== undefined && isInside(real, root) && isPlain(typeOf(real))
    ? undefined
    : `${file} is a link that leads out of the repository`;
}

function typeOf(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch {
    // On its way lies what is no folder.
    return undefined;
  }
}

function readEntries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Missing, no folder, or not readable: git says so.
    return [];
  }
}

function realOrUndefined(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
