// What a store does in the background, as jobs: only what did something, with numbers and without a title.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { Operations } from '../../../src/storage/operations/operations.ts';
import { OUTBOX_FILE, openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeEachBackend, openTrackerAt } from '../backends.ts';
import { Tracker } from '../tracker.ts';
import { makeEntry } from '../tiers/journal-entries.ts';

const PATIENCE_MS = 20_000;
/** Git is given up on after two seconds. */
const SLOW_MS = 1_900;
/** A store that ends takes a snapshot as far as there is time, which is little: a busy machine may need more. */
const PATIENT = { ...systemClock, sleep: (ms: number) => systemClock.sleep(ms * 100) };

describeEachBackend('background work', (backend) => {
  async function openRecorded(place: OpenOptions) {
    const jobs = new Operations(place.dataDir);
    const store = await openStore({ ...place, jobs });
    cleanUpLater(async () => {
      await store.close();
      jobs.close();
    });
    return { jobs, store, tracker: new Tracker(store, place) };
  }

  it('records a replay with what came of it, and none where nothing waited', async () => {
    const place = await backend.place();
    const tracker = await openTrackerAt(place);
    const known = await tracker.create();
    const other = await tracker.create();
    await tracker.store.close();
    const idle = await openRecorded(place);
    await idle.store.settle(PATIENCE_MS);
    await idle.store.close();
    expect(idle.jobs.list({ limit: 9, kind: 'replay' }).total_count).toBe(0);

    const outbox = openOutbox(path.join(place.dataDir, OUTBOX_FILE));
    await outbox.append(
      makeEntry({ kind: 'update', entity_id: other.id, base_version: 1, patch: { priority: 2 } }),
    );
    await outbox.append(
      makeEntry({ kind: 'update', entity_id: known.id, base_version: 1, patch: { priority: 1 } }),
    );
    await outbox.close();
    const { jobs, store, tracker: after } = await openRecorded(place);
    await store.settle(PATIENCE_MS);
    expect((await after.query(known.id)).version).toBe(2);
    const { items } = jobs.list({ limit: 9, kind: 'replay' });
    expect(items).toMatchObject([
      {
        ...{ state: 'succeeded', phase: 'replay', done: 2, total: 2 },
        counts: { applied: 2, conflicts: 0, rejected: 0, held: 0 },
      },
    ]);
  });

  it('notes each snapshot in git with its commit and size', async () => {
    const place = await backend.place({ git: true });
    const { jobs, store, tracker } = await openRecorded({ ...place, clock: PATIENT });
    await tracker.create();
    await store.close();
    const found = jobs.snapshots({ limit: 9 });
    expect(found).toMatchObject([
      {
        ...{ kind: 'git_snapshot', job_id: null },
        reference: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
        bytes: expect.any(Number) as number,
        counts: { ms: expect.any(Number) as number },
      },
    ]);
  });

  it('does not wait for a first snapshot that takes long where the end has to be short', async () => {
    const place = await backend.place({ git: true });
    const { jobs, store, tracker } = await openRecorded({ ...place, snapshotPatienceMs: 0 });
    await tracker.create();
    const git = execFileSync('which', ['git'], { encoding: 'utf8' }).trim();
    const folder = path.join(place.projectDir, 'bin');
    mkdirSync(folder);
    const script = `#!/bin/sh\ncase "$*" in *mktree*) sleep ${SLOW_MS / 1_000} ;; esac\nexec ${git} "$@"\n`;
    writeFileSync(path.join(folder, 'git'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${folder}${path.delimiter}${process.env['PATH'] ?? ''}`);
    const startedAt = performance.now();
    await store.close();
    expect(performance.now() - startedAt).toBeLessThan(SLOW_MS);
    vi.unstubAllEnvs();
    expect(jobs.snapshots({ limit: 9 })).toEqual([]);
  });

  it('records one archiving by whoever asked for it, and none that found nothing', async () => {
    const place = await backend.place();
    const { jobs, tracker } = await openRecorded(place);
    const context = { ...tracker.context, jobs };
    const { archiveDue } = await import('../../../src/use-cases/archive/archive.ts');
    const caller = { actor: 'Ada', client: 'test' };
    await archiveDue(context, caller, { olderThanDays: 0 });
    await tracker.create({ status: 'completed' });
    await archiveDue(context, caller, { olderThanDays: 0, dryRun: true });
    expect(jobs.list({ limit: 9, kind: 'archive' }).total_count).toBe(0);
    tracker.clock.advance(1_000);
    const told: number[] = [];
    await archiveDue(context, caller, { olderThanDays: 0, onProgress: ({ done }) => told.push(done) });
    expect(told).toEqual([1]);
    expect(jobs.list({ limit: 9, kind: 'archive' }).items).toMatchObject([
      { state: 'succeeded', counts: { items: 1, subtrees: 1 } },
    ]);
  });
});
