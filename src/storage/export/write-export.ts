/** A tracker's rows as the lines of an export, table by table, in bounded memory. */
import { createHash } from 'node:crypto';
import { count } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { ReportProgress } from '../../domain/progress.ts';
import { databaseError } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { findSettled } from '../queries/change-records.ts';
import { findFeedPosition, findProject } from '../queries/configuration.ts';
import { TABLE_NAMES, readTable, type TableName } from '../database/table-copy.ts';
import { encodeForOthers } from '../journals/entry-codec.ts';
import type { JournalEntry } from '../contract/journal.ts';
import {
  FORMAT_VERSION,
  footerLine,
  headerLine,
  rowLine,
  schemaVersion,
  sqlName,
  type ExportHeader,
  type ExportKind,
} from './format.ts';

/** Takes text in order; resolves when more may come. */
export type Sink = (text: string) => Promise<void>;

export interface ExportOptions {
  kind: ExportKind;
  takenAt: Date;
  /** Acknowledged writes that may not be in the rows yet: read before the rows, so that none is in neither. */
  waiting?: readonly JournalEntry[];
  onProgress?: ReportProgress | undefined;
}

/** What was written. */
export interface ExportSummary {
  header: ExportHeader;
  rows: number;
  /** Over all lines of rows: the same state has the same, on both databases. */
  sha256: string;
}

/**
 * Writes everything that `c` sees, which must be one moment, as all of a read does.
 * @throws DatabaseError when the database answers with more or fewer rows than it counts
 */
export async function writeExport(
  c: Connection,
  { kind, takenAt, waiting = [], onProgress }: ExportOptions,
  sink: Sink,
): Promise<ExportSummary> {
  const unsettled = await withoutSettled(c, waiting);
  const header = await headerOf(c, kind, takenAt, unsettled.length);
  await sink(headerLine(header));
  const total = Object.values(header.counts).reduce((sum, rows) => sum + rows, 0);
  const { rows, sha256 } = await digestRows(c, {
    sink,
    expected: header.counts,
    onRows: (done) => onProgress?.({ phase: 'copy', done, total }),
  });
  for (const entry of unsettled) await sink(`${encodeForOthers(entry)}\n`);
  await sink(footerLine(rows, sha256));
  return { header, rows, sha256 };
}

interface DigestOptions {
  sink?: Sink;
  expected?: Record<string, number>;
  onRows?: (done: number) => void;
}

/** Reads all rows; what they are is told by a digest. */
export async function digestRows(
  c: Connection,
  { sink, expected, onRows }: DigestOptions = {},
): Promise<{ rows: number; sha256: string }> {
  const hash = createHash('sha256');
  let rows = 0;
  for (const name of TABLE_NAMES) {
    const before = rows;
    for await (const chunk of readTable(c, name)) {
      const text = chunk.map((row) => rowLine(name, row)).join('');
      hash.update(text);
      await sink?.(text);
      rows += chunk.length;
      onRows?.(rows);
    }
    const counted = expected?.[sqlName(name)];
    if (counted !== undefined && counted !== rows - before) throw miscounted(name, counted, rows - before);
  }
  return { rows, sha256: hash.digest('hex') };
}

async function headerOf(
  c: Connection,
  kind: ExportKind,
  takenAt: Date,
  waiting: number,
): Promise<ExportHeader> {
  const project = await findProject(c);
  if (project === undefined) throw new Error('a tracker without its project row cannot be kept');
  const { project_id, project_slug, root_commit } = project;
  const { seq, changed_at } = await findFeedPosition(c);
  return {
    worktrail_export: FORMAT_VERSION,
    kind,
    project_id,
    project_slug,
    root_commit,
    seq,
    changed_at,
    taken_at: takenAt.toISOString(),
    schema_version: schemaVersion(),
    counts: await countRows(c),
    waiting,
  };
}

/** Rows by table, as the file names them. */
export async function countRows(c: Connection): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of TABLE_NAMES) {
    const [row] = await c.db.select({ rows: count() }).from(c.tables[name] as PgTable);
    counts[sqlName(name)] = Number(row?.rows ?? 0);
  }
  return counts;
}

/** A write that was replayed after the journals were read is among the rows. */
async function withoutSettled(c: Connection, waiting: readonly JournalEntry[]): Promise<JournalEntry[]> {
  const settled = await findSettled(
    c,
    waiting.map(({ id }) => id),
  );
  return waiting.filter(({ id }) => !settled.has(id));
}

function miscounted(name: TableName, counted: number, read: number) {
  return databaseError(
    'store',
    `the table ${sqlName(name)} counts ${counted} rows and gave ${read}: an index of it may be damaged`,
    'Run `worktrail doctor`, and keep the backups that there are; nothing was written.',
  );
}
