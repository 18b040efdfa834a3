// Plans: a whole tree of items with dependencies in one call, all or nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import { newChangeId, newRecordId } from '../../src/domain/ids.ts';
import { batchPatch } from '../../src/domain/batch.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { creation, linking } from './changes.ts';
import { problemsOf, refusalOf } from './refusal.ts';
import type { Arguments, Tracker } from './tracker.ts';

const task = (key: string, fields: Arguments = {}): Arguments => ({
  key,
  item_type: 'task',
  title: `Title of ${key}`,
  ...fields,
});

/** 200 items in five levels, each but the first waiting for the one before it. */
const LARGE = Array.from({ length: 200 }, (_, index) =>
  task(`k${index}`, {
    parent: index === 0 ? null : `k${Math.floor((index - 1) / 6)}`,
    labels: ['plan', `l${index % 7}`],
    metadata: { estimated_hours: index % 9 },
    // Never one of its own ancestors: those have about a sixth of its number.
    depends_on: index > 40 ? [`k${index - 1}`] : [],
  }),
);

describeEachBackend('plans', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });
  const titlesOf = async () => (await tracker.titles({ limit: 100, sort: 'title' })).sort();

  it('makes 200 items with their dependencies in one call and one change', async () => {
    const answer = await tracker.plan(LARGE);
    expect(answer).toMatchObject({ items_created: 200, links_created: 159, version: 1 });
    expect(Object.keys(answer.ids)).toEqual(LARGE.map(({ key }) => key));
    expect((await tracker.list({ limit: 1 })).total_count).toBe(200);
    const last = await tracker.query(answer.ids['k199'] ?? '');
    expect(last).toMatchObject({ version: 1, labels: ['plan', 'l3'], metadata: { estimated_hours: 1 } });
    expect(last.ancestors.map(({ title }) => title)).toEqual(
      ['k0', 'k5', 'k33'].map((key) => `Title of ${key}`),
    );
    expect(last.dependencies).toMatchObject([
      { source_id: last.id, target_id: answer.ids['k198'], dependency_type: 'depends_on', created_by: 'ada' },
    ]);
    expect(await tracker.list({ label: 'l3', limit: 1 })).toMatchObject({ total_count: 29 });
    const history = await tracker.history({ since: 0, limit: 100 });
    expect(history.total_count).toBe(359);
    expect(new Set(history.items.map(({ change_id }) => change_id)).size).toBe(1);
    expect(await tracker.seq()).toBe(359);
    expect(tracker.announced).toBe(1);
  });

  it('records of each item what creating it alone records', async () => {
    const alone = await tracker.create({
      title: 'Title of a',
      item_type: 'session',
      labels: ['x'],
      metadata: { custom: 1 },
    });
    const { ids } = await tracker.plan([
      task('a', { item_type: 'session', labels: ['x'], metadata: { custom: 1 } }),
      task('b'),
    ]);
    const strip = ({ id: _id, path: _path, position: _place, ...item }: Record<string, unknown>) => item;
    const planned = await tracker.query(ids['a'] ?? '', { include_children: false });
    const read = await tracker.query(alone.id, { include_children: false });
    expect(strip({ ...planned })).toEqual(strip({ ...read }));
    const fieldsOf = async (id: string) =>
      (await tracker.history({ id })).items.map(({ fields, version, base_version, kind }) => ({
        ...{ version, base_version, kind },
        fields: fields.filter(({ field }) => !['id', 'path', 'position'].includes(field)),
      }));
    expect(await fieldsOf(planned.id)).toEqual(await fieldsOf(alone.id));
  });

  it('hangs on items that are there, by id or prefix, as parent and in links', async () => {
    const [top, before, after] = [
      await tracker.create({ title: 'top' }),
      await tracker.create({ title: 'before' }),
      await tracker.create({ title: 'after' }),
    ];
    const { ids } = await tracker.plan([
      task('child', { parent: 'mid' }),
      task('mid', { parent: top.id.slice(0, 8), depends_on: [before.id], blocks: [after.id.slice(0, 13)] }),
    ]);
    const child = await tracker.query(ids['child'] ?? '');
    expect(child.ancestors.map(({ title }) => title)).toEqual(['top', 'Title of mid']);
    expect((await tracker.query(ids['mid'] ?? '')).dependencies).toHaveLength(2);
    expect(await tracker.titles({ ready: true })).toEqual(['before']);
    await tracker.update(await tracker.query(before.id), { status: 'completed' });
    expect(await tracker.titles({ ready: true })).toEqual(['Title of child']);
  });

  it('keeps a link once that is said twice', async () => {
    const { links_created, ids } = await tracker.plan([
      task('a', { blocks: ['b', 'b'] }),
      task('b', { depends_on: ['a'] }),
    ]);
    expect(links_created).toBe(1);
    expect((await tracker.query(ids['a'] ?? '')).dependencies).toHaveLength(1);
  });

  it('is told to be sound by a dry run, which writes nothing', async () => {
    const answer = await tracker.plan(LARGE, { dry_run: true });
    expect(answer).toMatchObject({ items_created: 200, links_created: 159, dry_run: true });
    expect(await tracker.seq()).toBe(0);
    expect(
      await problemsOf(() => tracker.plan([task('a', { parent: 'a' })], { dry_run: true })),
    ).toHaveLength(1);
  });

  it('gives its first result again under the same idempotency key', async () => {
    const first = await tracker.plan(LARGE, { idempotency_key: 'once' });
    const second = await tracker.plan(LARGE, { idempotency_key: 'once' });
    expect(second).toEqual({ ...first, repeated: true });
    expect(await tracker.seq()).toBe(359);
    const other = await refusalOf(tracker.plan(LARGE.slice(0, 3), { idempotency_key: 'once' }));
    expect(other.details).toMatchObject({ field: 'idempotency_key' });
    expect(await tracker.seq()).toBe(359);
  });

  describe('refuses, and writes nothing,', () => {
    const constraints = async (items: Arguments[]): Promise<[string, string][]> => {
      const before = await tracker.seq();
      const problems = await problemsOf(() => tracker.plan(items));
      expect(await tracker.seq()).toBe(before);
      return problems.map(({ field, constraint }) => [field, constraint]);
    };

    it('with every problem at once, each with position and key', async () => {
      const found = await constraints([
        task('a', { title: '', priorty: 1 }),
        task('b', { parent: 'nowhere', depends_on: ['ffffff', 'a'] }),
        task('b'),
        { item_type: 'tsk', title: 'x' },
        task('e', { metadata: { estimated_hours: -1 }, item_type: 'task' }),
        task('f', { depends_on: ['f'] }),
      ]);
      expect(found.map(([field]) => field).sort()).toEqual(
        [
          ...[
            'items[0].priorty',
            'items[0].title',
            'items[1].depends_on[0]',
            'items[1].parent',
            'items[2].key',
          ],
          ...[
            'items[3].item_type',
            'items[3].key',
            'items[4].metadata.estimated_hours',
            'items[5].depends_on[0]',
          ],
        ].sort(),
      );
      const of = new Map(found);
      expect(of.get('items[0].priorty')).toContain('"priority"');
      expect(of.get('items[1].parent')).toContain('of "b"');
      expect(of.get('items[2].key')).toContain('items[0]'.replace('0', '1'));
    });

    it('a cycle within itself, named by keys and titles', async () => {
      const [[field, constraint] = []] = await constraints([
        task('a', { depends_on: ['b'] }),
        task('b', { blocks: [], depends_on: ['c'] }),
        task('c', { depends_on: ['a'] }),
      ]);
      expect(field).toMatch(/^items\[\d\]\.depends_on\[0\]$/);
      for (const key of ['a', 'b', 'c']) expect(constraint).toContain(`"${key}" (Title of ${key})`);
    });

    it('a cycle through links that are there, named by titles', async () => {
      const [first, second] = [
        await tracker.create({ title: 'first' }),
        await tracker.create({ title: 'second' }),
      ];
      await tracker.link(first, 'blocks', second);
      const [[, constraint] = []] = await constraints([
        task('a', { blocks: [first.id] }),
        task('b', { depends_on: [second.id], blocks: ['a'] }),
      ]);
      for (const name of ['"a" (Title of a)', '"b" (Title of b)', '(first)', '(second)']) {
        expect(constraint).toContain(name);
      }
    });

    it('a cycle of parents, a blocking link to an ancestor, and a place that is too deep', async () => {
      const [[field, constraint] = []] = await constraints([
        task('a', { parent: 'b' }),
        task('b', { parent: 'a' }),
      ]);
      expect(field).toBe('items[0].parent');
      expect(constraint).toContain('"a" (Title of a) below "b" (Title of b) below "a" (Title of a)');

      const top = await tracker.create({ title: 'top' });
      const above = await tracker.create({ title: 'above', parent_id: top.id });
      const [[where, why] = []] = await constraints([task('x', { parent: above.id, depends_on: [top.id] })]);
      expect(where).toBe('items[0].depends_on[0]');
      expect(why).toContain('ancestor');

      const deep = Array.from({ length: 6 }, (_, at) =>
        task(`d${at}`, { parent: at === 0 ? top.id : `d${at - 1}` }),
      );
      const tooDeep = await constraints(deep);
      expect(tooDeep.map(([name]) => name)).toEqual(['items[5].parent']);
      expect(tooDeep[0]?.[1]).toContain('depth 6');
    });

    it('deleted items as parents and in links', async () => {
      const gone = await tracker.create({ title: 'gone' });
      await tracker.update(gone, { deleted_at: tracker.clock.iso });
      expect(await constraints([task('a', { parent: gone.id, blocks: [gone.id] })])).toEqual([
        ['items[0].parent', expect.stringContaining('"gone", which is deleted')],
        ['items[0].blocks[0]', expect.stringContaining('"gone", which is deleted')],
      ]);
    });

    it('more than 500 items, none, and more than a message can carry', async () => {
      expect(await constraints([])).toEqual([['items', 'must have at least 1 entries']]);
      const many = Array.from({ length: 501 }, (_, at) => task(`k${at}`));
      expect(await constraints(many)).toEqual([['items', 'must have at most 500 entries']]);
      const large = Array.from({ length: 20 }, (_, at) =>
        task(`k${at}`, { description: 'x'.repeat(60_000) }),
      );
      expect((await constraints(large))[0]?.[1]).toContain('bytes');
    });
  });

  it('leaves nothing when a rule refuses in the middle', async () => {
    const ids = Array.from({ length: 50 }, () => newRecordId());
    const parts = [
      ...ids.map((entity_id, at) => creation({ entity_id, patch: { title: `item ${at}`, labels: ['x'] } })),
      ...ids.slice(1).map((id, at) => linking(ids[at] ?? '', 'blocks', id)),
      // Known to nobody: the last of all changes is refused.
      linking(ids[0] ?? '', 'blocks', newRecordId()),
    ];
    const batch = {
      ...creation({ entity_id: ids[0] ?? '' }),
      id: newChangeId(),
      kind: 'batch' as const,
      patch: batchPatch(parts),
    };
    expect(await refusalOf(tracker.store.write([batch]))).toMatchObject({ error: 'NotFoundError' });
    expect(await titlesOf()).toEqual([]);
    expect(await tracker.seq()).toBe(0);
    expect(await tracker.history()).toMatchObject({ items: [], total_count: 0 });
    // The database itself refuses too: an id that is taken, in the middle.
    const taken = await tracker.create({ title: 'taken' });
    const clashing = {
      ...batch,
      id: newChangeId(),
      patch: batchPatch([...parts.slice(0, -1), creation({ entity_id: taken.id })]),
    };
    await refusalOf(tracker.store.write([clashing]));
    expect(await titlesOf()).toEqual(['taken']);
    expect(await tracker.seq()).toBe(1);
  });

  it('sees a cycle that others closed since the plan was checked', async () => {
    const [a, b] = [newRecordId(), newRecordId()];
    const there = await tracker.create({ title: 'there' });
    const other = await tracker.create({ title: 'other' });
    await tracker.link(there, 'blocks', other);
    const parts = [
      creation({ entity_id: a, patch: { title: 'a' } }),
      creation({ entity_id: b, patch: { title: 'b' } }),
      linking(a, 'blocks', there.id),
      linking(other.id, 'blocks', b),
      linking(b, 'blocks', a),
    ];
    const refusal = await refusalOf(
      tracker.store.write([{ ...creation({ entity_id: a }), kind: 'batch', patch: batchPatch(parts) }]),
    );
    expect(refusal.message).toContain('cycle');
    const cycle = (refusal.details as { cycle: { title: string }[] }).cycle.map(({ title }) => title);
    expect([...new Set(cycle)].sort()).toEqual(['a', 'b', 'other', 'there']);
    expect(await tracker.seq()).toBe(3);
  });
});
