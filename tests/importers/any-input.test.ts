/** Whatever a file holds, the plan can be stored or the input is refused in the tracker's own words. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TrackerError } from '../../src/domain/errors.ts';
import { readBacklogMd } from '../../src/importers/backlog-md/backlog-md.ts';
import { readBeads } from '../../src/importers/beads/beads.ts';
import type { ImportPlan } from '../../src/importers/import/plan.ts';
import { renderImportReport } from '../../src/importers/import/report.ts';
import { readTaskMaster } from '../../src/importers/task-master/task-master.ts';
import { expectStorable, folderOf } from './plan-checks.ts';
import { episodes } from '../torture/scale.ts';

const OUTCOME = {
  created: 0,
  updated: 0,
  unchanged: 0,
  kept_local: 0,
  links_added: 0,
  notes_added: 0,
  dry_run: true,
};
const RUNS = episodes(50, 150);

const ids = fc.oneof(
  fc.integer({ min: 1, max: 6 }),
  fc.constantFrom(
    '1',
    '01',
    '2.1',
    'bd-1',
    'bd-2',
    'BD-2',
    'task-3',
    '~2',
    '__proto__',
    'x\u0000',
    'x\u2028y',
    '\ud800',
    ' ',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const anything = fc.oneof(
  { weight: 3, arbitrary: ids },
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 400 }),
);
const dates = fc.constantFrom(
  '2025-01-01',
  '2025-01-01T00:00:00Z',
  '31.12.99',
  'x',
  '9999-12-31T23:59:59+00:00',
);

async function expectStorableOrRefused(read: () => Promise<ImportPlan>): Promise<void> {
  let plan: ImportPlan;
  try {
    plan = await read();
  } catch (error) {
    expect(error).toBeInstanceOf(TrackerError);
    expect((error as TrackerError).details).toMatchObject({ field: 'path' });
    return;
  }
  expectStorable(plan);
  expect(await read()).toEqual(plan);
  expect(renderImportReport(plan, OUTCOME)).toMatch(/\n$/);
  expect(JSON.stringify(plan).isWellFormed()).toBe(true);
}

it('beads rows of any content', async () => {
  const folder = await folderOf({});
  const rows = fc.record(
    {
      id: ids,
      title: anything,
      description: anything,
      notes: anything,
      acceptance_criteria: anything,
      status: fc.oneof(fc.constantFrom('open', 'closed', 'deferred'), anything),
      priority: anything,
      issue_type: fc.oneof(fc.constantFrom('epic', 'task'), anything),
      labels: fc.oneof(fc.array(anything), anything),
      created_at: fc.oneof(dates, anything),
      closed_at: fc.oneof(dates, anything),
      parent: ids,
      comments: fc.oneof(
        fc.array(fc.record({ author: anything, text: anything, created_at: dates })),
        anything,
      ),
      dependencies: fc.array(
        fc.record({ depends_on_id: ids, type: fc.constantFrom('blocks', 'parent-child', 'odd') }),
      ),
      extra: anything,
    },
    { requiredKeys: ['id'] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(rows, { maxLength: 12 }), async (all) => {
      const file = path.join(folder, 'issues.jsonl');
      await writeFile(file, all.map((row) => JSON.stringify(row)).join('\n'));
      await expectStorableOrRefused(() => readBeads(file));
    }),
    { numRuns: RUNS },
  );
});

it('Task Master tasks of any content', async () => {
  const folder = await folderOf({});
  const { task } = fc.letrec<{ task: unknown }>((tie) => ({
    task: fc.record(
      {
        id: ids,
        title: anything,
        details: anything,
        testStrategy: anything,
        status: fc.oneof(fc.constantFrom('done', 'review'), anything),
        priority: anything,
        dependencies: fc.oneof(fc.array(ids), anything),
        updatedAt: fc.oneof(dates, anything),
        subtasks: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.array(tie('task'), { maxLength: 3 })),
      },
      { requiredKeys: ['id'] },
    ),
  }));
  const tags = fc.dictionary(
    fc.oneof(fc.constantFrom('a', 'a/1', '__proto__', '1'), fc.string({ unit: 'binary' })),
    fc.oneof(fc.record({ tasks: fc.array(task, { maxLength: 5 }), metadata: anything }), anything),
    { maxKeys: 4 },
  );
  await fc.assert(
    fc.asyncProperty(tags, async (data) => {
      const file = path.join(folder, 'tasks.json');
      await writeFile(file, JSON.stringify(data));
      await expectStorableOrRefused(() => readTaskMaster(file));
    }),
    { numRuns: RUNS },
  );
});

it('Backlog.md files of any content', async () => {
  const folder = await folderOf({ 'tasks/x': '' });
  const lines = fc.oneof(
    fc
      .tuple(
        fc.constantFrom(
          'id',
          'title',
          'status',
          'priority',
          'labels',
          'assignee',
          'created_date',
          'parent_task_id',
          'dependencies',
          'odd',
        ),
        fc.oneof(
          fc.constantFrom(
            'task-1',
            'BACK-1',
            'task-1.1',
            '1',
            '@me',
            '[@a, b]',
            '[task-1, task-2]',
            'a: b',
            '2025-01-01',
            '1.10',
            '.inf',
            '{a: [b]}',
            '&a x',
            '*a',
            '!!binary eA==',
          ),
          fc.string({ unit: 'binary', maxLength: 20 }),
        ),
      )
      .map(([key, value]) => `${key}: ${value}`),
    fc.string({ maxLength: 20 }),
  );
  const files = fc.array(
    fc.tuple(
      fc.uniqueArray(lines, { maxLength: 8, selector: (line) => line.split(':')[0] }),
      fc.string({ unit: 'binary' }),
    ),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(files, async (all) => {
      for (const [index, [frontmatter, body]] of all.entries()) {
        const text = `---\n${['id: task-' + index, ...frontmatter.filter((line) => !line.startsWith('id:'))].join('\n')}\n---\n${body}`;
        await writeFile(path.join(folder, `tasks/${index}.md`), text);
      }
      await expectStorableOrRefused(() => readBacklogMd(folder));
      for (const index of all.keys()) await rm(path.join(folder, `tasks/${index}.md`));
    }),
    { numRuns: RUNS },
  );
});
