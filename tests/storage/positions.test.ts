// Where items stand: as they were written, or where somebody put them; never where a random id would have them.
import { beforeEach, expect, it } from 'vitest';
import { getBrief } from '../../src/use-cases/brief/brief.ts';
import { undo } from '../../src/use-cases/history/undo.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf, refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const NINE = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

describeEachBackend('the order of items', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });
  const planNine = async () => {
    const items = NINE.map((title) => ({ key: title, item_type: 'task', title, parent: 'all' }));
    // The parent is written last: it has to be made first all the same.
    const { ids } = await tracker.plan([...items, { key: 'all', item_type: 'project', title: 'all' }]);
    return ids as Record<string, string>;
  };
  const childrenOf = async (id: string) => {
    const { children = [] } = await tracker.query(id);
    return (children as { title: string }[]).map(({ title }) => title);
  };

  it('is that of a plan: in every list, in the tree, in the brief, and as it is claimed', async () => {
    const { all = '' } = await planNine();
    expect(await childrenOf(all)).toEqual(NINE);
    for (const sort of ['updated', 'created', 'priority', undefined]) {
      const args = { parent_id: all, ...(sort !== undefined && { sort }) };
      expect(await tracker.titles(args), sort).toEqual(NINE);
      expect(await tracker.titles({ ...args, ready: true }), sort).toEqual(NINE);
    }
    const { ready } = await tracker.call(getBrief, {});
    expect(ready.items.map(({ title }) => title)).toEqual(NINE);
    const claimed: string[] = [];
    for (const _one of NINE) claimed.push((await tracker.claim()).title);
    expect(claimed).toEqual(NINE);
  });

  it('goes on over pages', async () => {
    const { all = '' } = await planNine();
    for (const sort of ['updated', 'created', 'priority', 'title']) {
      const titles: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await tracker.list({
          parent_id: all,
          sort,
          limit: 2,
          ...(cursor !== undefined && { cursor }),
        });
        titles.push(...page.items.map(({ title }) => title));
        cursor = page.next_cursor;
      }
      expect(titles, sort).toEqual(sort === 'title' ? [...NINE].sort() : NINE);
    }
  });

  it('is newest first for items of several calls, and as written for those of one', async () => {
    await planNine();
    tracker.clock.advance(1);
    await tracker.create({ title: 'later' });
    expect(await tracker.titles({ sort: 'created' })).toEqual(['later', ...NINE, 'all']);
    tracker.clock.advance(1);
    const { items } = await tracker.list({ limit: 100 });
    const some = items.filter(({ title }) => ['nine', 'two', 'five'].includes(title));
    await tracker.updateMany(some.map(({ id, version }) => ({ id, version, priority: 3, assignee: 'ada' })));
    expect((await tracker.titles()).slice(0, 4)).toEqual(['two', 'five', 'nine', 'later']);
  });

  it('is altered by whoever puts an item before or after another', async () => {
    const { all = '', ...ids } = await planNine();
    const put = async (title: string, position: object) => {
      const { version, id } = await tracker.query(ids[title] ?? '');
      return await tracker.update({ id, version }, { position });
    };
    await put('nine', { before: ids['one'] });
    await put('two', { after: ids['four']?.slice(0, 8) });
    await put('one', { after: ids['eight'] });
    const order = ['nine', 'three', 'four', 'two', 'five', 'six', 'seven', 'eight', 'one'];
    expect(await childrenOf(all)).toEqual(order);
    expect(await tracker.titles({ ready: true })).toEqual(order);
    expect((await tracker.claim()).title).toBe('nine');
    // What is made later comes last.
    await tracker.create({ title: 'ten', parent_id: all });
    expect(await childrenOf(all)).toEqual([...order, 'ten']);
    const { items } = await tracker.history({ id: ids['two'], limit: 1 });
    await tracker.call(undo, { change_id: `#${items[0]?.seq}` });
    expect(await childrenOf(all)).toEqual([
      'nine',
      'two',
      'three',
      'four',
      'five',
      'six',
      'seven',
      'eight',
      'one',
      'ten',
    ]);
  });

  it('is given together with another parent', async () => {
    const { all = '', ...ids } = await planNine();
    const loose = await tracker.create({ title: 'loose' });
    const moved = await tracker.update(loose, { parent_id: all, position: { before: ids['two'] } });
    expect(await childrenOf(all)).toEqual(['one', 'loose', ...NINE.slice(1)]);
    await tracker.update(moved, { parent_id: null, position: { before: all } });
    expect(await tracker.titles({ parent_id: 'root', sort: 'priority' })).toEqual(['loose', 'all']);
  });

  it('is refused where it names no sibling, and changes nothing', async () => {
    const { all = '', ...ids } = await planNine();
    const [id = '', other = ''] = [ids['one'], ids['two']];
    for (const position of [{}, { before: other, after: other }, { before: id }, { after: all }]) {
      const problems = await problemsOf(tracker.update({ id, version: 1 }, { position }));
      expect(problems, JSON.stringify(position)).toMatchObject([{ field: 'position' }]);
    }
    expect(
      await refusalOf(tracker.update({ id, version: 1 }, { position: { before: 'abcdef12' } })),
    ).toMatchObject({
      error: 'NotFoundError',
    });
    expect(await childrenOf(all)).toEqual(NINE);
    expect(await tracker.query(id)).toMatchObject({ version: 1 });
  });

  it('repeats nothing for the same key', async () => {
    const { all = '', ...ids } = await planNine();
    const args = { position: { before: ids['one'] }, idempotency_key: 'k' };
    const item = { id: ids['nine'] ?? '', version: 1 };
    const first = await tracker.update(item, args);
    expect(await tracker.update(item, args)).toEqual({ ...first, repeated: true });
    expect((await childrenOf(all))[0]).toBe('nine');
    const made = await tracker.create({ title: 'keyed', idempotency_key: 'c' });
    expect(await tracker.create({ title: 'keyed', idempotency_key: 'c' })).toEqual({
      ...made,
      repeated: true,
    });
  });
});
