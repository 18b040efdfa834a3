/**
 * The one file that a whole tracker is kept in, for exports and backups alike: a line of JSON each.
 *
 *     {"worktrail_export":1,"kind":"backup","project_id":…,"seq":…,"counts":{…},…}    what it is
 *     {"table":"work_items","row":{…}}                                               a line per row, tables in the
 *     …                                                                              order in which references hold
 *     {"worktrail_entry":1,"bytes":…,"sha256":…,"entry":{…}}                         a line per waiting write
 *     {"end":{"rows":…,"sha256":"…"}}                                                over all lines of rows
 *
 * The same rows give the same lines, from whichever database. A file without its last line was cut.
 */
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import * as z from 'zod';
import { stableJson } from '../../domain/json.ts';
import { positionByAge } from '../../domain/position.ts';
import { canBeProject } from '../../domain/project-name.ts';
import { validationError, type TrackerError } from '../../domain/errors.ts';
import { sqliteKit } from '../database/columns.ts';
import { readMigrations } from '../primary/migrate.ts';
import { defineTables } from '../database/schema.ts';
import { TABLE_NAMES, type Row, type TableName } from '../database/table-copy.ts';

/** Raised when older programs could no longer read what newer ones write. */
export const FORMAT_VERSION = 1;
export const HEADER_START = '{"worktrail_export":';

const count = z.number().int().nonnegative();

const header = z
  .object({
    worktrail_export: z.literal(FORMAT_VERSION),
    /** `before_restore`: the state that a restore replaced; never removed by itself. */
    kind: z.enum(['export', 'backup', 'before_restore']),
    project_id: z.string(),
    project_slug: z.string(),
    root_commit: z.string().nullable(),
    /** The position of the feed that all rows are from. */
    seq: count,
    /** When the tracker last changed; times are ISO 8601 UTC with milliseconds. */
    changed_at: z.string(),
    taken_at: z.string(),
    /** How many migrations the program knew that wrote it. */
    schema_version: count,
    /** Rows by table. */
    counts: z.record(z.string(), count),
    /** Acknowledged writes that are not in the rows yet. */
    waiting: count,
  })
  .refine(({ project_id, project_slug }) => canBeProject(project_id, project_slug));
/** What a file says of itself in its first line. */
export type ExportHeader = z.output<typeof header>;
export type ExportKind = ExportHeader['kind'];

const footer = z.object({ end: z.object({ rows: count, sha256: z.string() }) });

/** How many migrations this program knows. */
export const schemaVersion = (): number => readMigrations('sqlite').times.length;

interface TableShape {
  name: TableName;
  /** Names of the columns, sorted. */
  columns: readonly string[];
  /** Those among them that have to hold a value. */
  required: readonly string[];
}

const tables = defineTables(sqliteKit);
const SHAPES = new Map<TableName, TableShape>(
  TABLE_NAMES.map((name) => {
    const all = Object.entries(getTableColumns(tables[name] as PgTable));
    const columns = all.map(([key]) => key).sort();
    return [name, { name, columns, required: all.filter(([, c]) => c.notNull).map(([key]) => key) }];
  }),
);
const BY_SQL_NAME = new Map(TABLE_NAMES.map((name) => [sqlName(name), name]));

/** A table's name in the database and in the file, as `work_items`. */
export function sqlName(name: TableName): string {
  return getTableName(tables[name] as PgTable);
}

export function shapeOf(name: TableName): TableShape {
  const shape = SHAPES.get(name);
  if (shape === undefined) throw new Error(`no table ${name}`);
  return shape;
}

/** The row as a line, with its line break. Columns that it lacks are null. */
export function rowLine(name: TableName, row: Row): string {
  const fields = shapeOf(name).columns.map((key) => {
    const value = row[key] ?? null;
    return `${JSON.stringify(key)}:${typeof value === 'object' ? stableJson(value) : JSON.stringify(value)}`;
  });
  return `{"table":"${sqlName(name)}","row":{${harmless(fields.join(','))}}}\n`;
}

