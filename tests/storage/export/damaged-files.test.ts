// Files that are not whole, not ours or not for this place: refused before anything is written.
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkExport } from '../../../src/storage/export/read-export.ts';
import { loadExport } from '../../../src/storage/export/load.ts';
import { restoreExport } from '../../../src/storage/export/restore.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { backends, describeEachBackend, inFolder, type Backend } from '../backends.ts';
import { emptyPlace, exported, filledPlace, rowsOf, useTracker } from './kept.ts';

const sqlite = backends.find(({ source }) => source === 'sqlite') as Backend;

describe('a file that is not whole', () => {
  let text = '';
  let folder = '';
  beforeAll(async () => {
    const place = await filledPlace(sqlite);
    await useTracker(place, (tracker) =>
      tracker.create({ title: 'A "quoted" title', description: 'one\u2028two' }),
    );
    const { file } = await exported(place);
    text = await readFile(file, 'utf8');
    folder = await temporaryProject();
  });

  const refused = async (content: string | Buffer, why: RegExp): Promise<void> => {
    const file = path.join(folder, 'given.jsonl');
    await writeFile(file, content);
    const place = inFolder(await temporaryProject(), undefined);
    for (const take of [loadExport, restoreExport]) {
      await expect(take({ ...place, file })).rejects.toMatchObject({
        code: 'ValidationError',
        message: expect.stringMatching(why) as string,
        next: expect.stringContaining('nothing was changed') as string,
      });
    }
    expect(existsSync(place.dataDir)).toBe(false);
  };
  const lines = () => text.split('\n');

  it('is refused wherever it was cut', async () => {
    const bytes = Buffer.from(text);
    const cuts = [1, 0.999, 0.9, 0.5, 0.1].map((share) => Math.floor((bytes.length - 1) * share));
    for (const cut of cuts) await refused(bytes.subarray(0, cut), /is damaged/);
    for (const left of [1, 2, 5])
      await refused(
        `${lines()
          .slice(0, -1 - left)
          .join('\n')}\n`,
        /its end is missing/,
      );
  });

  it('is refused when a bit of a row was turned, a line left out, doubled or moved', async () => {
    const all = lines();
    const at = all.findIndex((line) => line.includes('"table":"work_items"'));
    await refused(text.replace('"priority":1', '"priority":2'), /content was altered/);
    await refused(all.toSpliced(at, 1).join('\n'), /lines of it are missing/);
    await refused(all.toSpliced(at, 0, all[at] ?? '').join('\n'), /lines of it are missing/);
    await refused(all.toSpliced(at, 2, all[at + 1] ?? '', all[at] ?? '').join('\n'), /content was altered/);
    await refused(`${text}{}\n`, /something follows/);
    await refused(text + text, /something follows/);
  });

  it('is refused when it was altered after it was checked', async () => {
    const file = path.join(folder, 'given.jsonl');
    for (const take of [loadExport, restoreExport]) {
      await writeFile(file, text);
      const place = inFolder(await temporaryProject(), undefined);
      const altered = text.replace('"priority":1', '"priority":2');
      expect(altered).not.toBe(text);
      const onProgress = ({ phase }: { phase: string }) => {
        if (phase === 'verify') writeFileSync(file, altered);
      };
      await expect(take({ ...place, file, onProgress })).rejects.toThrow(/altered while it was read/);
      await writeFile(file, text);
      await expect(take({ ...place, file })).resolves.toMatchObject({
        outcome: expect.any(String) as string,
      });
    }
  });

  it('is refused when its first line does not fit its rows', async () => {
    await refused(text.replace(/"seq":\d+/, '"seq":1'), /first line does not fit/);
    await refused(
      text.replace(/"project_slug":"[^"]+"/, '"project_slug":"other"'),
      /first line does not fit/,
    );
    await refused(text.replace(/"work_items":\d+/, '"work_items":7'), /lines of it are missing/);
    await refused(text.replace(/"counts":\{/, '"counts":['), /first line cannot be read/);
  });

  it('is refused when it is newer, foreign, empty, a folder, a pipe or missing', async () => {
    await refused(text.replace('{"worktrail_export":1', '{"worktrail_export":2'), /newer Worktrail/);
    await refused(text.replace(/"schema_version":\d+/, '"schema_version":99999'), /newer Worktrail/);
    for (const foreign of ['{"id":1}\n{"id":2}\n', '{"id":1}', 'PK\u0003\u0004', 'null\n', '[]\n']) {
      await refused(foreign, /is not an export or a backup/);
    }
    await refused('', /is empty/);
    await refused(Buffer.from(text).subarray(0, 30), /its end is missing/);
    await expect(checkExport(folder)).rejects.toThrow(/it is a folder/);
    await expect(checkExport('/dev/zero')).rejects.toThrow(/is not a regular file/);
    await promisify(execFile)('mkfifo', [path.join(folder, 'pipe.jsonl')]);
    await expect(checkExport(path.join(folder, 'pipe.jsonl'))).rejects.toThrow(/is not a regular file/);
    await expect(checkExport(path.join(folder, 'nowhere'))).rejects.toThrow(/does not exist/);
  });

  it('is refused whatever byte of its rows was changed', async () => {
    const bytes = Buffer.from(text);
    const start = bytes.indexOf('\n') + 1;
    const file = path.join(folder, 'turned.jsonl');
    const step = Math.floor((bytes.length - start) / 60);
    const spread = Array.from({ length: 60 }, (_, nth) => start + nth * step);
    // Of every column of an item the name, which a row then lacks.
    const item = bytes.indexOf('"description"');
    const columns = Array.from(
      bytes
        .subarray(item, item + 1_500)
        .toString('latin1')
        .matchAll(/"\w+":/g),
    );
    for (const at of [...spread, ...columns.map(({ index }) => item + index + 1)]) {
      const turned = Buffer.from(bytes);
      turned[at] = (turned[at] ?? 0) ^ 1;
      await writeFile(file, turned);
      await expect(checkExport(file), `byte ${at}`).rejects.toMatchObject({ code: 'ValidationError' });
    }
  });

  it('of an older version is taken where its records have all that is needed', async () => {
    const older = text.replace(/"schema_version":\d+/, '"schema_version":1');
    const file = path.join(folder, 'older.jsonl');
    await writeFile(file, older);
    expect(await loadExport({ ...inFolder(await temporaryProject(), undefined), file })).toMatchObject({
      outcome: 'loaded',
    });
  });
});

describeEachBackend('loading', (backend) => {
  it('is refused where records are, of this project or another, and changes nothing', async () => {
    const { file } = await exported(await filledPlace(sqlite));
    const place = await emptyPlace(backend);
    await useTracker(place, (tracker) => tracker.create({ title: 'mine' }));
    const before = await rowsOf(place);
    const refusal = loadExport({ ...place, file });
    await expect(refusal).rejects.toMatchObject({ code: 'ValidationError' });
    await expect(refusal).rejects.not.toHaveProperty('next', expect.stringMatching(/delet|remov|drop/i));
    const own = await exported(place);
    await useTracker(place, (tracker) => tracker.create({ title: 'more' }));
    await expect(loadExport({ ...place, file: own.file })).rejects.toMatchObject({
      message: expect.stringContaining('has the project') as string,
      next: expect.stringContaining('worktrail restore') as string,
    });
    expect((await rowsOf(place)).workItems?.length).toBe((before.workItems?.length ?? 0) + 1);
  });

  it('says so when the store is in that state already', async () => {
    const { file } = await exported(await filledPlace(sqlite));
    const place = await emptyPlace(backend);
    expect(await loadExport({ ...place, file })).toMatchObject({ outcome: 'loaded' });
    expect(await loadExport({ ...place, file })).toMatchObject({ outcome: 'already' });
  });

  it('leaves the store as it was when it is ended on the way', async () => {
    const { file } = await exported(await filledPlace(sqlite, 700));
    const place = await emptyPlace(backend);
    for (const [phase, done] of [
      ['load', 500],
      ['load', 1500],
      ['compare', 1],
    ] as const) {
      const stop = loadExport({
        ...place,
        file,
        onProgress: (step) => {
          if (step.phase === phase && step.done >= done) throw new Error('stopped');
        },
      });
      await expect(stop).rejects.toThrow('stopped');
      const rows = await rowsOf(place);
      expect(Object.values(rows).flat()).toEqual([]);
    }
    expect(await loadExport({ ...place, file })).toMatchObject({ outcome: 'loaded' });
    expect((await rowsOf(place)).workItems?.length).toBe(700);
  });

  it('refuses a name that the settings do not allow', async () => {
    const { file } = await exported(await filledPlace(sqlite));
    const place = { ...(await emptyPlace(backend)), slug: { value: 'elsewhere', explicit: true } };
    await expect(loadExport({ ...place, file })).rejects.toThrow(/project.slug is set to "elsewhere"/);
    expect(existsSync(place.dataDir) ? await readdir(place.dataDir) : []).toEqual([]);
  });
});
