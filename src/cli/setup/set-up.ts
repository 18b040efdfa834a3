/**
 * Setting a project up for AI clients: what would be written into which file, writing it, and taking it back. What a file was
 * before is kept in the user's own folder, where no repository can bring it along; without it only our own entries are taken
 * out again.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { UnsuitableFile, isInside, readPlainFile } from '../../platform/plain-file.ts';
import type { ClientFile } from './clients.ts';
import { NotEditable } from './edits.ts';
import { forgetRecord, readRecord, writeRecord, type SetUpRecord } from './records.ts';

const FILE_MAX_BYTES = 4 * 1024 * 1024;
const BOM = '\ufeff';

/** What becomes of one file. */
export interface FileChange {
  /** Below the project's folder. */
  path: string;
  /** Null where there is none. */
  before: Buffer | null;
  after: Buffer | null;
}

export interface SetUpPlan {
  changes: FileChange[];
  /** Files that have all of it already. */
  upToDate: string[];
  /** What somebody else wrote in our place: it stays. */
  kept: { path: string; place: string }[];
  /** Of an undo: what other clients were set up with, too, and so stays. */
  shared: { path: string; clients: string[] }[];
  /** Files that are left as they are, with the reason in a sentence. */
  problems: Problem[];
}

export interface Problem {
  path: string;
  problem: string;
}

/** What would be done to set up these files. Writes nothing. */
export function planSetUp(project: string, files: readonly ClientFile[]): SetUpPlan {
  const used = files.filter(({ isForUndo }) => isForUndo !== true);
  return plan(project, used, (text, { edits }, note) => {
    let changed = text;
    for (const edit of edits) {
      const state = edit.state(changed);
      if (state === 'other') note(edit.place);
      else if (state !== 'ours') changed = edit.put(changed);
    }
    return changed;
  });
}

/** What would be done to take these files back, but for what other clients need. Writes nothing. */
export function planUndo(project: string, files: readonly ClientFile[]): SetUpPlan {
  const isAsWritten = (name: string, content: Buffer | null): boolean =>
    content !== null && hashOf(content) === readRecord(project, name)?.after;
  const all = merged(project, files);
  const shared = all.flatMap((file) => {
    const clients = othersOf(project, file);
    return clients.length > 0 && hasOurs(project, file) ? [{ path: file.path, clients }] : [];
  });
  const alone = all.filter((file) => !shared.some(({ path: name }) => name === file.path));
  const undone = plan(project, alone, (text, file, _note, content) =>
    // What it was is known: nothing has to be taken out of it.
    isAsWritten(file.path, content) ? '' : bareText(text, file),
  );
  const changes = undone.changes.map((change) => {
    const was = readRecord(project, change.path);
    if (was === undefined) return change;
    const before = was.before === null ? null : Buffer.from(was.before, 'base64');
    if (isAsWritten(change.path, change.before)) return { ...change, after: before };
    // Somebody changed it since: what is left of a file that was made for us goes, if that is nothing.
    const isLeftEmpty = before === null && /^[\s{}[\]]*$/.test(withoutEmptyEntries(change.after));
    return isLeftEmpty ? { ...change, after: null } : change;
  });
  return { ...undone, shared, changes };
}

/** The clients that a file was set up for, besides those that it is to be taken back for. */
function othersOf(project: string, { path: name, clients = [] }: ClientFile): string[] {
  return readRecord(project, name)?.clients.filter((client) => !clients.includes(client)) ?? [];
}

/** Also true of a file that cannot be read: then nobody knows. */
function hasOurs(project: string, { path: name, edits }: ClientFile): boolean {
  try {
    const text = textOf(readFile(project, name)).replace(BOM, '');
    return edits.some((edit) => edit.state(text) !== 'missing');
  } catch (error) {
    problemOf(error);
    return true;
  }
}

function plan(
  project: string,
  files: readonly ClientFile[],
  edited: (text: string, file: ClientFile, note: (place: string) => void, content: Buffer | null) => string,
): SetUpPlan {
  const result: SetUpPlan = { changes: [], upToDate: [], kept: [], shared: [], problems: [] };
  for (const file of merged(project, files)) {
    try {
      const before = readFile(project, file.path);
      const given = textOf(before);
      const bom = given.startsWith(BOM) ? BOM : '';
      const after =
        bom +
        edited(
          given.slice(bom.length),
          file,
          (place) => result.kept.push({ path: file.path, place }),
          before ?? null,
        );
      if (after === given) result.upToDate.push(file.path);
      else result.changes.push({ path: file.path, before: before ?? null, after: Buffer.from(after) });
    } catch (error) {
      result.problems.push({ path: file.path, problem: problemOf(error) });
    }
  }
  return result;
}

