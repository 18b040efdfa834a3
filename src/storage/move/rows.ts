/** The rows of both sides of a move: copied where the other side lacks them, and compared one by one. */
import { createHash } from 'node:crypto';
import { getTableName } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { TrackerError } from '../../domain/errors.ts';
import { stableJson } from '../../domain/json.ts';
import type { Connection, Session } from '../database/connection.ts';
import {
  TABLE_NAMES,
  insertRows,
  primaryKeyOf,
  readTable,
  type Row,
  type TableName,
} from '../database/table-copy.ts';
import { refused } from './refused.ts';

const ROWS_PER_BATCH = 500;

/** How far a table is; `rows` so far when copied, all of them when compared. */
export interface TableStep {
  step: 'copied' | 'compared';
  table: string;
  rows: number;
}

/** A table that is the same on both sides. */
export interface TableMoved {
  table: string;
  rows: number;
  /** How many of them this run brought; the others were there from an earlier one. */
  copied: number;
}

/** All tables, the same on both sides. */
export interface Compared {
  tables: TableMoved[];
  rows: number;
  /** Over every row of every table as canonical JSON. */
  sha256: { source: string; target: string };
}

/**
 * Brings what the target lacks, in batches of their own, so that an interrupted run is gone on with.
 * @returns how many rows it brought, by table
 * @throws DatabaseError for a row that the target has otherwise, or that the source lacks
 */
export async function copyMissing(
  source: Connection,
  target: Session,
  onProgress?: (step: TableStep) => void,
): Promise<Map<TableName, number>> {
  const copied = new Map<TableName, number>();
  for (const name of TABLE_NAMES) {
    let rows = 0;
    let batch: Row[] = [];
    const bring = async () => {
      if (batch.length === 0) return;
      const ready = batch;
      await target.write((c) => insertRows(c, name, ready));
      batch = [];
      rows += ready.length;
      onProgress?.({ step: 'copied', table: tableName(source, name), rows });
    };
    await target.read(async (there) => {
      // Begun anew where others were in the way.
      batch = [];
      for await (const { mine, theirs } of sideBySide(source, there, name)) {
        if (mine === undefined || (theirs !== undefined && stableJson(mine) !== stableJson(theirs))) {
          throw differs(source, name, mine ?? theirs ?? {});
        }
        if (theirs !== undefined) continue;
        batch.push(mine);
        if (batch.length === ROWS_PER_BATCH) await bring();
      }
      await bring();
    });
    copied.set(name, rows);
  }
  return copied;
}

/**
 * Reads all of both sides again.
 * @param copied what `copyMissing` returned
 * @throws DatabaseError for the first row that is not the same on both sides
 */
export async function compareAll(
  source: Connection,
  target: Session,
  copied: ReadonlyMap<TableName, number>,
  onProgress?: (step: TableStep) => void,
): Promise<Compared> {
  const hashes = { source: createHash('sha256'), target: createHash('sha256') };
  const tables: TableMoved[] = [];
  for (const name of TABLE_NAMES) {
    const table = tableName(source, name);
    let rows = 0;
    await target.read(async (there) => {
      for await (const { mine, theirs } of sideBySide(source, there, name)) {
        if (mine === undefined || theirs === undefined) throw differs(source, name, mine ?? theirs ?? {});
        const texts = { source: stableJson(mine), target: stableJson(theirs) };
        if (texts.source !== texts.target) throw differs(source, name, mine);
        hashes.source.update(`${table} ${texts.source}\n`);
        hashes.target.update(`${table} ${texts.target}\n`);
        rows += 1;
      }
    });
    onProgress?.({ step: 'compared', table, rows });
    tables.push({ table, rows, copied: copied.get(name) ?? 0 });
  }
  return {
    tables,
    rows: tables.reduce((sum, one) => sum + one.rows, 0),
    sha256: { source: hashes.source.digest('hex'), target: hashes.target.digest('hex') },
  };
}

/** One row as both sides have it; undefined on the side that lacks it. */
export interface Pair {
  mine: Row | undefined;
  theirs: Row | undefined;
}

/** The rows of a table of both databases, those of one key together. */
export async function* sideBySide(
  source: Connection,
  target: Connection,
  name: TableName,
): AsyncGenerator<Pair> {
  const keys = [...(name === 'workItems' ? ['depth'] : []), ...primaryKeyOf(name)];
  const here = rowsOf(source, name);
  const there = rowsOf(target, name);
  let mine = await nextOf(here);
  let theirs = await nextOf(there);
  while (mine !== undefined || theirs !== undefined) {
    const order = mine === undefined ? 1 : theirs === undefined ? -1 : compareKeys(mine, theirs, keys);
    yield { mine: order <= 0 ? mine : undefined, theirs: order >= 0 ? theirs : undefined };
    if (order <= 0) mine = await nextOf(here);
    if (order >= 0) theirs = await nextOf(there);
  }
}

async function* rowsOf(c: Connection, name: TableName): AsyncGenerator<Row> {
  for await (const rows of readTable(c, name, { chunkRows: ROWS_PER_BATCH })) yield* rows;
}

async function nextOf(rows: AsyncGenerator<Row>): Promise<Row | undefined> {
  const next = await rows.next();
  return next.done === true ? undefined : next.value;
}

/** As both databases order them: numbers by value, text by its bytes. */
function compareKeys(a: Row, b: Row, keys: readonly string[]): number {
  for (const key of keys) {
    const [left, right] = [a[key], b[key]];
    if (left === right) continue;
    if (typeof left === 'number' && typeof right === 'number') return left - right;
    const order = Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
    if (order !== 0) return order;
  }
  return 0;
}

const tableName = (c: Connection, name: TableName): string => getTableName(c.tables[name] as PgTable);

function differs(c: Connection, name: TableName, row: Row): TrackerError {
  const key = primaryKeyOf(name)
    .map((column) => `${column} ${String(row[column])}`)
    .join(', ');
  return refused(
    'postgres',
    `a row of ${tableName(c, name)} is not the same there as here (${key})`,
    'Somebody altered the copy. Ask whoever looks after that database, then run the same command again; the tracker here goes on with its file.',
  );
}
