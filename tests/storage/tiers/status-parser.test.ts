// Reading `.project_status.md` back: what was rendered comes back, and no text whatever does harm.
import * as fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DESCRIPTION_MAX_BYTES } from '../../../src/domain/limits.ts';
import { renderStatusFile } from '../../../src/use-cases/status/status-file.ts';
import { parseStatusFile, type ParsedStatus } from '../../../src/storage/status-file/status-parser.ts';
import { recordsOfStatus } from '../../../src/storage/replicas/status-records.ts';
import { describeWithSharedData } from '../../support/shared-data.ts';
import { SECOND, deployment, drawn, plain, reportOf, vendor, type Drawn } from './status-states.ts';
import { episodes } from '../../torture/scale.ts';

function expectedOf({ vendors, items, deployments, enhancements }: Drawn): Partial<ParsedStatus> {
  const levels: number[] = [];
  return {
    generated_at: SECOND,
    mark: 'intact',
    vendors: vendors.map(({ id, version, name, status, extractor_version, metadata }) => ({
      id,
      version,
      name: plain(name),
      status,
      extractor_version: plain(extractor_version),
      tests: metadata.test_results,
      formats: Object.entries(metadata.format_support).flatMap(([format, on]) => (on ? [format] : [])),
    })),
    work_items: items.map(
      ({ id, version, title, item_type, branch_name, created_at, level, parent_title }, index) => {
        levels[level] = index;
        return {
          id,
          version,
          title: plain(title),
          item_type: item_type as never,
          status: 'active' as const,
          created_at,
          branch_name: branch_name === null ? null : plain(branch_name),
          parent_index: level === 0 ? null : (levels[level - 1] ?? null),
          parent_title: parent_title === null ? null : plain(parent_title),
        };
      },
    ),
    work_items_left: 3,
    deployments: deployments.map(
      ({ id, deployed_at, commit_hash, pr_number, pr_title, tests, compliant }) => ({
        id,
        version: 1,
        deployed_at,
        commit_hash: commit_hash === '' ? null : commit_hash,
        pr_number,
        pr_title: pr_title === null ? null : plain(pr_title),
        tests: Object.fromEntries(Object.entries(tests).map(([name, number]) => [plain(name), number])),
        compliant,
        vendor_names: expect.any(Array) as never,
      }),
    ),
    enhancements: enhancements.map(({ title, description, updated_at: _at, ...rest }) => ({
      ...rest,
      title: plain(title),
      has_status: rest.status !== 'planned',
      description: description === null ? null : plain(description),
    })),
    enhancements_left: 2,
    not_understood: [],
  };
}

