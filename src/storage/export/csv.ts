/**
 * Tables as CSV for spreadsheets (RFC 4180): a header, commas, CRLF, quotes where needed.
 *
 * A spreadsheet runs text that begins like a formula. So a text that begins with `=`, `+`, `-`, `@`, a tab, a
 * carriage return, their full-width forms, or with an apostrophe, gets one apostrophe in front: whoever reads the
 * file takes one away where a cell begins with one, and has the value again. Numbers stay numbers; null is an
 * empty cell and empty text is `""`; lists and objects are JSON.
 */
import { stableJson } from '../../domain/json.ts';
import type { Connection } from '../database/connection.ts';
import { readTable, type Row, type TableName } from '../database/table-copy.ts';
import { shapeOf, sqlName } from './format.ts';
import type { Sink } from './write-export.ts';

const STEERS_A_SPREADSHEET = /^[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]/u;
const NEEDS_QUOTES = /[",\r\n]/;

/** One value as a cell. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : stableJson(value);
  const safe = STEERS_A_SPREADSHEET.test(text) ? `'${text}` : text;
  // A space at an end would be lost where quotes are missing.
  const isQuoted = safe === '' || NEEDS_QUOTES.test(safe) || safe !== safe.trim();
  return isQuoted ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** A table's file, as `work_items.csv`. */
export const csvFileName = (name: TableName): string => `${sqlName(name)}.csv`;

/** The columns in the order of the file: what tells rows apart first. */
export function csvColumns(name: TableName, key: readonly string[]): string[] {
  return [...key, ...shapeOf(name).columns.filter((column) => !key.includes(column))];
}

/** All rows of a table, header first. @returns how many */
export async function writeCsv(
  c: Connection,
  name: TableName,
  columns: readonly string[],
  sink: Sink,
): Promise<number> {
  let rows = 0;
  await sink(csvLine(columns));
  for await (const chunk of readTable(c, name)) {
    await sink(chunk.map((row: Row) => csvLine(columns.map((column) => row[column]))).join(''));
    rows += chunk.length;
  }
  return rows;
}
