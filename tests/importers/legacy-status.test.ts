/** Reading status files that were kept by hand: every line has one fate, and nothing is guessed. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLegacyStatus } from '../../src/importers/legacy-status/legacy-plan.ts';
import { parseLegacyStatus } from '../../src/importers/legacy-status/parse-legacy-status.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { expectStorable } from './plan-checks.ts';
import { episodes } from '../torture/scale.ts';

const parse = (...lines: string[]) => parseLegacyStatus(lines.join('\n'));

describe('a section', () => {
  it('is found by its name at any level, in any order', () => {
    const status = parse(
      '## Notes',
      'mine',
      '# Deployments',
      '## 2026-01-02 - PR #1',
      '# Everything',
      '## Vendors (1)',
      '- v: broken',
    );
    expect(status).toMatchObject({
      deployments: [{ pr_number: 1 }],
      vendors: [{ name: 'v' }],
      wrong_counts: [],
    });
    expect(status.kept).toEqual([
      { heading: 'Notes', from_line: 1, to_line: 2 },
      { heading: 'Everything', from_line: 5, to_line: 5 },
    ]);
  });

  it('inside a part of somebody’s own counts only with a record right below it', () => {
    expect(parse('## Ours', '### Vendors', 'we pay them', '- v: broken').vendors).toEqual([]);
    expect(parse('## Ours', '### Vendors', '', '- v: broken').vendors).toHaveLength(1);
  });

  it('without a single record is somebody’s text', () => {
    const status = parse('## Vendors', 'Call them on Mondays.', '## Deployments', 'make deploy');
    expect(status).toMatchObject({ dialect: 'none', not_understood: [] });
    expect(status.fates).toEqual(['kept', 'kept', 'kept', 'kept']);
  });

  it('keeps headings of its own that group records apart from parts of somebody’s own', () => {
    const status = parse(
      '## Vendors (2 total)',
      '### Europe',
      '- a: broken',
      '### How we test',
      'By hand.',
      '### Asia',
      '- b: operational',
    );
    expect(status.vendors.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(status.not_understood.map(({ line }) => line)).toEqual([2, 6]);
    expect(status.kept).toEqual([{ heading: 'How we test', from_line: 4, to_line: 5 }]);
    expect(status.wrong_counts).toEqual([]);
  });

  it('takes nothing from a block of code', () => {
    const status = parse(
      '## Vendors',
      '- a: broken',
      '```',
      '- b: broken',
      '## Deployments',
      '```',
      '- c: broken',
    );
    expect(status.vendors.map(({ name }) => name)).toEqual(['a', 'c']);
    expect(status.not_understood.map(({ line }) => line)).toEqual([3, 4, 5, 6]);
  });

  it.each([
    ['5/5', '2/3', ['a: operational', 'b: broken', 'c: operational']],
    ['4', '1', ['a: broken']],
    ['4 total', '1', ['a: broken']],
  ])('says how many it claims (%s) and has', (said, found, vendors) => {
    const { wrong_counts } = parse(`## Vendors (${said})`, ...vendors.map((one) => `- ${one}`));
    expect(wrong_counts).toMatchObject([{ line: 1, said: said.replace(' total', ''), found }]);
  });
});

describe('a line', () => {
  it.each([
    [
      '- v: operational (10/12 tests passed, 2 skipped) [Excel, CSV] v1.2.3',
      {
        tests: { passing: 10, total: 12, skipped: 2 },
        formats: ['excel', 'csv'],
        extractor_version: '1.2.3',
      },
    ],
    [
      '- **v**: operational (45/50 tests) [excel]',
      { tests: { passing: 45, total: 50, skipped: null }, formats: ['excel'], extractor_version: null },
    ],
    ['* v: broken', { status: 'broken', tests: null, formats: null, extractor_version: null }],
    ['- a: b: operational []', { name: 'a: b', formats: [] }],
    [
      '- **a\\_b**: broken (0/1 tests, 1 skipped) [] v3.0.0-rc.1 <!-- 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d v4 -->',
      { name: 'a_b', extractor_version: '3.0.0-rc.1' },
    ],
  ])('of a vendor says what it says: %s', (line, vendor) => {
    expect(parse('## Vendors', line).vendors).toMatchObject([vendor]);
  });

  it.each([
    '- v: degraded (1/1 tests)',
    '- v: operational (1 of 1)',
    '- v: operational!',
    '- : operational',
    `- ${'v'.repeat(101)}: operational`,
    '- v\u0007: operational',
    'v: operational',
    '- [ ] v',
  ])('that only resembles a vendor is not understood: %s', (line) => {
    const { vendors, not_understood } = parse('## Vendors (1)', line);
    expect(vendors).toEqual([]);
    expect(not_understood).toMatchObject([{ line: 2 }]);
    expect(not_understood[0]?.reason).not.toBe('');
  });

  it.each([
    ['- Commit: abc123', 'commit'],
    ['- Commit: HEAD', 'commit'],
    ['- Tests: all green', 'tests'],
    ['- Tests: 1 passed, most of them', 'tests'],
    ['- Constitutional Compliance: mostly', 'compliant'],
    ['- Reviewer: Ada', 'title'],
  ])('of a deployment that is not understood leaves the field empty: %s', (line, field) => {
    const { deployments, not_understood } = parse('## Deployments', '### 2026-01-02 - PR #1', line);
    expect(deployments[0]).toHaveProperty(field, null);
    expect(not_understood).toMatchObject([{ line: 3, text: line }]);
  });

  it('that says again what was said is not understood', () => {
    const { deployments, not_understood } = parse(
      '## Deployments',
      '### 2026-01-02 - PR #1',
      '- Title: A',
      '- Title: B',
    );
    expect(deployments).toMatchObject([{ title: 'A' }]);
    expect(not_understood).toMatchObject([{ line: 4 }]);
  });

  it.each(['### 2026-02-30 - PR #1', '### Yesterday - PR #2', '### 2026-01-02 - PR #0'])(
    'that is no heading of a deployment starts none: %s',
    (heading) => {
      const status = parse('## Deployments (1)', heading, '- Commit: abcdef1');
      expect(status.deployments).toEqual([]);
      expect(status.not_understood.map(({ line }) => line)).toEqual([2, 3]);
    },
  );

  it.each([
    ['- A (b) (Priority: High, Q1 2026)', { title: 'A (b)', priority: 1, target_quarter: '2026-Q1' }],
    ['- A (Priority: medium)', { priority: 3, target_quarter: null }],
    ['### A (Priority: 4)', { priority: 4 }],
  ])('of an enhancement says what it says: %s', (line, enhancement) => {
    expect(parse('## Enhancements', line).enhancements).toMatchObject([enhancement]);
  });

  it.each([
    '- A',
    '- A (Priority: Urgent)',
    '- A (Priority: High, soon)',
    '- A (Priority: 9)',
    '- (Priority: 1)',
  ])('without a priority that is understood is no enhancement: %s', (line) => {
    expect(parse('## Future Enhancements (1)', line)).toMatchObject({
      enhancements: [],
      not_understood: [{ line: 2 }],
    });
  });
});

describe('a work item', () => {
  it('stands where indentation, the level of its heading or the title of its parent puts it', async () => {
    const { items } = await planLegacyStatus(
      parse(
        '## Active Work Items',
        '### A (project)',
        '  ### B (session)',
        '#### C (task)',
        '### D (task)',
        '- **Parent**: B',
      ),
      'status-file',
    );
    const byTitle = new Map(items.items.map((item) => [item.title, item]));
    expect(byTitle.get('B')?.parent_id).toBe(byTitle.get('A')?.id);
    expect(byTitle.get('C')?.parent_id).toBe(byTitle.get('B')?.id);
    expect(byTitle.get('D')?.parent_id).toBe(byTitle.get('B')?.id);
  });
});

describe('a session of the file', () => {
  it('has frontmatter and all text below it, headings and code too', () => {
    const { sessions } = parse(
      '## Session Prompts',
      '### Session 1',
      '',
      '---',
      'session_id: x',
      '---',
      '#### Prompt 1: go',
      '```',
      '## Vendors',
      '```',
      '- v: broken',
      '## Ours',
    );
    expect(sessions).toMatchObject([
      {
        line: 2,
        frontmatter: { session_id: 'x' },
        body: expect.stringContaining('- v: broken') as string,
      },
    ]);
  });

  it.each([
    [['---', 'a: [1', '---', 'body'], 4],
    [['---', 'never closed', 'body'], 3],
  ])('with broken frontmatter is skipped whole, naming the line: %j', (lines, at) => {
    const status = parse('## Session Prompts (1)', '### Session 1', ...lines);
    expect(status.sessions).toEqual([]);
    expect(status.not_understood).toHaveLength(lines.length + 1);
    const cause = status.not_understood.find(({ reason }) => reason.includes('frontmatter'));
    expect([at, at + 1]).toContain(cause?.line);
  });
});

const LINES = fc.constantFrom(
  '# Project Status - 2025-10-10T14:30:00+00:00',
  '## Vendors (3 total)',
  '## Operational Vendors (1/2)',
  '## Active Work Items (1)',
  '### Recent Deployments (Last 10)',
  '## Future Enhancements',
  '## Session Prompts (1)',
  '## Pending Offline Changes (1)+',
  '## Ours',
  '#### Ours too',
  '- **v**: operational (1/2 tests) [csv]',
  '- v: broken (1/2 tests passed, 9 skipped) [CSV, XML] v1',
  '### T (task)',
  '    ### T (project)',
  '- **Parent**: T',
  '- **Status**: blocked',
  '### 2025-10-01 - PR #1',
  '- Commit: abcdef1',
  '- **Commit**: `abcdef1`',
  '- Vendors: v, w',
  '- Work Items: #T1, T',
  '- Tests: 1 passed',
  '- E (Priority: High, Q1 2026)',
  '### E (Priority: 2)',
  '- **Description**: text',
  '  more text',
  '### Session 2025-10-01',
  '---',
  'session_id: s',
  'schema_version: 1.0',
  'a: [',
  '```',
  '~~~~',
  '',
  '   ',
  '*Generated at 2025-10-10T14:30:00+00:00*',
  '*3 more active items are not listed here*',
  '<!-- worktrail status: x -->',
  'text\r',
  '- \u0000\ud800: broken',
);
const RUNS = episodes(500, 1_500);

async function expectEveryLineOnce(text: string): Promise<void> {
  const status = parseLegacyStatus(text);
  const count = text.replace(/^\uFEFF/, '').split('\n').length;
  expect(status.fates).toHaveLength(count);
  const refused = status.not_understood.map(({ line }) => line);
  expect(new Set(refused).size).toBe(refused.length);
  const withFate = (fate: string) => status.fates.flatMap((one, at) => (one === fate ? [at + 1] : []));
  expect(withFate('not_understood')).toEqual(refused);
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  const kept = status.kept.flatMap(({ from_line, to_line }) =>
    Array.from({ length: to_line - from_line + 1 }, (_, at) => from_line + at),
  );
  expect(kept).toEqual(withFate('kept').filter((line) => kept.includes(line)));
  // What is kept and in no part is blank.
  for (const line of withFate('kept')) if (!kept.includes(line)) expect(lines[line - 1]?.trim()).toBe('');
  for (const record of [...status.vendors, ...status.deployments, ...status.enhancements, ...status.items]) {
    expect(status.fates[record.line - 1]).toBe('understood');
  }
  const plan = await planLegacyStatus(status, 'status-file');
  expectStorable(plan.items);
  expect(await planLegacyStatus(parseLegacyStatus(text), 'status-file')).toEqual(plan);
}

describe('any text', () => {
  it('of lines as they occur has one fate for each line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(LINES, { maxLength: 40 }), (lines) => expectEveryLineOnce(lines.join('\n'))),
      { numRuns: RUNS },
    );
  });

  it('whatever it is has one fate for each line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), (text) => expectEveryLineOnce(text)),
      { numRuns: RUNS },
    );
  });
});

describeWithSharedData('the real files', (folder) => {
  const texts = ['dialect-a.md', 'dialect-b.md', 'neither.md'].map((name) =>
    readFileSync(path.join(folder, 'status-files', name), 'utf8'),
  );

  it('are understood to the last line', async () => {
    for (const text of texts) {
      await expectEveryLineOnce(text);
      expect(parseLegacyStatus(text).not_understood).toEqual([]);
    }
    expect(texts.map((text) => parseLegacyStatus(text).dialect)).toEqual(['A', 'B', 'none']);
  });

  it('mutated have one fate for each line', async () => {
    const lines = texts.flatMap((text) => text.split('\n'));
    const mutated = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...lines) },
        fc
          .tuple(fc.constantFrom(...lines), fc.nat(80), fc.string({ maxLength: 6 }))
          .map(([line, at, more]) => line.slice(0, at) + more + line.slice(at + 1)),
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(mutated, (all) => expectEveryLineOnce(all.join('\n'))),
      { numRuns: RUNS },
    );
  });
});
