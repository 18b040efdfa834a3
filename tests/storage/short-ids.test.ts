// Short ids: an unambiguous beginning of six or more characters stands for the id.
import { beforeAll, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { creation, deploying } from './changes.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

// The last two differ only after 13 characters; eight share the first six.
const CROWD = Array.from({ length: 8 }, (_, index) => `abcdef0${index}-0000-4000-8000-000000000000`);
const ALONE = '12345678-9abc-4def-8012-3456789abcde';
const TWINS = ['77777777-7777-4000-8000-00000000000a', '77777777-7777-4000-8000-00000000000b'] as const;

describeEachBackend('short ids', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
    await tracker.store.write(
      [...CROWD, ALONE, ...TWINS].map((id) =>
        creation({
          entity_id: id,
          patch: { title: `item ${id.slice(0, 8)}`, item_type: id === ALONE ? 'session' : 'task' },
        }),
      ),
    );
  });

  it.each([
    ['six characters', '123456'],
    ['seven', '1234567'],
    ['eight', '12345678'],
    ['up to within the second group', '12345678-9a'],
    ['without dashes', '123456789abc4d'],
    ['upper case', '12345678-9ABC-4D'],
    ['dashes elsewhere', '1234-5678'],
    ['blanks around it', '  123456 '],
    ['all but the last character', ALONE.slice(0, -1)],
    ['the whole id', ALONE],
    ['the whole id without dashes, in upper case', ALONE.replaceAll('-', '').toUpperCase()],
  ])('may be given with %s', async (_, id) => {
    expect((await tracker.query(id)).id).toBe(ALONE);
  });

  it.each(['12345', '', 'xyzxyz', '123456g', '12345_6', `${ALONE}0`, '%%%%%%', '------'])(
    'refuses %j',
    async (id) => {
      expect(await refusedFields(() => tracker.query(id))).toEqual(['id']);
    },
  );

  it('says that nothing begins so', async () => {
    expect(await refusalOf(tracker.query('FFFFFF'))).toMatchObject({
      error: 'NotFoundError',
      details: { entity: 'work item', id: 'ffffff', did_you_mean: [] },
    });
  });

  it('lists the candidates of an ambiguous one', async () => {
    const refusal = await refusalOf(tracker.query('777777'));
    expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'id', value: '777777' } });
    expect(refusal.details['candidates']).toEqual(TWINS.map((id) => ({ id, title: 'item 77777777' })));
    for (const id of TWINS) expect(refusal.message).toContain(id);
    expect((await tracker.query(TWINS[1])).id).toBe(TWINS[1]);
  });

  it('lists five of many candidates, and says that there are more', async () => {
    const refusal = await refusalOf(tracker.query('abcdef'));
    expect((refusal.details['candidates'] as { id: string }[]).map(({ id }) => id)).toEqual(
      CROWD.slice(0, 5),
    );
    expect(refusal.message).toContain('many');
    expect((await tracker.query('abcdef07')).id).toBe(CROWD[7]);
  });

  it('are taken wherever an id is, and refused there by the name of the argument', async () => {
    const item = await tracker.create();
    const short = ALONE.slice(0, 8);
    expect((await tracker.create({ parent_id: short })).parent_id).toBe(ALONE);
    expect(
      (await tracker.update({ id: item.id.slice(0, 20), version: 1 }, { parent_id: short })).parent_id,
    ).toBe(ALONE);
    expect((await tracker.list({ parent_id: short })).total_count).toBe(2);
    expect((await tracker.history({ id: short })).total_count).toBe(1);
    expect((await tracker.configure(1, { current_session_id: short })).current_session_id).toBe(ALONE);
    expect((await tracker.deploy({ related_work_item_ids: [short] })).related_work_items).toMatchObject([
      { id: ALONE },
    ]);
    expect((await tracker.deployments({ work_item_id: short })).total_count).toBe(1);

    const ambiguous = '777777';
    expect(await refusedFields(tracker.create({ parent_id: ambiguous }))).toEqual(['parent_id']);
    expect(await refusedFields(tracker.list({ parent_id: ambiguous }))).toEqual(['parent_id']);
    expect(await refusedFields(tracker.link({ id: ambiguous }, 'blocks', item))).toEqual(['source_id']);
    expect(await refusedFields(tracker.link(item, 'blocks', { id: ambiguous }))).toEqual(['target_id']);
    expect(await refusedFields(tracker.configure(2, { current_session_id: ambiguous }))).toEqual([
      'current_session_id',
    ]);
    expect(await refusedFields(tracker.deploy({ related_work_item_ids: [ambiguous] }))).toEqual([
      'related_work_item_ids',
    ]);
  });

  it('find deleted items too, so that they can be restored', async () => {
    const item = await tracker.create();
    await tracker.update(item, { deleted_at: tracker.clock.iso });
    expect((await tracker.query(item.id.slice(0, 24))).id).toBe(item.id);
  });

  it('find vendors and deployments', async () => {
    const vendor = await tracker.register({ name: 'Short' });
    const deployment = await tracker.deploy({ affected_vendor_ids: [vendor.id.slice(0, 20).toUpperCase()] });
    expect(deployment.affected_vendors).toMatchObject([{ id: vendor.id, name: 'Short' }]);
    expect((await tracker.deployment(deployment.id.replaceAll('-', '').slice(0, 20))).id).toBe(deployment.id);
    expect((await tracker.history({ id: vendor.id.slice(0, 20) })).total_count).toBe(1);
    expect(await refusalOf(tracker.deploy({ affected_vendor_ids: ['ffffff'] }))).toMatchObject({
      error: 'NotFoundError',
      details: { entity: 'vendor', id: 'ffffff' },
    });
  });

  it('tell ambiguous deployments apart', async () => {
    const metadata = { pr_number: 1, pr_title: 'x', test_summary: {}, constitutional_compliance: true };
    const ids = ['eeeeee00-0000-4000-8000-000000000001', 'eeeeee00-0000-4000-8000-000000000002'];
    const patch = { deployed_at: '2026-01-01T00:00:00.000Z', commit_hash: 'd'.repeat(40), metadata };
    await tracker.store.write(ids.map((entity_id) => deploying({ entity_id, patch })));
    const { error, details } = await refusalOf(tracker.deployment('eeeeee'));
    expect(error).toBe('ValidationError');
    expect((details['candidates'] as { id: string }[]).map(({ id }) => id)).toEqual(ids);
  });
});
