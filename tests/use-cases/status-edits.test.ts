// Hand edits of generated lines: found, told field by field, and taken over under the version check, never lost.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { importStatusEdits } from '../../src/use-cases/status/status-edit-import.ts';
import { readStatusEdits } from '../../src/use-cases/status/status-edits.ts';
import {
  STATUS_FILE,
  presentOf,
  renderStatusFile,
  writeStatusFile,
} from '../../src/use-cases/status/status-file.ts';
import { readStatus } from '../../src/use-cases/status/project-status.ts';
import { describeEachBackend, openTracker } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';

const BEA = { actor: 'bea', person: 'bea', client: 'test-client/1.0', session: 'bea' };

describeEachBackend('hand edits of the status file', (backend) => {
  let tracker: Tracker;
  let parent: { id: string; version: number };
  let child: { id: string; version: number };
  let vendor: { id: string; name: string; version: number };
  let text: string;

  const present = (edited: string) => {
    const file = presentOf(Buffer.from(edited));
    if (file === undefined) throw new Error('an empty file');
    return file;
  };
  const diff = async (edited: string) => (await readStatusEdits(tracker.context, present(edited))).data;
  const take = async (edited: string) =>
    (await importStatusEdits(tracker.context, tracker.caller, present(edited))).data;
  const replaced = (...pairs: [string, string][]): string =>
    pairs.reduce((edited, [from, to]) => {
      expect(edited).toContain(from);
      return edited.replace(from, to);
    }, text);
  const shown = async () => renderStatusFile((await readStatus(tracker.context)).data);

  beforeEach(async () => {
    tracker = await openTracker(backend);
    parent = await tracker.create({ title: 'Parent *of all*', item_type: 'project' });
    child = await tracker.create({ title: 'Child', parent_id: parent.id, branch_name: '003-child' });
    tracker.clock.advance(1);
    await tracker.create({ title: 'Beside' });
    vendor = await tracker.register({
      name: 'vendor_abc',
      extractor_version: '1.2.3',
      metadata: { test_results: { passing: 45, total: 50, skipped: 3 }, note: 'kept' },
    });
    await tracker.enhance({
      title: 'Sync',
      description: 'Short.',
      target_quarter: '2026-Q1',
      status: 'approved',
    });
    await tracker.enhance({ title: 'Long', description: 'On two\nlines.', priority: 5 });
    await tracker.deploy({ affected_vendors: ['vendor_abc'] });
    text = await shown();
    tracker.clock.advance(60);
  });

  it('are none in a file as it was written, whatever the tracker did since', async () => {
    await tracker.update(child, { title: 'Renamed' }, BEA);
    expect(await diff(text)).toMatchObject({ is_intact: true, edits: [], added: [], removed: [] });
    const beside = `${text}\n## Mine\n- **Status**: planned\n`;
    expect(await diff(beside)).toMatchObject({ is_intact: true, edits: [], not_understood: [] });
  });

  it('are told by record and field, and become ordinary changes', async () => {
    const edited = replaced(
      ['### Child (task)', '### Child, and \\*more\\* (task)'],
      ['  - **Status**: active', '  - **Status**: blocked'],
      ['003-child', '004-child'],
      ['broken (45/50 tests, 3 skipped) [] v1.2.3', 'operational (47/50 tests, 1 skipped) [csv] v1.3.0'],
      ['### Sync (Priority: 3)', '### Sync (Priority: 1)'],
      ['Q1 2026', 'Q2 2026'],
      ['Short.', 'Short, but clear.'],
    );
    const { edits, added, removed, not_understood } = await diff(edited);
    expect([added, removed, not_understood]).toEqual([[], [], []]);
    const told = edits.map(({ name, field, file, tracker: now, state }) => [name, field, file, now, state]);
    expect(told).toEqual(
      expect.arrayContaining([
        ['vendor_abc', 'status', 'operational', 'broken', 'change'],
        ['vendor_abc', 'extractor_version', '1.3.0', '1.2.3', 'change'],
        ['vendor_abc', 'metadata.format_support', ['csv'], [], 'change'],
        ['Child', 'title', 'Child, and *more*', 'Child', 'change'],
        ['Child', 'status', 'blocked', 'active', 'change'],
        ['Child', 'branch_name', '004-child', '003-child', 'change'],
        ['Sync', 'priority', 1, 3, 'change'],
        ['Sync', 'target_quarter', '2026-Q2', '2026-Q1', 'change'],
        ['Sync', 'description', 'Short, but clear.', 'Short.', 'change'],
      ]),
    );
    expect(told).toHaveLength(10);
    const seq = await tracker.seq();
    const { imported } = await take(edited);
    expect(imported.map(({ outcome, version }) => [outcome, version])).toEqual([
      ['saved', 2],
      ['saved', 2],
      ['saved', 2],
    ]);
    expect(await tracker.query(child.id)).toMatchObject({
      ...{ title: 'Child, and *more*', status: 'blocked', branch_name: '004-child', updated_by: 'ada' },
    });
    expect(await tracker.vendor('vendor_abc')).toMatchObject({
      ...{ status: 'operational', extractor_version: '1.3.0' },
      metadata: {
        test_results: { passing: 47, total: 50, skipped: 1 },
        format_support: { excel: false, csv: true, pdf: false, ocr: false },
        note: 'kept',
      },
    });
    expect(await tracker.seq()).toBe(seq + 3);
    expect(await take(edited)).toMatchObject({ edits: [], imported: [] });
    expect(await tracker.seq()).toBe(seq + 3);
  });

  it('merge with what others did to other fields since, and conflict over the same', async () => {
    await tracker.update(child, { branch_name: '009-theirs' }, BEA);
    await tracker.updateVendor(vendor, { status: 'operational', extractor_version: '9' }, BEA);
    const edited = replaced(['### Child (task)', '### Mine (task)'], ['[] v1.2.3', '[] v2.0.0']);
    const { edits } = await diff(edited);
    expect(
      edits.map(({ field, written, file, tracker: now, state }) => [field, written, file, now, state]),
    ).toEqual([
      ['extractor_version', '1.2.3', '2.0.0', '9', 'conflict'],
      ['title', 'Child', 'Mine', 'Child', 'change'],
    ]);
    const { imported } = await take(edited);
    expect(imported).toMatchObject([
      { name: 'vendor_abc', outcome: 'conflict', version: null, fields: ['extractor_version'] },
      { name: 'Child', outcome: 'merged', version: 3, fields: ['title'] },
    ]);
    expect(await tracker.query(child.id)).toMatchObject({ title: 'Mine', branch_name: '009-theirs' });
    expect(await tracker.vendor('vendor_abc')).toMatchObject({ extractor_version: '9', version: 2 });
  });

  it('move items by their indentation, and only those that were moved', async () => {
    const lines = text.split('\n');
    const at = lines.findIndex((line) => line.includes('### Beside'));
    const moved = lines.map((line, index) => (index >= at && index < at + 3 ? `  ${line}` : line)).join('\n');
    const { edits } = await diff(moved);
    expect(edits).toMatchObject([
      { name: 'Beside', field: 'parent_id', file: 'Parent *of all*', tracker: null },
    ]);
    await take(moved);
    expect((await tracker.list({ parent_id: parent.id })).items.map(({ title }) => title).sort()).toEqual([
      'Beside',
      'Child',
    ]);

    const first = lines.findIndex((line) => line.includes('### Parent'));
    const without = [...lines.slice(0, first), ...lines.slice(first + 3)].join('\n');
    const taken = await take(without);
    expect(taken).toMatchObject({
      edits: [],
      imported: [],
      removed: [{ entity: 'work_item', id: parent.id }],
    });
    expect((await tracker.query(child.id)).parent_id).toBe(parent.id);
  });

  it('delete and clear nothing: what was taken out is listed', async () => {
    const edited = replaced(
      [`  - **Branch**: 003-child\n`, ''],
      ['- **Status**: approved\n', ''],
      [' (45/50 tests, 3 skipped)', ''],
    ).replace(/### Long.*\n.*\n/, '');
    const { edits, removed } = await diff(edited);
    expect(edits.map(({ field, state }) => [field, state])).toEqual([
      ['metadata.test_results', 'refused'],
      ['branch_name', 'refused'],
      ['status', 'refused'],
    ]);
    expect(removed).toMatchObject([{ entity: 'enhancement', name: 'Long' }]);
    const seq = await tracker.seq();
    expect(await take(edited)).toMatchObject({ imported: [] });
    expect(await tracker.seq()).toBe(seq);
  });

  it('do not count as a removal what came within the same second after the file was written', async () => {
    tracker.clock.advance(0.2);
    text = await shown();
    tracker.clock.advance(0.2);
    await tracker.create({ title: 'A moment later' });
    expect((await diff(replaced(['- **Status**: active', '- **Status**: blocked']))).removed).toEqual([]);
    const unsaid = text.replace(/as of \S+; /, '');
    expect(unsaid).not.toBe(text);
    expect((await diff(unsaid.replace('Status**: active', 'Status**: blocked'))).edits).toHaveLength(1);
  });

  it('are refused with a reason where the record can never be so', async () => {
    const edited = replaced(
      ['PR #100', 'PR #101'],
      ['(project)', '(session)'],
      ['On two lines.', 'On one line.'],
      ['[] v1.2.3', '[xml] v1.2.3'],
      ['45/50 tests, 3 skipped', '45/50 tests, 9 skipped'],
    );
    const { edits } = await diff(edited);
    const why = Object.fromEntries(
      edits.map(({ field, state, reason }) => [field, `${state}: ${reason ?? ''}`]),
    );
    expect(why).toMatchObject({
      pr_number: 'refused: a deployment never changes: record another one',
      item_type: 'refused: the type of an item never changes: create another one',
      description: expect.stringContaining('only its beginning'),
      'metadata.format_support': 'refused: a format is excel, csv, pdf or ocr',
      'metadata.test_results': 'change: ',
    });
    // Together with the rest of a record some values are wrong: then nothing of the record is saved.
    expect(await take(edited)).toMatchObject({
      imported: [{ name: 'vendor_abc', outcome: 'refused', version: null }],
    });
    expect(await tracker.vendor('vendor_abc')).toMatchObject({ version: 1 });
  });

  it('may add records, once, parents and all', async () => {
    const edited = replaced(
      [
        '\n## Recent',
        '\n### New root (research)\n  ### New leaf (task)\n  - **Status**: planned\n\n## Recent',
      ],
      ['\n## Active', '- **vendor_new**: operational (1/2 tests) [pdf] v7\n\n## Active'],
      ['\n---\n*Gen', '### Wish (Priority: 2)\n- **Target**: Q4 2026\n\n---\n*Gen'],
    );
    expect((await diff(edited)).added).toMatchObject([
      { entity: 'vendor', name: 'vendor_new', reason: null },
      { entity: 'work_item', name: 'New root', reason: null },
      { entity: 'work_item', name: 'New leaf', reason: null },
      { entity: 'enhancement', name: 'Wish', reason: null },
    ]);
    const { imported } = await take(edited);
    expect(imported.map(({ outcome }) => outcome)).toEqual(['added', 'added', 'added', 'added']);
    const leaf = await tracker.query(imported[2]?.id ?? '');
    expect(leaf).toMatchObject({ title: 'New leaf', status: 'planned', parent_id: imported[1]?.id });
    expect(await tracker.vendor('vendor_new')).toMatchObject({
      ...{ status: 'operational', extractor_version: '7' },
      metadata: { test_results: { passing: 1, total: 2, skipped: 0 }, format_support: { pdf: true } },
    });
    const seq = await tracker.seq();
    expect(await take(edited)).toMatchObject({ imported: [] });
    expect(await tracker.seq()).toBe(seq);
  });

  it('that cannot be understood are listed by line, and lost comments asked for', async () => {
    const edited = replaced(
      ['  - **Status**: active', '  - **Status**: nearly done'],
      [` <!-- ${vendor.id} v1 -->`, ''],
    );
    const { not_understood, added } = await diff(edited);
    expect(not_understood).toEqual([
      {
        line: edited.split('\n').findIndex((line) => line.includes('nearly')) + 1,
        text: '  - **Status**: nearly done',
      },
    ]);
    expect(added).toMatchObject([
      { name: 'vendor_abc', reason: expect.stringContaining('put the comment') as string },
    ]);
    expect(await take(edited)).toMatchObject({ imported: [] });
  });

  it('are refused for an id or a version that the tracker does not have', async () => {
    const edited = replaced(
      [`${child.id} v1`, `${child.id} v7`],
      ['### Child', '### Changed'],
      [vendor.id, 'ffffffff-ffff-4fff-8fff-ffffffffffff'],
    );
    const { edits } = await diff(edited);
    expect(edits.map(({ field, state, reason }) => [field, state, reason])).toEqual([
      ['id', 'refused', 'no record of the tracker has this id'],
      ['title', 'refused', "the file names version 7 of it, which is not one of the tracker's"],
    ]);
    expect(await take(edited)).toMatchObject({ imported: [] });
  });

  it('are kept in a copy when the file is written before they were taken over', async () => {
    const file = path.join(tracker.place.projectDir, STATUS_FILE);
    await writeStatusFile(tracker.context, tracker.place);
    const edited = (await readFile(file, 'utf8')).replace('### Child', '### Edited child');
    await writeFile(file, edited);
    const outcome = await writeStatusFile(tracker.context, tracker.place);
    const copy = outcome.written ? (outcome.saved_edit ?? '') : '';
    expect(await readFile(copy, 'utf8')).toBe(edited);
    expect(await take(await readFile(copy, 'utf8'))).toMatchObject({ imported: [{ outcome: 'saved' }] });
    expect(await tracker.query(child.id)).toMatchObject({ title: 'Edited child' });
  });

  it('never take a line that was copied with its comment for the record, also when it stands above it', async () => {
    const line = text.split('\n').find((one) => one.includes('vendor_abc')) ?? '';
    const copied = line.replace('vendor_abc', 'vendor_aaa').replace('45/50', '1/50');
    const heading = text.split('\n').find((one) => one.includes('### Child')) ?? '';
    const item = heading.replace('Child', 'A new one');
    const below = '    ### Below the new one (task)';
    const edited = replaced([line, `${copied}\n${line}`], [heading, `${item}\n${below}\n${heading}`]);
    const { edits, added } = await diff(edited);
    expect(edits).toEqual([]);
    expect(added).toMatchObject([
      { entity: 'vendor', name: 'vendor_aaa', reason: expect.stringContaining('twice') as string },
      { entity: 'work_item', name: 'A new one', reason: expect.stringContaining('twice') as string },
      { entity: 'work_item', name: 'Below the new one', reason: null },
    ]);
    const { imported } = await take(edited);
    expect(imported).toMatchObject([{ name: 'Below the new one', outcome: 'refused' }]);
    expect(await tracker.vendor(vendor.name)).toMatchObject({ version: 1 });
    expect(await tracker.query(child.id)).toMatchObject({ version: 1, title: 'Child' });
  });

  it('are left where a line has two copies and neither is called as the record is', async () => {
    const heading = text.split('\n').find((one) => one.includes('### Child')) ?? '';
    const both = ['One', 'Two'].map((title) => heading.replace('Child', title)).join('\n');
    const { edits, added } = await diff(replaced([heading, both]));
    expect(edits).toEqual([]);
    expect(added.map(({ name }) => name)).toEqual(['One', 'Two']);
  });

  it('of a vendor are left where its line names another one', async () => {
    const edited = replaced(['**vendor_abc**: broken (45/50', '**vendor_new**: operational (1/50']);
    const { edits, imported } = await take(edited);
    expect(edits[0]).toMatchObject({ reason: 'a vendor keeps its name: register another one' });
    expect(edits.map(({ field, state }) => [field, state])).toEqual([
      ['name', 'refused'],
      ['status', 'refused'],
      ['metadata.test_results', 'refused'],
    ]);
    expect(imported).toEqual([]);
    expect(await tracker.vendor(vendor.name)).toMatchObject({ version: 1 });
  });
});
