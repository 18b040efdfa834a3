// Blocking links never form a cycle, whatever the mixture of kinds and however many writers meet.
import { beforeAll, describe, expect, it } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { outcomeOf, refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('cycles of dependencies', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const ring = async (length: number): Promise<WorkItem[]> => {
    const items: WorkItem[] = [];
    for (let index = 0; index < length; index += 1)
      items.push(await tracker.create({ title: `ring ${index}` }));
    return items;
  };
  /** Says in one of its two forms that `blocker` holds up `blocked`. */
  const block = (blocker: WorkItem, blocked: WorkItem, form: number) =>
    form % 2 === 0 ? tracker.link(blocker, 'blocks', blocked) : tracker.link(blocked, 'depends_on', blocker);

  describe.each([2, 3, 20])('of length %i', (length) => {
    it.each([
      ['blocks only', () => 0],
      ['depends_on only', () => 1],
      ['both kinds mixed', (index: number) => index],
    ])('are refused, naming every item, over %s', async (_, form) => {
      const items = await ring(length);
      for (let index = 0; index + 1 < length; index += 1) {
        await block(items[index] as WorkItem, items[index + 1] as WorkItem, form(index));
      }
      const [first, last] = [items[0] as WorkItem, items.at(-1) as WorkItem];
      const refusal = await refusalOf(block(last, first, form(length - 1)));
      expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'target_id' } });

      const cycle = refusal.details['cycle'] as { id: string; title: string }[];
      expect(cycle).toHaveLength(length + 1);
      expect(cycle.at(-1)).toEqual(cycle[0]);
      // It reads in the direction of blocking, wherever it starts.
      cycle.slice(1).forEach(({ id }, index) => {
        const position = items.findIndex((item) => item.id === cycle[index]?.id);
        expect(id).toBe(items[(position + 1) % length]?.id);
      });
      for (const { title } of items) expect(refusal.message).toContain(`"${title}"`);
      expect((await tracker.query(first.id)).dependencies).toHaveLength(1);
    });
  });

  it('names a shortest of several cycles', async () => {
    const [a, b, c, d] = (await ring(4)) as [WorkItem, WorkItem, WorkItem, WorkItem];
    await block(a, b, 0);
    await block(b, c, 1);
    await block(c, d, 0);
    await block(a, d, 1);
    const { details } = await refusalOf(block(d, a, 0));
    expect(
      (details['cycle'] as { id: string }[])
        .map(({ id }) => id)
        .slice(0, 2)
        .sort(),
    ).toEqual([a.id, d.id].sort());
    expect(details['cycle']).toHaveLength(3);
  });

  it('are none where kinds that do not block take part', async () => {
    const [a, b, c] = (await ring(3)) as [WorkItem, WorkItem, WorkItem];
    await tracker.link(a, 'blocks', b);
    await tracker.link(b, 'relates_to', c);
    await tracker.link(c, 'discovered_from', b);
    await tracker.link(c, 'blocks', a);
    await tracker.link(b, 'relates_to', a);
  });

  it('are none when paths only meet again', async () => {
    const [a, b, c, d] = (await ring(4)) as [WorkItem, WorkItem, WorkItem, WorkItem];
    await block(a, b, 0);
    await block(a, c, 1);
    await block(b, d, 0);
    await block(c, d, 1);
    await block(a, d, 0);
    expect((await tracker.query(d.id)).dependencies).toHaveLength(3);
  });

  it('can be closed after a link of theirs is removed', async () => {
    const [a, b, c] = (await ring(3)) as [WorkItem, WorkItem, WorkItem];
    await block(a, b, 0);
    await block(b, c, 0);
    await refusalOf(block(c, a, 0));
    await tracker.unlink(b, 'depends_on', a);
    await block(c, a, 0);
  });

  it('are not made by opposite links that are added at the same time', async () => {
    for (let round = 0; round < 8; round += 1) {
      const [a, b] = (await ring(2)) as [WorkItem, WorkItem];
      const outcomes = await Promise.all([outcomeOf(block(a, b, round)), outcomeOf(block(b, a, round + 1))]);
      expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
      expect(outcomes).toContainEqual({ refused: 'ValidationError' });
      expect((await tracker.query(a.id)).dependencies).toHaveLength(1);
    }
  });

  it('are not made by the links of a whole ring that are added at the same time', async () => {
    const items = await ring(8);
    const outcomes = await Promise.all(
      items.map((item, index) => outcomeOf(block(item, items[(index + 1) % 8] as WorkItem, index))),
    );
    expect(outcomes.filter((outcome) => 'refused' in outcome)).toEqual([{ refused: 'ValidationError' }]);
  });

  it('are not made when a link and a move to below the blocked item meet', async () => {
    for (let round = 0; round < 8; round += 1) {
      const [a, b] = (await ring(2)) as [WorkItem, WorkItem];
      const outcomes = await Promise.all([
        outcomeOf(block(a, b, round)),
        outcomeOf(tracker.update(a, { parent_id: b.id })),
      ]);
      expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
    }
  });

  it('leave one link when the same one is added many times at once', async () => {
    const [a, b] = (await ring(2)) as [WorkItem, WorkItem];
    await Promise.all(Array.from({ length: 12 }, (_, index) => block(a, b, index)));
    expect((await tracker.query(a.id)).dependencies).toHaveLength(1);
    const [c, d] = (await ring(2)) as [WorkItem, WorkItem];
    await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        index % 2 ? tracker.link(c, 'relates_to', d) : tracker.link(d, 'relates_to', c),
      ),
    );
    expect((await tracker.query(c.id)).dependencies).toHaveLength(1);
  });
});
