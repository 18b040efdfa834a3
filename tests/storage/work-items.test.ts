// Work items: what is kept of what was said, defaults, and versions.
import { beforeAll, expect, it } from 'vitest';
import { ITEM_STATUSES, ITEM_TYPES } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';
import { problemsOf, refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describeEachBackend('work items', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  it('keeps every field as it was given, and answers it again after a restart', async () => {
    const parent = await tracker.create({ item_type: 'project', title: 'The project' });
    const given = {
      item_type: 'task',
      title: 'Ünïcode “title” 🚀 with % _ \\ \' " and <b>',
      description: '# Markdown\n\n- one\r\n- two\ttabbed\n\u2028 日本語 🧵',
      status: 'planned',
      priority: 1,
      labels: ['backend', 'größer', 'with space'],
      assignee: 'Grace Hopper',
      branch_name: 'feature/003-tracker',
      commit_hash: '0123456789abcdef0123456789abcdef01234567',
      pr_number: 42,
      metadata: {
        estimated_hours: 2.5,
        acceptance_criteria: [{ text: 'It runs', done: false }],
        custom: { deep: [1, 'two', null, true, { three: 3 }] },
      },
    };
    const created = await tracker.create({ ...given, parent_id: parent.id });
    const expected = {
      ...given,
      id: created.id,
      version: 1,
      parent_id: parent.id,
      path: `/${parent.id}/${created.id}`,
      depth: 1,
      position: created.position,
      created_at: tracker.clock.iso,
      updated_at: tracker.clock.iso,
      completed_at: null,
      created_by: 'ada',
      updated_by: 'ada',
      deleted_at: null,
      claimed_by: null,
      claim_expires_at: null,
      archived_at: null,
    };
    expect(created).toEqual(expected);
    expect(created.id).toMatch(UUID_V4);

    const reopened = await openTrackerAt(tracker.place);
    const {
      ancestors: _ancestors,
      children: _children,
      dependencies: _links,
      ...read
    } = await reopened.query(created.id);
    expect(read).toEqual(expected);
  });

  it('fills in the defaults of what was not said', async () => {
    const created = await tracker.create({ item_type: 'task', title: 'Bare' });
    expect(created).toMatchObject({
      version: 1,
      status: 'active',
      priority: 3,
      labels: [],
      metadata: {},
      depth: 0,
      path: `/${created.id}`,
    });
    const empty = ['description', 'assignee', 'parent_id', 'branch_name', 'commit_hash', 'pr_number'];
    for (const field of [
      ...empty,
      'completed_at',
      'deleted_at',
      'claimed_by',
      'claim_expires_at',
      'archived_at',
    ]) {
      expect(created, field).toHaveProperty(field, null);
    }
  });

  it.each(ITEM_TYPES)('creates a %s', async (item_type) => {
    expect(await tracker.create({ item_type })).toMatchObject({ item_type });
  });

  it('passes through every status, and completed_at follows it', async () => {
    let item = await tracker.create();
    for (const status of ITEM_STATUSES) {
      tracker.clock.advance(60);
      item = await tracker.update(item, { status });
      expect(item.status).toBe(status);
      expect(item.completed_at).toBe(status === 'completed' ? tracker.clock.iso : null);
    }
    expect(await tracker.create({ status: 'completed' })).toMatchObject({ completed_at: tracker.clock.iso });
  });

  it('keeps the time of completion while a completed item is edited', async () => {
    const completed = await tracker.update(await tracker.create(), { status: 'completed' });
    tracker.clock.advance(3600);
    const edited = await tracker.update(completed, { title: 'Edited later', status: 'completed' });
    expect(edited.completed_at).toBe(completed.completed_at);
    expect(edited.updated_at).toBe(tracker.clock.iso);
  });

  it('counts versions 1, 2, 3 without skipping, also over refused updates', async () => {
    let item = await tracker.create();
    const seen = [item.version];
    for (const title of ['One', 'Two', 'Three']) {
      await refusalOf(tracker.update(item, { parent_id: item.id }));
      await refusalOf(tracker.update({ id: item.id, version: 99 }, { title }));
      item = await tracker.update(item, { title });
      seen.push(item.version);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect((await tracker.query(item.id)).version).toBe(4);
  });

  it('changes exactly the fields that an update names', async () => {
    const before = await tracker.create({
      description: 'kept',
      labels: ['kept'],
      assignee: 'kept',
      pr_number: 7,
      metadata: { estimated_hours: 1 },
    });
    tracker.clock.advance(1);
    const after = await tracker.update(
      before,
      { priority: 5 },
      { actor: 'bob', person: 'bob', client: 'cli', session: 'bob' },
    );
    expect(after).toEqual({
      ...before,
      priority: 5,
      version: 2,
      updated_at: tracker.clock.iso,
      updated_by: 'bob',
    });
  });

  it('clears with null every field that may be empty', async () => {
    const before = await tracker.create({
      description: 'text',
      assignee: 'someone',
      labels: ['a', 'b'],
      branch_name: 'main',
      commit_hash: 'a'.repeat(40),
      pr_number: 1,
    });
    const cleared = {
      description: null,
      assignee: null,
      branch_name: null,
      commit_hash: null,
      pr_number: null,
    };
    expect(await tracker.update(before, { ...cleared, labels: null })).toMatchObject({
      ...cleared,
      labels: [],
    });
  });

  it.each(['title', 'status', 'priority'])(
    'takes null for %s, which is never empty, as not given',
    async (field) => {
      const item = await tracker.create();
      expect(await refusedFields(() => tracker.update(item, { [field]: null }))).toEqual(['arguments']);
      const assigned = await tracker.update(item, { [field]: null, assignee: 'Ada' });
      expect(assigned).toEqual({ ...item, assignee: 'Ada', version: 2, updated_at: assigned.updated_at });
    },
  );

  it('writes down the given author instead of the calling client', async () => {
    const created = await tracker.create({ created_by: 'claude-code' });
    expect(created).toMatchObject({ created_by: 'claude-code', updated_by: 'claude-code' });
    const updated = await tracker.update(created, { title: 'Renamed', updated_by: 'copilot' });
    expect(updated).toMatchObject({ created_by: 'claude-code', updated_by: 'copilot' });
  });

  it('trims labels and keeps each once', async () => {
    expect((await tracker.create({ labels: [' a ', 'b', 'a'] })).labels).toEqual(['a', 'b']);
  });

  it('says that an update without a field to change is wrong', async () => {
    const item = await tracker.create();
    expect(await refusedFields(tracker.update(item, {}))).toEqual(['arguments']);
  });

  it('tells an unknown item from a conflict', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const unknown = { entity: 'work item', id, did_you_mean: [] };
    expect(await refusalOf(tracker.query(id))).toMatchObject({ error: 'NotFoundError', details: unknown });
    expect(await refusalOf(tracker.update({ id, version: 7 }, { title: 'x' }))).toMatchObject({
      error: 'NotFoundError',
      details: unknown,
    });
    expect(await refusalOf(tracker.create({ parent_id: id }))).toMatchObject({
      error: 'NotFoundError',
      details: unknown,
    });
  });

  it('refuses a claim token where nobody holds a claim', async () => {
    const item = await tracker.create();
    expect(await refusalOf(tracker.update(item, { title: 'x', claim_token: 1 }))).toMatchObject({
      error: 'ClaimError',
      details: { claimed_by: null, claim_expires_at: null },
    });
    expect((await tracker.query(item.id)).version).toBe(1);
  });

  it('names every problem of a call at once', async () => {
    const problems = await problemsOf(() =>
      tracker.create({ item_type: 'epic', title: '', priority: 9, labels: 'x', pr_nummber: 1 }),
    );
    expect(problems.map(({ field }) => field).sort()).toEqual([
      'item_type',
      'labels',
      'pr_nummber',
      'priority',
      'title',
    ]);
    expect(problems.find(({ field }) => field === 'pr_nummber')?.constraint).toContain('"pr_number"');
    expect(problems.find(({ field }) => field === 'priority')).toEqual({
      field: 'priority',
      constraint: 'must be at most 5',
      value: 9,
    });
  });

  it('says where its answers come from', async () => {
    const answer = await tracker.createAnswer();
    expect(answer).toMatchObject({ source: backend.source, warnings: [] });
    expect(await tracker.store.health()).toMatchObject({
      source: backend.source,
      reachable: true,
      problem: null,
      project_slug: tracker.place.slug.value,
      schema: 'current',
    });
  });
});
