/** An export read back: checked as a whole first, then row by row, in bounded memory. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ReportProgress } from '../../domain/progress.ts';
import { describeDriverError } from '../database/driver-errors.ts';
import type { Row, TableName } from '../database/table-copy.ts';
import { RECORD_START, decodeEntry, entryOf } from '../journals/entry-codec.ts';
import type { JournalEntry } from '../contract/journal.ts';
import {
  HEADER_START,
  damaged,
  parseFooter,
  parseHeader,
  parseRow,
  sqlName,
  unusable,
  type ExportHeader,
} from './format.ts';
import { RowChecks } from './row-checks.ts';
import type { ExportSummary } from './write-export.ts';

const CHUNK_BYTES = 1 << 20;
/** A longer line is none of ours. */
const LINE_MAX_BYTES = 256 << 20;
const HEADER_MAX_BYTES = 1 << 16;
const FOOTER_START = '{"end":';
const ROWS_PER_BATCH = 500;
const NEWLINE = 0x0a;

/** A file that is whole. */
export interface CheckedExport extends ExportSummary {
  file: string;
  bytes: number;
  /** The acknowledged writes that it holds beside the rows, in the order of replay. */
  waiting: JournalEntry[];
}

/**
 * Reads all of a file and compares it with what it says of itself.
 * @throws ValidationError when it is damaged, cut, written by a newer program, or none of ours
 */
export async function checkExport(file: string, onProgress?: ReportProgress): Promise<CheckedExport> {
  const hash = createHash('sha256');
  const counts = new Map<string, number>();
  const waiting: JournalEntry[] = [];
  let header: ExportHeader | undefined;
  let end: { rows: number; sha256: string } | undefined;
  const checks = new RowChecks();
  let wrong: string | undefined;
  let rows = 0;
  let total = 0;
  let line = 0;
  for await (const bytes of linesOf(file)) {
    line += 1;
    if (end !== undefined) throw damaged(file, 'something follows its last line');
    if (header === undefined) {
      header = parseHeader(file, bytes.toString());
      total = Object.values(header.counts).reduce((sum, one) => sum + one, 0);
      continue;
    }
    const kind = kindOf(bytes);
    if (kind === 'end') {
      end = parseFooter(bytes.toString());
      if (end === undefined) throw damaged(file, 'its last line cannot be read');
      continue;
    }
    if (kind === 'waiting') {
      waiting.push(waitingWrite(file, bytes));
      continue;
    }
    if (waiting.length > 0) throw damaged(file, 'its lines are not in order');
    hash.update(bytes);
    hash.update('\n');
    const { name, row } = parseRow(file, bytes.toString(), line);
    if (wrong === undefined) {
      const problem = checks.problemOf(name, row);
      if (problem !== undefined) wrong = `line ${line}, ${sqlName(name)}: ${problem}`;
    }
    checkAgainst(file, header, name, row);
    counts.set(sqlName(name), (counts.get(sqlName(name)) ?? 0) + 1);
    rows += 1;
    if (rows % ROWS_PER_BATCH === 0) onProgress?.({ phase: 'verify', done: rows, total });
  }
  if (header === undefined) throw unusable(file, 'is empty');
  if (end === undefined) throw damaged(file, 'its end is missing');
  const sha256 = hash.digest('hex');
  const miscounted = Object.entries(header.counts).some(([table, n]) => (counts.get(table) ?? 0) !== n);
  if (miscounted || rows !== total || end.rows !== rows || waiting.length !== header.waiting) {
    throw damaged(file, 'lines of it are missing');
  }
  if (end.sha256 !== sha256) throw damaged(file, 'its content was altered');
  // Only of a file that says what was written into it: of another, that it was altered tells more.
  wrong ??= checks.problemOfAll();
  if (wrong !== undefined) throw damaged(file, wrong);
  onProgress?.({ phase: 'verify', done: rows, total });
  return { file, bytes: (await stat(file)).size, header, rows, sha256, waiting };
}

