/** The files of a snapshot: records to lines of JSON, and back. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getTableName } from 'drizzle-orm';
import * as z from 'zod';
import { isPlainObject, stableJson } from '../../domain/json.ts';
import { sqliteKit } from '../database/columns.ts';
import type { Connection } from '../database/connection.ts';
import { readMigrations } from '../primary/migrate.ts';
import { findFeedPosition, findProject } from '../queries/configuration.ts';
import { defineTables } from '../database/schema.ts';
import { TABLE_NAMES, primaryKeyOf, readTable, type Row, type TableName } from '../database/table-copy.ts';
import type { Files } from './snapshot-objects.ts';

/**
 * Not in a snapshot: the history (`changes`, `applied_changes`), which grows for ever, and what follows from the
 * rest (labels one by one, counts, the queue of ready work, and the feed's position, which is in `meta.json`).
 */
const LEFT_OUT: readonly TableName[] = [
  'feed',
  'workItemLabels',
  'workItemCounts',
  'readyQueue',
  'changes',
  'appliedChanges',
];
/** The tables that are kept, those that others refer to first. */
export const SNAPSHOT_TABLES: readonly TableName[] = TABLE_NAMES.filter((name) => !LEFT_OUT.includes(name));

/** Raised when older programs could no longer read what newer ones write. */
const FORMAT_VERSION = 1;

const snapshotMeta = z.object({
  format_version: z.literal(FORMAT_VERSION),
  project_id: z.string(),
  project_slug: z.string(),
  root_commit: z.string().nullable(),
  /** The position of the feed that the records are from. */
  seq: z.number().int(),
  /** When the tracker last changed; times are ISO 8601 UTC with milliseconds. */
  changed_at: z.string(),
  taken_at: z.string(),
  /** How many migrations the program knew that wrote it. */
  schema_version: z.number().int(),
});
/** What a snapshot is of: the content of `meta.json`. */
export type SnapshotMeta = z.output<typeof snapshotMeta>;

/** @throws when the store has no project yet */
export async function snapshotMetaOf(c: Connection, takenAt: Date): Promise<SnapshotMeta> {
  const project = await findProject(c);
  if (project === undefined) throw new Error('a tracker without its project row cannot be kept');
  const { project_id, project_slug, root_commit } = project;
  const { seq, changed_at } = await findFeedPosition(c);
  return {
    format_version: FORMAT_VERSION,
    project_id,
    project_slug,
    root_commit,
    seq,
    changed_at,
    taken_at: takenAt.toISOString(),
    schema_version: readMigrations('sqlite').times.length,
  };
}

/** Undefined when the text is not the `meta.json` of a snapshot. */
export function parseMeta(text: string): SnapshotMeta | 'newer_format' | undefined {
  try {
    const found: unknown = JSON.parse(text);
    const version = isPlainObject(found) ? found['format_version'] : undefined;
    if (typeof version === 'number' && version > FORMAT_VERSION) return 'newer_format';
    return snapshotMeta.safeParse(found).data;
  } catch {
    return undefined;
  }
}

/** Past this many records a table has a file for each of 256 parts, so that one change makes little new. */
const RECORDS_IN_ONE_FILE_MAX = 2_000;

/** All records, as files. The same records give the same bytes, from whichever database. */
export async function recordFiles(c: Connection): Promise<Files> {
  const files: Files = new Map();
  for (const name of SNAPSHOT_TABLES) {
    const parts = await linesByPart(c, name);
    const records = [...parts.values()].reduce((sum, { length }) => sum + length, 0);
    if (records > RECORDS_IN_ONE_FILE_MAX) {
      for (const [part, lines] of parts) {
        files.set(`${fileName(name)}/${part}.jsonl`, sortedLines(lines));
        await nextTurn();
      }
    } else if (records > 0) {
      files.set(`${fileName(name)}.jsonl`, sortedLines([...parts.values()].flat()));
    }
  }
  return files;
}

interface Line {
  key: string;
  text: string;
}

/** By the first two characters of the key, which are hex digits of an id in every table that grows. */
async function linesByPart(c: Connection, name: TableName): Promise<Map<string, Line[]>> {
  const parts = new Map<string, Line[]>();
  for await (const rows of readTable(c, name)) {
    for (const row of rows) {
      const key = primaryKeyOf(name)
        .map((column) => String(row[column]))
        .join(' ');
      const line = { key, text: stableJson(row) };
      const part = parts.get(key.slice(0, 2));
      if (part === undefined) parts.set(key.slice(0, 2), [line]);
      else part.push(line);
    }
  }
  return parts;
}

function sortedLines(lines: Line[]): Buffer {
  lines.sort((a, b) => (a.key < b.key ? -1 : 1));
  return Buffer.from(lines.map(({ text }) => `${text}\n`).join(''));
}

/** Whether the file, by its path in the snapshot, holds records of the table. */
export function isFileOf(path: string, name: TableName): boolean {
  return path === `${fileName(name)}.jsonl` || path.startsWith(`${fileName(name)}/`);
}

/** Undefined when a line is not a record. */
export function parseRecords(content: Buffer): Row[] | undefined {
  const lines = content.toString().split('\n');
  if (lines.pop() !== '') return undefined;
  try {
    const rows = lines.map((line): unknown => JSON.parse(line));
    return rows.every(isPlainObject) ? rows : undefined;
  } catch {
    return undefined;
  }
}

const tables = defineTables(sqliteKit);
const fileName = (name: TableName): string => getTableName(tables[name]);
