/** `worktrail status --diff` and `--import-edits`: hand edits of the status file, shown and taken over. */
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { JsonValue } from '../../domain/json.ts';
import { TrackerError, validationError } from '../../domain/errors.ts';
import type { ImportedEdit, StatusEditImport } from '../../use-cases/status/status-edit-import.ts';
import type { StatusEdits } from '../../use-cases/status/status-edits.ts';
import type { PresentFile } from '../../use-cases/status/status-file.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import type { GlobalOptions } from '../terminal/global-options.ts';
import { paint, printAnswer } from '../terminal/output.ts';
import { count, plainLine, shortId } from '../terminal/plain-text.ts';
import { commandLineCaller, withApp } from '../terminal/with-app.ts';
import type { StatusEdit } from '../../use-cases/status/status-edit-rules.ts';

const FILE_MAX_BYTES = 10 * 1024 * 1024;
/** Copies of edited files that are named. */
const COPIES_SHOWN = 5;

/** Exit code 1 when the file has edits. */
export async function showStatusEdits(file: string | undefined, options: GlobalOptions): Promise<void> {
  const { readStatusEdits } = await import('../../use-cases/status/status-edits.ts');
  await withApp(options, async ({ context }, config) => {
    const { present, name } = await readEdited(file, config.projectDir);
    const answer = await readStatusEdits(context, present);
    if (hasFindings(answer.data)) process.exitCode = ExitCode.finding;
    const saved = file === undefined ? await savedCopies(config.dataDir) : [];
    const data = { file: name, ...answer.data, saved_edits: saved };
    printAnswer({ ...answer, data }, options.json, (found) => diffText(found, name, saved));
  });
}

/** Exit code 1 when something was not taken over. */
export async function importEdits(file: string | undefined, options: GlobalOptions): Promise<void> {
  const { importStatusEdits } = await import('../../use-cases/status/status-edit-import.ts');
  await withApp(options, async ({ context }, config) => {
    const { present, name } = await readEdited(file, config.projectDir);
    const answer = await importStatusEdits(context, commandLineCaller(), present);
    if (isLeft(answer.data)) process.exitCode = ExitCode.finding;
    printAnswer({ ...answer, data: { file: name, ...answer.data } }, options.json, importText);
  });
}

async function readEdited(
  file: string | undefined,
  projectDir: string,
): Promise<{ present: PresentFile; name: string }> {
  const { STATUS_FILE, presentOf } = await import('../../use-cases/status/status-file.ts');
  const name = file === undefined ? path.join(projectDir, STATUS_FILE) : path.resolve(file);
  const size = await stat(name).catch(() => undefined);
  if (size === undefined) {
    throw new TrackerError(
      'NotFoundError',
      `There is no file ${name}.`,
      { entity: 'file', name, did_you_mean: [] },
      file === undefined ? 'Write it with `worktrail status --write`. Nothing was changed.' : GIVE_OURS,
    );
  }
  if (!size.isFile()) {
    throw validationError(
      { field: 'file', constraint: `${name} is no file, but a folder, a pipe or a device`, value: name },
      GIVE_OURS,
    );
  }
  if (size.size > FILE_MAX_BYTES) {
    throw validationError({ field: 'file', constraint: 'must have at most 10 MB', value: name });
  }
  const present = presentOf(await readFile(name));
  if (present?.isOurs === true) return { present, name };
  throw validationError(
    {
      field: 'file',
      constraint: 'was not written by Worktrail, so there is nothing to compare',
      value: name,
    },
    GIVE_OURS,
  );
}

const GIVE_OURS = 'Give a generated status file, or a copy of one that was edited. Nothing was changed.';

