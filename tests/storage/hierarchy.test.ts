// The hierarchy: places, moves of whole subtrees, and the places that are refused.
import { beforeAll, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf, placesBelow } from './trees.ts';

describeEachBackend('hierarchy', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  it('gives each of six levels its path and depth', async () => {
    const chain = await chainOf(tracker, 6);
    chain.forEach((item, depth) => {
      expect(item.depth).toBe(depth);
      expect(item.path).toBe(
        `/${chain
          .slice(0, depth + 1)
          .map(({ id }) => id)
          .join('/')}`,
      );
      expect(item.parent_id).toBe(chain[depth - 1]?.id ?? null);
    });
  });

  it('refuses a seventh level, with the whole chain', async () => {
    const chain = await chainOf(tracker, 6);
    const refusal = await refusalOf(tracker.create({ parent_id: chain[5].id }));
    expect(refusal).toMatchObject({
      error: 'ValidationError',
      details: { field: 'parent_id', value: chain[5].id },
    });
    const named = refusal.details['chain'] as string[];
    expect(named).toHaveLength(7);
    expect(named.slice(0, 6)).toEqual(chain.map(({ id }) => id));
    expect(refusal.message).toContain('depth 6');
  });

  it('moves a whole subtree below another item, and its own version alone grows', async () => {
    const [a, b, c] = await chainOf(tracker, 3);
    tracker.clock.advance(1);
    const d = await tracker.create({ parent_id: b.id, title: 'second child' });
    const target = await tracker.create({ title: 'target' });
    const moved = await tracker.update(b, { parent_id: target.id });
    expect(moved).toMatchObject({
      version: 2,
      parent_id: target.id,
      path: `/${target.id}/${b.id}`,
      depth: 1,
    });
    expect(await placesBelow(tracker, target.id)).toEqual([
      { id: b.id, path: `/${target.id}/${b.id}`, depth: 1, version: 2 },
      { id: c.id, path: `/${target.id}/${b.id}/${c.id}`, depth: 2, version: 1 },
      { id: d.id, path: `/${target.id}/${b.id}/${d.id}`, depth: 2, version: 1 },
    ]);
    expect(await placesBelow(tracker, a.id)).toEqual([]);
  });

  it('moves a subtree to the root level and back down', async () => {
    const [a, b, c] = await chainOf(tracker, 3);
    const up = await tracker.update(b, { parent_id: null });
    expect(up).toMatchObject({ parent_id: null, path: `/${b.id}`, depth: 0 });
    expect(await tracker.query(c.id)).toMatchObject({ path: `/${b.id}/${c.id}`, depth: 1 });
    const down = await tracker.update(up, { parent_id: a.id });
    expect(down).toMatchObject({ path: b.path, depth: 1, version: 3 });
    expect(await tracker.query(c.id)).toMatchObject({ path: c.path, depth: 2 });
  });

  it('takes deleted descendants along', async () => {
    const [, b, c] = await chainOf(tracker, 3);
    const gone = await tracker.update(c, { deleted_at: tracker.clock.iso });
    const target = await tracker.create();
    await tracker.update(b, { parent_id: target.id });
    const back = await tracker.update(gone, { deleted_at: null });
    expect(back).toMatchObject({ path: `/${target.id}/${b.id}/${c.id}`, depth: 2 });
  });

  it('leaves everything where it is when the parent named is the present one', async () => {
    const [a, b] = await chainOf(tracker, 2);
    expect(await tracker.update(b, { parent_id: a.id })).toMatchObject({
      path: b.path,
      depth: 1,
      version: 2,
    });
  });

  it('takes short ids for parents', async () => {
    const [a, b] = await chainOf(tracker, 2);
    const target = await tracker.create();
    expect((await tracker.update(b, { parent_id: target.id.slice(0, 13).toUpperCase() })).parent_id).toBe(
      target.id,
    );
    expect((await tracker.create({ parent_id: a.id.replaceAll('-', '') })).parent_id).toBe(a.id);
  });

  describe('refused moves change nothing', () => {
    it.each([
      ['itself', 0],
      ['its child', 1],
      ['its grandchild', 2],
    ])('below %s', async (_, below) => {
      const chain = await chainOf(tracker, 3);
      const [top] = chain;
      const refusal = await refusalOf(
        tracker.update(top, { parent_id: chain[below]?.id, title: 'not saved' }),
      );
      expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'parent_id' } });
      expect(refusal.details['chain']).toEqual([...chain.slice(0, below + 1).map(({ id }) => id), top.id]);
      expect(refusal.message).toContain('below itself');
      expect(await tracker.query(top.id)).toMatchObject({ version: 1, title: top.title, path: top.path });
    });

    it('that would push the deepest descendant past depth 5', async () => {
      const tall = await chainOf(tracker, 3);
      const short = await chainOf(tracker, 4);
      await tracker.update(tall[0], { parent_id: short[2].id });
      expect((await tracker.query(tall[2].id)).depth).toBe(5);

      const other = await chainOf(tracker, 3);
      const refusal = await refusalOf(tracker.update(other[0], { parent_id: short[3].id }));
      expect(refusal.details['chain']).toEqual([...short.map(({ id }) => id), other[0].id]);
      expect(refusal.message).toContain('depth 6');
      expect(await placesBelow(tracker, short[3].id)).toEqual([]);
      expect((await tracker.query(other[2].id)).path).toBe(other[2].path);
    });

    it('below a deleted parent, which takes no new children either', async () => {
      const parent = await tracker.create({ title: 'Gone' });
      await tracker.update(parent, { deleted_at: tracker.clock.iso });
      const item = await tracker.create();
      for (const attempt of [
        () => tracker.update(item, { parent_id: parent.id }),
        () => tracker.create({ parent_id: parent.id }),
      ]) {
        const refusal = await refusalOf(attempt);
        expect(refusal.details).toMatchObject({ field: 'parent_id', value: parent.id });
        expect(refusal.message).toContain('"Gone" is deleted');
      }
    });

    it('that would put an item below one that it blocks, or that blocks it', async () => {
      const [blocker, blocked, child] = [
        await tracker.create({ title: 'Blocker' }),
        await tracker.create({ title: 'Blocked' }),
        await tracker.create({ title: 'Child' }),
      ];
      await tracker.link(blocker, 'blocks', blocked);
      for (const [item, parent] of [
        [blocked, blocker],
        [blocker, blocked],
      ] as const) {
        const refusal = await refusalOf(tracker.update(item, { parent_id: parent.id }));
        expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'parent_id' } });
        expect(refusal.message).toContain(`"${blocker.title}"`);
        expect(refusal.message).toContain(`"${blocked.title}"`);
      }
      // Also when the blocked item only comes along, below the one that moves.
      const holder = await tracker.create({ title: 'Holder' });
      await tracker.update(blocked, { parent_id: holder.id });
      await tracker.update(child, { parent_id: blocker.id });
      expect((await refusalOf(tracker.update(holder, { parent_id: child.id }))).details).toMatchObject({
        field: 'parent_id',
      });
      // Siblings may block each other, and other kinds of link say nothing about places.
      const related = await tracker.create();
      await tracker.link(related, 'relates_to', holder);
      expect((await tracker.update(related, { parent_id: holder.id })).depth).toBe(1);
    });
  });
});
