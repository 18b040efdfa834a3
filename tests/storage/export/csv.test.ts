// Tables for spreadsheets: no cell runs as a formula, and every value can be had back.
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvCell, csvLine } from '../../../src/storage/export/csv.ts';
import { exportToCsv } from '../../../src/storage/export/export.ts';
import { sqlName } from '../../../src/storage/export/format.ts';
import { TABLE_NAMES } from '../../../src/storage/database/table-copy.ts';
import { describeEachBackend } from '../backends.ts';
import { filledPlace, rowsOf, useTracker } from './kept.ts';
import { episodes } from '../../torture/scale.ts';

/** As RFC 4180 says; null is an empty cell without quotes. */
function parseCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  for (let at = 0; at < text.length;) {
    let cell: string | null;
    if (text[at] === '"') {
      const end = /^"((?:[^"]|"")*)"/.exec(text.slice(at));
      cell = (end?.[1] ?? '').replaceAll('""', '"');
      at += end?.[0].length ?? 1;
    } else {
      const plain = /^[^,\r\n]*/.exec(text.slice(at))?.[0] ?? '';
      cell = plain === '' ? null : plain;
      at += plain.length;
    }
    row.push(cell);
    if (text[at] === ',') {
      at += 1;
      if (at === text.length) row.push(null);
    } else {
      expect(text.slice(at, at + 2)).toBe('\r\n');
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

/** The documented way back. */
const valueOf = (cell: string | null) => (cell?.startsWith("'") === true ? cell.slice(1) : cell);

describe('a cell', () => {
  const DANGEROUS = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1', '=cmd|" /C calc"!A0', '"=1"', ' =1'])(
    'of the text %j begins with nothing that a spreadsheet runs',
    (text) => {
      const [[cell] = []] = parseCsv(csvLine([text]));
      expect(DANGEROUS).not.toContain(cell?.[0]);
      expect(valueOf(cell ?? null)).toBe(text);
    },
  );

  it('of any text can be had back, and any line is read as it was written', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: fc.constantFrom(...DANGEROUS, "'", '"', ',', ' ', 'a') }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(fc.option(text), { minLength: 2, maxLength: 4 })), (rows) => {
        const parsed = parseCsv(rows.map((row) => csvLine(row)).join(''));
        for (const row of parsed) for (const cell of row) expect(DANGEROUS).not.toContain(cell?.[0]);
        expect(parsed.map((row) => row.map(valueOf))).toEqual(rows);
      }),
      { numRuns: episodes(500, 2_000) },
    );
  });

  it('of a number stays a number, and of nothing stays empty', () => {
    expect([-3, 1.5, null, '', true, { b: 1, a: ['=x'] }].map(csvCell)).toEqual([
      '-3',
      '1.5',
      '',
      '""',
      'true',
      '"{""a"":[""=x""],""b"":1}"',
    ]);
  });
});

describeEachBackend('CSV', (backend) => {
  it('has a file for each table, with every value of every row', async () => {
    const place = await filledPlace(backend);
    await useTracker(place, (tracker) =>
      tracker.create({ title: '=HYPERLINK("http://x")', description: '-1\r\n"a", b', labels: ['@a', "'b"] }),
    );
    const to = path.join(place.projectDir, 'tables');
    const report = await exportToCsv({ ...place, to, folder: place.projectDir });
    expect((await readdir(to)).sort()).toEqual(TABLE_NAMES.map((name) => `${sqlName(name)}.csv`).sort());
    const rows = await rowsOf(place);
    expect(report.rows).toBe(Object.values(rows).flat().length);
    for (const name of TABLE_NAMES) {
      const [columns = [], ...cells] = parseCsv(
        await readFile(path.join(to, `${sqlName(name)}.csv`), 'utf8'),
      );
      const found = cells.map((row) =>
        Object.fromEntries(columns.map((key, at) => [key, valueOf(row[at] ?? null)])),
      );
      const expected = (rows[name] ?? []).map((row) =>
        Object.fromEntries(columns.map((key) => [key, asText(row[key ?? ''])])),
      );
      expect(found.map((row) => sorted(row))).toEqual(expected);
    }
    await expect(exportToCsv({ ...place, to, folder: place.projectDir })).rejects.toThrow(/is there already/);
    expect((await readdir(place.projectDir)).filter((name) => name.includes('wtmp'))).toEqual([]);
  });
});

function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (_key, one: unknown) => (isRecord(one) ? sorted(one) : one));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}
