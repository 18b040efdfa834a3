// Pages of lists: complete, without repetition, and refusing what is not a cursor.
import { beforeAll, describe, expect, it } from 'vitest';
import { LIST_SORTS } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf } from './refusal.ts';
import type { Arguments, Tracker } from './tracker.ts';

const COUNT = 23;

describeEachBackend('pages of lists', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
    for (let index = 0; index < COUNT; index += 1) {
      // Few distinct times, priorities and titles: the id has to decide within each.
      if (index % 4 === 0) tracker.clock.advance(1);
      await tracker.create({
        title: `title ${index % 5}`,
        priority: 1 + (index % 3),
        labels: index % 2 ? ['odd'] : [],
      });
    }
  });

  const byCursor = async (args: Arguments, limit: number) => {
    const ids: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ; pages += 1) {
      const page = await tracker.list({ ...args, limit, ...(cursor !== undefined && { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      ids.push(...page.items.map(({ id }) => id));
      if (page.next_cursor === null) return { ids, pages: pages + 1, total: page.total_count };
      cursor = page.next_cursor;
    }
  };

  describe.each(LIST_SORTS)('sorted by %s', (sort) => {
    it.each([1, 7, 22, 23, 24])('give the whole list once, %i at a time', async (limit) => {
      const whole = (await tracker.list({ sort, limit: 100 })).items.map(({ id }) => id);
      expect(new Set(whole).size).toBe(COUNT);
      expect(await byCursor({ sort }, limit)).toEqual({
        ids: whole,
        pages: Math.ceil(COUNT / limit),
        total: COUNT,
      });
    });

    it('give the same by offset', async () => {
      const whole = (await tracker.list({ sort, limit: 100 })).items.map(({ id }) => id);
      const page = await tracker.list({ sort, limit: 5, offset: 9 });
      expect(page).toMatchObject({ limit: 5, offset: 9, total_count: COUNT });
      expect(page.items.map(({ id }) => id)).toEqual(whole.slice(9, 14));
      expect((await tracker.list({ sort, offset: 10_000 })).items).toEqual([]);
    });

    it('go on after a cursor with filters', async () => {
      expect((await byCursor({ sort, label: 'odd' }, 3)).ids).toHaveLength(11);
    });
  });

  it('neither repeat nor skip when items are created in between', async () => {
    const place = await openTracker(backend);
    for (let index = 0; index < 6; index += 1) {
      place.clock.advance(1);
      await place.create({ title: `old ${index}` });
    }
    const first = await place.list({ limit: 3 });
    place.clock.advance(1);
    await place.create({ title: 'new' });
    const second = await place.list({ limit: 3, cursor: first.next_cursor });
    expect([...first.items, ...second.items].map(({ title }) => title)).toEqual(
      [5, 4, 3, 2, 1, 0].map((index) => `old ${index}`),
    );
  });

  it.each(['🚀', '"', '日', '\\'])('go on after the longest title made of %s', async (character) => {
    const place = await openTracker(backend);
    for (const end of 'abc') await place.create({ title: character.repeat(199) + end });
    const first = await place.list({ sort: 'title', limit: 2 });
    const second = await place.list({ sort: 'title', limit: 2, cursor: first.next_cursor });
    expect(second.items.map(({ title }) => title)).toEqual([`${character.repeat(199)}c`]);
  });

  describe('refuse as a cursor', () => {
    const encoded = (...values: unknown[]) => Buffer.from(JSON.stringify(values)).toString('base64url');
    const id = '00000000-0000-4000-8000-000000000000';
    const time = '2026-01-05T09:00:00.000Z';
    const place = '01a22fd578d904f0000';

    it.each([
      ['text that is none', 'updated', 'not a cursor'],
      ['the empty text', 'updated', ''],
      ['JSON of another kind', 'updated', Buffer.from('{"a":1}').toString('base64url')],
      ['too few values', 'updated', encoded('updated', time)],
      ['too many values', 'updated', encoded('updated', time, place, id, id)],
      ['a cursor of another order', 'updated', encoded('created', time, place, id)],
      ['a cursor of another list', 'updated', encoded('vendors', 'name', id)],
      ['a time that is none', 'updated', encoded('updated', 'yesterday', place, id)],
      ['a time in another form', 'updated', encoded('updated', '2026', place, id)],
      [
        'a time past the end of times',
        'updated',
        encoded('updated', '+012026-01-05T09:00:00.000Z', place, id),
      ],
      ['a time before the beginning', 'updated', encoded('updated', '0000-01-05T09:00:00.000Z', place, id)],
      ['an id that is none', 'updated', encoded('updated', time, place, "' or 1=1 --")],
      ['a number for a time', 'updated', encoded('updated', 5, place, id)],
      ['an object for an id', 'updated', encoded('updated', time, place, { id })],
      ['a text for a priority', 'priority', encoded('priority', '3', time, id)],
      ['a fraction for a priority', 'priority', encoded('priority', 1.5, time, id)],
      ['a priority of astronomical size', 'priority', encoded('priority', 1e12, time, id)],
      ['NUL in a title', 'title', encoded('title', 'a\0b', id)],
      ['half a character in a title', 'title', encoded('title', '\ud83d', id)],
    ])('%s', async (_, sort, cursor) => {
      const [problem] = await problemsOf(() => tracker.list({ sort, cursor }));
      expect(problem?.field).toBe('cursor');
    });

    it('more characters than any cursor has', async () => {
      expect((await problemsOf(() => tracker.list({ cursor: 'A'.repeat(100_000) })))[0]?.field).toBe(
        'cursor',
      );
    });
  });
});
