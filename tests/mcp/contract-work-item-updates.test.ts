// update_work_item, on two surfaces.
import { expect, it } from 'vitest';
import { type Row, text } from './calls.ts';
import { COMMIT } from './contract-tools.ts';
import { describeTwoSurfaces } from './surfaces.ts';

const DELETED = '2026-02-01T12:00:00.000Z';

describeTwoSurfaces((surface) => {
  const update = (item: Row, fields: Row): Promise<Row> =>
    surface.write('update_work_item', { id: item['id'], version: item['version'], ...fields });

  it('changes the given fields, leaves the absent ones, and counts the version up', async () => {
    const parent = await surface.item({ title: 'Parent' });
    const item = await surface.item({
      ...{ title: 'Before', description: 'Kept', labels: ['kept'], assignee: 'Ada', branch_name: 'kept' },
      ...{ commit_hash: COMMIT, pr_number: 3, metadata: { estimated_hours: 1 } },
    });
    const changed = await update(item, { title: 'After', priority: 1, parent_id: parent['id'] });
    expect(changed).toEqual({
      ...item,
      ...{ version: 2, title: 'After', priority: 1, depth: 1 },
      ...{ parent_id: parent['id'], path: `/${text(parent['id'])}/${text(item['id'])}` },
      updated_at: changed['updated_at'],
    });
    const all = {
      ...{ title: 'Again', status: 'blocked', metadata: { blocked_reason: 'waiting' }, description: 'New' },
      ...{ priority: 5, labels: ['new'], assignee: 'Grace', branch_name: 'new', commit_hash: 'f'.repeat(40) },
      ...{ pr_number: 4, parent_id: null, updated_by: 'Grace' },
    };
    expect(await update(changed, all)).toMatchObject({
      ...all,
      metadata: { estimated_hours: 1, blocked_reason: 'waiting' },
      ...{ version: 3, depth: 0 },
    });
  });

  it('clears with null what may be empty, and takes null as not given for what may not', async () => {
    const parent = await surface.item();
    const item = await surface.item({
      ...{ parent_id: parent['id'], description: 'x', assignee: 'x', labels: ['x'] },
      ...{ branch_name: 'x', commit_hash: COMMIT, pr_number: 1 },
    });
    const nothing = {
      description: null,
      assignee: null,
      branch_name: null,
      commit_hash: null,
      pr_number: null,
    };
    const cleared = await update(item, { ...nothing, labels: null, parent_id: null });
    expect(cleared).toMatchObject({ ...nothing, labels: [], parent_id: null, depth: 0, version: 2 });
    const unset = { title: null, status: null, priority: null, metadata: null, on_conflict: null };
    const based = { id: item['id'], version: 2 };
    await surface.refuseField('arguments', 'update_work_item', { ...based, ...unset, updated_by: null });
    expect(await surface.call('query_work_item', { id: item['id'] })).toMatchObject({ version: 2 });
    const { title, status } = item;
    expect(await update(based, { ...unset, assignee: 'x' })).toMatchObject({ title, status, assignee: 'x' });
  });

  it('merges metadata key by key and removes a key with null', async () => {
    const item = await surface.item({
      metadata: { estimated_hours: 1, blocked_reason: 'x', mine: { a: 1, b: 2 } },
    });
    const changed = await update(item, {
      metadata: { actual_hours: 2, blocked_reason: null, mine: { c: 3 }, never: null },
    });
    expect(changed['metadata']).toEqual({ estimated_hours: 1, actual_hours: 2, mine: { c: 3 } });
    expect(changed['warnings']).toMatchObject([{ code: 'unknown_metadata_key' }]);
  });

  it('keeps the time of completion exactly while completed', async () => {
    const done = await update(await surface.item(), { status: 'completed' });
    expect(done['completed_at']).toBe(done['updated_at']);
    const still = await update(done, { title: 'Renamed' });
    expect(still['completed_at']).toBe(done['completed_at']);
    expect(await update(still, { status: 'active' })).toMatchObject({ completed_at: null });
  });

  it('refuses a stale version with all that is needed to decide', async () => {
    const item = await surface.item({ title: 'One', metadata: { estimated_hours: 1 } });
    const two = await update(item, { title: 'Two', updated_by: 'Grace' });
    const three = await update(two, { priority: 2, metadata: { estimated_hours: 5 }, updated_by: 'Ada' });
    const before = await surface.feedPosition();

    const stale = { id: item['id'], version: 1 };
    const { details, next, message } = await surface.refuse('VersionConflictError', 'update_work_item', {
      ...{ ...stale, title: 'Mine', status: 'blocked', metadata: { estimated_hours: 9 } },
    });
    const { id, item_type, title, status, priority, metadata, version } = three;
    const current = { id, item_type, title, status, priority, metadata, version };
    expect(details).toEqual({
      ...{
        expected_version: 1,
        current_version: 3,
        last_updated_by: 'Ada',
        last_updated_at: three['updated_at'],
      },
      current,
      theirs: [
        { field: 'title', from: 'One', to: 'Two', by: 'Grace', at: two['updated_at'], version: 2 },
        { field: 'priority', from: 3, to: 2, by: 'Ada', at: three['updated_at'], version: 3 },
        { field: 'metadata.estimated_hours', from: 1, to: 5, by: 'Ada', at: three['updated_at'], version: 3 },
      ],
      yours: [
        { field: 'title', from: 'One', to: 'Mine' },
        { field: 'status', from: 'active', to: 'blocked' },
        { field: 'metadata.estimated_hours', from: 1, to: 9 },
      ],
      overlap: ['title', 'metadata.estimated_hours'],
      mergeable: false,
    });
    expect(message).toContain('Nothing was saved');
    expect(next).toContain('version 3');

    const overlapping = { ...stale, title: 'Mine', on_conflict: 'merge' };
    await surface.refuse('VersionConflictError', 'update_work_item', overlapping);
    const future = await surface.refuse('VersionConflictError', 'update_work_item', {
      ...stale,
      version: 9,
      title: 'x',
    });
    expect(future.details).toMatchObject({
      expected_version: 9,
      current_version: 3,
      mergeable: false,
      theirs: [],
    });
    expect(await surface.feedPosition()).toBe(before);
  });

  it('merges disjoint changes when asked, naming the versions it merged with', async () => {
    const item = await surface.item({ labels: ['a', 'b'] });
    await update(item, { title: 'Theirs', labels: ['b', 'c'] });
    const mine = { id: item['id'], version: 1, status: 'blocked', labels: ['a', 'b', 'd'] };
    const refused = await surface.refuse('VersionConflictError', 'update_work_item', mine);
    expect(refused.details).toMatchObject({ mergeable: true, overlap: [] });
    expect(refused.next).toContain('on_conflict "merge"');
    expect(await surface.write('update_work_item', { ...mine, on_conflict: 'merge' })).toMatchObject({
      ...{ version: 3, title: 'Theirs', status: 'blocked', labels: ['b', 'c', 'd'], merged_with: [2] },
    });
  });

  it('tells a missing item from a conflict', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const { details } = await surface.refuse('NotFoundError', 'update_work_item', {
      id,
      version: 1,
      title: 'x',
    });
    expect(details).toMatchObject({ entity: 'work item', id, did_you_mean: [] });
  });

  it('refuses an update without a field to change, and a token of a claim that nobody holds', async () => {
    const item = await surface.item();
    const based = { id: item['id'], version: 1 };
    const before = await surface.feedPosition();
    await surface.refuseField('arguments', 'update_work_item', based);
    const { details } = await surface.refuse('ClaimError', 'update_work_item', {
      ...based,
      title: 'x',
      claim_token: 1,
    });
    expect(details).toEqual({ claimed_by: null, claim_expires_at: null });
    for (const [field, value] of [
      ['version', 0],
      ['version', '1.5'],
      ['deleted_at', 'yesterday'],
      ['deleted_at', '2026-01-01T00:00:00'],
      ['on_conflict', 'overwrite'],
      ['claim_token', 0],
      ['cascade', 'yes'],
    ]) {
      await surface.refuseField(String(field), 'update_work_item', {
        ...based,
        title: 'x',
        [String(field)]: value,
      });
    }
    expect(await surface.feedPosition()).toBe(before);
  });

  it('refuses to put an item below itself, naming the chain', async () => {
    const top = await surface.item({ title: 'Top' });
    const middle = await surface.item({ title: 'Middle', parent_id: top['id'] });
    const { details } = await surface.refuse('ValidationError', 'update_work_item', {
      ...{ id: top['id'], version: 1, parent_id: middle['id'] },
    });
    expect(details).toMatchObject({ field: 'parent_id', chain: [top['id'], middle['id'], top['id']] });
  });

  it('deletes softly and restores, with what is below only when told to', async () => {
    const top = await surface.item({ title: 'Top' });
    const child = await surface.item({ title: 'Child', parent_id: top['id'] });
    const deletion = { id: top['id'], version: 1, deleted_at: DELETED };
    const { details, next } = await surface.refuse('ValidationError', 'update_work_item', deletion);
    expect(details).toMatchObject({ field: 'deleted_at', children: [{ id: child['id'], title: 'Child' }] });
    expect(next).not.toMatch(/delete/i);

    const deleted = await surface.call('update_work_item', { ...deletion, cascade: true });
    expect(deleted).toMatchObject({ version: 2, deleted_at: DELETED });
    const editing = { id: top['id'], version: 2, title: 'x' };
    expect(await surface.refuseField('id', 'update_work_item', editing)).toContain(DELETED);
    expect(await surface.call('query_work_item', { id: child['id'] })).toMatchObject({
      version: 2,
      deleted_at: DELETED,
    });

    expect(await update(deleted, { deleted_at: null, cascade: true })).toMatchObject({
      version: 3,
      deleted_at: null,
    });
    expect(await surface.whole(child['id'])).toMatchObject({ version: 3, deleted_at: null });
  });
});
