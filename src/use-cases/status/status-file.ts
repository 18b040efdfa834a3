/** Writing `.project_status.md`: after changes and on request, atomically, never over someone's own work. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stretches } from '../../platform/in-turns.ts';
import { validationError } from '../../domain/errors.ts';
import { STATUS_FILE } from '../../storage/status-file/status-file-name.ts';
import { exchange, readStatusBytes } from '../../storage/status-file/status-file-on-disk.ts';
import {
  EMPTY_LAYOUT,
  STATUS_PARTS,
  holdsRecordsOfOurs,
  layOut,
  partsOfText,
  readLayout,
  type StatusLayout,
  type StatusPart,
} from '../../storage/status-file/status-layout.ts';
import { markOf, withMark } from '../../storage/status-file/status-mark.ts';
import { FILE_MODE, FOLDER_MODE } from '../../platform/file-modes.ts';
import type { Tracker, Workspace } from '../support/context.ts';
import { readStatus, type ProjectStatus } from './project-status.ts';
import { renderStatusFile } from './status-view.ts';
import { describeFailure } from '../../storage/database/driver-errors.ts';

export { renderStatusFile } from './status-view.ts';
export { STATUS_FILE };

/** When others write at the same time, the file is made again until it is not older than the store. */
const ATTEMPTS = 3;

export type StatusFileOutcome =
  | { written: true; file: string; saved_edit: string | null }
  | { written: false; file: string; reason: 'unchanged' | 'not_ours' };

/** Where the file is, and where hand edits of it are saved. */
type Folders = Pick<Workspace, 'projectDir' | 'dataDir'>;

/**
 * Brings the generated parts of the file up to date; what people wrote around them stays as it is. A file in which
 * generated lines were edited by hand is copied to `.worktrail/edited/` first; one that Worktrail did not write is left
 * alone (`not_ours`).
 */
export async function writeStatusFile(
  tracker: Pick<Tracker, 'store'>,
  { projectDir, dataDir }: Folders,
): Promise<StatusFileOutcome> {
  const file = path.join(projectDir, STATUS_FILE);
  let outcome: StatusFileOutcome = { written: false, file, reason: 'unchanged' };
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { data: report, source } = await readStatus(tracker);
    const parts = partsOfText(await renderStatusFile(report));
    const isWhole = source !== 'git_history' && source !== 'markdown_file';
    const partsFor = (present: PresentFile | undefined) =>
      isWhole ? parts : withPending(present, parts, report.project_id);
    outcome = await replace(file, dataDir, partsFor);
    const { data: position } = await tracker.store.read((reader) => reader.findFeedPosition());
    if (position.seq === report.seq || !outcome.written) break;
  }
  return outcome;
}

/** A status file as it is. */
export interface PresentFile {
  bytes: Buffer;
  layout: StatusLayout;
  /** Whether Worktrail wrote it once. */
  isOurs: boolean;
  /** Whether its generated lines are as Worktrail wrote them. */
  isIntact: boolean;
  /** The time of the last change that it shows, with milliseconds; null where it does not say. */
  as_of: string | null;
}

/** Undefined for an empty file. */
export function presentOf(bytes: Buffer): PresentFile | undefined {
  if (bytes.toString().trim() === '') return undefined;
  const layout = readLayout(bytes);
  const mark = markOf(layout, bytes);
  // A file that lost its mark still carries the ids.
  const isOurs = mark !== undefined || holdsRecordsOfOurs(layout);
  return { bytes, layout, isOurs, isIntact: mark?.isIntact === true, as_of: mark?.as_of ?? null };
}

/** The project's status file; undefined where there is none, or an empty one. */
export async function readStatusFile(projectDir: string): Promise<PresentFile | undefined> {
  const bytes = await readStatusBytes(path.join(projectDir, STATUS_FILE));
  return bytes === undefined ? undefined : presentOf(bytes);
}

/** Whether its generated parts say what the report says. */
export async function isUpToDate({ bytes, layout }: PresentFile, report: ProjectStatus): Promise<boolean> {
  return layOut(layout, partsOfText(await renderStatusFile(report))).equals(bytes);
}

/** What a person wrote, and the generated part that it stands behind; null before all of them. */
export interface KeptSection {
  behind: StatusPart | null;
  /** As it stands in the file, blank lines around it included. */
  bytes: Buffer;
}

export interface AroundOptions extends Partial<Pick<StatusLayout, 'lineEnd' | 'hasByteOrderMark'>> {
  /** Of the parts, all of them; default: as in a new file. */
  order?: readonly StatusPart[];
}

/**
 * The generated file around text that people wrote: for a file that Worktrail takes over. Every section is there to the
 * byte, in the given order, behind its part; one that does not end with a newline gets one where a generated part
 * follows. What comes out is a file of ours: the next `writeStatusFile` keeps the same sections.
 */
export async function renderAround(
  kept: readonly KeptSection[],
  report: ProjectStatus,
  { lineEnd = '\n', hasByteOrderMark = false, order = STATUS_PARTS }: AroundOptions = {},
): Promise<Buffer> {
  const turn = stretches();
  const text = await renderStatusFile(report);
  await turn();
  const parts = partsOfText(text);
  await turn();
  const blank = Buffer.from(lineEnd);
  const pieces: StatusLayout['pieces'] = [];
  const add = (behind: StatusPart | null): boolean => {
    const own = kept.filter((section) => section.behind === behind);
    pieces.push(...own.map(({ bytes }) => ({ part: null, bytes })));
    return own.length > 0;
  };
  add(null);
  for (const part of order) {
    const text = parts.get(part);
    if (text === undefined) continue;
    pieces.push({ part, text, lines: [] });
    if (!add(part) && part !== 'mark') pieces.push({ part: null, bytes: blank });
  }
  // Of a part that is not there now, as that of waiting writes, the text comes last.
  const homeless = kept.filter(({ behind }) => behind !== null && !parts.has(behind));
  pieces.push(...homeless.map(({ bytes }) => ({ part: null, bytes })));
  return layOut({ hasByteOrderMark, lineEnd, pieces }, parts);
}

