// Clients that read on while others write: nothing is skipped, and nothing shown twice.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { queryHistoryInput } from '../../src/domain/change.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { queryHistory } from '../../src/use-cases/history/history.ts';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';

describeEachBackend('reading on while others write', (backend) => {
  it('follows the feed by next_since without a gap or a repetition', async () => {
    const writer = await openTracker(backend);
    const reader = await openTrackerAt(writer.place);
    const writing = (async () => {
      for (let at = 0; at < 40; at += 1) {
        await writer.create({ title: `item ${at}` });
        if (at % 8 === 0) {
          await writer.plan(
            [0, 1, 2].map((n) => ({ key: `k${n}`, item_type: 'task', title: `p ${at} ${n}` })),
          );
        }
      }
    })();
    const seen: number[] = [];
    let since = 0;
    let isOver = false;
    void writing.then(() => (isOver = true));
    for (;;) {
      const wasOver = isOver;
      // As between calls of a client: whoever writes in this process needs turns of the event loop.
      await nextTurn();
      const page = await reader.history({ since, limit: 7 });
      seen.push(...page.items.map(({ seq }) => seq));
      expect(page.next_since).toBeGreaterThanOrEqual(since);
      since = page.next_since ?? since;
      if (wasOver && page.items.length === 0) break;
    }
    await writing;
    const last = await writer.seq();
    expect(last).toBe(55);
    expect(seen).toEqual(Array.from({ length: last }, (_, at) => at + 1));
  });

  it('tells a reader that stands behind the end of the feed that the tracker was brought back', async () => {
    const tracker = await openTracker(backend);
    await tracker.create({ title: 'Kept' });
    const seq = await tracker.seq();
    const read = (since: number) =>
      queryHistory.run(tracker.context, tracker.caller, parseInput(queryHistoryInput, { since }));
    expect(await read(seq)).toMatchObject({ data: { items: [], next_since: seq }, warnings: [] });
    expect(await read(seq + 3)).toMatchObject({
      data: { items: [], latest_seq: seq, next_since: seq },
      warnings: [{ code: 'feed_went_back' }],
    });
  });

  it('shows no item twice that did not move, and every one of them, in any order', async () => {
    const tracker = await openTracker(backend);
    const still = new Set<string>();
    const moving: { id: string; version: number }[] = [];
    for (let at = 0; at < 30; at += 1) {
      tracker.clock.advance(1);
      const item = await tracker.create({ title: `t${String(at).padStart(2, '0')}`, priority: 1 + (at % 5) });
      if (at % 3 === 0) moving.push(item);
      else still.add(item.id);
    }
    for (const sort of ['updated', 'created', 'priority', 'title']) {
      const shown: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await tracker.list({ sort, limit: 4, ...(cursor !== undefined && { cursor }) });
        shown.push(...page.items.map(({ id }) => id));
        cursor = page.next_cursor ?? undefined;
        // Between two pages: new items, and items that go elsewhere in every order.
        tracker.clock.advance(1);
        await tracker.create({ title: `t${String(shown.length).padStart(2, '0')} new`, priority: 3 });
        const at = shown.length % moving.length;
        const item = moving[at] as { id: string; version: number };
        moving[at] = await tracker.update(item, { title: `t${30 - at}`, priority: 1 + (shown.length % 5) });
      } while (cursor !== undefined && shown.length < 400);
      expect(cursor).toBeUndefined();
      for (const id of still)
        expect(
          shown.filter((one) => one === id),
          sort,
        ).toHaveLength(1);
    }
  });
});