/** The newest first. */
async function savedCopies(dataDir: string): Promise<string[]> {
  const folder = path.join(dataDir, 'edited');
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.md'));
  const dated = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return { file, time: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
  return dated.sort((a, b) => b.time - a.time).map(({ file }) => file);
}

function hasFindings({ edits, added, removed, not_understood }: StatusEdits): boolean {
  return edits.length + openOf(added).length + removed.length + not_understood.length > 0;
}

/** Those that were not taken over before. */
function openOf(added: StatusEdits['added']): StatusEdits['added'] {
  return added.filter(({ id }) => id === null);
}

function isLeft({ edits, added, not_understood, imported }: StatusEditImport): boolean {
  const isRefused = edits.some(({ state }) => state === 'refused');
  const isUnused = added.some(({ reason }) => reason !== null) || not_understood.length > 0;
  return isRefused || isUnused || imported.some(({ outcome }) => !TAKEN.has(outcome));
}

const TAKEN: ReadonlySet<string> = new Set(['saved', 'merged', 'added']);

function diffText(found: StatusEdits, name: string, saved: readonly string[]): string {
  const lines = [
    ...found.edits.map(editLines),
    ...openOf(found.added).map(
      ({ entity, name: title, reason }) =>
        `${paint('green', '+')} ${spoken(entity)} ${plainLine(title)}${reason === null ? ': written by hand, would be added' : `: ${reason}`}`,
    ),
    ...leftLines(found),
  ];
  const hint =
    saved.length === 0
      ? []
      : [
          'Files that were edited and then written again are kept; give one of them to compare it:',
          ...saved.slice(0, COPIES_SHOWN).map((file) => `  ${file}`),
          ...(saved.length > COPIES_SHOWN ? [`  and ${saved.length - COPIES_SHOWN} older`] : []),
        ];
  const head = hasFindings(found)
    ? [...lines, '', 'Take them over: worktrail status --import-edits']
    : [
        found.is_intact
          ? `The generated lines of ${name} are as Worktrail wrote them.`
          : `What was edited in ${name} is in the tracker already.`,
      ];
  return [...head, ...hint].join('\n');
}

/** What nothing is done about. */
function leftLines({ removed, not_understood }: StatusEdits): string[] {
  return [
    ...removed.map(
      ({ entity, id, name }) =>
        `${paint('dim', '·')} ${spoken(entity)} ${shortId(id)} ${plainLine(name)}: not in the file any more; nothing is deleted by that`,
    ),
    ...not_understood.map(({ line, text }) => `${paint('yellow', '?')} line ${line}: ${plainLine(text)}`),
  ];
}

function editLines(edit: StatusEdit): string {
  const { entity, id, base_version, name, field, written, file, tracker, state, reason } = edit;
  const head = `${state === 'change' ? '~' : paint('yellow', '!')} ${spoken(entity)} ${shortId(id)} v${base_version} ${plainLine(name)}`;
  const values = [`    file:    ${value(file)}`, `    tracker: ${value(tracker)}`];
  const was =
    state === 'conflict' ? [`    written: ${value(written)} (the tracker's value changed too)`] : [];
  const why = reason === undefined ? [] : [`    not taken over: ${reason}`];
  return [head, `  ${field}`, ...values, ...was, ...why].join('\n');
}

function importText(done: StatusEditImport): string {
  const { imported, edits, added } = done;
  const taken = imported.filter(({ outcome }) => TAKEN.has(outcome)).length;
  const refused = [
    ...edits
      .filter(({ state }) => state === 'refused')
      .map(
        ({ entity, name, field, reason = '' }) =>
          `! ${spoken(entity)} ${plainLine(name)}, ${field}: ${reason}`,
      ),
    ...added
      .filter(({ reason }) => reason !== null)
      .map(({ entity, name, reason }) => `! ${spoken(entity)} ${plainLine(name)}: ${reason ?? ''}`),
  ];
  return [
    `${count(taken, 'record')} taken over from the file.`,
    ...imported.map(importedLine),
    ...refused,
    ...leftLines(done),
  ].join('\n');
}

function importedLine({ entity, id, name, fields, outcome, version, reason }: ImportedEdit): string {
  const what = `${spoken(entity)} ${id === null ? '' : `${shortId(id)} `}${plainLine(name)}`;
  if (!TAKEN.has(outcome)) return `! ${what}: ${outcome}. ${reason ?? ''}`;
  return `  ${what}: ${outcome}${fields.length === 0 ? '' : ` ${fields.join(', ')}`}, now version ${version ?? ''}`;
}

const spoken = (entity: string): string => entity.replace('_', ' ');

function value(entry: JsonValue): string {
  if (entry === null) return '(nothing)';
  return plainLine(typeof entry === 'string' ? entry : JSON.stringify(entry));
}
