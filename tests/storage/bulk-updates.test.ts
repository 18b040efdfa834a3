// Updates of several items in one call: all of them, each from its own version, or none.
import { beforeEach, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf, refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const BOB = { actor: 'bob', person: 'bob', client: 'cursor/2.0', session: 'bob' };

describeEachBackend('updates of several items', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });
  const three = async () =>
    [
      await tracker.create({ title: 'a', labels: ['x'], metadata: { keep: 1, drop: 2 } }),
      await tracker.create({ title: 'b' }),
      await tracker.create({ title: 'c' }),
    ] as const;

  it('saves all of them as one change, each with its own version and history', async () => {
    const [a, b, c] = await three();
    const b2 = await tracker.update(b, { priority: 1 });
    const before = await tracker.seq();
    const { items } = await tracker.updateMany([
      {
        id: a.id.slice(0, 8),
        version: 1,
        status: 'completed',
        labels: null,
        metadata: { drop: null, new: [1] },
      },
      { id: b.id, version: b2.version, parent_id: a.id.slice(0, 9), title: 'B' },
      { id: c.id, version: 1, deleted_at: '2026-01-06T00:00:00Z' },
    ]);
    expect(items).toEqual([
      { id: a.id, version: 2, item_type: 'task', title: 'a', status: 'completed', priority: 3 },
      { id: b.id, version: 3, item_type: 'task', title: 'B', status: 'active', priority: 1 },
      { id: c.id, version: 2, item_type: 'task', title: 'c', status: 'active', priority: 3 },
    ]);
    expect(await tracker.query(a.id)).toMatchObject({
      ...{ version: 2, labels: [], metadata: { keep: 1, new: [1] }, completed_at: tracker.clock.iso },
      children: [{ id: b.id, title: 'B', depth: 1 }],
    });
    expect((await tracker.query(c.id)).deleted_at).toBe('2026-01-06T00:00:00.000Z');
    const changes = (await tracker.history({ since: before })).items;
    expect(changes.map(({ entity_id, base_version, version }) => [entity_id, base_version, version])).toEqual(
      [
        [a.id, 1, 2],
        [b.id, 2, 3],
        [c.id, 1, 2],
      ],
    );
    expect(new Set(changes.map(({ change_id }) => change_id)).size).toBe(1);
  });

  it('saves nothing when any of them is stale, and names every one that is', async () => {
    const [a, b, c] = await three();
    await tracker.update(a, { title: 'theirs' }, BOB);
    await tracker.update(c, { status: 'blocked' }, BOB);
    const before = await tracker.seq();
    const { error, message, details } = await refusalOf(
      tracker.updateMany([
        { id: a.id, version: 1, title: 'mine' },
        { id: b.id, version: 1, title: 'mine' },
        { id: c.id, version: 1, priority: 1 },
      ]),
    );
    expect(error).toBe('VersionConflictError');
    expect(message).toContain('2 of 3');
    expect(details).toMatchObject({ expected_version: 1, current_version: 2 });
    expect(details['refused']).toMatchObject([
      {
        index: 0,
        id: a.id,
        error,
        current_version: 2,
        last_updated_by: 'bob',
        overlap: ['title'],
        mergeable: false,
      },
      { index: 2, id: c.id, error, current_version: 2, last_updated_by: 'bob', overlap: [], mergeable: true },
    ]);
    expect(await tracker.seq()).toBe(before);
    expect((await tracker.query(b.id)).version).toBe(1);
  });

  it('merges where an entry asks for it, and records with what', async () => {
    const [a, b] = await three();
    await tracker.update(a, { title: 'theirs' }, BOB);
    await tracker.updateMany([
      { id: a.id, version: 1, priority: 1, on_conflict: 'merge' },
      { id: b.id, version: 1, priority: 2 },
    ]);
    expect(await tracker.query(a.id)).toMatchObject({ title: 'theirs', priority: 1, version: 3 });
    const { items } = await tracker.history({ limit: 2 });
    expect(items.map(({ entity_id, merged_with }) => [entity_id, merged_with])).toEqual([
      [b.id, []],
      [a.id, [2]],
    ]);
  });

  it('names every problem of the input, and writes nothing', async () => {
    const [a, b] = await three();
    const problems = await problemsOf(() =>
      tracker.updateMany([
        { id: a.id, version: 0, title: 'x' },
        { id: b.id, version: 1 },
        { id: b.id, version: 1, title: 'x' },
        { id: b.id.slice(0, 12), version: 1, status: 'done' },
        { id: b.id.slice(0, 13), version: 1, title: 'y', updated_by: 'me' },
      ]),
    );
    expect(problems.map(({ field }) => field)).toEqual([
      'updates[0].version',
      'updates[3].status',
      'updates[4].updated_by',
      'updates[1].arguments',
    ]);
    expect(
      (
        await problemsOf(() =>
          tracker.updateMany([
            { id: a.id, version: 1, title: 'x' },
            { id: a.id, version: 1, priority: 1 },
          ]),
        )
      )[0],
    ).toMatchObject({ field: 'updates[1].id' });
    expect(await refusalOf(tracker.updateMany([{ id: 'ffffff', version: 1, title: 'x' }]))).toMatchObject({
      error: 'NotFoundError',
    });
    expect(await problemsOf(() => tracker.updateMany([]))).toMatchObject([{ field: 'updates' }]);
    expect(await tracker.seq()).toBe(3);
  });

  it('refuses a token of a claim that nobody holds, for all', async () => {
    const [a, b] = await three();
    const { error, details } = await refusalOf(
      tracker.updateMany([
        { id: a.id, version: 1, title: 'x' },
        { id: b.id, version: 1, title: 'x', claim_token: 7 },
      ]),
    );
    expect(error).toBe('ClaimError');
    expect(details['refused']).toMatchObject([{ index: 1, id: b.id }]);
    expect(await tracker.seq()).toBe(3);
  });

  it('gives its first result again under the same idempotency key', async () => {
    const [a, b] = await three();
    const updates = [a, b].map(({ id }) => ({ id, version: 1, status: 'completed' }));
    const first = await tracker.updateMany(updates, { idempotency_key: 'k' });
    expect(await tracker.updateMany(updates, { idempotency_key: 'k' })).toEqual({ ...first, repeated: true });
    const fewer = await refusalOf(tracker.updateMany(updates.slice(0, 1), { idempotency_key: 'k' }));
    expect(fewer.details).toMatchObject({ field: 'idempotency_key' });
    expect(await tracker.seq()).toBe(5);
  });
});
