// Status files that were damaged in every way: reading one never throws, and writing it again loses no text of people's.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderStatusFile } from '../../src/use-cases/status/status-file.ts';
import {
  layOut,
  partsOfText,
  readLayout,
  type StatusLayout,
} from '../../src/storage/status-file/status-layout.ts';
import { parseStatusFile } from '../../src/storage/status-file/status-parser.ts';
import { drawn, reportOf } from '../storage/tiers/status-states.ts';
import { between, mutated } from './mutated-files.ts';
import { TIMEOUT_MS, counted, episodes, randomFor, report } from './scale.ts';

const FILES = episodes(1_000, 100_000);
const SOURCES = 60;
const SPLICED = [
  ...['# Project Status - 2026-01-01T00:00:00+00:00', '## Operational Vendors (1/1)', '## Active Work Items'],
  ...[
    '## Recent Deployments',
    '## Future Enhancements (9)',
    '## Pending Offline Changes (1)',
    '## Mine',
    '# Mine',
  ],
  ...['---', '*Generated at 9999-99-99T99:99:99Z*', '<!-- worktrail status: ', '```', '~~~', '', '   '],
  ...['- **a**: broken (99999999999999999999/1 tests)', '- **a**: broken (9007199254740993/1 tests)'],
  ...[
    '### a (task)',
    `${' '.repeat(5_000)}### a (task)`,
    '- **Status**: active',
    '- **Parent**: a',
    '\u0000',
  ],
  ...['### 2025-10-09 16:00:00 UTC - PR #99999999999', '- **Tests**: a: 1e999, b: 99999999999999999'],
  ...['### a (Priority: 5)', '- **Target**: Q1 99999', '*999999999 more active items are not listed here'],
  ...['- **a**: broken <!-- 00000000-0000-4000-8000-000000000000 v999999999999999 -->', '\uFEFF'],
];

describe('a damaged status file', () => {
  it(
    'is read without an error, and written again around all that is not generated',
    async () => {
      const random = randomFor('status file');
      const states = fc.sample(drawn, { numRuns: SOURCES, seed: between(random, 0, 2 ** 31 - 1) });
      const sources = await Promise.all(
        states.map(async (state) => Buffer.from(await renderStatusFile(reportOf(state)))),
      );
      const parts = partsOfText(sources[0]?.toString() ?? '');
      let [keptBytes, records] = [0, 0];
      for (let number = 0; number < FILES; number += 1) {
        const file = mutated(sources[number % SOURCES] ?? Buffer.alloc(0), sources, SPLICED, random);
        const parsed = parseStatusFile(file);
        records += parsed.vendors.length + parsed.work_items.length;
        for (const [index, { parent_index }] of parsed.work_items.entries()) {
          if (parent_index !== null && parent_index >= index) throw new Error('a parent behind its child');
        }
        const layout = readLayout(file);
        if (linesIn(layout) !== saidLines(layout.hasByteOrderMark ? file.subarray(3) : file)) {
          throw new Error(`file ${number} has lines that are neither generated nor kept, or both`);
        }
        const written = layOut(layout, parts);
        let from = 0;
        for (const piece of layout.pieces) {
          if (piece.part !== null) continue;
          const at = written.indexOf(piece.bytes, from);
          if (at === -1 && !isBlank(piece.bytes)) {
            throw new Error(`file ${number} lost ${JSON.stringify(piece.bytes.toString())}`);
          }
          if (at !== -1 && !isBlank(piece.bytes)) {
            from = at + piece.bytes.length;
            keptBytes += piece.bytes.length;
          }
        }
      }
      report(
        'damaged status files',
        `${counted(FILES)} files, ${counted(records)} records read, ${counted(keptBytes)} bytes of people's kept, 0 errors`,
      );
      expect(keptBytes).toBeGreaterThan(0);
      expect(records).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

/** Lines that say something. */
function saidLines(bytes: Buffer): number {
  return bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => /[^ \t\r]/.test(line)).length;
}

/** The same, of the generated lines and those kept. */
function linesIn({ pieces }: StatusLayout): number {
  return pieces.reduce(
    (sum, piece) => sum + (piece.part === null ? saidLines(piece.bytes) : piece.lines.length),
    0,
  );
}

/** The one blank line that goes with a part that goes. */
function isBlank(bytes: Buffer): boolean {
  return bytes.toString().trim() === '';
}
