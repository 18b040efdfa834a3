/** Writing `.project_status.md`: after changes and on request, atomically, never over someone's own work. */
import { createHash, randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { validationError } from '../errors.ts';
import { readMark, withMark } from '../storage/markdown/status-mark.ts';
import { describePending } from './conflicts.ts';
import type { Context } from './context.ts';
import { readStatus, STATUS_DEPLOYMENTS, type StatusReport } from './status-report.ts';

export const STATUS_FILE = '.project_status.md';
/** Waiting writes that are listed; more are counted. */
const PENDING_LISTED_MAX = 100;
const DESCRIPTION_MAX_CHARACTERS = 300;
/** When others write at the same time, the file is made again until it is not older than the store. */
const ATTEMPTS = 3;

export type StatusFileOutcome =
  | { written: true; file: string; saved_edit: string | null }
  | { written: false; file: string; reason: 'unchanged' | 'not_ours' };

/** The whole file for a report, its last line a mark by which hand edits are noticed. */
export async function renderStatusFile(report: StatusReport): Promise<string> {
  return withMark(await renderBody(report), report.project_id);
}

/** The same without the mark. */
export async function renderBody(report: StatusReport): Promise<string> {
  // Loaded on first use: a server that only answers does not pay for the template engine.
  const { renderStatus } = await import('../storage/markdown/status-template.ts');
  return renderStatus(viewOf(report));
}

/**
 * Brings the file up to date. A file that was edited by hand is copied to `.worktrail/edited/` first; one
 * that Worktrail did not write is left alone (`not_ours`).
 */
export async function writeStatusFile(
  context: Pick<Context, 'store' | 'projectDir'>,
  dataDir: string,
): Promise<StatusFileOutcome> {
  const file = path.join(context.projectDir, STATUS_FILE);
  let outcome: StatusFileOutcome = { written: false, file, reason: 'unchanged' };
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { data: report, source } = await readStatus(context);
    const isWhole = source !== 'git_history' && source !== 'markdown_file';
    const text = isWhole ? await renderStatusFile(report) : await withPendingSection(file, report);
    if (text === undefined) break;
    outcome = await replace(file, text, dataDir);
    const { data: position } = await context.store.read((reader) => reader.findFeedPosition());
    if (position.seq === report.seq || !outcome.written) break;
  }
  return outcome;
}

/**
 * The present file with the writes that wait now, and nothing else changed: what is known of the records comes
 * from this file, or from something older. Undefined when it is not ours or was edited.
 */
async function withPendingSection(file: string, report: StatusReport): Promise<string | undefined> {
  const present = await readFile(file, 'utf8').catch(() => undefined);
  const mark = present === undefined ? undefined : readMark(present);
  if (mark?.isIntact !== true) return undefined;
  const [before, , after] = aroundPending(mark.body);
  const [, pending] = aroundPending(await renderBody(report));
  return withMark(`${before}${pending}${after}`, report.project_id);
}

