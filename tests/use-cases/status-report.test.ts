// The status report for clients: what it says, in both formats, and that it keeps its budget.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { beforeEach, expect, it } from 'vitest';
import { statusReportInput } from '../../src/domain/status-report.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { archiveWorkItems } from '../../src/use-cases/archive/archive.ts';
import { archiveInput } from '../../src/domain/archive.ts';
import { readStatus } from '../../src/use-cases/status/project-status.ts';
import { generateStatusReport } from '../../src/use-cases/status/status-report.ts';
import { describeEachBackend, openTracker } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';

describeEachBackend('the status report', (backend) => {
  let tracker: Tracker;
  const generate = async (args: Record<string, unknown> = {}) => {
    const input = parseInput(statusReportInput, args);
    return (await generateStatusReport.run(tracker.context, tracker.caller, input)).data;
  };

  beforeEach(async () => {
    tracker = await openTracker(backend);
    await tracker.register({ name: 'well', status: 'operational', extractor_version: '2' });
    await tracker.register({
      name: 'sick',
      metadata: { test_results: { passing: 5, total: 9, skipped: 1 }, format_support: { ocr: true } },
    });
    const root = await tracker.create({ title: 'Root', item_type: 'project' });
    await tracker.create({ title: 'Leaf\u3000**bold**', parent_id: root.id });
    const done = await tracker.create({ title: 'Done', status: 'completed' });
    await archiveWorkItems.run(tracker.context, tracker.caller, parseInput(archiveInput, { ids: [done.id] }));
    await tracker.deploy({ affected_vendors: ['well'] });
    await tracker.enhance({ title: 'Later', priority: 2, target_quarter: '2026-Q3' });
    await tracker.enhance({ title: 'Was', status: 'completed' });
  });

  it('is of no later than the copy that it was read from', async () => {
    const { store } = tracker.context;
    const at = (as_of: string) =>
      readStatus({
        store: {
          ...store,
          pending: () => Promise.resolve([]),
          read: async (work) => ({ ...(await store.read(work)), as_of }),
        },
      });
    const earlier = '2026-01-05T08:59:59.000Z';
    expect((await at(earlier)).data.changed_at).toBe(earlier);
    expect((await at('2026-01-05T09:00:01.000Z')).data.changed_at).toBe('2026-01-05T09:00:00.000Z');
  });

  it('has every section as data', async () => {
    const { report, markdown } = await generate({ format: 'json' });
    expect(markdown).toBeUndefined();
    expect(report).toMatchObject({
      changed_at: '2026-01-05T09:00:00.000Z',
      vendors: {
        ...{ total: 2, operational: 1 },
        items: [
          { name: 'sick', status: 'broken', passing: 5, total: 9, skipped: 1, formats: ['ocr'] },
          { name: 'well', status: 'operational', extractor_version: '2' },
        ],
      },
      work_items: {
        total: 2,
        items: [
          { title: 'Root', level: 0 },
          { title: 'Leaf\u3000**bold**', level: 1 },
        ],
      },
      deployments: { total: 1, items: [{ pr_number: 100, compliant: true, vendors: ['well'] }] },
      enhancements: { total: 1, items: [{ title: 'Later', priority: 2, target_quarter: '2026-Q3' }] },
      pending: { total: 0, items: [] },
      archived_count: 1,
    });
  });

  it('reads as Markdown', async () => {
    const { markdown, report } = await generate();
    expect(report).toBeUndefined();
    expect(markdown?.replaceAll(/[0-9a-f]{8}(?= )/g, 'ID')).toBe(`# Project Status - 2026-01-05T09:00:00Z
## Vendor health (1/2 operational)
- sick v1: broken 5/9 tests, 1 skipped [ocr] extractor 0.0.0
- well v1: operational 0/0 tests [] extractor 2
## Active work (2)
- ID v1 project Root
  - ID v1 task Leaf \\*\\*bold\\*\\*
## Recent deployments (of 1)
- ID 2026-01-05 PR #100 Add vendor extractor tracking ✓ [well]
## Pending enhancements (1)
- ID v1 p2 planned Later (2026-Q3)
Archived items: 1
Pending offline changes: 0`);
  });

  it('keeps its budget in both formats, shares it among the sections, and says what it left out', async () => {
    for (let number = 0; number < 60; number += 1) {
      await tracker.create({ title: `Nummer ${number} für die Größenänderung 部品 ${number}` });
      await tracker.enhance({ title: `Enhancement ${number} of many` });
    }
    for (const max_tokens of [300, 600, 1_500, 4_000]) {
      const { markdown = '' } = await generate({ max_tokens });
      expect(encode(markdown).length).toBeLessThanOrEqual(max_tokens);
      expect(await generate({ max_tokens })).toEqual({ markdown });
      expect(markdown).toContain('- sick v1');
      if (max_tokens <= 1_500) expect(markdown).toMatch(/more: list_work_items status:active/);
      const { report } = await generate({ max_tokens, format: 'json' });
      expect(encode(JSON.stringify(report)).length).toBeLessThanOrEqual(max_tokens);
      expect(report).toMatchObject({ work_items: { total: 62 }, enhancements: { total: 61 } });
    }
  });
});
