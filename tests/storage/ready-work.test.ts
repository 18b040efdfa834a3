// Ready work in lists: what could be started now, most urgent first.
import { beforeEach, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('ready work', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  const create = (title: string, args = {}) => {
    tracker.clock.advance(1);
    return tracker.create({ title, ...args });
  };
  const ready = () => tracker.titles({ ready: true });

  it('is planned or active', async () => {
    for (const status of ['planned', 'active', 'blocked', 'completed', 'cancelled'])
      await create(status, { status });
    expect((await ready()).sort()).toEqual(['active', 'planned']);
    expect((await tracker.titles({ ready: false })).sort()).toEqual(['blocked', 'cancelled', 'completed']);
  });

  it('comes by priority, and older first within one', async () => {
    await create('later', { priority: 3 });
    await create('urgent', { priority: 1 });
    await create('later still', { priority: 3 });
    await create('minor', { priority: 5 });
    expect(await ready()).toEqual(['urgent', 'later', 'later still', 'minor']);
    expect(await tracker.titles({ ready: true, sort: 'created' })).toEqual([
      'minor',
      'later still',
      'urgent',
      'later',
    ]);
  });

  it.each([
    ['blocks', 'completed'],
    ['blocks', 'cancelled'],
    ['depends_on', 'completed'],
    ['depends_on', 'cancelled'],
  ])('waits for an item that %s it until that is %s', async (kind, closing) => {
    const [blocker, waiting] = [await create('blocker'), await create('waiting')];
    if (kind === 'blocks') await tracker.link(blocker, 'blocks', waiting);
    else await tracker.link(waiting, 'depends_on', blocker);
    expect(await ready()).toEqual(['blocker']);
    expect(await tracker.titles({ ready: false })).toEqual(['waiting']);

    const paused = await tracker.update(blocker, { status: 'blocked' });
    expect(await ready()).toEqual([]);
    await tracker.update(paused, { status: closing });
    expect(await ready()).toEqual(['waiting']);
  });

  it('waits for every blocker, and for none that was deleted', async () => {
    const waiting = await create('waiting');
    const blockers = [await create('one'), await create('two')];
    for (const blocker of blockers) await tracker.link(blocker, 'blocks', waiting);
    await tracker.update(blockers[0] as { id: string; version: number }, { status: 'completed' });
    expect(await ready()).toEqual(['two']);
    const gone = await tracker.update(blockers[1] as { id: string; version: number }, {
      deleted_at: tracker.clock.iso,
    });
    expect(await ready()).toEqual(['waiting']);
    await tracker.update(gone, { deleted_at: null });
    expect(await ready()).toEqual(['two']);
  });

  it.each(['relates_to', 'discovered_from'])('does not wait for an item joined by %s', async (kind) => {
    const [a, b] = [await create('a'), await create('b')];
    await tracker.link(a, kind, b);
    expect(await ready()).toEqual(['a', 'b']);
  });

  it('is live, also where deleted items are listed', async () => {
    await create('live');
    await tracker.update(await create('gone'), { deleted_at: tracker.clock.iso });
    expect(await tracker.titles({ ready: true, include_deleted: true })).toEqual(['live']);
    expect(await tracker.titles({ ready: false, include_deleted: true })).toEqual(['gone']);
  });

  it('combines with other filters and pages', async () => {
    const blocker = await create('blocker', { labels: ['ui'] });
    for (const title of ['a', 'b', 'c']) await create(title, { labels: ['ui'] });
    await tracker.link(blocker, 'blocks', await create('waiting', { labels: ['ui'] }));
    await create('other');
    const first = await tracker.list({ ready: true, label: 'ui', limit: 2 });
    expect(first).toMatchObject({ total_count: 4, items: [{ title: 'blocker' }, { title: 'a' }] });
    const second = await tracker.list({ ready: true, label: 'ui', limit: 2, cursor: first.next_cursor });
    expect(second.items.map(({ title }) => title)).toEqual(['b', 'c']);
    expect(second.next_cursor).toBeNull();
  });
});
