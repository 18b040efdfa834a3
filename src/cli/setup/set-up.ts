/**
 * Setting a project up for AI clients: what would be written into which file, writing it, and taking it back. What a file was
 * before is kept in the user's own folder, where no repository can bring it along; without it only our own entries are taken
 * out again.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { UnsuitableFile, isInside, readPlainFile } from '../../platform/plain-file.ts';
import { openUserFolder, userFolder } from '../../platform/user-folder.ts';
import type { ClientFile } from './clients.ts';
import { NotEditable } from './edits.ts';

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
  /** Files that are left as they are, with the reason in a sentence. */
  problems: { path: string; problem: string }[];
}

const record = z.object({
  folder: z.string(),
  /** By path: the file without anything of ours, and the hash of what was written; folders that were made for it. */
  files: z.record(
    z.string(),
    z.object({ before: z.base64().nullable(), after: z.string(), made: z.array(z.string()) }),
  ),
});
type Records = z.output<typeof record>;

/** What would be done to set up these files. Writes nothing. */
export function planSetUp(project: string, files: readonly ClientFile[]): SetUpPlan {
  return plan(project, files, (text, { edits }, note) => {
    let changed = text;
    for (const edit of edits) {
      const state = edit.state(changed);
      if (state === 'other') note(edit.place);
      else if (state !== 'ours') changed = edit.put(changed);
    }
    return changed;
  });
}

/** What would be done to take everything back. Writes nothing. */
export function planUndo(project: string, files: readonly ClientFile[]): SetUpPlan {
  const { files: known } = readRecords(project);
  const isAsWritten = (name: string, content: Buffer | null): boolean =>
    content !== null && hashOf(content) === known[name]?.after;
  const undone = plan(project, files, (text, file, _note, content) =>
    // What it was is known: nothing has to be taken out of it.
    isAsWritten(file.path, content) ? '' : bareText(text, file),
  );
  const changes = undone.changes.map((change) => {
    const was = known[change.path];
    if (was === undefined) return change;
    const before = was.before === null ? null : Buffer.from(was.before, 'base64');
    if (isAsWritten(change.path, change.before)) return { ...change, after: before };
    // Somebody changed it since: what is left of a file that was made for us goes, if that is nothing.
    const isLeftEmpty = before === null && /^[\s{}[\]]*$/.test(withoutEmptyEntries(change.after));
    return isLeftEmpty ? { ...change, after: null } : change;
  });
  return { ...undone, changes };
}

function plan(
  project: string,
  files: readonly ClientFile[],
  edited: (text: string, file: ClientFile, note: (place: string) => void, content: Buffer | null) => string,
): SetUpPlan {
  const result: SetUpPlan = { changes: [], upToDate: [], kept: [], problems: [] };
  for (const file of merged(project, files)) {
    try {
      checkFolders(project, file.path);
      const before = readPlainFile(path.join(project, file.path), {
        maxBytes: FILE_MAX_BYTES,
        inside: project,
      });
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
      if (!(error instanceof NotEditable) && !(error instanceof UnsuitableFile)) throw error;
      const problem = error instanceof UnsuitableFile ? error.reason : error.message;
      result.problems.push({ path: file.path, problem });
    }
  }
  return result;
}

const bareText = (text: string, { edits }: ClientFile): string =>
  edits.reduceRight((left, edit) => (edit.state(left) === 'other' ? left : edit.take(left)), text);

/** Each file once, also where two names lead to it. */
function merged(project: string, files: readonly ClientFile[]): ClientFile[] {
  const byPath = new Map<string, ClientFile>();
  for (const { path: name, edits } of files) {
    const real = realName(project, name);
    const known = byPath.get(real)?.edits ?? [];
    const added = edits.filter(({ place }) => !known.some((edit) => edit.place === place));
    byPath.set(real, { path: real, edits: [...known, ...added] });
  }
  return [...byPath.values()];
}

function realName(project: string, name: string): string {
  try {
    const real = realpathSync(path.join(project, name));
    const folder = realpathSync(project);
    return isInside(real, folder) ? path.relative(folder, real) : name;
  } catch {
    return name;
  }
}

function textOf(content: Buffer | undefined): string {
  const text = content?.toString('utf8') ?? '';
  if (content !== undefined && !Buffer.from(text).equals(content))
    throw new NotEditable('is not text in UTF-8');
  return text;
}

/** Writes what was planned, and keeps what was there before. @throws the errors of the file system */
export function applySetUp(
  project: string,
  files: readonly ClientFile[],
  changes: readonly FileChange[],
): void {
  const records = readRecords(project);
  const edits = new Map(merged(project, files).map((file) => [file.path, file]));
  for (const { path: name, before, after } of changes) {
    if (after === null) continue;
    const known = records.files[name];
    const isSame = known !== undefined && before !== null && hashOf(before) === known.after;
    const made = makeFolders(project, name);
    const file = edits.get(name);
    const isOurs = known !== undefined && before !== null && file !== undefined;
    const bare = isOurs ? Buffer.from(bareText(before.toString('utf8'), file)) : before;
    const first = isSame ? known.before : (bare?.toString('base64') ?? null);
    records.files[name] = {
      before: first,
      after: hashOf(after),
      made: [...new Set([...(known?.made ?? []), ...made])],
    };
    // Before the file, so that what was there is never lost.
    writeRecords(project, records);
    writeWhole(project, name, after);
  }
}

export function applyUndo(project: string, changes: readonly FileChange[]): void {
  const records = readRecords(project);
  const made = new Set<string>();
  for (const { path: name, after } of changes) {
    if (after === null) rmSync(path.join(project, name));
    else writeWhole(project, name, after);
    for (const folder of records.files[name]?.made ?? []) made.add(folder);
    delete records.files[name];
    writeRecords(project, records);
  }
  // The inner ones first.
  for (const folder of [...made].sort().reverse()) removeIfEmpty(path.join(project, folder));
}

function writeWhole(project: string, name: string, content: Buffer): void {
  const file = path.join(project, name);
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  const temporary = `${file}.${process.pid}.tmp`;
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

/** @throws UnsuitableFile where a link leads out of the project */
function checkFolders(project: string, name: string): void {
  const isOutside = foldersOf(name)
    .filter((folder) => existsSync(path.join(project, folder)))
    .some((folder) => !isInside(realpathSync(path.join(project, folder)), realpathSync(project)));
  if (isOutside) throw new UnsuitableFile(name, `leads out of ${project}`);
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

const recordsFile = (project: string): string =>
  path.join(userFolder(), 'setup', `${hashOf(Buffer.from(realpathSync(project))).slice(0, 32)}.json`);

function readRecords(project: string): Records {
  try {
    return record.parse(JSON.parse(readFileSync(recordsFile(project), 'utf8')));
  } catch {
    return { folder: realpathSync(project), files: {} };
  }
}

function writeRecords(project: string, records: Records): void {
  const file = recordsFile(project);
  openUserFolder();
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  if (Object.keys(records.files).length === 0) return rmSync(file, { force: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(records), { mode: 0o600, flush: true });
  renameSync(temporary, file);
}