/**
 * The parts that the file has, with the writes that wait now, and nothing else changed: what is known of the records
 * comes from this file, or from something older. Undefined when it is not ours or was edited.
 */
function withPending(
  present: PresentFile | undefined,
  parts: ReadonlyMap<StatusPart, string>,
  project_id: string,
): ReadonlyMap<StatusPart, string> | undefined {
  if (present?.isIntact !== true) return undefined;
  const own = present.layout.pieces.flatMap((piece): [StatusPart, string][] =>
    piece.part === null || piece.part === 'pending'
      ? []
      : [[piece.part, piece.text.replaceAll('\r\n', '\n')]],
  );
  const pending = parts.get('pending');
  const merged = new Map(own);
  if (pending !== undefined) merged.set('pending', pending);
  const body = STATUS_PARTS.flatMap((part) => (part === 'mark' ? [] : (merged.get(part) ?? [])));
  return partsOfText(withMark(body.join('\n'), project_id, present.as_of));
}

/** @throws ValidationError when the file there is not ours; for commands, which must say so */
export function refuseForeignFile(outcome: StatusFileOutcome): void {
  if (outcome.written || outcome.reason !== 'not_ours') return;
  throw validationError(
    {
      field: STATUS_FILE,
      constraint: 'was not written by Worktrail and is left as it is',
      value: outcome.file,
    },
    'Rename it if you want to keep it by hand beside the generated one, or set status_file.enabled to false in worktrail.config.json.',
  );
}

async function replace(
  file: string,
  dataDir: string,
  partsFor: (present: PresentFile | undefined) => ReadonlyMap<StatusPart, string> | undefined,
  triesLeft = ATTEMPTS,
): Promise<StatusFileOutcome> {
  const bytes = await readStatusBytes(file);
  const turn = stretches();
  const present = bytes === undefined ? undefined : presentOf(bytes);
  await turn();
  if (present?.isOurs === false) return { written: false, file, reason: 'not_ours' };
  const parts = partsFor(present);
  const written = parts === undefined ? undefined : layOut(present?.layout ?? EMPTY_LAYOUT, parts);
  if (written === undefined || bytes?.equals(written) === true) {
    return { written: false, file, reason: 'unchanged' };
  }
  const saved_edit = present?.isIntact === false ? await saveEdit(present.bytes, dataDir) : null;
  // Somebody may have saved it meanwhile: then it is looked at again.
  if (await exchange(file, { was: bytes, written, dataDir })) return { written: true, file, saved_edit };
  if (triesLeft > 0) return await replace(file, dataDir, partsFor, triesLeft - 1);
  return { written: false, file, reason: 'unchanged' };
}

async function saveEdit(present: Buffer, dataDir: string): Promise<string> {
  const folder = path.join(dataDir, 'edited');
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const copy = path.join(folder, `project_status-${sha256(present).slice(0, 12)}.md`);
  // Whoever made the file knows this name: what lies there, such as a link to elsewhere, is replaced and not written into.
  const temporary = path.join(folder, `.${randomUUID()}.tmp`);
  try {
    await writeFile(temporary, present, { mode: FILE_MODE, flag: 'wx', flush: true });
    await rename(temporary, copy);
  } finally {
    await rm(temporary, { force: true });
  }
  return copy;
}

function sha256(text: Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Keeps the file up to date while a process serves: once per pause between changes, and once more at the end. */
export class StatusFileWriter {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #due = false;

  /**
   * @param report told of everything that a person should know: edits saved, files left alone, failures
   */
  constructor(
    private readonly tracker: Pick<Tracker, 'store'>,
    private readonly folders: Folders,
    private readonly debounceMs: number,
    private readonly report: (message: string) => void,
  ) {}

  /** A change was made. The first of a burst starts the clock; later ones do not put it off for ever. */
  changed(): void {
    this.#due = true;
    this.#timer ??= setTimeout(() => void this.#takeTurn(), this.debounceMs);
    this.#timer.unref();
  }

  /** Where many processes write to one tracker they share the work: whoever finds the file fresh waits once more. */
  async #takeTurn(): Promise<void> {
    const file = path.join(this.folders.projectDir, STATUS_FILE);
    const age = await stat(file).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if (age < 0 || age >= this.debounceMs) {
      await this.flush();
      return;
    }
    this.#timer = undefined;
    if (this.#due) this.changed();
  }

  /** Writes now what is due; resolves when the file is written. Never throws: the file is a by-product. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#running.then(() => this.#write());
    await this.#running;
  }

  async #write(): Promise<void> {
    if (!this.#due) return;
    this.#due = false;
    try {
      const outcome = await writeStatusFile(this.tracker, this.folders);
      if (outcome.written && outcome.saved_edit !== null) {
        this.report(
          `${STATUS_FILE} had been edited by hand; the edited file was kept as ${outcome.saved_edit}`,
        );
      }
      if (!outcome.written && outcome.reason === 'not_ours') {
        this.report(`${STATUS_FILE} was not written by Worktrail; it is left as it is`);
      }
    } catch (error) {
      this.report(`${STATUS_FILE} could not be written: ${describeFailure(error)}`);
    }
  }
}
