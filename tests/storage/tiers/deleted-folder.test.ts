// The tracker's folder deleted under a running program while writes wait: they are still of the same project.
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { acceptPrimary } from '../../../src/storage/maintenance/accept-primary.ts';
import { isError } from '../../../src/domain/errors.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { postgresSkipReason } from '../../support/postgres.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { freshDatabase, inFolder, openTrackerAt } from '../backends.ts';

const PATIENCE_MS = 30_000;
const POLL_MS = 50;

describeUnless(postgresSkipReason(), 'a folder deleted while writes wait', () => {
  it('goes on telling of them, answers with them, and brings them to the database', async () => {
    const proxy = await startProxy(await freshDatabase());
    cleanUpLater(() => proxy.stop());
    const tracker = await openTrackerAt(inFolder(await temporaryProject({ git: true }), proxy.url));
    const before = await tracker.create({ title: 'Before' });
    await proxy.setMode('refuse');
    const after = await tracker.create({ title: 'After', parent_id: before.id });
    await rm(tracker.place.dataDir, { recursive: true, force: true });
    expect(await tracker.context.store.pending()).toHaveLength(1);
    await proxy.setMode('pass');
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(POLL_MS)) {
      const answer = await tracker.context.store
        .read((reader) => reader.findWorkItem(after.id))
        .catch((error: unknown) => {
          // The copies went with the folder: until the database is back, nothing answers.
          if (isError(error, 'DatabaseError')) return undefined;
          throw error;
        });
      if (answer === undefined) continue;
      const { data, source, warnings } = answer;
      // Either with it, or saying what the answer lacks.
      if (data === undefined) expect(warnings.map(({ code }) => code)).toContain('pending_changes');
      else if (source === 'postgres') break;
    }
    expect(await tracker.query(after.id)).toMatchObject({ title: 'After', version: 1 });
    expect(await tracker.context.store.pending()).toEqual([]);
  });
});

it('keeps what is written on after the folder of an embedded tracker was deleted', async () => {
  const place = inFolder(await temporaryProject(), undefined);
  const tracker = await openTrackerAt(place);
  await tracker.create({ title: 'Before' });
  await rm(place.dataDir, { recursive: true, force: true });
  await tracker.create({ title: 'After' });
  await sleep(1_500);
  await tracker.create({ title: 'Later' });
  await tracker.store.close();
  await acceptPrimary(place);
  const next = await openTrackerAt(place);
  const titles = async () => ((await next.list()).items as { title: string }[]).map(({ title }) => title);
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(POLL_MS))
    if ((await titles()).length === 2) break;
  expect((await titles()).sort()).toEqual(['After', 'Later']);
});
