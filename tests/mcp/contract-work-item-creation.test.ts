// create_work_item, on two surfaces.
import { expect, it } from 'vitest';
import { type Row, rows, text } from './calls.ts';
import { COMMIT } from './contract-tools.ts';
import { describeTwoSurfaces } from './surfaces.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UTC_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

describeTwoSurfaces((surface) => {
  it('makes a record with its defaults, at version 1, and answers what a further call needs', async () => {
    const answer = await surface.call('create_work_item', { item_type: 'task', title: 'Fix login' });
    const item = await surface.whole(answer['id']);
    const id = text(item['id']);
    const created_at = text(item['created_at']);
    expect(id).toMatch(UUID_V4);
    expect(created_at).toMatch(UTC_TIME);
    expect(item).toEqual({
      ...{ id, version: 1, item_type: 'task', title: 'Fix login', description: null },
      ...{ status: 'active', priority: 3, labels: [], assignee: null, metadata: {} },
      ...{ parent_id: null, path: `/${id}`, depth: 0 },
      ...{ branch_name: null, commit_hash: null, pr_number: null },
      ...{ created_at, updated_at: created_at, completed_at: null, deleted_at: null, archived_at: null },
      ...{ created_by: surface.clientName, updated_by: surface.clientName },
      ...{ claimed_by: null, claim_expires_at: null },
      ancestors: [],
      data_source: surface.database,
    });
    expect(answer).toEqual({
      ...{ id, version: 1, item_type: 'task', title: 'Fix login', status: 'active', priority: 3 },
      created_by: surface.clientName,
      data_source: surface.database,
      durability: surface.database,
    });
  });

  it('stores every field it is given, exactly', async () => {
    const fields = {
      item_type: 'research',
      title: "'; DROP TABLE work_items; -- 100% _done_ \\ 🚀",
      description: '# Überschrift\r\n\r\n\ttabs and 日本語\n',
      status: 'blocked',
      priority: 1,
      labels: ['ui', 'Größe', 'ui '],
      assignee: 'Ada Lovelace',
      metadata: { research_questions: ['Why?'], findings_summary: 'Because.', references: [] },
      branch_name: 'feature/12-search',
      commit_hash: COMMIT,
      pr_number: 2_147_483_647,
    };
    const { id } = await surface.call('create_work_item', fields);
    expect(await surface.whole(id)).toMatchObject({ ...fields, labels: ['ui', 'Größe'] });
  });

  it('takes null for what may be empty, and as not given for what may not', async () => {
    const nothing = {
      ...{ parent_id: null, description: null, assignee: null },
      ...{ branch_name: null, commit_hash: null, pr_number: null },
    };
    expect(await surface.item(nothing)).toMatchObject(nothing);
    const unset = { status: null, priority: null, metadata: null, created_by: null };
    expect(await surface.item(unset)).toMatchObject({ status: 'active', priority: 3, metadata: {} });
    for (const field of ['item_type', 'title']) {
      await surface.refuseField(field, 'create_work_item', { item_type: 'task', title: 'x', [field]: null });
    }
  });

  it('fills in the metadata of a session and checks what it knows of each type', async () => {
    const session = await surface.item({ item_type: 'session' });
    expect(session['metadata']).toEqual({ token_budget: 200_000, prompts_count: 0 });
    const project = await surface.item({ item_type: 'project', metadata: { target_quarter: 'Q3 2026' } });
    expect(project['metadata']).toEqual({ target_quarter: '2026-Q3' });

    const wrong: [item_type: string, metadata: Row, field: string][] = [
      ['project', { description: 'x'.repeat(1001) }, 'metadata.description'],
      ['project', { target_quarter: '2026-Q5' }, 'metadata.target_quarter'],
      ['session', { token_budget: 999 }, 'metadata.token_budget'],
      ['session', { yaml_frontmatter: { title: 'x' } }, 'metadata.yaml_frontmatter.schema_version'],
      ['task', { estimated_hours: 1001 }, 'metadata.estimated_hours'],
      ['task', { acceptance_criteria: [{ text: 'x', done: 'no' }] }, 'metadata.acceptance_criteria[0].done'],
      ['research', { research_questions: 'Why?' }, 'metadata.research_questions'],
    ];
    const before = await surface.feedPosition();
    for (const [item_type, metadata, field] of wrong) {
      await surface.refuseField(field, 'create_work_item', { item_type, title: 'x', metadata });
    }
    expect(await surface.feedPosition()).toBe(before);
  });

  it('keeps an unknown metadata key and warns with the nearest known one', async () => {
    const item = await surface.item({ metadata: { estimate_hours: 3, constructor: { toString: 1 } } });
    expect(item['metadata']).toEqual({ estimate_hours: 3, constructor: { toString: 1 } });
    const warnings = rows(item['warnings']);
    expect(warnings.map(({ code }) => code)).toEqual(['unknown_metadata_key', 'unknown_metadata_key']);
    const messages = warnings.map(({ message }) => text(message));
    expect(messages).toContainEqual(expect.stringMatching(/^"estimate_hours".*nearest.*"estimated_hours"/));
    expect(messages).toContainEqual(expect.stringMatching(/^"constructor".*kept/));
  });

  it('places an item below its parent, named by id or prefix, down to depth 5', async () => {
    let parent = await surface.item({ item_type: 'project', title: 'Level 0' });
    const chain = [text(parent['id'])];
    for (let depth = 1; depth <= 5; depth += 1) {
      const parent_id = depth % 2 === 0 ? parent['id'] : text(parent['id']).slice(0, 12).toUpperCase();
      const item = await surface.item({ title: `Level ${depth}`, parent_id });
      chain.push(text(item['id']));
      expect(item).toMatchObject({ parent_id: parent['id'], depth, path: `/${chain.join('/')}` });
      parent = item;
    }
    const before = await surface.feedPosition();
    const { details } = await surface.refuse('ValidationError', 'create_work_item', {
      ...{ item_type: 'task', title: 'Too deep', parent_id: parent['id'] },
    });
    expect(details).toMatchObject({ field: 'parent_id', value: parent['id'] });
    expect((details['chain'] as unknown[]).slice(0, -1)).toEqual(chain);
    expect(await surface.feedPosition()).toBe(before);
  });

  it('refuses a parent that does not exist or was deleted', async () => {
    const before = await surface.feedPosition();
    const missing = '00000000-0000-4000-8000-000000000000';
    for (const id of [missing, 'ffffff00']) {
      const { details, next } = await surface.refuse('NotFoundError', 'create_work_item', {
        ...{ item_type: 'task', title: 'x', parent_id: id },
      });
      expect(details).toEqual({ entity: 'work item', id, did_you_mean: [] });
      expect(next).toContain('List the work items');
    }
    expect(await surface.feedPosition()).toBe(before);

    const parent = await surface.item();
    await surface.call('update_work_item', {
      id: parent['id'],
      version: 1,
      deleted_at: '2026-01-01T00:00:00Z',
    });
    const orphan = { item_type: 'task', title: 'x', parent_id: parent['id'] };
    expect(await surface.refuseField('parent_id', 'create_work_item', orphan)).toBe('"A task" is deleted');
  });

  it('names every wrong argument at once, and changes nothing', async () => {
    const before = await surface.feedPosition();
    const wrong: Row = {
      ...{ item_type: 'epic', title: 7, parent_id: 'xyz', status: 'done', priority: 0, description: ['x'] },
      ...{ labels: ['ok', ''], assignee: '  ', metadata: [], branch_name: 'a\nb', commit_hash: 'ABC' },
      ...{ pr_number: 1.5, created_by: 'x'.repeat(101), idempotency_key: '', colour: 'red' },
    };
    const { details, message } = await surface.refuse('ValidationError', 'create_work_item', wrong);
    const fields = details.problems?.map(({ field }) => field).sort();
    expect(fields).toEqual([...Object.keys(wrong).filter((name) => name !== 'labels'), 'labels[1]'].sort());
    expect(message).toBe(`${fields?.length} arguments are not as they should be.`);
    expect(await surface.feedPosition()).toBe(before);
  });
});