/** What comes before the section of waiting writes, that section (empty where there is none), and the foot of the file. */
function aroundPending(body: string): [before: string, pending: string, foot: string] {
  const foot = body.lastIndexOf('\n---\n');
  const section = body.lastIndexOf('\n## Pending Offline Changes (', foot);
  const start = section < 0 ? foot : section;
  return [body.slice(0, start), body.slice(start, foot), body.slice(foot)];
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

async function replace(file: string, text: string, dataDir: string): Promise<StatusFileOutcome> {
  const present = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (present === text) return { written: false, file, reason: 'unchanged' };
  let saved_edit: string | null = null;
  if (present !== undefined && present.trim() !== '') {
    const mark = readMark(present);
    if (mark === undefined) return { written: false, file, reason: 'not_ours' };
    if (!mark.isIntact) {
      saved_edit = await saveEdit(file, present, dataDir);
    }
  }
  // Beside nobody's sources, and on the same file system, so that the rename is one step.
  const temporary = path.join(dataDir, `status.${randomUUID()}.tmp`);
  try {
    await writeFile(temporary, text);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { written: true, file, saved_edit };
}

async function saveEdit(file: string, present: string, dataDir: string): Promise<string> {
  const folder = path.join(dataDir, 'edited');
  await mkdir(folder, { recursive: true });
  const copy = path.join(folder, `project_status-${sha256(present).slice(0, 12)}.md`);
  await copyFile(file, copy);
  return copy;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function viewOf(report: StatusReport): Record<string, unknown> {
  const mark = (record: { id: string; version: number }) => `<!-- ${record.id} v${record.version} -->`;
  return {
    time: `${report.changed_at.slice(0, 19)}+00:00`,
    operational: report.operational,
    vendors_total: report.vendors.length,
    vendors: report.vendors.map((vendor) => {
      const { test_results = {}, format_support = {} } = vendor.metadata as {
        test_results?: Record<string, number>;
        format_support?: Record<string, boolean>;
      };
      return {
        name: vendor.name,
        status: vendor.status,
        extractor_version: vendor.extractor_version,
        passing: test_results['passing'] ?? 0,
        total: test_results['total'] ?? 0,
        skipped: test_results['skipped'] ?? 0,
        formats: ['excel', 'csv', 'pdf', 'ocr']
          .filter((format) => format_support[format] === true)
          .join(', '),
        mark: mark(vendor),
      };
    }),
    items_total: report.items_total,
    items_left: report.items_total - report.items.length,
    items: report.items.map((item) => ({
      ...item,
      indent: '  '.repeat(item.level),
      created: `${spoken(item.created_at)} UTC`,
      mark: mark(item),
    })),
    deployments_max: STATUS_DEPLOYMENTS,
    deployments: report.deployments.map((deployment) => ({
      deployed: `${spoken(deployment.deployed_at)} UTC`,
      commit_hash: deployment.commit_hash,
      pr_number: deployment.metadata['pr_number'] ?? '',
      pr_title: deployment.metadata['pr_title'] ?? '',
      tests: Object.entries(deployment.metadata['test_summary'] as Record<string, number>)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([category, number]) => `${category}: ${number}`)
        .join(', '),
      compliance: deployment.metadata['constitutional_compliance'] === true ? '✓' : '✗',
      vendors: deployment.affected_vendors.map(({ name }) => name).join(', '),
      mark: mark(deployment),
    })),
    enhancements_total: report.enhancements_total,
    enhancements_left: report.enhancements_total - report.enhancements.length,
    enhancements: report.enhancements.map((enhancement) => ({
      title: enhancement.title,
      priority: enhancement.priority,
      // What is not said is planned.
      status: enhancement.status === 'planned' ? '' : enhancement.status,
      target: enhancement.target_quarter?.replace(/^(\d{4})-(Q\d)$/, '$2 $1') ?? '',
      description: beginningOf(enhancement.description ?? ''),
      mark: mark(enhancement),
    })),
    pending_total: report.pending.length,
    pending: report.pending.slice(0, PENDING_LISTED_MAX).map((write) => ({
      at: `${spoken(write.at)} UTC`,
      actor: write.changes[0]?.actor ?? '',
      what: describePending(write),
    })),
    pending_left: Math.max(0, report.pending.length - PENDING_LISTED_MAX),
  };
}

/** A description on one line, cut where it is long: the file stays readable. */
function beginningOf(description: string): string {
  const characters = Array.from(description.replaceAll(/\s+/g, ' ').trim());
  if (characters.length <= DESCRIPTION_MAX_CHARACTERS) return characters.join('');
  return `${characters
    .slice(0, DESCRIPTION_MAX_CHARACTERS - 1)
    .join('')
    .trimEnd()}…`;
}

/** `2026-01-31T09:30:00.000Z` as `2026-01-31 09:30:00`. */
function spoken(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
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
    private readonly context: Pick<Context, 'store' | 'projectDir'>,
    private readonly dataDir: string,
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
    const file = path.join(this.context.projectDir, STATUS_FILE);
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
      const outcome = await writeStatusFile(this.context, this.dataDir);
      if (outcome.written && outcome.saved_edit !== null) {
        this.report(
          `${STATUS_FILE} had been edited by hand; the edited file was kept as ${outcome.saved_edit}`,
        );
      }
      if (!outcome.written && outcome.reason === 'not_ours') {
        this.report(`${STATUS_FILE} was not written by Worktrail; it is left as it is`);
      }
    } catch (error) {
      this.report(
        `${STATUS_FILE} could not be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
