// `.project_status.md`: the established format, the same bytes for the same tracker, nobody's work overwritten.
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import {
  STATUS_FILE,
  StatusFileWriter,
  refuseForeignFile,
  renderStatusFile,
  writeStatusFile,
} from '../../src/use-cases/status/status-file.ts';
import { STATUS_ITEMS_MAX, readStatus } from '../../src/use-cases/status/project-status.ts';
import { describeEachBackend, openTracker } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';

describeEachBackend('the status file', (backend) => {
  let tracker: Tracker;
  const file = () => path.join(tracker.place.projectDir, STATUS_FILE);
  const write = () => writeStatusFile(tracker.context, tracker.place);
  const render = async () => renderStatusFile((await readStatus(tracker.context)).data);

  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  it('has the sections and lines of the established format', async () => {
    const vendor = await tracker.register({ name: 'vendor_abc', extractor_version: '1.2.3' });
    await tracker.updateVendor(vendor, {
      status: 'operational',
      metadata: {
        format_support: { csv: true, excel: true },
        test_results: { passing: 45, total: 50, skipped: 3 },
      },
    });
    await tracker.register({ name: 'vendor_def' });
    const project = await tracker.create({
      item_type: 'project',
      title: 'Database-Backed Project Status',
      branch_name: '003-database-backed-project',
    });
    await tracker.create({ item_type: 'session', title: 'Session 001', parent_id: project.id });
    await tracker.deploy({
      deployed_at: '2025-10-09T16:00:00Z',
      commit_hash: '0123456789abcdef0123456789abcdef01234567',
      metadata: {
        pr_number: 100,
        pr_title: 'Add vendor extractor tracking',
        test_summary: { unit: 150, integration: 30 },
        constitutional_compliance: true,
      },
      affected_vendors: ['vendor_def', 'vendor_abc'],
    });
    const text = (await render()).replaceAll(/ <!-- [0-9a-f-]{36} v\d+ -->/g, '');
    expect(text.split('\n<!-- worktrail')[0]).toBe(`# Project Status - 2026-01-05T09:00:00+00:00

## Operational Vendors (1/2)
- **vendor_abc**: operational (45/50 tests, 3 skipped) [excel, csv] v1.2.3
- **vendor_def**: broken (0/0 tests, 0 skipped) [] v0.0.0

## Active Work Items (2)
### Database-Backed Project Status (project)
- **Status**: active
- **Created**: 2026-01-05 09:00:00 UTC
- **Branch**: 003-database-backed-project
  ### Session 001 (session)
  - **Status**: active
  - **Created**: 2026-01-05 09:00:00 UTC
  - **Parent**: Database-Backed Project Status

## Recent Deployments (Last 10)
### 2025-10-09 16:00:00 UTC - PR #100
- **Title**: Add vendor extractor tracking
- **Commit**: \`0123456789abcdef0123456789abcdef01234567\`
- **Tests**: integration: 30, unit: 150
- **Constitutional Compliance**: ✓
- **Vendors**: vendor_abc, vendor_def

## Future Enhancements (0)

---
*Generated at 2026-01-05T09:00:00+00:00*
`);
  });

  it('is the same to the byte while the tracker is, however often and late it is made', async () => {
    await tracker.create({ title: 'Once' });
    const first = await render();
    tracker.clock.advance(86_400);
    expect(await render()).toBe(first);
    expect((await write()).written).toBe(true);
    expect(await write()).toMatchObject({ written: false, reason: 'unchanged' });
  });

  it('shows active items only, and of a very large tracker how many are left out', async () => {
    await tracker.create({ title: 'Done', status: 'completed' });
    for (let number = 0; number < 3; number += 1) await tracker.create({ title: `Open ${number}` });
    const { data: report } = await readStatus(tracker.context);
    expect(report.items.map(({ title }) => title).sort()).toEqual(['Open 0', 'Open 1', 'Open 2']);
    const text = await renderStatusFile({ ...report, items_total: report.items.length + 7 });
    expect(text).toContain('*7 more active items are not listed here');
    expect(STATUS_ITEMS_MAX).toBeGreaterThanOrEqual(1_200);
  });

  it('prints what people wrote as text: no formatting, no template, no comment can come from it', async () => {
    const title = '{{lookup this "x"}} **bold** <!-- x --> [a](b) `c` \\';
    await tracker.create({ title });
    const text = await render();
    expect(text).toContain(
      '### {{lookup this "x"}} \\*\\*bold\\*\\* \\<!-- x --\\> \\[a\\](b) \\`c\\` \\\\ (task)',
    );
  });

  it('has no section that came in through a field', async () => {
    const hostile = { 'unit\n\n## Operational Vendors (9/9)\n- ': 1 };
    await expect(tracker.deploy({ metadata: { test_summary: hostile } })).rejects.toThrow(/one line/);
    expect((await render()).match(/^## /gm)).toHaveLength(4);
  });

  it('keeps a file that was edited by hand before it is written again', async () => {
    await tracker.create({ title: 'First' });
    await write();
    const edited = (await readFile(file(), 'utf8')).replace('First', 'First, and what I noted');
    await writeFile(file(), edited);
    const outcome = await write();
    expect(outcome).toMatchObject({ written: true });
    const kept = outcome.written ? (outcome.saved_edit ?? '') : '';
    expect(await readFile(kept, 'utf8')).toBe(edited);
    expect(await readFile(file(), 'utf8')).not.toContain('what I noted');
  });

  it('leaves a file alone that somebody else wrote, and says that it did', async () => {
    await writeFile(file(), '# My own status\n');
    await tracker.create({ title: 'New' });
    const outcome = await write();
    expect(outcome).toMatchObject({ written: false, reason: 'not_ours' });
    expect(() => refuseForeignFile(outcome)).toThrow(/was not written by Worktrail/);
    expect(await readFile(file(), 'utf8')).toBe('# My own status\n');
  });

  it('is written once after a burst of changes, and at the end without waiting', async () => {
    const told: string[] = [];
    const hour = 3_600_000;
    const writer = new StatusFileWriter(tracker.context, tracker.place, hour, (line) => told.push(line));
    for (let number = 0; number < 5; number += 1) {
      await tracker.create({ title: `Item ${number}` });
      writer.changed();
    }
    expect(existsSync(file())).toBe(false);
    await writer.flush();
    expect(await readFile(file(), 'utf8')).toContain('## Active Work Items (5)');
    expect(told).toEqual([]);
    const left = (await readdir(tracker.place.projectDir)).filter((name) => name.endsWith('.tmp'));
    expect(left).toEqual([]);
  });

  it('never stands in the way of a change: a folder it cannot write to is reported', async () => {
    const told: string[] = [];
    const nowhere = { ...tracker.place, projectDir: path.join(tracker.place.projectDir, 'missing') };
    const writer = new StatusFileWriter(tracker.context, nowhere, 0, (line) => told.push(line));
    await tracker.create({ title: 'Stored all the same' });
    writer.changed();
    await writer.flush();
    expect(told).toEqual([expect.stringContaining('.project_status.md could not be written')]);
    expect(await tracker.titles()).toEqual(['Stored all the same']);
  });
});
