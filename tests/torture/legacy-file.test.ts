// Hand-kept status files that were damaged in every way: reading one never throws, and taking it over loses no byte of
// what was kept or not understood.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { keptText } from '../../src/importers/legacy-status/kept-sections.ts';
import { planLegacyStatus } from '../../src/importers/legacy-status/legacy-plan.ts';
import { parseLegacyStatus } from '../../src/importers/legacy-status/parse-legacy-status.ts';
import { renderKept } from '../../src/importers/legacy-status/take-over-file.ts';
import { decodeSource, isUtf16 } from '../../src/importers/import/source-files.ts';
import { readMark } from '../../src/storage/status-file/status-mark.ts';
import { SAMPLE_FILES, expectLossless } from '../importers/taken-over.ts';
import { reportOf } from '../storage/tiers/status-states.ts';
import { sharedDataPath } from '../support/shared-data.ts';
import { between, mutated } from './mutated-files.ts';
import { TIMEOUT_MS, counted, episodes, randomFor, report } from './scale.ts';

const FILES = episodes(1_000, 100_000);
/** Rendering takes longer than reading, so that only every so many files are written again. */
const WRITTEN_EVERY = 10;
const SPLICED = [
  ...['# Project Status', '## Vendors (9 total)', '## Operational Vendors (1/1)', '### Work Items', '# Mine'],
  ...['## Recent Deployments', '## Session Prompts (2 total)', '## Future Enhancements (4 total)', '## Mine'],
  ...['## Pending Offline Changes (1)', '---', '```', '~~~', '', '   ', '\uFEFF', '\u0000', '***'],
  ...[
    '- a: broken (99999999999999999999/1 tests passed, 0 skipped) [] v',
    '- a: operational',
    '- **a**: broken',
  ],
  ...[
    '### a (task)',
    '##### b (session)',
    '- **Parent**: a',
    '- Parent: a',
    '- Commit: abcdef1',
    '- Tests: 1 x',
  ],
  ...['### 2025-10-09 - PR #99999999999', '### 2025-10-09 16:00:00 UTC - PR #4', '### 2025-13-99'],
  ...['- a (Priority: High, Q9 2026)', '### a (Priority: 5)', '- Vendors: a, b,, c', '  - Status: active'],
  ...[
    '### Session x',
    'session_id: *a',
    'a: &a [*a, *a]',
    '- **a**: broken <!-- 0 -->',
    '*Generated at never*',
  ],
  '<!-- worktrail status: generated from the tracker; text of your own stays; sha256 00 -->',
  '### x (task) <!-- 00000000-0000-4000-8000-000000000000 v3 -->',
];

describe('a damaged hand-kept status file', () => {
  it(
    'is read without an error, and taken over with every byte that is kept',
    async () => {
      const random = randomFor('legacy file');
      const folder = path.join(sharedDataPath, 'status-files');
      const isThere = existsSync(folder);
      const names = isThere ? ['dialect-a.md', 'dialect-b.md', 'neither.md'] : [];
      const real = names.map((name) => readFileSync(path.join(folder, name)));
      const sources = [...SAMPLE_FILES, ...real];
      const empty = reportOf({ vendors: [], items: [], deployments: [], enhancements: [] });
      const figures = { records: 0, kept: 0, written: 0, left: 0 };
      for (let number = 0; number < FILES; number += 1) {
        const file = mutated(sources[number % sources.length] ?? Buffer.alloc(0), sources, SPLICED, random);
        const { text } = decodeSource(file);
        const parsed = parseLegacyStatus(text);
        await planLegacyStatus(parsed, 'torture');
        expect(parsed.fates).toHaveLength(text.replace(/^\uFEFF/, '').split('\n').length);
        figures.records += parsed.vendors.length + parsed.items.length + parsed.deployments.length;
        figures.kept += keptText(file, parsed).kept.length;
        if (number % WRITTEN_EVERY !== between(random, 0, WRITTEN_EVERY - 1) || isUtf16(file)) continue;
        try {
          const written = await renderKept(file, empty);
          expectLossless(file, written);
          expect(readMark(written)?.isIntact).toBe(true);
          figures.written += 1;
        } catch (error) {
          if (!/look like those of another generated file/.test(String(error))) throw error;
          figures.left += 1;
        }
      }
      report(
        'damaged hand-kept status files',
        `${counted(FILES)} files, ${counted(figures.records)} records read, ${counted(figures.kept)} parts kept, ${counted(figures.written)} written again, ${counted(figures.left)} left as they were, 0 errors${isThere ? '' : `; without the real files: ${folder} does not exist`}`,
      );
      expect(figures.records).toBeGreaterThan(0);
      expect(figures.written).toBeGreaterThan(figures.left * 10);
    },
    TIMEOUT_MS,
  );
});