function readFile(project: string, name: string): Buffer | undefined {
  checkFolders(project, name);
  return readPlainFile(path.join(project, name), { maxBytes: FILE_MAX_BYTES, inside: project });
}

const bareText = (text: string, { edits }: ClientFile): string =>
  edits.reduceRight((left, edit) => (edit.state(left) === 'other' ? left : edit.take(left)), text);

/** A file without anything of ours. */
function bareContent(content: Buffer, file: ClientFile): Buffer {
  const given = textOf(content);
  const bom = given.startsWith(BOM) ? BOM : '';
  return Buffer.from(bom + bareText(given.slice(bom.length), file));
}

/** Each file once, also where two names lead to it. */
function merged(project: string, files: readonly ClientFile[]): ClientFile[] {
  const byPath = new Map<string, ClientFile>();
  for (const { path: name, edits, clients = [] } of files) {
    const real = realName(project, name);
    const known = byPath.get(real);
    const added = edits.filter(({ place }) => known?.edits.some((edit) => edit.place === place) !== true);
    byPath.set(real, {
      path: real,
      edits: [...(known?.edits ?? []), ...added],
      clients: [...(known?.clients ?? []), ...clients],
    });
  }
  return [...byPath.values()];
}

/** Where a name leads, below the project; what is missing of it stays as it is. */
function realName(project: string, name: string): string {
  const folder = realpathSync(project);
  for (let there = name; there !== '.'; there = path.dirname(there)) {
    const real = realpathOf(path.join(folder, there));
    if (real !== undefined) {
      return isInside(real, folder)
        ? path.join(path.relative(folder, real), path.relative(there, name))
        : name;
    }
  }
  return name;
}

