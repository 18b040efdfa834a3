/**
 * The tracker's own folder: made for this user alone, and looked at before anything in it is opened. A repository can
 * bring the folder along: what is in it may lead out of the project, or never end.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  writeFileSync,
  type Dirent,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { TrackerError, databaseError } from '../../domain/errors.ts';
import { isInside } from '../../platform/plain-file.ts';
import { FILE_MODE, FOLDER_MODE, isShared } from '../../platform/file-modes.ts';

/** Far more than a tracker leaves there. */
const ENTRIES_MAX = 10_000;
const NAMED_MAX = 5;
/** Deeper places that are made or written into under a name that anybody knows. */
const KNOWN_PLACES = ['pending/.lock', 'pending/damaged', 'backups/before-import'];

/**
 * Makes the folder where it is missing, with a `.gitignore` for all of it, and looks at what is in it.
 * @throws DatabaseError when it cannot be made, or `checkDataDir` refuses it
 */
export function prepareDataDir(dataDir: string): void {
  checkDataDir(dataDir);
  try {
    const made = mkdirSync(dataDir, { recursive: true, mode: FOLDER_MODE });
    if (made === undefined) tighten(dataDir);
    // What the umask took away.
    else if (isShared) chmodSync(dataDir, lstatSync(dataDir).mode | FOLDER_MODE);
    writeIgnoreFile(path.join(dataDir, '.gitignore'));
  } catch (error) {
    throw unwritableFolder(dataDir, error);
  }
}

function writeIgnoreFile(file: string): void {
  if (existsSync(file)) return;
  try {
    const text = '# Local files of Worktrail; nothing here is for git.\n*\n';
    writeFileSync(file, text, { flag: 'wx', mode: FILE_MODE });
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Looks at the folder itself, at what lies directly in it and at places that are known; alters nothing. A folder that is
 * missing is fine.
 * @throws DatabaseError naming each link that leads out of the project or nowhere, pipe, socket and device
 */
export function checkDataDir(dataDir: string): void {
  const problems: string[] = [];
  try {
    const problem = problemWith(dataDir, dataDir, lstatSync(dataDir, { throwIfNoEntry: false }));
    if (problem !== undefined) throw refused([problem]);
    const entries = readdirSync(dataDir, { withFileTypes: true });
    for (const entry of entries.slice(0, ENTRIES_MAX)) {
      const found = problemWith(dataDir, path.join(dataDir, entry.name), entry);
      if (found !== undefined) problems.push(found);
    }
    for (const place of KNOWN_PLACES.map((name) => path.join(dataDir, name))) {
      const found = problemWith(dataDir, place, typeOf(place));
      if (found !== undefined) problems.push(found);
    }
    if (entries.length > ENTRIES_MAX) problems.push(`${dataDir} has ${entries.length} entries`);
  } catch (error) {
    // Missing, no folder, or not readable: whoever uses it says so.
    const isOfFileSystem = error instanceof Error && 'code' in error && !(error instanceof TrackerError);
    if (!isOfFileSystem) throw error;
    return;
  }
  if (problems.length > 0) throw refused(problems);
}

/** Undefined for what is not there, also because a part of its path is no folder: that part is looked at by itself. */
function typeOf(place: string): Stats | undefined {
  try {
    return lstatSync(place, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

type FileType = Pick<Dirent | Stats, 'isSymbolicLink' | 'isFile' | 'isDirectory'>;

function problemWith(dataDir: string, file: string, type: FileType | undefined): string | undefined {
  if (type === undefined || type.isFile() || type.isDirectory()) return undefined;
  if (!type.isSymbolicLink()) {
    const status = lstatSync(file, { throwIfNoEntry: false });
    // Some file systems do not tell types when a folder is listed.
    if (status === undefined || status.isFile() || status.isDirectory()) return undefined;
    if (!status.isSymbolicLink()) return `${file} is a pipe, a socket or a device`;
  }
  try {
    const real = realpathSync(file);
    if (!isInside(real, realpathSync(path.dirname(dataDir)))) {
      return `${file} is a link that leads out of the project`;
    }
    const target = lstatSync(real);
    return target.isFile() || target.isDirectory()
      ? undefined
      : `${file} is a link to a pipe, socket or device`;
  } catch {
    return `${file} is a link that leads nowhere`;
  }
}

function refused(problems: string[]) {
  const left = problems.length - NAMED_MAX;
  const all = [...problems.slice(0, NAMED_MAX), ...(left > 0 ? [`and ${left} more`] : [])];
  return databaseError(
    'sqlite',
    `the tracker's folder is not used: ${all.join('; ')}`,
    'Worktrail makes no such thing: it may have come with the repository. Look at it, move it elsewhere, then start again. Nothing was changed.',
  );
}

export function unwritableFolder(dataDir: string, cause: unknown) {
  return databaseError(
    'sqlite',
    `the folder ${dataDir} cannot be made or written`,
    'Check who owns the project folder and the free disk space, then start again.',
    cause,
  );
}

/**
 * A folder of this user that others may look into is closed to them, with the files in it. The outbox keeps its mode, and
 * with it the times that tell whose the writes of the version before are (journals/earlier-version.ts).
 */
function tighten(dataDir: string): void {
  if (isShared || process.getuid === undefined) return;
  const own = process.getuid();
  const close = (file: string, status: Stats | undefined) => {
    if (status === undefined || status.uid !== own || (status.mode & 0o077) === 0) return false;
    chmodSync(file, status.mode & 0o700);
    return true;
  };
  try {
    if (!close(dataDir, lstatSync(dataDir))) return;
    for (const name of readdirSync(dataDir)) {
      const file = path.join(dataDir, name);
      const status = lstatSync(file, { throwIfNoEntry: false });
      if (status?.isFile() === true && !name.startsWith('outbox.db')) close(file, status);
    }
  } catch {
    // A read-only file system, or one without modes: nothing that the tracker depends on.
  }
}