describe('a generated status file', () => {
  it('gives back the records that it was rendered from, whatever they are called', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async (records) => {
        const text = await renderStatusFile(reportOf(records));
        expect(parseStatusFile(text)).toMatchObject(expectedOf(records));
      }),
      { numRuns: episodes(150, 500) },
    );
  });

  it('says nothing of a deployment that is not known, and reads that back as not known', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(deployment, { maxLength: 4, selector: ({ id }) => id }),
        async (all) => {
          const text = await renderStatusFile(
            reportOf({ vendors: [], items: [], enhancements: [], deployments: all }),
          );
          expect(text.match(/Compliance\*\*: /g) ?? []).toHaveLength(
            all.filter(({ compliant }) => compliant !== null).length,
          );
          expect(text).not.toMatch(/\*\*:[ `]*$|PR #(?!\d)/m);
          const rows = recordsOfStatus(parseStatusFile(text), SECOND).deployments;
          expect(rows).toHaveLength(all.length);
          for (const [at, row] of rows.entries()) {
            const { pr_number, pr_title, compliant, commit_hash } = all[at] as (typeof all)[number];
            expect(row).toMatchObject({
              commit_hash,
              compliant: compliant === null ? -1 : Number(compliant),
            });
            expect('pr_number' in row.metadata).toBe(pr_number !== null);
            expect('pr_title' in row.metadata).toBe(pr_title !== null);
            expect('constitutional_compliance' in row.metadata).toBe(compliant !== null);
          }
        },
      ),
      { numRuns: episodes(60, 200) },
    );
  });

  it('names the vendors of a deployment, with commas and all', async () => {
    const names = ['Acme', 'Acme, Inc.', 'a*b', 'Inc', 'Zoë, Söhne, & Co'];
    const vendors = fc
      .sample(vendor, names.length)
      .map((one, index) => ({ ...one, name: names[index] ?? '' }));
    const records = { vendors, items: [], deployments: fc.sample(deployment, 1), enhancements: [] };
    const { deployments } = parseStatusFile(await renderStatusFile(reportOf(records)));
    expect(deployments[0]?.vendor_names).toEqual(names);
  });

  it('is the same with other line ends, and known as edited after a hand was at it', async () => {
    const text = await renderStatusFile(reportOf(fc.sample(drawn, { numRuns: 1, seed: 7 })[0] as Drawn));
    const parsed = parseStatusFile(text);
    expect(parseStatusFile(text.replaceAll('\n', '\r\n'))).toEqual(parsed);
    expect(parseStatusFile(`\uFEFF${text}`)).toEqual(parsed);
    expect(parseStatusFile(`${text}more\n`)).toEqual(parsed);
    for (const edited of [
      text.replace('# Project', '# My project'),
      text.replace('---\n*Generated', '---\n*Made'),
      text.replace('sha256 ', 'sha256 0'),
    ]) {
      expect(parseStatusFile(edited).mark).toBe('edited');
    }
    expect(parseStatusFile(text.slice(0, text.lastIndexOf('\n<!-- worktrail'))).mark).toBe('absent');
  });

  it('may have sections that hold no records', async () => {
    const records = fc.sample(drawn, { numRuns: 1, seed: 3 })[0] as Drawn;
    const text = (await renderStatusFile(reportOf(records))).replace(
      '## Future Enhancements (',
      '## Pending Offline Changes (1)\n- **vendor_x**: broken (1/2 tests)\n### A (task)\n\n## Future Enhancements (',
    );
    expect(parseStatusFile(text)).toMatchObject({
      ...expectedOf(records),
      mark: 'edited',
      other_sections: ['Pending Offline Changes (1)'],
    });
  });
});

describe('a status file written by hand', () => {
  it('gives records without ids', () => {
    const parsed = parseStatusFile(`# Project Status - 2025-10-10T14:30:00+02:00

## Operational Vendors (4/5)
- **vendor\\_abc**: operational (45/50 tests) [Excel, csv]
- **nobody knows**: unwell
- **plain**: broken

## Active Work Items (9)
### First (project)
- **Status**: blocked
### Second (task)
- **Parent**: First
- **Created**: 2025-10-01 12:00:00 UTC
- **Created**: yesterday
### What is this
- **Status**: completed
### Deep (task)
        ### Deeper (task)
### First (task)
### Third (task)
- **Parent**: First
`);
    expect(parsed).toMatchObject({
      generated_at: '2025-10-10T12:30:00.000Z',
      mark: 'absent',
      vendors: [
        {
          id: null,
          version: null,
          name: 'vendor_abc',
          status: 'operational',
          extractor_version: null,
          tests: { passing: 45, total: 50, skipped: 0 },
          formats: ['excel', 'csv'],
        },
        { name: 'plain', status: 'broken', tests: null, formats: [] },
      ],
      not_understood: [
        { line: 5, text: '- **nobody knows**: unwell' },
        { line: 14, text: '- **Created**: yesterday' },
        { line: 15, text: '### What is this' },
        { line: 16, text: '- **Status**: completed' },
      ],
    });
    expect(parsed.work_items.map(({ title, status, parent_index }) => [title, status, parent_index])).toEqual(
      [
        ['First', 'blocked', null],
        ['Second', null, 0],
        ['Deep', null, null],
        ['Deeper', null, 2],
        ['First', null, null],
        ['Third', null, null],
      ],
    );
  });
});

describeWithSharedData('a status file from the field', (folder) => {
  it('is read where it is of dialect A, and quietly passed over where it is not', async () => {
    const a = parseStatusFile(await readFile(path.join(folder, 'status-files', 'dialect-a.md'), 'utf8'));
    expect(a.vendors).toHaveLength(5);
    expect(a.work_items.map(({ parent_index }) => parent_index)).toEqual([null, 0, 1, 0, null]);
    expect(a.deployments[0]).toMatchObject({
      pr_number: 100,
      commit_hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b',
      tests: { unit: 150, integration: 30 },
      vendor_names: ['vendor_abc', 'vendor_def'],
    });
    const b = parseStatusFile(await readFile(path.join(folder, 'status-files', 'dialect-b.md'), 'utf8'));
    expect([b.mark, b.vendors, b.work_items, b.deployments]).toEqual(['absent', [], [], []]);
  });
});

describe('any text at all', () => {
  it('is parsed without an error', () => {
    const heading = fc.constantFrom(
      '## Operational Vendors',
      '## Active Work Items',
      '## Recent Deployments',
      '## Future Enhancements',
      '',
    );
    fc.assert(
      fc.property(heading, fc.string({ unit: 'binary', maxLength: 300 }), (first, text) => {
        parseStatusFile(`${first}\n${text}`);
      }),
      { numRuns: episodes(500, 2_000) },
    );
  });

  it('is parsed without an error also where it was a file of ours', async () => {
    await fc.assert(
      fc.asyncProperty(
        drawn,
        fc.array(
          fc.tuple(
            fc.double({ min: 0, max: 1, noNaN: true }),
            fc.nat({ max: 9 }),
            fc.string({ maxLength: 6 }),
          ),
        ),
        async (records, cuts) => {
          let text = await renderStatusFile(reportOf(records));
          for (const [where, length, put] of cuts) {
            const at = Math.floor(where * text.length);
            text = text.slice(0, at) + put + text.slice(at + length);
          }
          const parsed = parseStatusFile(text);
          for (const [index, { parent_index }] of parsed.work_items.entries()) {
            expect(parent_index === null || parent_index < index).toBe(true);
          }
        },
      ),
      { numRuns: episodes(100, 300) },
    );
  });

  it('takes time in proportion to its length', () => {
    const sections = [
      '## Operational Vendors',
      '## Active Work Items',
      '## Recent Deployments',
      '## Future Enhancements',
    ];
    const fillers = [
      '- **a**: operational [',
      '- **',
      '\\',
      '*',
      ' <!-- ',
      ' -->',
      ' (',
      '### ',
      ', ',
      ': 1, ',
      '(1/1 tests',
      ' '.repeat(64),
      '\n',
      'a\n',
      '  '.repeat(9) + '### a (task)\n',
      '### 2025-10-09 16:00:00 UTC - PR #1\n- **Vendors**: a, b, c, d\n',
      '- **Tests**: a, b, c',
      '\n<!-- worktrail status:',
      '*1 more active items are not listed here',
      ' (Priority: ',
    ];
    const opening: Record<string, string> = {
      '## Operational Vendors': '- **a, b, c, d, e, f, g, h**: broken\n- **',
      '## Active Work Items': '### a (task)\n',
      '## Recent Deployments': '### 2025-10-09 16:00:00 UTC - PR #1\n- **Tests**: ',
      '## Future Enhancements': '### a (Priority: 1)\n- **Description**: ',
    };
    for (const filler of fillers) {
      for (const section of sections) {
        const text = `${section}\n${opening[section]}${filler.repeat(Math.floor(1_000_000 / filler.length))}`;
        // Anything worse than in proportion would take hours for a megabyte, and end at the time limit of the test.
        expect(parseStatusFile(text).generated_at, `${section} ${JSON.stringify(filler)}`).toBeNull();
      }
    }
  });

  it('may have 5 MB', async () => {
    const records = fc.sample(drawn, { numRuns: 300, seed: 5 }).flatMap(({ items }) => items);
    const report = reportOf({ vendors: [], items: records, deployments: [], enhancements: [] });
    const once = await renderStatusFile(report);
    const text = once.repeat(Math.ceil((5 * 1024 * 1024) / once.length));
    const started = performance.now();
    expect(parseStatusFile(text).work_items.length).toBeGreaterThan(DESCRIPTION_MAX_BYTES / 64);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
