// A whole tracker through a file into another store, of the same kind and of the other: the state is identical.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadExport } from '../../../src/storage/export/load.ts';
import { openPrimary, writeMemory } from '../../../src/storage/opening/open-primary.ts';
import { backends, describeEachBackend, type Backend } from '../backends.ts';
import { RandomWork, steps } from '../random-changes.ts';
import { PROJECT_ID, fillSession } from '../tiers/filled-session.ts';
import { clearTables } from '../../../src/storage/database/table-copy.ts';
import { emptyPlace, exported, rowsOf, searchRows, sessionOf, useTracker } from './kept.ts';
import { episodes } from '../../torture/scale.ts';

const RUNS = episodes(3, 6);
const LONG_MS = 240_000;

describeEachBackend('an export', (backend) => {
  const others = () => backends.filter((other) => other.skipReason() === undefined);

  it('of every kind of record gives the same state and the same file on both databases', async () => {
    const place = { ...(await emptyPlace(backend)), slug: { value: 'test-project', explicit: true } };
    await (await openPrimary(place)).close();
    const session = await sessionOf(place);
    await session.write((c) => clearTables(c));
    await fillSession(session);
    await session.close();
    writeMemory(place.dataDir, {
      project_id: PROJECT_ID,
      project_slug: 'test-project',
      store: session.source,
    });
    const rows = await rowsOf(place);
    const empty = Object.entries(rows).filter(([, found]) => found.length === 0);
    expect(empty.map(([name]) => name)).toEqual([]);
    const first = await exported(place);
    for (const other of others()) await comesBack(first, other, rows, backend);
  });

  it(
    'of a random state comes back identical, to either database and back',
    { timeout: LONG_MS },
    async () => {
      await fc.assert(
        fc.asyncProperty(steps(8, 30), async (work) => {
          const place = await emptyPlace(backend);
          await useTracker(place, async (tracker) => {
            const random = new RandomWork(tracker);
            for (const step of work) await random.make(step);
            await tracker.register({ name: '=Acme' });
            const item = await tracker.create({ title: 'noted task', idempotency_key: 'once' });
            await tracker.note(item, 'a note\u2028 on it\u009b');
            await tracker.claim({ id: item.id });
          });
          const first = await exported(place);
          for (const other of others()) await comesBack(first, other, await rowsOf(place), backend);
          // What loading does beside the rows: search finds the same.
          const copy = await loadedInto(others()[0] ?? backend, first.file);
          expect((await searchRows(copy)).length).toBe((await searchRows(place)).length);
        }),
        { numRuns: RUNS, interruptAfterTimeLimit: LONG_MS - 60_000 },
      );
    },
  );

  it('goes on where it was: versions, claims, idempotency keys and the feed', async () => {
    const place = await emptyPlace(backend);
    const item = await useTracker(place, async (tracker) => {
      const made = await tracker.create({ title: 'once', idempotency_key: 'k1' });
      return await tracker.update(made, { priority: 1 });
    });
    const { file } = await exported(place);
    for (const other of others()) {
      await useTracker(await loadedInto(other, file), async (tracker) => {
        const again = await tracker.create({ title: 'once', idempotency_key: 'k1' });
        expect(again).toMatchObject({ id: item.id, repeated: true });
        await expect(tracker.update({ id: item.id, version: 1 }, { priority: 2 })).rejects.toMatchObject({
          code: 'VersionConflictError',
        });
        expect(await tracker.update(item, { priority: 2 })).toMatchObject({ version: 3 });
        expect(await tracker.seq()).toBe(3);
        expect((await tracker.claim()).id).toBe(item.id);
      });
    }
  });
});

async function loadedInto(backend: Backend, file: string) {
  const place = await emptyPlace(backend);
  expect(await loadExport({ ...place, file })).toMatchObject({ outcome: 'loaded' });
  return place;
}

async function comesBack(
  first: Awaited<ReturnType<typeof exported>>,
  through: Backend,
  rows: Awaited<ReturnType<typeof rowsOf>>,
  home: Backend,
): Promise<void> {
  const there = await loadedInto(through, first.file);
  expect(await rowsOf(there)).toEqual(rows);
  const second = await exported(there);
  expect(second.text).toBe(first.text);
  const back = await loadedInto(home, second.file);
  expect(await rowsOf(back)).toEqual(rows);
  expect((await exported(back)).text).toBe(first.text);
}
