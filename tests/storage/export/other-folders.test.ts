// Another folder on the same PostgreSQL, away while the tracker was restored: it never takes one history for the other.
import { expect, it } from 'vitest';
import { takeBackup } from '../../../src/storage/export/backup.ts';
import { restoreExport } from '../../../src/storage/export/restore.ts';
import { openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import { inspectLayers } from '../../../src/storage/maintenance/inspect-layers.ts';
import { acceptPrimary } from '../../../src/storage/maintenance/accept-primary.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeWithPostgres } from '../../support/describe-with.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { freshDatabase, inFolder } from '../backends.ts';
import { Tracker } from '../tracker.ts';
import { useTracker } from './kept.ts';

const PATIENCE_MS = 20_000;

describeWithPostgres('another folder', () => {
  /** Two folders with one tracker; the second has followed it to its end and is closed. */
  async function twoFolders(): Promise<{ here: OpenOptions; there: OpenOptions; file: string }> {
    const url = await freshDatabase();
    const slug = { value: 'shared', explicit: true };
    const here = { ...inFolder(await temporaryProject(), url), slug };
    const there = { ...inFolder(await temporaryProject(), url), slug };
    await useTracker(here, (tracker) => tracker.create({ title: 'common' }));
    const { file } = await takeBackup(here);
    await useTracker(here, async (tracker) => {
      await tracker.create({ title: 'lost' });
      await tracker.create({ title: 'lost too' });
    });
    const store = await openStore(there);
    await until(async () => (await store.layers()).layers[1]?.as_of !== null);
    await store.close();
    expect(await restoreExport({ ...here, file, replace: true })).toMatchObject({ outcome: 'restored' });
    return { here, there, file };
  }

  it.each([
    ['older', 0, /it is older than what this folder has seen/],
    ['as long as it was', 2, /it has gone another way/],
    ['longer by now', 5, /it has gone another way/],
  ])('refuses a restored database that is %s', async (_how, added, why) => {
    const { here, there } = await twoFolders();
    await useTracker(here, async (tracker) => {
      for (let number = 0; number < added; number += 1) await tracker.create({ title: `new ${number}` });
    });
    const inspection = await inspectLayers(there);
    expect(inspection.refusal).toMatchObject({ kind: 'older', why: expect.stringMatching(why) as string });
    await inspection.close();
    const store = await openStore(there);
    cleanUpLater(() => store.close());
    expect(store.state).toBe('refused');
    expect((await store.layers()).reason).toMatch(why);
    // What is told is the copy, and says so; what is written waits.
    const answer = await store.read((reader) => reader.findFeedPosition());
    expect(answer).toMatchObject({ source: 'sqlite_cache' });
    const written = await new Tracker(store, there).createAnswer({ title: 'made meanwhile' });
    expect(written.durability).toBe('outbox');
    await store.close();

    expect(await acceptPrimary(there)).toMatchObject({ waiting: 1 });
    const titles = await useTracker(there, async (tracker) => {
      await until(async () => (await tracker.context.store.pending()).length === 0);
      return (await tracker.titles()).sort();
    });
    const fresh = Array.from({ length: added }, (_, number) => `new ${number}`);
    expect(titles).toEqual(['common', 'made meanwhile', ...fresh].sort());
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
