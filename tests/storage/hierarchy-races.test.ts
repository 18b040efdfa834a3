// Writers that meet in the hierarchy: whoever wins, the tree is sound afterwards.
import { beforeEach, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { outcomeOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf, expectSoundStore } from './trees.ts';

const ROUNDS = 8;

describeEachBackend('races in the hierarchy', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  it('never leaves a live child below a parent deleted at the same time', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const parent = await tracker.create({ title: `parent ${round}` });
      const deleteParent = () => tracker.update(parent, { deleted_at: tracker.clock.iso });
      const createChild = () => tracker.create({ parent_id: parent.id });
      const [created, deleted, second] = await Promise.all([
        outcomeOf(createChild()),
        outcomeOf(deleteParent()),
        outcomeOf(createChild()),
      ]);
      // Either the parent went first and takes no children, or a child was there and keeps it alive.
      expect('answer' in deleted).toBe('refused' in created && 'refused' in second);
      expect(
        [created, deleted, second].flatMap((outcome) => ('refused' in outcome ? outcome.refused : [])),
      ).toEqual('answer' in deleted ? ['ValidationError', 'ValidationError'] : ['ValidationError']);
    }
    await expectSoundStore(tracker);
  });

  it('takes every child along when the parent goes with cascade', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const parent = await tracker.create();
      await tracker.create({ parent_id: parent.id });
      const outcomes = await Promise.all([
        outcomeOf(tracker.create({ parent_id: parent.id })),
        outcomeOf(tracker.update(parent, { deleted_at: tracker.clock.iso, cascade: true })),
        outcomeOf(tracker.create({ parent_id: parent.id })),
      ]);
      expect('answer' in outcomes[1]).toBe(true);
    }
    await expectSoundStore(tracker);
  });

  it('keeps paths right when children are created while their parent moves', async () => {
    const places = [await tracker.create({ title: 'here' }), await tracker.create({ title: 'there' })];
    let parent = await tracker.create({ title: 'moving' });
    for (let round = 0; round < ROUNDS; round += 1) {
      const [moved] = await Promise.all([
        tracker.update(parent, { parent_id: places[round % 2]?.id }),
        tracker.create({ parent_id: parent.id }),
        tracker.create({ parent_id: parent.id }),
      ]);
      parent = moved;
    }
    expect(await expectSoundStore(tracker)).toHaveLength(3 + 2 * ROUNDS);
  });

  it('keeps paths right when descendants are edited while an ancestor moves', async () => {
    const places = [await tracker.create({ title: 'here' }), await tracker.create({ title: 'there' })];
    const [, child, grandchild] = await chainOf(tracker, 3);
    const deepest = await tracker.create({ parent_id: grandchild.id });
    let moving = true;
    const move = async () => {
      let moved: { id: string; version: number } = child;
      for (let round = 0; round < ROUNDS * 4; round += 1) {
        moved = await tracker.update(moved, { parent_id: places[round % 2]?.id });
      }
      moving = false;
    };
    const edit = async (item: { id: string; version: number }): Promise<number> => {
      let edited = item;
      while (moving) edited = await tracker.update(edited, { title: `edited since ${edited.version}` });
      return edited.version;
    };
    const [, ...versions] = await Promise.all([move(), edit(grandchild), edit(deepest)]);
    const items = await expectSoundStore(tracker);
    const versionOf = (wanted: { id: string }) => items.find(({ id }) => id === wanted.id)?.version;
    expect([grandchild, deepest].map(versionOf)).toEqual(versions);
  });

  it('never makes a cycle out of two moves that cross', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [a, b] = [await tracker.create(), await tracker.create()];
      const outcomes = await Promise.all([
        outcomeOf(tracker.update(a, { parent_id: b.id })),
        outcomeOf(tracker.update(b, { parent_id: a.id })),
      ]);
      expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
      expect(outcomes).toContainEqual({ refused: 'ValidationError' });
    }
    await expectSoundStore(tracker);
  });

  it('never passes depth 5 by two moves that add up', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [upper, middle, lower] = [
        await chainOf(tracker, 3),
        await chainOf(tracker, 2),
        await chainOf(tracker, 2),
      ];
      const outcomes = await Promise.all([
        outcomeOf(tracker.update(middle[0], { parent_id: upper[2].id })),
        outcomeOf(tracker.update(lower[0], { parent_id: middle[1].id })),
      ]);
      expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
    }
    await expectSoundStore(tracker);
  });

  it('records a cascade as it happened when a descendant is edited meanwhile', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [top, child] = await chainOf(tracker, 2);
      const outcomes = await Promise.all([
        outcomeOf(tracker.update(child, { title: 'edited' })),
        outcomeOf(tracker.update(top, { deleted_at: tracker.clock.iso, cascade: true })),
      ]);
      expect('answer' in outcomes[1]).toBe(true);
      const { items } = await tracker.history({ id: child.id });
      const { version } = await tracker.query(child.id);
      // One record per version, none twice, none missing.
      expect(items.map((change) => change.version)).toEqual(
        Array.from({ length: version }, (_, index) => version - index),
      );
    }
    await expectSoundStore(tracker);
  });

  it('lets exactly one of many updates from the same version through', async () => {
    const item = await tracker.create();
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, index) => outcomeOf(tracker.update(item, { title: `writer ${index}` }))),
    );
    expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
    expect(
      outcomes.filter((outcome) => 'refused' in outcome && outcome.refused === 'VersionConflictError'),
    ).toHaveLength(15);
    expect((await tracker.query(item.id)).version).toBe(2);
  });
});