/** The first line is not under the digest: what it says must be said by the rows too. */
function checkAgainst(file: string, header: ExportHeader, name: TableName, row: Row): void {
  const isSame =
    name === 'meta'
      ? row['project_id'] === header.project_id &&
        row['project_slug'] === header.project_slug &&
        row['root_commit'] === header.root_commit
      : name === 'feed'
        ? row['seq'] === header.seq && row['changed_at'] === header.changed_at
        : true;
  if (!isSame) throw damaged(file, 'its first line does not fit its rows');
}

function waitingWrite(file: string, bytes: Buffer): JournalEntry {
  const decoded = decodeEntry(bytes);
  const entry = entryOf(decoded);
  // Whoever loads a file takes over what is in it.
  if (entry !== undefined) return entry;
  if ('problem' in decoded && decoded.problem === 'newer')
    throw unusable(file, 'holds a waiting write of a newer Worktrail');
  throw damaged(file, 'a waiting write in it cannot be read');
}

/** What a file says of itself; undefined for one that is none of ours or cannot be read. */
export async function readHeader(file: string): Promise<ExportHeader | undefined> {
  try {
    for await (const line of linesOf(file, HEADER_MAX_BYTES)) return parseHeader(file, line.toString());
  } catch {
    // Not one of ours, as far as can be told.
  }
  return undefined;
}

/**
 * The rows of a file that was checked, in batches of one table each.
 * @throws ValidationError, after the last one, when they are not those that were checked
 */
export async function* readRows({
  file,
  sha256,
}: CheckedExport): AsyncGenerator<{ name: TableName; rows: Row[] }> {
  const hash = createHash('sha256');
  let batch: { name: TableName; rows: Row[] } | undefined;
  let line = 0;
  for await (const bytes of linesOf(file)) {
    line += 1;
    if (kindOf(bytes) !== 'row') continue;
    hash.update(bytes);
    hash.update('\n');
    const { name, row } = parseRow(file, bytes.toString(), line);
    if (batch !== undefined && (batch.name !== name || batch.rows.length === ROWS_PER_BATCH)) {
      yield batch;
      batch = undefined;
    }
    batch ??= { name, rows: [] };
    batch.rows.push(row);
  }
  if (batch !== undefined) yield batch;
  if (hash.digest('hex') !== sha256) throw damaged(file, 'it was altered while it was read');
}

function kindOf(line: Buffer): 'header' | 'row' | 'waiting' | 'end' {
  const start = line.toString('latin1', 0, HEADER_START.length);
  if (start.startsWith(HEADER_START)) return 'header';
  if (start.startsWith(RECORD_START)) return 'waiting';
  return start.startsWith(FOOTER_START) ? 'end' : 'row';
}

/** The lines without their breaks. A last line without one is damage: it was cut. */
async function* linesOf(file: string, maxBytes = LINE_MAX_BYTES): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let isFirst = true;
  // Asked before opening: opening a pipe would wait for its writer, and a device never ends.
  const found = await stat(file).catch(() => undefined);
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    throw unusable(file, 'cannot be read: it is not a regular file');
  }
  const stream = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let start = 0;
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, start)) {
        const rest = chunk.subarray(start, at);
        isFirst = false;
        yield pending.length === 0 ? rest : Buffer.concat([...pending, rest]);
        pending = [];
        pendingBytes = 0;
        start = at + 1;
      }
      if (start === chunk.length) continue;
      pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > maxBytes) throw unusable(file, 'is not an export or a backup of Worktrail');
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw unusable(file, `cannot be read: ${reasonOf(error)}`);
  } finally {
    stream.destroy();
  }
  if (pendingBytes === 0) return;
  const isOurs = !isFirst || kindOf(Buffer.concat(pending)) === 'header';
  throw isOurs
    ? damaged(file, 'its end is missing')
    : unusable(file, 'is not an export or a backup of Worktrail');
}

function reasonOf(error: Error & { code?: string }): string {
  if (error.code === 'ENOENT') return 'it does not exist';
  if (error.code === 'EISDIR') return 'it is a folder';
  return describeDriverError(error);
}
