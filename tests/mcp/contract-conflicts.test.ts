// list_conflicts and resolve_conflict, on two surfaces.
import { expect, it } from 'vitest';
import { rows, short } from './calls.ts';
import { describeTwoSurfaces } from './surfaces.ts';

describeTwoSurfaces((surface) => {
  it('shows a conflict with base, mine and theirs, and counts it on every read of its record', async () => {
    const { item, conflict_id } = await surface.contested();
    const page = await surface.call('list_conflicts', { id: item['id'] });
    expect(page).toMatchObject({ total_count: 1, pending_count: 0 });
    const [conflict] = rows(page['items']);
    expect(conflict).toMatchObject({
      ...{ id: conflict_id.slice(0, 13), kind: 'conflict', entity: 'work_item' },
      ...{ entity_id: short(item['id']), actor: 'Ada' },
      yours: [{ field: 'title', to: 'Mine' }],
      theirs: [{ field: 'title', to: 'Theirs', by: surface.clientName }],
    });
    const whole = await surface.call('list_conflicts', {
      id: item['id'],
      fields: ['all'],
      max_tokens: 20_000,
    });
    expect(whole['items']).toMatchObject([
      {
        id: conflict_id,
        details: {
          overlap: ['title'],
          yours: [{ field: 'title', from: 'As it was', to: 'Mine' }],
          theirs: [{ field: 'title', from: 'As it was', to: 'Theirs', by: surface.clientName, version: 2 }],
        },
      },
    ]);
    for (const [tool, arguments_] of [
      ['query_work_item', { id: item['id'] }],
      ['list_work_items', { limit: 1, text: 'Theirs', sort: 'created' }],
    ] as const) {
      const { warnings } = await surface.call(tool, arguments_);
      expect(JSON.stringify(warnings), tool).toContain('open_conflicts');
    }
    expect(await surface.call('query_work_item', { id: item['id'] })).toMatchObject({ open_conflicts: 1 });
  });

  it.each([
    { resolution: 'keep_theirs', title: 'Theirs', version: 2 },
    { resolution: 'reapply', title: 'Mine', version: 3 },
    { resolution: 'custom', fields: { title: 'Both' }, title: 'Both', version: 3 },
  ])('settles one with $resolution, once', async ({ title, version, ...decision }) => {
    const { item, conflict_id } = await surface.contested();
    const call = { id: conflict_id, ...decision, resolved_by: 'Grace' };
    const settled = await surface.call('resolve_conflict', call);
    expect(settled).toMatchObject({
      ...{ id: conflict_id, resolution: decision.resolution, resolved_by: 'Grace' },
      durability: surface.database,
      ...(decision.resolution !== 'keep_theirs' && { record: { title, version } }),
    });
    const record = await surface.call('query_work_item', { id: item['id'] });
    expect(record).toMatchObject({ title, version });
    expect(record).not.toHaveProperty('open_conflicts');
    expect(await surface.call('list_conflicts', { id: item['id'] })).toMatchObject({ total_count: 0 });
    expect(await surface.call('list_conflicts', { id: item['id'], resolved: true })).toMatchObject({
      items: [
        {
          ...{ id: conflict_id.slice(0, 13), resolution: decision.resolution },
          ...{ resolved_at: settled['resolved_at'], resolved_by: 'Grace' },
        },
      ],
    });
    const position = await surface.feedPosition();
    expect(await surface.refuseField('id', 'resolve_conflict', call)).toMatch(/^was settled at .* by Grace/);
    expect(await surface.feedPosition()).toBe(position);
  });

  it('refuses a decision that means nothing, and changes nothing', async () => {
    const { item, conflict_id } = await surface.contested();
    const position = await surface.feedPosition();
    for (const [field, decision] of [
      ['resolution', {}],
      ['resolution', { resolution: 'mine' }],
      ['fields', { resolution: 'custom' }],
      ['fields', { resolution: 'keep_theirs', fields: { title: 'x' } }],
      ['titel', { resolution: 'custom', fields: { titel: 'x' } }],
      ['title', { resolution: 'custom', fields: { title: '' } }],
    ] as const) {
      await surface.refuseField(field, 'resolve_conflict', { id: conflict_id, ...decision });
    }
    const unknown = { id: '00000000-0000-7000-8000-000000000000', resolution: 'reapply' };
    await surface.refuse('NotFoundError', 'resolve_conflict', unknown);
    expect(await surface.feedPosition()).toBe(position);
    expect(await surface.call('list_conflicts', { id: item['id'] })).toMatchObject({ total_count: 1 });
  });
});