function realpathOf(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

function textOf(content: Buffer | undefined): string {
  const text = content?.toString('utf8') ?? '';
  if (content !== undefined && !Buffer.from(text).equals(content))
    throw new NotEditable('is not text in UTF-8');
  return text;
}

/** Writes what was planned, and keeps what was there before and for whom it is. @returns what could not be written */
export function applySetUp(
  project: string,
  files: readonly ClientFile[],
  { changes, upToDate, kept }: Pick<SetUpPlan, 'changes' | 'upToDate' | 'kept'>,
): Problem[] {
  const all = merged(project, files);
  const edits = new Map(all.map((file) => [file.path, file]));
  const isWhole = (name: string) => upToDate.includes(name) && !kept.some((one) => one.path === name);
  for (const file of all) if (isWhole(file.path)) noteClients(project, file);
  return eachUnchanged(project, changes, ({ path: name, before, after }) => {
    if (after === null) return;
    const known = readRecord(project, name);
    const isSame = known !== undefined && before !== null && hashOf(before) === known.after;
    const file = edits.get(name);
    const isOurs = known !== undefined && before !== null && file !== undefined;
    const bare = isOurs && !isSame ? bareContent(before, file) : before;
    const made = makeFolders(project, name);
    // Before the file, so that what was there is never lost.
    writeRecord(project, name, {
      before: isSame ? known.before : (bare?.toString('base64') ?? null),
      after: hashOf(after),
      made: [...new Set([...(known?.made ?? []), ...made])],
      clients: [...new Set([...(known?.clients ?? []), ...(file?.clients ?? [])])],
    });
    writeWhole(project, name, after);
  });
}

/** Remembers for whom a file is that has all of it already, also where another machine or person wrote it. */
function noteClients(project: string, file: ClientFile): void {
  const { path: name, clients = [] } = file;
  try {
    const known = readRecord(project, name) ?? foundThere(project, file);
    if (clients.every((client) => known.clients.includes(client))) return;
    writeRecord(project, name, { ...known, clients: [...new Set([...known.clients, ...clients])] });
  } catch (error) {
    // Nothing is to be written into the project: it is set up all the same.
    problemOf(error);
  }
}

function foundThere(project: string, file: ClientFile): SetUpRecord {
  const content = readFile(project, file.path) ?? Buffer.of();
  const before = bareContent(content, file).toString('base64');
  return { before, after: hashOf(content), made: [], clients: [] };
}

/** @returns what could not be taken back */
export function applyUndo(
  project: string,
  files: readonly ClientFile[],
  { changes }: Pick<SetUpPlan, 'changes'>,
): Problem[] {
  const isChanged = (name: string) => changes.some((change) => change.path === name);
  for (const file of merged(project, files)) if (!isChanged(file.path)) forgetClients(project, file);
  const made = new Set<string>();
  const problems = eachUnchanged(project, changes, ({ path: name, after }) => {
    if (after === null) rmSync(path.join(project, name));
    else writeWhole(project, name, after);
    for (const folder of readRecord(project, name)?.made ?? []) made.add(folder);
    forgetRecord(project, name);
  });
  // The inner ones first.
  for (const folder of [...made].sort().reverse()) removeIfEmpty(path.join(project, folder));
  return problems;
}

/** Of a file that stays as it is. */
function forgetClients(project: string, file: ClientFile): void {
  const known = readRecord(project, file.path);
  if (known === undefined) return;
  const clients = othersOf(project, file);
  if (clients.length > 0) writeRecord(project, file.path, { ...known, clients });
  else if (!hasOurs(project, file)) forgetRecord(project, file.path);
}

/** One file after the other, those left out that are not any more what was planned for. */
function eachUnchanged(
  project: string,
  changes: readonly FileChange[],
  write: (change: FileChange) => void,
): Problem[] {
  return changes.flatMap((change) => {
    try {
      const now = readFile(project, change.path) ?? null;
      const isUnchanged = now === null ? change.before === null : change.before?.equals(now) === true;
      if (!isUnchanged) throw new NotEditable('was changed in the meantime: run the command again');
      write(change);
      return [];
    } catch (error) {
      return [{ path: change.path, problem: problemOf(error) }];
    }
  });
}

/** After the name of the file. @throws the error itself, where it is not about the file */
function problemOf(error: unknown): string {
  if (error instanceof UnsuitableFile) return error.reason;
  if (error instanceof NotEditable) return error.message;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) throw error;
  return `cannot be written (${code})`;
}

function writeWhole(project: string, name: string, content: Buffer): void {
  const file = path.join(project, name);
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  // What is read-only could be replaced, and is so on purpose.
  if (mode !== undefined) accessSync(file, constants.W_OK);
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    writeFileSync(temporary, content, { flag: 'wx', flush: true });
    if (mode !== undefined) chmodSync(temporary, mode & 0o7777);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The folders that had to be made, the outermost first. */
function makeFolders(project: string, name: string): string[] {
  const missing = foldersOf(name).filter((folder) => !existsSync(path.join(project, folder)));
  for (const folder of missing) mkdirSync(path.join(project, folder));
  return missing;
}

/** @throws UnsuitableFile where a link leads out of the project or into git's own folder, or a file is in the way */
function checkFolders(project: string, name: string): void {
  const folder = realpathSync(project);
  for (const below of foldersOf(name)) {
    const there = path.join(project, below);
    if (lstatSync(there, { throwIfNoEntry: false }) === undefined) break;
    const real = realpathOf(there);
    if (real !== undefined && !isInside(real, folder))
      throw new UnsuitableFile(name, `leads out of ${project}`);
    if (real === undefined || !statSync(real).isDirectory()) {
      throw new UnsuitableFile(name, `has ${below} above it, which is no folder`);
    }
  }
  if (foldersOf(name)[0] === '.git') throw new UnsuitableFile(name, 'is in the folder of git itself');
}

const foldersOf = (name: string): string[] =>
  path
    .dirname(name)
    .split(path.sep)
    .filter((part) => part !== '.')
    .map((_part, at, parts) => parts.slice(0, at + 1).join(path.sep));

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** Objects and lists that hold nothing, with their keys. */
function withoutEmptyEntries(content: Buffer | null): string {
  let text = content?.toString('utf8') ?? '';
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replaceAll(/"(?:\$schema"\s*:\s*"[^"]*"|\w+"\s*:\s*(?:\{\s*\}|\[\s*\]))\s*,?/g, '');
  }
  return text;
}

const hashOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