/** Characters that could steer a terminal are escaped, also those that JSON lets stand. */
function harmless(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function headerLine(head: ExportHeader): string {
  const { worktrail_export, ...rest } = head;
  return `${HEADER_START}${worktrail_export},${harmless(JSON.stringify(rest).slice(1))}\n`;
}

export function footerLine(rows: number, sha256: string): string {
  return `${JSON.stringify({ end: { rows, sha256 } })}\n`;
}

/** @throws ValidationError for a file that is none of ours, or a newer one */
export function parseHeader(file: string, line: string): ExportHeader {
  if (!line.startsWith(HEADER_START)) throw unusable(file, 'is not an export or a backup of Worktrail');
  const found = parseJson(line) as { worktrail_export?: unknown } | undefined;
  const version = found?.worktrail_export;
  if (typeof version === 'number' && version > FORMAT_VERSION) throw newerFile(file);
  const { data } = header.safeParse(found);
  if (data === undefined) throw damaged(file, 'its first line cannot be read');
  if (data.schema_version > schemaVersion()) throw newerFile(file);
  return data;
}

export function parseFooter(line: string): { rows: number; sha256: string } | undefined {
  return footer.safeParse(parseJson(line)).data?.end;
}

/** The table and the row of a line, with every column that the table has now. */
export function parseRow(file: string, text: string, line: number): { name: TableName; row: Row } {
  const found = parseJson(text) as { table?: unknown; row?: unknown } | undefined;
  const name = typeof found?.table === 'string' ? BY_SQL_NAME.get(found.table) : undefined;
  if (found === undefined || typeof found.row !== 'object' || found.row === null) {
    throw damaged(file, `line ${line} cannot be read`);
  }
  if (name === undefined) throw unusable(file, `has a table that is not known here, in line ${line}`);
  return { name, row: completed(file, name, found.row as Row, line) };
}

/** Columns that came since the file was written are empty, where the table allows that, or follow from others. */
function completed(file: string, name: TableName, found: Row, line: number): Row {
  const given = EARLIER[name]?.(found) ?? found;
  const { columns, required } = shapeOf(name);
  const strange = Object.keys(given).find((key) => !columns.includes(key));
  if (strange !== undefined) {
    throw unusable(file, `has a column of ${sqlName(name)} that is not known here, in line ${line}`);
  }
  const missing = required.find((key) => (given[key] ?? null) === null);
  if (missing !== undefined)
    throw unusable(file, `lacks values of ${sqlName(name)}.${missing}, in line ${line}`);
  return Object.fromEntries(columns.map((key) => [key, given[key] ?? null]));
}

/** Rows of earlier versions as those of this one. The queue of open work is made again: see `derived.ts`. */
const EARLIER: { readonly [Name in TableName]?: (row: Row) => Row } = {
  workItems: (row) => {
    const { id, created_at, position } = row;
    // Of a damaged row the checks tell what is wrong.
    if (position !== undefined || typeof id !== 'string' || typeof created_at !== 'string') return row;
    return { position: positionByAge({ id, created_at }), ...row };
  },
  readyQueue: ({ created_at: _then, ...row }) => ({ position: '', ...row }),
};

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

function newerFile(file: string): TrackerError {
  return validationError(
    { field: 'file', constraint: `${file} was written by a newer Worktrail`, value: file },
    'Update Worktrail here to the version that wrote the file, then repeat the call; nothing was changed.',
  );
}

/** What a file that cannot be taken is refused with. */
export function unusable(file: string, why: string): TrackerError {
  return validationError(
    { field: 'file', constraint: `${file} ${why}`, value: file },
    'Name a file that `worktrail export` or `worktrail backup` wrote with this version or an older one; nothing was changed.',
  );
}

/** The same for a file that was ours and is not whole any more. */
export function damaged(file: string, why: string): TrackerError {
  return validationError(
    { field: 'file', constraint: `${file} is damaged: ${why}`, value: file },
    'Use another backup, or copy the file again from where it came; nothing was changed.',
  );
}
