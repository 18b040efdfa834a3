// Listing: every filter alone and together, and each sort.
import { beforeAll, describe, expect, it } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('filters of lists', (backend) => {
  let tracker: Tracker;
  const items: Record<string, WorkItem> = {};
  const all = ['child', 'grandchild', 'ours', 'plan', 'project', 'study'];

  beforeAll(async () => {
    tracker = await openTracker(backend);
    const create = async (title: string, args: Record<string, unknown>) => {
      tracker.clock.advance(60);
      items[title] = await tracker.create({ title, ...args });
      return items[title];
    };
    const project = await create('project', { item_type: 'project', labels: ['big'], priority: 2 });
    const child = await create('child', { parent_id: project.id, assignee: 'ada', labels: ['ui', 'big'] });
    await create('grandchild', { parent_id: child.id, status: 'blocked', assignee: 'bob', labels: ['ui'] });
    await create('plan', {
      status: 'planned',
      assignee: 'ada',
      priority: 1,
      description: 'Plan the UI rework',
    });
    await create('study', { item_type: 'research', status: 'completed', labels: ['ui'] });
    await create('ours', { parent_id: project.id, assignee: 'ada', labels: ['ui'], priority: 5 });
    const gone = await create('gone', { assignee: 'ada', labels: ['ui'] });
    tracker.clock.advance(60);
    await tracker.update(gone, { deleted_at: tracker.clock.iso });
  });

  const found = async (args: Record<string, unknown>) => {
    const page = await tracker.list(args);
    expect(page.total_count).toBe(page.items.length);
    return page.items.map(({ title }) => title).sort();
  };

  it('gives all live items, the last updated first, when nothing is asked', async () => {
    const page = await tracker.list();
    expect(page).toMatchObject({ total_count: 6, limit: 50, offset: 0, next_cursor: null });
    expect(page.items.map(({ title }) => title)).toEqual([
      'ours',
      'study',
      'plan',
      'grandchild',
      'child',
      'project',
    ]);
    expect(page.items[4]).toEqual(items['child']);
  });

  it.each([
    [{ item_type: 'project' }, ['project']],
    [{ item_type: 'session' }, []],
    [{ status: 'active' }, ['child', 'ours', 'project']],
    [{ status: 'cancelled' }, []],
    [{ parent_id: 'root' }, ['plan', 'project', 'study']],
    [{ assignee: 'ada' }, ['child', 'ours', 'plan']],
    [{ assignee: 'Ada' }, []],
    [{ label: 'ui' }, ['child', 'grandchild', 'ours', 'study']],
    [{ label: 'u' }, []],
    [{ text: 'child' }, ['child', 'grandchild']],
    [{ text: 'ui rework' }, ['plan']],
    [{ ready: true }, ['ours', 'plan']],
    [{ ready: false }, ['child', 'grandchild', 'project', 'study']],
    [{ include_deleted: true }, [...all, 'gone'].sort()],
    [{ archived: true }, []],
  ])('%j finds %j', async (filter, titles) => {
    expect(await found(filter)).toEqual(titles);
  });

  it('finds the children of an item by its id or a short form of it', async () => {
    const id = items['project']?.id ?? '';
    for (const parent_id of [id, id.slice(0, 8), id.toUpperCase()]) {
      expect(await found({ parent_id })).toEqual(['child', 'ours']);
    }
    expect(await found({ parent_id: items['plan']?.id })).toEqual([]);
  });

  it('combines filters: every pair finds what both find', async () => {
    const filters: Record<string, unknown>[] = [
      { item_type: 'task' },
      { status: 'active' },
      { parent_id: 'root' },
      { parent_id: items['project']?.id },
      { assignee: 'ada' },
      { label: 'ui' },
      { text: 'p' },
      { ready: true },
      { ready: false },
      { include_deleted: true },
    ];
    for (const a of filters) {
      for (const b of filters) {
        if (Object.keys(a)[0] === Object.keys(b)[0]) continue;
        // Deleted items count on both sides as soon as one of the filters lets them in.
        const deleted = { include_deleted: 'include_deleted' in a || 'include_deleted' in b };
        const [onlyA, onlyB] = [await found({ ...a, ...deleted }), await found({ ...b, ...deleted })];
        expect(await found({ ...a, ...b, ...deleted }), JSON.stringify([a, b])).toEqual(
          onlyA.filter((title) => onlyB.includes(title)),
        );
      }
    }
  });

  it('combines all filters at once', async () => {
    const everything = {
      item_type: 'task',
      status: 'active',
      parent_id: items['project']?.id,
      assignee: 'ada',
      label: 'ui',
      text: 'OUR',
      ready: true,
    };
    expect(await found(everything)).toEqual(['ours']);
    expect(await found({ ...everything, label: 'big' })).toEqual([]);
  });

  it.each([
    ['updated', ['ours', 'study', 'plan', 'grandchild', 'child', 'project']],
    ['created', ['ours', 'study', 'plan', 'grandchild', 'child', 'project']],
    ['priority', ['plan', 'project', 'child', 'grandchild', 'study', 'ours']],
    ['title', [...all]],
  ])('sorts by %s', async (sort, titles) => {
    expect(await tracker.titles({ sort })).toEqual(titles);
  });

  it.each([
    ['item_type', 'epic'],
    ['status', 'open'],
    ['sort', 'newest'],
    ['limit', 0],
    ['limit', 101],
    ['offset', -1],
    ['ready', 'yes'],
    ['parent_id', 'xyz'],
    ['parent_id', '12345'],
    ['text', ''],
    ['label', 'x'.repeat(51)],
  ])('refuses %s %j', async (field, value) => {
    expect(await refusedFields(() => tracker.list({ [field]: value }))).toEqual([field]);
  });
});

describeEachBackend('text in lists', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const hostile = [
    '100%',
    '100 ',
    'snake_case',
    'snakeXcase',
    'back\\slash',
    "it's",
    '"quoted"',
    "'; drop table x; --",
    '*?[a]',
    'a-b',
    'C++',
    'foo AND',
    '日本語',
    '🚀',
    'É',
    'é',
    'ß',
    'ǅ',
    'İstanbul',
  ];

  describe('is taken literally', () => {
    beforeAll(async () => {
      for (const text of hostile) {
        await tracker.create({ title: `<${text}>`, labels: [`<${text}>`], assignee: `<${text}>` });
        await tracker.create({ title: 'elsewhere', description: `before\n<${text}>\nafter` });
      }
    });

    it.each(hostile)('%j', async (text) => {
      const page = await tracker.list({ text: `<${text}>` });
      expect(page.items.map(({ title, description }) => description ?? title).sort()).toEqual(
        [`<${text}>`, `before\n<${text}>\nafter`].sort(),
      );
      expect(await tracker.titles({ label: `<${text}>` })).toEqual([`<${text}>`]);
      expect(await tracker.titles({ assignee: `<${text}>` })).toEqual([`<${text}>`]);
      expect(await tracker.titles({ label: text })).toEqual([]);
    });
  });

  it('is found without regard to the case of ASCII letters only', async () => {
    await tracker.create({ title: 'Refactor the Öffentliche API', description: 'DETAILS' });
    expect(await tracker.titles({ text: 'rEFACTOR THE Öff' })).toEqual(['Refactor the Öffentliche API']);
    expect(await tracker.titles({ text: 'details' })).toEqual(['Refactor the Öffentliche API']);
    expect(await tracker.titles({ text: 'refactor the öff' })).toEqual([]);
  });
});
