import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTaskMaster } from '../../src/importers/task-master/task-master.ts';
import { expectStorable, folderOf, importedOf, itemOf, linkTexts, noteCodes } from './plan-checks.ts';

const planOf = async (data: unknown) => {
  const plan = await readTaskMaster(await folderOf({ '.taskmaster/tasks/tasks.json': JSON.stringify(data) }));
  expectStorable(plan);
  return plan;
};

describe("Task Master's tasks.json", () => {
  it('puts tags above tasks above subtasks and resolves references to siblings first', async () => {
    const plan = await planOf({
      web: {
        tasks: [
          {
            id: 1,
            title: 'One',
            priority: 'high',
            subtasks: [
              { id: 1, title: 'a' },
              { id: '2', title: 'b', dependencies: [1] },
            ],
          },
          {
            id: 2,
            title: 'Two',
            dependencies: ['1', 7],
            subtasks: [{ id: 1, title: 'c', dependencies: ['1.2', 9] }],
          },
          { id: 9, title: 'Nine' },
        ],
        metadata: {
          created: '2025-07-22T09:35:48.856Z',
          updated: '2025-07-23T00:00:00.000Z',
          description: 'Web work',
        },
      },
    });
    expect(plan.items.map(({ foreign_id }) => foreign_id)).toEqual([
      'web', 'web/1', 'web/1.1', 'web/1.2', 'web/2', 'web/2.1', 'web/9',
    ]); // prettier-ignore
    expect(itemOf(plan, 'web')).toMatchObject({
      item_type: 'project',
      title: 'web',
      description: 'Web work',
    });
    expect(itemOf(plan, 'web/1.2')).toMatchObject({
      priority: 1,
      parent_id: itemOf(plan, 'web/1').id,
      created_at: '2025-07-22T09:35:48.856Z',
      updated_at: '2025-07-23T00:00:00.000Z',
    });
    expect(linkTexts(plan)).toEqual([
      'web/1.2 depends_on web/1.1',
      'web/2 depends_on web/1',
      'web/2.1 depends_on web/1.2',
      'web/2.1 depends_on web/9',
    ]);
    expect(plan.unresolved).toMatchObject([{ foreign_id: 'web/2', reference: '7' }]);
  });

  it('writes details and test strategy as sections and keeps the rest', async () => {
    const plan = await planOf({
      tasks: [
        {
          id: 1,
          title: 'One',
          description: 'What',
          details: 'How',
          testStrategy: 'Proof',
          status: 'review',
          complexity: 7,
        },
      ],
    });
    const item = itemOf(plan, 'master/1');
    expect(item.description).toBe('What\n\n## Details\n\nHow\n\n## Test strategy\n\nProof');
    expect(item).toMatchObject({ status: 'active', created_at: '1970-01-01T00:00:00.000Z' });
    expect(importedOf(item)).toMatchObject({ status: 'review', complexity: 7 });
    expect(noteCodes(plan)).toContain('date_missing');
  });

  it('gives a tag the status of its tasks', async () => {
    const plan = await planOf({
      a: {
        tasks: [
          { id: 1, title: 'x', status: 'done' },
          { id: 2, title: 'y', status: 'cancelled' },
        ],
      },
      b: { tasks: [{ id: 1, title: 'x', status: 'pending' }] },
      c: {
        tasks: [
          { id: 1, title: 'x', status: 'pending' },
          { id: 2, title: 'y', status: 'done' },
        ],
      },
      note: 'not a tag',
    });
    expect(['a', 'b', 'c'].map((tag) => itemOf(plan, tag).status)).toEqual([
      'completed',
      'planned',
      'active',
    ]);
    expect(plan.skipped).toHaveLength(1);
  });

  it('keeps subtasks at any depth, the deepest beside their parents', async () => {
    let subtasks: unknown[] = [];
    for (let level = 8; level >= 1; level -= 1) subtasks = [{ id: level, title: `level ${level}`, subtasks }];
    const plan = await planOf({ t: { tasks: subtasks } });
    expect(plan.items).toHaveLength(9);
    const deepest = itemOf(plan, 't/1.2.3.4.5.6.7.8');
    expect(deepest.parent_id).toBe(itemOf(plan, 't/1.2.3.4').id);
    expect(importedOf(deepest)['real_parent']).toBe('t/1.2.3.4.5.6.7');
    expect(linkTexts(plan)).toEqual([
      't/1.2.3.4.5.6 relates_to t/1.2.3.4.5',
      't/1.2.3.4.5.6.7 relates_to t/1.2.3.4.5.6',
      't/1.2.3.4.5.6.7.8 relates_to t/1.2.3.4.5.6.7',
    ]);
  });

  it('keeps two tasks with one id apart, and tags that look like tasks', async () => {
    const plan = await planOf({
      a: { tasks: [{ id: 1, title: 'x' }, { id: 1, title: 'y' }, 'odd'] },
      'a/1': { tasks: [{ id: 1, title: 'z' }] },
    });
    expect(plan.items.map(({ title }) => title)).toEqual(['a', 'x', 'y', 'a/1', 'z']);
    expect(noteCodes(plan)).toContain('duplicate_id');
    expect(plan.skipped).toMatchObject([
      { file: 'tasks.json', reason: 'a.tasks[2] is not a task with an id' },
    ]);
  });

  it.each([
    ['nothing.json', 'does not exist'],
    ['list.json', 'holds no task'],
    ['broken.json', 'is not JSON'],
    ['deep.json', 'nested too deep'],
    ['empty.json', 'holds no task'],
    ['folder', 'is a folder without tasks.json'],
  ])('refuses %s', async (name, constraint) => {
    const folder = await folderOf({
      'list.json': '["a"]',
      'broken.json': '{"a":',
      'deep.json': `{"tasks":${'['.repeat(5000)}${']'.repeat(5000)}}`,
      'empty.json': '{"master":{"tasks":[]}}',
      'folder/readme.md': '',
    });
    await expect(readTaskMaster(path.join(folder, name))).rejects.toMatchObject({
      code: 'ValidationError',
      details: { field: 'path', constraint: expect.stringContaining(constraint) as string },
    });
  });
});
