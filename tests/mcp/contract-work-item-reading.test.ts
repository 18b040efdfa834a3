// query_work_item and list_work_items, on two surfaces.
import { beforeAll, describe, expect, it } from 'vitest';
import { EMPTY_ITEM, filled, type Row, rows, short, text, titles } from './calls.ts';
import { describeTwoSurfaces } from './surfaces.ts';

describeTwoSurfaces((surface) => {
  const link = (source: Row, dependency_type: string, target: Row): Promise<Row> =>
    surface.call('link_work_items', { source_id: source['id'], dependency_type, target_id: target['id'] });

  describe('query_work_item', () => {
    let top: Row;
    let middle: Row;
    let leaf: Row;
    let other: Row;
    let dependency: Row;
    beforeAll(async () => {
      top = await surface.item({ item_type: 'project', title: 'Top' });
      middle = await surface.item({ title: 'Middle', parent_id: top['id'] });
      leaf = await surface.item({ title: 'Leaf', parent_id: middle['id'] });
      other = await surface.item({ title: 'Other', status: 'planned' });
      const {
        removed: _removed,
        data_source: _source,
        durability: _durability,
        ...record
      } = await link(other, 'blocks', middle);
      dependency = record;
    });

    it('answers the record with ancestors, the tree below, and dependencies', async () => {
      const view = await surface.whole(middle['id']);
      const { id, version, item_type, title, status } = top;
      const { durability: _durability, ...asWritten } = middle;
      expect(view).toEqual({
        ...asWritten,
        ancestors: [{ id: short(id), version, item_type, title, status }],
        children: view['children'],
        dependencies: [
          {
            ...dependency,
            source_id: short(other['id']),
            target_id: short(middle['id']),
            other: { id: short(other['id']), title: 'Other', status: 'planned', item_type: 'task' },
          },
        ],
      });
      const [child = {}, ...more] = rows(view['children']);
      expect(more).toEqual([]);
      const fields = ['version', 'item_type', 'title', 'status', 'priority'];
      const shown = Object.fromEntries(fields.map((field) => [field, leaf[field]]));
      expect(child).toEqual({ id: short(leaf['id']), ...shown });
      expect(Object.keys(dependency).sort()).toEqual(
        ['source_id', 'target_id', 'dependency_type', 'created_at', 'created_by'].sort(),
      );
    });

    it('finds it by a prefix of six or more characters, in any case', async () => {
      for (const id of [text(middle['id']).slice(0, 13), text(middle['id']).toUpperCase()]) {
        expect(await surface.call('query_work_item', { id })).toMatchObject({ id: middle['id'] });
      }
      const short = await surface.refuseField('id', 'query_work_item', {
        id: text(middle['id']).slice(0, 5),
      });
      expect(short).toContain('at least 6 hex characters');
    });

    it('leaves out what is not wanted and says what a bounded depth cut', async () => {
      const bare = { id: top['id'], include_children: false, include_dependencies: false };
      const view = await surface.whole(top['id'], bare);
      const { durability: _durability, ...asWritten } = top;
      expect(view).toEqual({ ...asWritten, ancestors: [] });

      const bounded = await surface.call('query_work_item', { id: top['id'], max_depth: 1 });
      expect(bounded).toMatchObject({
        children: [{ id: short(middle['id']), children_total: 1 }],
        children_cut: { reason: 'max_depth 1 was reached', children_total: 1 },
      });
      const whole = await surface.call('query_work_item', { id: top['id'] });
      expect(whole).toMatchObject({
        children: [{ id: short(middle['id']), children: [{ id: short(leaf['id']) }] }],
      });
      expect(whole).not.toHaveProperty('children_cut');
    });

    it('refuses an unknown id and wrong arguments', async () => {
      const id = '00000000-0000-4000-8000-000000000000';
      const { details } = await surface.refuse('NotFoundError', 'query_work_item', { id });
      expect(details).toEqual({ entity: 'work item', id, did_you_mean: [] });
      const wrong: Row = { id: 7, include_children: 'yes', include_dependencies: 1, max_depth: 6 };
      const refusal = await surface.refuse('ValidationError', 'query_work_item', wrong);
      expect(refusal.details.problems?.map(({ field }) => field)).toEqual(Object.keys(wrong));
    });
  });

  describe('list_work_items', () => {
    let label: string;
    let assignee: string;
    let root: Row;
    let planned: Row;
    let list: (filter?: Row) => Promise<Row>;
    beforeAll(async () => {
      label = surface.unique('list');
      assignee = surface.unique('someone');
      list = (filter = {}) => surface.call('list_work_items', { label, ...filter });
      const add = (title: string, fields: Row): Promise<Row> =>
        surface.item({ title, labels: [label], ...fields });
      root = await add('Root', { item_type: 'project', priority: 4 });
      planned = await add('Planned', { parent_id: root['id'], status: 'planned', assignee, priority: 1 });
      const waiting = await add('Waiting', {
        parent_id: root['id'],
        priority: 2,
        description: 'needs 50% of it',
      });
      await link(planned, 'blocks', waiting);
      await add('Finished', { item_type: 'research', status: 'completed', priority: 5 });
      const deleted = await add('Deleted', {});
      await surface.call('update_work_item', {
        id: deleted['id'],
        version: 1,
        deleted_at: '2026-01-01T00:00:00Z',
      });
    });

    it('answers short rows in a page, whole ones when asked, the last updated first', async () => {
      const page = await list();
      expect(page).toMatchObject({ total_count: 4, limit: 50, offset: 0, next_cursor: null });
      expect(titles(page)).toEqual(['Finished', 'Waiting', 'Planned', 'Root']);
      const { data_source: _source, durability: _durability, ...record } = planned;
      const { version: _version, ...whole } = filled(
        rows((await list({ fields: ['all'] }))['items'])[2] ?? {},
        EMPTY_ITEM,
      );
      expect({ ...whole, version: 1 }).toEqual({ ...record, ancestors: [] });
      expect(rows(page['items'])[2]).toEqual({
        ...{ id: short(record['id']), version: 1, item_type: 'task', title: 'Planned', status: 'planned' },
        ...{ priority: 1, labels: [label], assignee, parent_id: short(root['id']) },
      });
      const { version } = await surface.call('update_work_item', {
        id: planned['id'],
        version: 1,
        pr_number: 1,
      });
      expect(titles(await list())[0]).toBe('Planned');
      await surface.call('update_work_item', { id: planned['id'], version, pr_number: null });
    });

    it.each<[Row, string[]]>([
      [{ item_type: 'project' }, ['Root']],
      [{ status: 'completed' }, ['Finished']],
      [{ parent_id: 'root' }, ['Finished', 'Root']],
      [{ ready: true }, ['Planned']],
      [{ ready: false }, ['Finished', 'Root', 'Waiting']],
      [{ text: '50% of' }, ['Waiting']],
      [{ text: 'FINISH' }, ['Finished']],
      [{ text: '%' }, ['Waiting']],
      [{ text: '_' }, []],
      [{ include_deleted: true, status: 'active' }, ['Deleted', 'Root', 'Waiting']],
      [{ archived: true }, []],
    ])('filters by %j', async (filter, expected) => {
      const page = await list(filter);
      expect(titles(page).sort()).toEqual(expected);
      expect(page['total_count']).toBe(expected.length);
    });

    it('filters by parent and by assignee', async () => {
      expect(titles(await list({ parent_id: text(root['id']).slice(0, 8) })).sort()).toEqual([
        'Planned',
        'Waiting',
      ]);
      expect(titles(await surface.call('list_work_items', { assignee }))).toEqual(['Planned']);
    });

    it('sorts as asked', async () => {
      expect(titles(await list({ sort: 'title' }))).toEqual(['Finished', 'Planned', 'Root', 'Waiting']);
      expect(titles(await list({ sort: 'priority' }))).toEqual(['Planned', 'Waiting', 'Root', 'Finished']);
      expect(titles(await list({ sort: 'created' }))).toEqual(['Finished', 'Waiting', 'Planned', 'Root']);
      expect(titles(await list({ ready: true }))).toEqual(['Planned']);
    });

    it.each(['updated', 'created', 'priority', 'title'])(
      'pages with cursors by %s, each item once',
      async (sort) => {
        const seen: unknown[] = [];
        let cursor: unknown;
        do {
          const page = await list({ sort, limit: 3, ...(cursor !== undefined && { cursor }) });
          expect(page).toMatchObject({ total_count: 4, limit: 3 });
          seen.push(...titles(page));
          cursor = page['next_cursor'] ?? undefined;
        } while (cursor !== undefined);
        expect(seen).toEqual(titles(await list({ sort })));
        const second = await list({ sort, limit: 2, offset: 2 });
        expect(second).toMatchObject({ total_count: 4, limit: 2, offset: 2, next_cursor: null });
        expect(titles(second)).toEqual(seen.slice(2));
      },
    );

    it('refuses wrong arguments, cursors of another order and unknown parents', async () => {
      const { next_cursor } = await list({ limit: 1 });
      const wrong: [field: string, value: unknown][] = [
        ...[0, 101, 2.5, '101', 'ten'].map((limit): [string, unknown] => ['limit', limit]),
        ...([
          ['offset', -1],
          ['item_type', 'epic'],
          ['status', 'open'],
          ['ready', 'yes'],
          ['sort', 'newest'],
        ] as [string, unknown][]),
        ...['nonsense', '', 'x'.repeat(1501)].map((cursor): [string, unknown] => ['cursor', cursor]),
        ...['Root', 'abc', ''].map((parent_id): [string, unknown] => ['parent_id', parent_id]),
      ];
      for (const [field, value] of wrong)
        await surface.refuseField(field, 'list_work_items', { [field]: value });
      await surface.refuseField('cursor', 'list_work_items', { sort: 'title', cursor: next_cursor });
      const parent_id = '00000000-0000-4000-8000-000000000000';
      await surface.refuse('NotFoundError', 'list_work_items', { parent_id: parent_id.slice(0, 9) });
      const none = await surface.call('list_work_items', { parent_id });
      expect(none).toMatchObject({ items: [], total_count: 0 });
    });
  });
});
