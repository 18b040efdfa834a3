// After an import of the project's own status file: the generated file stands in its place, around what is people's.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { importProjectStatus } from '../../src/importers/project-imports.ts';
import type { StatusImportReport } from '../../src/importers/legacy-status/import-report.ts';
import { STATUS_FILE, readStatusFile, writeStatusFile } from '../../src/use-cases/status/status-file.ts';
import { readStatusEdits } from '../../src/use-cases/status/status-edits.ts';
import { restoreExport } from '../../src/storage/export/restore.ts';
import { MIXED, SAMPLE_FILES, expectLossless } from '../importers/taken-over.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';
import { refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const statusFile = (tracker: Tracker) => path.join(tracker.place.projectDir, STATUS_FILE);

async function importOwn(tracker: Tracker, input: { path?: string; dry_run?: boolean } = {}) {
  const answer = await importProjectStatus.run(tracker.context, tracker.caller, {
    ...{ dry_run: false, add_from_git: false, ...input },
  });
  return { report: answer.data, warnings: answer.warnings };
}

/** The file is the tracker's, says what the tracker says, and a second import finds nothing to do. */
async function expectOurs(tracker: Tracker, original: Buffer): Promise<void> {
  const written = await readFile(statusFile(tracker));
  expectLossless(original, written);
  const present = await readStatusFile(tracker.place.projectDir);
  expect(present).toMatchObject({ isOurs: true, isIntact: true });
  const edits = await readStatusEdits(tracker.context, present as NonNullable<typeof present>);
  expect(edits.data).toMatchObject({
    is_intact: true,
    edits: [],
    added: [],
    removed: [],
    not_understood: [],
  });
  const seq = await tracker.seq();
  expect((await importOwn(tracker)).report).toMatchObject({ outcome: 'generated', file_replaced: false });
  expect(await tracker.seq()).toBe(seq);
  expect(await writeStatusFile(tracker.context, tracker.place)).toMatchObject({
    reason: 'unchanged',
  });
  expect((await readFile(statusFile(tracker))).equals(written)).toBe(true);
}

const backups = (tracker: Tracker) =>
  readdirSync(path.join(tracker.place.dataDir, 'backups', 'before-import')).sort();

describeEachBackend('the status file after its import', (backend) => {
  it.each(SAMPLE_FILES.map((file, at) => [at, file] as const))(
    'is the generated one, with every byte that was kept or not understood (%i)',
    async (_at, file) => {
      const tracker = await openTracker(backend);
      await writeFile(statusFile(tracker), file);
      const rehearsed = await importOwn(tracker, { dry_run: true });
      expect(rehearsed.report.outcome).toBe('rehearsed');
      expect((await readFile(statusFile(tracker))).equals(file)).toBe(true);
      const { report, warnings } = await importOwn(tracker);
      expect(report).toMatchObject({ outcome: 'imported', file_replaced: true });
      expect(warnings).toEqual([]);
      await expectOurs(tracker, file);
    },
  );

  it('stays up to date around it as work goes on', async () => {
    const tracker = await openTracker(backend);
    const file = Buffer.from(MIXED);
    await writeFile(statusFile(tracker), file);
    await importOwn(tracker);
    await tracker.create({ title: 'New work' });
    await tracker.updateVendor(await tracker.vendor('plain'), { status: 'operational' });
    expect(await writeStatusFile(tracker.context, tracker.place)).toMatchObject({ saved_edit: null });
    const text = readFileSync(statusFile(tracker), 'utf8');
    expect(text).toContain('### New work (task)');
    expectLossless(file, Buffer.from(text));
  });

  it('is left as it is where none is generated, elsewhere, and behind a link', async () => {
    const tracker = await openTracker(backend);
    const elsewhere = path.join(tracker.place.projectDir, 'legacy.md');
    await writeFile(elsewhere, MIXED);
    expect((await importOwn(tracker, { path: 'legacy.md' })).report).toMatchObject({
      ...{ outcome: 'imported', file_replaced: false },
    });
    await symlink(elsewhere, statusFile(tracker));
    expect((await importOwn(tracker)).report).toMatchObject({ outcome: 'unchanged', file_replaced: false });
    expect(await readFile(elsewhere, 'utf8')).toBe(MIXED);

    const without = await openTracker(backend);
    Object.assign(without.context.workspace, { keepsStatusFile: false });
    await writeFile(statusFile(without), MIXED);
    expect((await importOwn(without)).report).toMatchObject({ outcome: 'imported', file_replaced: false });
    expect(await readFile(statusFile(without), 'utf8')).toBe(MIXED);
    // Turned on later, the next import hands it over; its copy is kept all the same.
    Object.assign(without.context.workspace, { keepsStatusFile: true });
    const { report } = await importOwn(without);
    expect(report).toMatchObject({ outcome: 'unchanged', file_replaced: true, backup: { database: null } });
    expect(await readFile(report.backup?.file ?? '', 'utf8')).toBe(MIXED);
    await expectOurs(without, Buffer.from(MIXED));
  });

  it('is left as somebody edited it while it was imported', async () => {
    const tracker = await openTracker(backend);
    await writeFile(statusFile(tracker), MIXED);
    const { backUp, store } = tracker.context;
    const edited = `${MIXED}\nadded meanwhile\n`;
    const context = {
      ...tracker.context,
      store: {
        ...store,
        read: store.read.bind(store),
        health: store.health.bind(store),
        write: async (changes: Parameters<typeof store.write>[0]) => {
          const answer = await store.write(changes);
          await writeFile(statusFile(tracker), edited);
          return answer;
        },
      },
    } as typeof tracker.context;
    const answer = await importProjectStatus.run(context, tracker.caller, {
      dry_run: false,
      add_from_git: false,
    });
    expect(answer.data).toMatchObject({ outcome: 'imported', file_replaced: false });
    expect(answer.warnings).toMatchObject([{ code: 'file_not_replaced' }]);
    expect(await readFile(statusFile(tracker), 'utf8')).toBe(edited);
    expect((await importOwn(tracker)).report).toMatchObject({ outcome: 'unchanged', file_replaced: true });
    expect(readFileSync(statusFile(tracker), 'utf8')).toContain('added meanwhile');

    const other = await openTracker(backend);
    await writeFile(statusFile(other), MIXED);
    const early = {
      ...other.context,
      store: Object.assign(Object.create(other.context.store) as typeof store, {
        read: async (...args: Parameters<typeof store.read>) => {
          await writeFile(statusFile(other), edited);
          return await other.context.store.read(...args);
        },
      }),
      backUp,
    } as typeof other.context;
    const refusal = await refusalOf(
      importProjectStatus.run(early, other.caller, { dry_run: false, add_from_git: false }),
    );
    expect(refusal.message).toContain('was edited while it was imported');
    expect(await other.seq()).toBe(0);
  });

  it('has a backup beside its copy, of which ten stay, and which brings the state before back', async () => {
    const tracker = await openTracker(backend);
    await tracker.create({ title: 'Before' });
    const reports: StatusImportReport[] = [];
    for (let number = 0; number < 11; number += 1) {
      await writeFile(path.join(tracker.place.projectDir, 'v.md'), `## Vendors\n- v${number}: broken\n`);
      reports.push((await importOwn(tracker, { path: 'v.md' })).report);
      tracker.clock.advance(1);
    }
    const [first, second] = reports;
    expect(existsSync(first?.backup?.database ?? '')).toBe(false);
    expect(existsSync(first?.backup?.file ?? '')).toBe(false);
    expect(await readFile(second?.backup?.file ?? '', 'utf8')).toContain('v1');
    expect(backups(tracker)).toHaveLength(20);
    await tracker.store.close();
    const file = second?.backup?.database ?? '';
    const restored = await restoreExport({ ...tracker.place, file, replace: true });
    expect(restored).toMatchObject({ outcome: 'restored', seq: 2 });
    const again = await openTrackerAt(tracker.place);
    expect((await again.list()).items).toMatchObject([{ title: 'Before' }]);
    expect((await again.vendors()).items.map(({ name }) => name)).toEqual(['v0']);
  });

  it('cannot be taken back as a change, which is said with the reason and changes nothing', async () => {
    const tracker = await openTracker(backend);
    await writeFile(statusFile(tracker), MIXED);
    await importOwn(tracker);
    const [last] = (await tracker.history()).items;
    const seq = await tracker.seq();
    const refusal = await refusalOf(tracker.undo({ change_id: last?.change_id ?? '' }));
    expect(refusal.message).toMatch(/cannot be taken back: a (vendor|deployment) is never deleted/);
    expect(await tracker.seq()).toBe(seq);
  });

  describeWithSharedData('of the real inputs', (folder) => {
    it.each(['dialect-a.md', 'dialect-b.md'])('%s', async (name) => {
      const tracker = await openTracker(backend);
      const file = readFileSync(path.join(folder, 'status-files', name));
      await writeFile(statusFile(tracker), file);
      const { report } = await importOwn(tracker);
      expect(report).toMatchObject({ outcome: 'imported', file_replaced: true });
      expect(report.checks.map(({ match }) => match)).toEqual([true, true, true, true, true]);
      await expectOurs(tracker, file);
    });

    it('neither.md stays as it is', async () => {
      const tracker = await openTracker(backend);
      const file = readFileSync(path.join(folder, 'status-files', 'neither.md'));
      await writeFile(statusFile(tracker), file);
      expect((await importOwn(tracker)).report).toMatchObject({ outcome: 'not_a_status_file' });
      expect((await readFile(statusFile(tracker))).equals(file)).toBe(true);
    });
  });
});
