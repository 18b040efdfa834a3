// Deployments: what is recorded, what is refused, and what one of them touched.
import { beforeEach, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf, refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const METADATA = {
  pr_number: 100,
  pr_title: 'Add vendor extractor tracking',
  test_summary: { unit: 150, integration: 30 },
  constitutional_compliance: true,
};

describeEachBackend('deployments', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  it('keep everything that was said, with vendors and items expanded', async () => {
    const [beta, alpha] = [
      await tracker.register({ name: 'beta' }),
      await tracker.register({ name: 'Alpha', status: 'operational' }),
    ];
    const [second, first] = [
      await tracker.create({ title: 'second' }),
      await tracker.create({ title: 'first', item_type: 'project' }),
    ];
    const answer = await tracker.deployAnswer({
      deployed_at: '2026-01-04T18:30:00.250+09:00',
      commit_hash: '0123456789abcdef0123456789abcdef01234567',
      metadata: { ...METADATA, region: 'eu', commit_hash: '0123456789abcdef0123456789abcdef01234567' },
      affected_vendor_ids: [beta.id, alpha.id],
      affected_vendors: ['ALPHA'],
      related_work_item_ids: [second.id, first.id, second.id],
      created_by: 'ci',
    });
    expect(answer.data).toEqual({
      id: answer.data.id,
      version: 1,
      deployed_at: '2026-01-04T09:30:00.250Z',
      commit_hash: '0123456789abcdef0123456789abcdef01234567',
      metadata: { ...METADATA, region: 'eu' },
      created_at: tracker.clock.iso,
      created_by: 'ci',
      affected_vendors: [
        { id: alpha.id, name: 'Alpha', status: 'operational' },
        { id: beta.id, name: 'beta', status: 'broken' },
      ],
      related_work_items: [
        { id: first.id, title: 'first', item_type: 'project', status: 'active' },
        { id: second.id, title: 'second', item_type: 'task', status: 'active' },
      ],
    });
    expect(answer.warnings).toMatchObject([{ code: 'unknown_metadata_key' }]);
    const { impact: _impact, ...read } = await tracker.deployment(answer.data.id);
    expect(read).toEqual(answer.data);
  });

  it('need neither vendors nor items', async () => {
    expect(await tracker.deploy()).toMatchObject({
      affected_vendors: [],
      related_work_items: [],
      created_by: 'ada',
    });
  });

  describe('have metadata that is checked field by field', () => {
    it.each([
      ['pr_number', 0],
      ['pr_number', 1.5],
      ['pr_number', '100'],
      ['pr_title', ''],
      ['pr_title', 'x'.repeat(201)],
      ['test_summary', [1]],
      ['test_summary', { unit: -1 }, 'metadata.test_summary.unit'],
      ['test_summary', { unit: '150' }, 'metadata.test_summary.unit'],
      ['constitutional_compliance', 'yes'],
      ['constitutional_compliance', null],
    ])('%s %j', async (key, value, field = `metadata.${key}`) => {
      expect(await refusedFields(tracker.deploy({ metadata: { [key]: value } }))).toEqual([field]);
      expect(await tracker.deployments()).toMatchObject({ total_count: 0 });
    });

    it.each(Object.keys(METADATA))('%s missing', async (key) => {
      const [problem] = await problemsOf(tracker.deploy({ metadata: { [key]: undefined } }));
      expect(problem).toEqual({ field: `metadata.${key}`, constraint: 'is required', value: null });
    });

    it('in limits: titles of 200 characters, no tests at all, keys of any kind', async () => {
      const metadata = { pr_title: '🚀'.repeat(200), test_summary: {}, constructor: 1 };
      expect((await tracker.deploy({ metadata })).metadata).toEqual({ ...METADATA, ...metadata });
    });
  });

  it.each([
    ['deployed_at', '2026-01-05'],
    ['deployed_at', '2026-01-05T10:00:00'],
    ['deployed_at', 1_767_600_000],
    ['deployed_at', '0000-06-01T00:00:00Z'],
    ['deployed_at', '9999-12-31T23:59:59-12:00'],
    ['commit_hash', 'abc123'],
    ['commit_hash', 'A'.repeat(40)],
    ['commit_hash', 'a'.repeat(41)],
    ['commit_hash', '--upload-pack=x'],
    ['commit_hash', 'HEAD'],
    ['affected_vendors', Array.from({ length: 501 }, () => 'x')],
  ])('refuse %s %j', async (field, value) => {
    expect(await refusedFields(() => tracker.deploy({ [field]: value }))).toEqual([field]);
  });

  it.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '1969-07-20T20:17:40.5Z'])(
    'keep the time %s',
    async (deployed_at) => {
      const { id } = await tracker.deploy({ deployed_at });
      expect((await tracker.deployment(id)).deployed_at).toBe(new Date(deployed_at).toISOString());
    },
  );

  it.each(['1'.repeat(40), '1'.repeat(7)])(
    'agree with a commit hash in the metadata, as %s',
    async (commit_hash) => {
      expect(
        (await tracker.deploy({ commit_hash: '1'.repeat(40), metadata: { commit_hash } })).metadata,
      ).toEqual(METADATA);
    },
  );

  it.each(['2'.repeat(40), '2'.repeat(7), '1'.repeat(6), '', 'HEAD', 7])(
    'refuse the other commit hash %j in the metadata',
    async (commit_hash) => {
      const problems = await problemsOf(
        tracker.deploy({ commit_hash: '1'.repeat(40), metadata: { commit_hash } }),
      );
      expect(problems).toMatchObject([
        {
          field: 'metadata.commit_hash',
          constraint: `must agree with commit_hash, which is ${'1'.repeat(40)}`,
        },
      ]);
    },
  );

  describe('name what they are linked to', () => {
    const unknown = '00000000-0000-4000-8000-000000000000';

    it('so that unknown ones are not found', async () => {
      await tracker.register({ name: 'vendor_abc' });
      for (const [args, details] of [
        [{ affected_vendor_ids: [unknown] }, { entity: 'vendor', id: unknown, did_you_mean: [] }],
        [
          { affected_vendors: ['vendor_abc', 'vendor_abd'] },
          { entity: 'vendor', name: 'vendor_abd', did_you_mean: ['vendor_abc'] },
        ],
        [{ related_work_item_ids: [unknown] }, { entity: 'work item', id: unknown, did_you_mean: [] }],
      ] as const) {
        expect(await refusalOf(tracker.deploy({ ...args }))).toMatchObject({
          error: 'NotFoundError',
          details,
        });
      }
      expect(await tracker.deployments()).toMatchObject({ total_count: 0 });
      expect(await tracker.seq()).toBe(1);
    });

    it('so that a deleted item is refused', async () => {
      const item = await tracker.create({ title: 'Gone' });
      await tracker.update(item, { deleted_at: tracker.clock.iso });
      const [problem] = await problemsOf(tracker.deploy({ related_work_item_ids: [item.id] }));
      expect(problem).toMatchObject({
        field: 'related_work_item_ids',
        constraint: '"Gone" is deleted',
        value: item.id,
      });
    });

    it('up to 500 of them', async () => {
      const names = Array.from({ length: 500 }, (_, index) => `vendor_${String(index).padStart(3, '0')}`);
      await Promise.all(names.map((name) => tracker.register({ name })));
      expect(
        (await tracker.deploy({ affected_vendors: names })).affected_vendors.map(({ name }) => name),
      ).toEqual(names);
    });
  });

  it('tell their impact: broken vendors, open items, and the work that waits for those', async () => {
    const vendors = [
      await tracker.register({ name: 'fine', status: 'operational' }),
      await tracker.register({ name: 'broken' }),
    ];
    const [open, done] = [
      await tracker.create({ title: 'open' }),
      await tracker.create({ title: 'done', status: 'completed' }),
    ];
    const [waiting, also, gone] = [
      await tracker.create({ title: 'waiting' }),
      await tracker.create({ title: 'also' }),
      await tracker.create(),
    ];
    await tracker.link(open, 'blocks', waiting);
    await tracker.link(also, 'depends_on', done);
    await tracker.link(
      open,
      'relates_to',
      vendors[0] ? await tracker.create({ title: 'unconcerned' }) : open,
    );
    await tracker.link(open, 'blocks', gone);
    await tracker.update(gone, { deleted_at: tracker.clock.iso });
    const { id } = await tracker.deploy({
      affected_vendors: ['fine', 'broken'],
      related_work_item_ids: [open.id, done.id],
    });
    expect((await tracker.deployment(id)).impact).toEqual({
      vendors_affected: 2,
      vendors_broken: ['broken'],
      work_items_related: 2,
      work_items_open: [{ id: open.id, title: 'open', status: 'active' }],
      work_items_downstream: [
        { id: also.id, title: 'also', status: 'active' },
        { id: waiting.id, title: 'waiting', status: 'active' },
      ],
    });
  });

  it('are not found under an unknown id', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    expect(await refusalOf(tracker.deployment(id.replaceAll('-', '')))).toMatchObject({
      error: 'NotFoundError',
      details: { entity: 'deployment', id },
    });
  });
});
