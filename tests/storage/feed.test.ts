// The feed of changes: one position per record touched, in the order of the commits; and all or nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../../src/domain/change.ts';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';
import { configuring, creation, deploying, edit, linking, registration, vendorEdit } from './changes.ts';
import { outcomeOf, refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf, expectSoundStore } from './trees.ts';

const id = (number: number) => `aaaaaaaa-0000-4000-8000-${String(number).padStart(12, '0')}`;
const METADATA = { pr_number: 1, pr_title: 'x', test_summary: {}, constitutional_compliance: true };

describeEachBackend('the feed', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  /** Every record of the feed, oldest first. */
  const feed = async () => {
    const changes = [];
    for (let since = 0; ;) {
      const { items } = await tracker.history({ since, limit: 100 });
      changes.push(...items);
      const last = items.at(-1);
      if (last === undefined) return changes;
      since = last.seq;
    }
  };

  it('grows by one per record that a change touched', async () => {
    expect(await tracker.seq()).toBe(0);
    const [top, child] = await chainOf(tracker, 3);
    expect(await tracker.seq()).toBe(3);
    await tracker.link(child, 'relates_to', top);
    expect(await tracker.seq()).toBe(4);
    await tracker.linkAnswer(child, 'relates_to', top);
    expect(await tracker.seq()).toBe(4);
    await tracker.update(top, { deleted_at: tracker.clock.iso, cascade: true });
    expect(await tracker.seq()).toBe(7);
    await tracker.configure(1, { archive_after_days: 1 });
    expect(await tracker.seq()).toBe(8);
  });

  it('tells the time of the last change', async () => {
    tracker.clock.set('2026-03-01T10:00:00Z');
    await tracker.create();
    const { data } = await tracker.store.read((reader) => reader.findFeedPosition());
    expect(data).toEqual({ seq: 1, changed_at: '2026-03-01T10:00:00.000Z' });
  });

  it('has neither gaps nor doubles after 16 writers at once, through two connections to the store', async () => {
    const other = await openTrackerAt(tracker.place);
    const shared = await tracker.create();
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        const through = writer % 2 === 0 ? tracker : other;
        const results = [];
        for (let round = 0; round < 6; round += 1) {
          results.push(await outcomeOf(through.create({ title: `${writer}/${round}` })));
          results.push(
            await outcomeOf(
              through.update(shared, { metadata: { [`w${writer}_${round}`]: round }, on_conflict: 'merge' }),
            ),
          );
          // Refused: leaves no trace.
          results.push(await outcomeOf(through.create({ parent_id: id(1) })));
        }
        return results;
      }),
    );
    const refusals = outcomes.flat().flatMap((outcome) => ('refused' in outcome ? [outcome.refused] : []));
    expect(refusals, 'nobody is refused because others write too').toEqual(
      Array.from({ length: 16 * 6 }, () => 'NotFoundError'),
    );
    const accepted = 2 * 16 * 6;
    const changes = await feed();
    expect(changes.map(({ seq }) => seq)).toEqual(
      Array.from({ length: accepted + 1 }, (_, index) => index + 1),
    );
    expect(await tracker.seq()).toBe(accepted + 1);
    // The versions of each item appear in the feed in their order.
    const versions = changes.filter(({ entity_id }) => entity_id === shared.id).map(({ version }) => version);
    expect(versions).toEqual(versions.map((_, index) => index + 1));
    expect((await tracker.query(shared.id)).version).toBe(versions.length);
    await expectSoundStore(tracker);
  });

  it('keeps no trace of a refused write', async () => {
    const item = await tracker.create();
    await tracker.register({ name: 'Acme' });
    const before = [
      await tracker.seq(),
      await tracker.list({ include_deleted: true }),
      await tracker.vendors(),
      await feed(),
    ];
    for (const attempt of [
      () => tracker.create({ parent_id: id(1) }),
      () => tracker.create({ metadata: { estimated_hours: -1 } }),
      () => tracker.update({ id: item.id, version: 2 }, { title: 'x' }),
      () => tracker.update(item, { parent_id: item.id }),
      () => tracker.link(item, 'blocks', item),
      () => tracker.register({ name: 'ACME' }),
      () => tracker.updateVendor({ name: 'Acme', version: 3 }, { status: 'operational' }),
      () => tracker.deploy({ affected_vendors: ['nobody'] }),
      () => tracker.configure(9, { archive_after_days: 1 }),
    ]) {
      await refusalOf(attempt);
    }
    expect([
      await tracker.seq(),
      await tracker.list({ include_deleted: true }),
      await tracker.vendors(),
      await feed(),
    ]).toEqual(before);
    await tracker.create();
    expect(await tracker.seq()).toBe(3);
  });

  describe('of a batch', () => {
    const good = (): Change[] => [
      creation({ entity_id: id(1), patch: { title: 'parent' } }),
      creation({ entity_id: id(2), patch: { title: 'child', parent_id: id(1), labels: ['a'] } }),
      edit({ entity_id: id(2), base_version: 1, patch: { title: 'edited', labels: ['b'] } }),
      linking(id(1), 'relates_to', id(2)),
      registration({ entity_id: id(3), patch: { name: 'Acme' } }),
      vendorEdit({ entity_id: id(3), base_version: 1, patch: { status: 'operational' } }),
      deploying({
        entity_id: id(4),
        patch: {
          deployed_at: '2026-01-01T00:00:00.000Z',
          commit_hash: 'a'.repeat(40),
          metadata: METADATA,
          affected_vendors: ['acme'],
          related_work_item_ids: [id(2)],
        },
      }),
    ];

    it('applies the changes in order, each seeing those before it', async () => {
      const { data } = await tracker.store.write(good());
      expect(data.map(({ repeated }) => repeated)).toEqual(data.map(() => false));
      expect(await tracker.seq()).toBe(7);
      expect(await tracker.query(id(2))).toMatchObject({
        title: 'edited',
        version: 2,
        path: `/${id(1)}/${id(2)}`,
      });
      expect((await feed()).map(({ seq, change_id }) => [seq, change_id])).toEqual(
        data.map(({ change_id }, index) => [index + 1, change_id]),
      );
    });

    it.each([
      ['a broken rule', () => creation({ entity_id: id(9), patch: { parent_id: id(8) } }), 'NotFoundError'],
      [
        'a stale version',
        () => edit({ entity_id: id(2), base_version: 1, patch: { title: 'stale' } }),
        'VersionConflictError',
      ],
      [
        'a cycle',
        () => edit({ entity_id: id(1), base_version: 1, patch: { parent_id: id(2) } }),
        'ValidationError',
      ],
      ['a taken name', () => registration({ entity_id: id(9), patch: { name: 'ACME' } }), 'ValidationError'],
      [
        'a kind that this version does not know',
        () => ({ ...creation({ entity_id: id(9) }), kind: 'unlink' as const }),
        'ValidationError',
      ],
    ])('leaves nothing when the last change fails by %s', async (_, last, error) => {
      const configuration = await tracker.configuration();
      const change = configuring({
        entity_id: configuration.id,
        base_version: 1,
        patch: { archive_after_days: 7 },
      });
      expect((await refusalOf(tracker.store.write([...good(), change, last()]))).error).toBe(error);
      expect(await tracker.list({ include_deleted: true })).toMatchObject({ total_count: 0 });
      expect(await tracker.list({ label: 'b', include_deleted: true })).toMatchObject({ total_count: 0 });
      expect(await tracker.vendors()).toMatchObject({ total_count: 0 });
      expect(await tracker.deployments()).toMatchObject({ total_count: 0 });
      expect(await tracker.configuration()).toEqual(configuration);
      expect(await tracker.history()).toMatchObject({ total_count: 0, latest_seq: 0 });
      await expectSoundStore(tracker);
      // Nothing stands in the way of the same changes without the last one.
      await tracker.store.write(good());
      expect(await tracker.seq()).toBe(7);
    });

    it('may be empty', async () => {
      expect((await tracker.store.write([])).data).toEqual([]);
      expect(await tracker.seq()).toBe(0);
    });

    it('may be larger than one statement takes', async () => {
      const changes = Array.from({ length: 450 }, (_, index) =>
        creation({ entity_id: id(index), patch: { title: `${index}` } }),
      );
      await tracker.store.write(changes);
      expect((await feed()).map(({ entity_id }) => entity_id)).toEqual(
        changes.map(({ entity_id }) => entity_id),
      );
    });
  });
});
