/** `worktrail export`: everything as one file of JSON lines, or as a folder with a CSV file for each table. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { ReportProgress } from '../../domain/progress.ts';
import { databaseError } from '../../domain/errors.ts';
import { TABLE_NAMES, primaryKeyOf } from '../database/table-copy.ts';
import { csvColumns, csvFileName, writeCsv } from './csv.ts';
import { sqlName } from './format.ts';
import { nameTaken, publish, syncFolder, writeTemporary } from './new-file.ts';
import { checkExport } from './read-export.ts';
import { openSource, type TrackerPlace } from './source.ts';
import { countRows, writeExport, type ExportSummary, type Sink } from './write-export.ts';

export interface ExportTo extends TrackerPlace {
  /** The file (JSON lines) or the folder (CSV), which must not be there yet. An existing folder gets a file in it. */
  to: string | undefined;
  /** Where it goes when `to` is not given. */
  folder: string;
  onProgress?: ReportProgress | undefined;
  now?: () => Date;
}

/** What was exported. */
export interface ExportReport {
  format: 'jsonl' | 'csv';
  /** Null for standard output. */
  to: string | null;
  project_slug: string;
  project_id: string;
  /** The position of the feed that all of it is from. */
  seq: number;
  rows: number;
  /** Acknowledged writes that wait for the primary: in a JSONL file beside the rows. */
  waiting: number;
  bytes: number | null;
  /** Over all rows; null for CSV. */
  sha256: string | null;
  warnings: string[];
}

/**
 * Writes a file that `loadExport` takes, checked after writing.
 * @throws ValidationError when the name is taken; DatabaseError when the store or the disk fails
 */
export async function exportToFile(options: ExportTo): Promise<ExportReport> {
  const { to, folder, now = () => new Date(), onProgress } = options;
  const source = await openSource(options);
  try {
    const slug = (await source.primary.health()).project_slug ?? 'project';
    const takenAt = now();
    const target = targetOf(to ?? folder, `worktrail-${slug}-${stampOf(takenAt)}.jsonl`);
    if (existsSync(target)) throw nameTaken(target);
    const { entries, warnings } = source.waiting;
    const written = await source.atOneMoment((c) =>
      writeTemporary(target, (sink) =>
        writeExport(c, { kind: 'export', takenAt, waiting: entries, onProgress }, sink),
      ),
    );
    try {
      await checkWritten(written.temporary, written.result, onProgress);
      await publish(written.temporary, target);
    } finally {
      await rm(written.temporary, { force: true });
    }
    return { ...reportOf(written.result), to: target, bytes: written.bytes, warnings };
  } finally {
    await source.close();
  }
}

/** The same into a stream; whoever reads it finds out by the last line whether all of it came. */
export async function exportToSink(
  options: TrackerPlace & Pick<ExportTo, 'onProgress'>,
  sink: Sink,
): Promise<ExportReport> {
  const source = await openSource(options);
  try {
    const { entries: waiting, warnings } = source.waiting;
    const summary = await source.atOneMoment((c) =>
      writeExport(c, { kind: 'export', takenAt: new Date(), waiting, onProgress: options.onProgress }, sink),
    );
    return { ...reportOf(summary), to: null, bytes: null, warnings };
  } finally {
    await source.close();
  }
}

/**
 * Writes a folder with a file for each table, which appears when all of them are there.
 * @throws as `exportToFile`
 */
export async function exportToCsv(options: ExportTo): Promise<ExportReport> {
  const { to, folder, now = () => new Date(), onProgress } = options;
  const source = await openSource(options);
  try {
    const { project_slug, project_id } = await source.primary.health();
    const slug = project_slug ?? 'project';
    const target = path.resolve(to ?? path.join(folder, `worktrail-${slug}-${stampOf(now())}-csv`));
    if (existsSync(target) && !isEmptyFolder(target, await readdir(target).catch(() => ['?']))) {
      throw nameTaken(target);
    }
    const parts = `${target}.${randomUUID()}.wtmp`;
    try {
      const { rows, seq } = await source.atOneMoment(async (c) => {
        const total = Object.values(await countRows(c)).reduce((sum, one) => sum + one, 0);
        const position = (await c.db.select().from(c.tables.feed))[0]?.seq ?? 0;
        let done = 0;
        for (const name of TABLE_NAMES) {
          const columns = csvColumns(name, primaryKeyOf(name));
          const file = path.join(parts, csvFileName(name));
          // There when the moment was lost on the way, and all of this runs again.
          await rm(file, { force: true });
          const { temporary, result } = await writeTemporary(file, (sink) =>
            writeCsv(c, name, columns, sink),
          );
          await publish(temporary, file);
          done += result;
          onProgress?.({ phase: sqlName(name), done, total });
        }
        return { rows: done, seq: position };
      });
      await mkdir(path.dirname(target), { recursive: true });
      await rename(parts, target);
      await syncFolder(path.dirname(target));
      return {
        format: 'csv',
        to: target,
        project_slug: slug,
        project_id: project_id ?? '',
        seq,
        rows,
        waiting: source.waiting.entries.length,
        bytes: null,
        sha256: null,
        warnings: [
          ...source.waiting.warnings,
          ...(source.waiting.entries.length === 0
            ? []
            : [`${source.waiting.entries.length} writes wait for the database and are not in these tables.`]),
        ],
      };
    } finally {
      await rm(parts, { recursive: true, force: true });
    }
  } finally {
    await source.close();
  }
}

/**
 * Reads back what was written and compares it with what was meant to be.
 * @throws DatabaseError or ValidationError when the disk gives back something else
 */
export async function checkWritten(
  file: string,
  meant: ExportSummary,
  onProgress?: ReportProgress,
): Promise<void> {
  const found = await checkExport(file, onProgress);
  if (found.sha256 !== meant.sha256 || found.rows !== meant.rows) {
    throw databaseError(
      'file',
      `${path.dirname(file)} does not give back what was written to it`,
      'Check the disk, or choose another folder with --to. Nothing was kept of it, and what is there stays.',
    );
  }
}

/** A moment as part of a file name: `20261121T123000123Z`. */
export const stampOf = (time: Date): string => time.toISOString().replaceAll(/[-:.]/g, '');

function targetOf(given: string, name: string): string {
  const target = path.resolve(given);
  return statSync(target, { throwIfNoEntry: false })?.isDirectory() === true
    ? path.join(target, name)
    : target;
}

function isEmptyFolder(folder: string, names: readonly string[]): boolean {
  return statSync(folder).isDirectory() && names.length === 0;
}

function reportOf({ header, rows, sha256 }: ExportSummary): Omit<ExportReport, 'to' | 'bytes' | 'warnings'> {
  const { project_slug, project_id, seq, waiting } = header;
  return { format: 'jsonl', project_slug, project_id, seq, rows, waiting, sha256 };
}
