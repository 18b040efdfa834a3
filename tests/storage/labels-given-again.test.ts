// Labels that are set on top of own updates of which one was refused: what that one had set is not added by giving it
// again, and what may be meant anew is shown as a conflict. No layer shows labels here, so nothing tells what was seen.
import { beforeEach, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import { partlyShown, provisionalStep } from '../../src/domain/provisional-version.ts';
import type { Primary } from '../../src/storage/primary/sql-store.ts';
import { describeEachBackend, openTracker, withPrimary } from './backends.ts';
import { edit, resolving } from './changes.ts';
import { refusalOf } from './refusal.ts';
import { makeEntry } from './tiers/journal-entries.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('labels after a refused update', (backend) => {
  let tracker: Tracker;
  let entity_id: string;
  beforeEach(async () => {
    tracker = await openTracker(backend);
    entity_id = (await tracker.create({ title: 'First' })).id;
    await tracker.update({ id: entity_id, version: 1 }, { title: 'Theirs' });
  });

  const onPrimary = <T>(work: (primary: Primary) => Promise<T>) => withPrimary(tracker.place, work);

  /** Updates each of which is built on the version that the answer to the one before it named. */
  const chainOf = (patches: readonly JsonObject[]) => {
    let base_version = 1;
    const own_changes: string[] = [];
    return patches.map((patch) => {
      const update = { kind: 'update' as const, entity_id, base_version, patch };
      const entry = makeEntry({
        ...update,
        ...(own_changes.length > 0 && { own_changes: [...own_changes] }),
      });
      own_changes.push(entry.id);
      base_version = partlyShown(base_version + provisionalStep(entry.id));
      return entry;
    });
  };

  /** Each conflict is decided for what is there before the next update comes. */
  const replayAll = async (primary: Primary, entries: ReturnType<typeof makeEntry>[]) => {
    const outcomes: string[] = [];
    for (const entry of entries) {
      const { outcome } = await primary.replay(entry);
      outcomes.push(outcome);
      if (outcome === 'conflict') await primary.write([resolving(entry.id, 'keep_theirs')]);
    }
    return outcomes;
  };

  const refused = { title: 'Mine', labels: ['x'] };
  it.each([
    { told: 'are not added', patches: [refused, { labels: ['x', 'y'] }], last: 'applied', labels: ['y'] },
    {
      told: 'are added when another one took them out',
      patches: [refused, { title: 'Mine too', labels: ['y'] }, { labels: ['y', 'x'] }],
      last: 'applied',
      labels: ['x'],
    },
    {
      told: 'are a conflict after one that was applied',
      patches: [refused, { labels: ['y'] }, { labels: ['y', 'x'] }],
      last: 'conflict',
      labels: ['y'],
    },
    {
      told: 'are a conflict after one that cleared them',
      patches: [refused, { labels: [] }, { labels: ['x'] }],
      last: 'conflict',
      labels: [],
    },
  ])('given again $told', async ({ patches, last, labels }) => {
    const outcomes = await onPrimary((primary) => replayAll(primary, chainOf(patches)));
    expect(outcomes.at(-1)).toBe(last);
    expect((await tracker.query(entity_id)).labels).toEqual(labels);
  });

  it('are a conflict at once where they are written to the database itself', async () => {
    await onPrimary(async (primary) => {
      const update = { kind: 'update' as const, entity_id };
      const first = makeEntry({
        ...{ ...update, base_version: 1, patch: refused, base_fields: { title: 'First', labels: [] } },
      });
      const seen = 1 + provisionalStep(first.id);
      const second = makeEntry({
        ...{ ...update, base_version: seen, patch: { labels: ['y'] } },
        ...{ base_fields: { labels: ['x'] }, own_changes: [first.id] },
      });
      expect(await replayAll(primary, [first, second])).toEqual(['conflict', 'applied']);
      const third = edit({
        ...{ entity_id, base_version: seen + provisionalStep(second.id), patch: { labels: ['y', 'x'] } },
        ...{ own_changes: [first.id, second.id], on_conflict: 'merge' },
      });
      expect(await refusalOf(primary.write([third]))).toMatchObject({
        error: 'VersionConflictError',
        details: { overlap: ['labels'] },
      });
    });
    expect((await tracker.query(entity_id)).labels).toEqual(['y']);
  });
});
