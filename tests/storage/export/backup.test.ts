// Backups: what is kept and what is removed, what waits, a full disk; and restoring, which loses nothing by mistake.
import { existsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { newRecordId } from '../../../src/domain/ids.ts';
import { backupFolder, takeBackup } from '../../../src/storage/export/backup.ts';
import { exportToFile } from '../../../src/storage/export/export.ts';
import { loadExport, withWaiting } from '../../../src/storage/export/load.ts';
import { checkExport } from '../../../src/storage/export/read-export.ts';
import { readWaiting } from '../../../src/storage/export/source.ts';
import { restoreExport } from '../../../src/storage/export/restore.ts';
import { SQLITE_FILE } from '../../../src/storage/opening/open-primary.ts';
import { OUTBOX_FILE, openStore } from '../../../src/storage/opening/open-store.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { creation } from '../changes.ts';
import { describeEachBackend } from '../backends.ts';
import { mountOver } from '../tiers/mounts.ts';
import { DEVICE } from '../tiers/journal-entries.ts';
import { Tracker } from '../tracker.ts';
import { emptyPlace, exported, filledPlace, rowsOf, useTracker } from './kept.ts';

const minutes = (number: number) => () => new Date(Date.UTC(2026, 0, 1, 0, number));

describeEachBackend('a backup', (backend) => {
  it('keeps the newest of this project and touches nothing else', async () => {
    const place = await filledPlace(backend);
    const folder = path.join(place.projectDir, 'kept');
    await mkdir(folder);
    const other = await filledPlace(backend);
    const foreign = await takeBackup({ ...other, to: folder, now: minutes(0) });
    writeFileSync(path.join(folder, 'notes.jsonl'), '{"kind":"backup"}\n');
    const file = path.join(folder, 'mine.jsonl');
    await exportToFile({ ...place, to: file, folder, now: minutes(0) });
    const taken = [];
    for (let at = 1; at <= 5; at += 1) {
      taken.push(await takeBackup({ ...place, to: folder, keep: 3, now: minutes(at) }));
    }
    expect(taken.map(({ removed }) => removed.length)).toEqual([0, 0, 0, 1, 1]);
    const names = [foreign, ...taken.slice(2)].map((one) => path.basename(one.file));
    expect((await readdir(folder)).sort()).toEqual([...names, 'mine.jsonl', 'notes.jsonl'].sort());
    for (const { file: kept, sha256 } of taken.slice(2)) {
      expect(await checkExport(kept)).toMatchObject({ sha256, header: { kind: 'backup' } });
    }
    // A clock that was set back does not make the new one the oldest.
    const early = await takeBackup({ ...place, to: folder, keep: 1, now: minutes(0) });
    expect(existsSync(early.file)).toBe(true);
    expect(early.removed).toHaveLength(3);
  });

  it('of an older state does not drive out the newer ones', async () => {
    const place = await filledPlace(backend);
    const old = await takeBackup({ ...place, now: minutes(1) });
    await useTracker(place, (tracker) => tracker.create({ title: 'later' }));
    const later = await takeBackup({ ...place, now: minutes(2) });
    await restoreExport({ ...place, file: old.file, replace: true, now: minutes(3) });
    const third = await takeBackup({ ...place, keep: 1, now: minutes(4) });
    expect(third.seq).toBe(old.seq);
    expect(third.removed).toEqual([old.file]);
    expect(existsSync(later.file)).toBe(true);
  });

  it('is refused where there is no tracker, and makes none', async () => {
    const place = await emptyPlace(backend);
    await expect(takeBackup(place)).rejects.toThrow(/there is no tracker yet/);
    expect(existsSync(place.dataDir)).toBe(false);
  });

  it('of what waits in the outbox is applied once after it was restored elsewhere', async () => {
    const place = await filledPlace(backend);
    const outbox = openOutbox(path.join(place.dataDir, OUTBOX_FILE));
    const change = creation({ entity_id: newRecordId(), patch: { title: 'waits' } });
    await outbox.append({
      id: change.id,
      lamport: 1,
      device: DEVICE,
      at: '2026-01-01T00:00:00.000Z',
      changes: [change],
    });
    await outbox.close();
    const backup = await takeBackup(place);
    expect(backup).toMatchObject({ waiting: 1, warnings: [] });
    const elsewhere = await emptyPlace(backend);
    // Refused, it leaves nothing behind: neither where records are, nor where it is ended on the way.
    const taken = await filledPlace(backend);
    const stop = () => Promise.reject(new Error('stopped'));
    await expect(loadExport({ ...taken, file: backup.file })).rejects.toMatchObject({
      code: 'ValidationError',
    });
    await expect(
      withWaiting(elsewhere, await checkExport(backup.file), (keep) => keep().then(stop)),
    ).rejects.toThrow('stopped');
    for (const refused of [taken, elsewhere]) expect((await readWaiting(refused)).entries).toEqual([]);
    expect(await loadExport({ ...elsewhere, file: backup.file })).toMatchObject({ waiting: 1 });
    for (const used of [place, elsewhere, elsewhere]) {
      const store = await openStore(used);
      await store.settle(10_000);
      const { items } = await new Tracker(store, used).search('waits');
      expect(items).toHaveLength(1);
      expect(await store.pending()).toEqual([]);
      await store.close();
    }
    // In the copy it is among the rows by now.
    expect(await takeBackup(elsewhere)).toMatchObject({ waiting: 0 });
  });

  it('on a full disk is refused, and the old ones stay', async (context) => {
    const place = await filledPlace(backend, 300);
    const disk = path.join(place.projectDir, 'disk');
    await mkdir(disk);
    const { bytes } = await takeBackup(place);
    const size = `size=${Math.ceil((bytes * 1.6) / 1024)}k`;
    if (!mountOver(disk, '-t', 'tmpfs', '-o', size, 'worktrail-test')) {
      return context.skip('this user may not mount a disk');
    }
    const first = await takeBackup({ ...place, to: disk });
    await expect(takeBackup({ ...place, to: disk, keep: 1 })).rejects.toMatchObject({
      code: 'DatabaseError',
      message: expect.stringMatching(/cannot be written: the disk is full/) as string,
    });
    expect(await readdir(disk)).toEqual([path.basename(first.file)]);
    await checkExport(first.file);
  });
});

describeEachBackend('restoring', (backend) => {
  it('refuses to lose later changes unless told, and keeps them then', async () => {
    const place = await filledPlace(backend);
    const { file, seq } = await takeBackup(place);
    const rows = await rowsOf(place);
    await useTracker(place, async (tracker) => {
      await tracker.create({ title: 'later' });
      await tracker.create({ title: 'last' });
    });
    const later = await rowsOf(place);
    await expect(restoreExport({ ...place, file })).rejects.toMatchObject({
      code: 'ValidationError',
      message: expect.stringMatching(
        new RegExp(
          `has 2 changes that the file lacks: it stands at change ${seq + 2} .* the file at ${seq} `,
        ),
      ) as string,
      next: expect.stringContaining('worktrail restore --help') as string,
    });
    expect(await rowsOf(place)).toEqual(later);
    const report = await restoreExport({ ...place, file, replace: true });
    expect(report).toMatchObject({ outcome: 'restored', seq, replaced: { seq: seq + 2 } });
    expect(await rowsOf(place)).toEqual(rows);
    // And back: nothing is made between, so that only what was replaced is newer.
    const kept = report.replaced?.kept_in ?? '';
    expect(await restoreExport({ ...place, file: kept })).toMatchObject({ outcome: 'restored' });
    expect(await rowsOf(place)).toEqual(later);
    expect(await restoreExport({ ...place, file: kept })).toMatchObject({
      outcome: 'already',
      replaced: null,
    });
    await useTracker(place, async (tracker) => {
      expect((await tracker.create({ title: 'goes on' })).version).toBe(1);
      expect(await tracker.seq()).toBe(seq + 3);
    });
  });

  it('sees that a tracker of the same length has gone another way', async () => {
    const place = await filledPlace(backend);
    const start = await takeBackup(place);
    await useTracker(place, (tracker) => tracker.create({ title: 'one way' }));
    const oneWay = await takeBackup(place);
    await restoreExport({ ...place, file: start.file, replace: true });
    await useTracker(place, async (tracker) => {
      await tracker.create({ title: 'another way' });
    });
    await expect(restoreExport({ ...place, file: oneWay.file })).rejects.toThrow(
      /has 1 change that the file lacks.*both are the same up to/,
    );
  });

  it('never takes the place of another project', async () => {
    const other = await filledPlace(backend);
    const { file } = await exported(other);
    const place = await filledPlace(backend);
    const before = await rowsOf(place);
    await expect(restoreExport({ ...place, file, replace: true })).rejects.toThrow(
      /another project|works with the project/,
    );
    expect(await rowsOf(place)).toEqual(before);
    expect(existsSync(backupFolder(place))).toBe(false);
  });

  it('keeps nothing half when the present state cannot be kept', async (context) => {
    const place = await filledPlace(backend, 300);
    const { file, bytes } = await takeBackup(place);
    await useTracker(place, (tracker) => tracker.create({ title: 'later' }));
    const before = await rowsOf(place);
    const disk = path.join(place.projectDir, 'disk');
    await mkdir(disk);
    if (!mountOver(disk, '-t', 'tmpfs', '-o', `size=${Math.ceil(bytes / 2048)}k`, 'worktrail-test')) {
      return context.skip('this user may not mount a disk');
    }
    await expect(restoreExport({ ...place, file, replace: true, keepIn: disk })).rejects.toThrow(
      /disk is full/,
    );
    expect(await rowsOf(place)).toEqual(before);
    expect(await readdir(disk)).toEqual([]);
  });

  it('brings back a database that is gone', async () => {
    const place = await filledPlace(backend);
    const rows = await rowsOf(place);
    const { file } = await takeBackup(place);
    if (place.databaseUrl === undefined) {
      for (const damage of ['lost', 'damaged'] as const) {
        const database = path.join(place.dataDir, SQLITE_FILE);
        if (damage === 'lost') truncateSync(database, 0);
        else writeFileSync(database, Buffer.alloc(statSync(database).size, 7));
        if (damage === 'damaged') {
          await expect(restoreExport({ ...place, file })).rejects.toThrow(/cannot be opened/);
        }
        const report = await restoreExport({ ...place, file, replace: true });
        expect(report.damaged_file === null).toBe(damage === 'lost');
        expect(await rowsOf(place)).toEqual(rows);
      }
    } else {
      const { freshDatabase } = await import('../backends.ts');
      const moved = { ...place, databaseUrl: await freshDatabase() };
      await expect(
        openStore(moved).then((store) => store.read((reader) => reader.findProject())),
      ).rejects.toThrow();
      expect(await restoreExport({ ...moved, file })).toMatchObject({ outcome: 'restored', replaced: null });
      expect(await rowsOf(moved)).toEqual(rows);
    }
    await useTracker(place, async (tracker) => void (await tracker.create({ title: 'goes on' })));
  });
});
