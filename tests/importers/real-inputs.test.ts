/** The three real inputs, counted independently of the readers. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readBacklogMd } from '../../src/importers/backlog-md/backlog-md.ts';
import { readBeads } from '../../src/importers/beads/beads.ts';
import { renderImportReport } from '../../src/importers/import/report.ts';
import { readTaskMaster } from '../../src/importers/task-master/task-master.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { countBy, expectStorable, folderOf, importedOf, itemOf, linkTexts } from './plan-checks.ts';

const OUTCOME = {
  created: 0,
  updated: 0,
  unchanged: 0,
  kept_local: 0,
  links_added: 0,
  notes_added: 0,
  dry_run: true,
};

describeWithSharedData('the real Backlog.md input', (data) => {
  const backlog = path.join(data, 'backlog-md');
  const files = () =>
    ['tasks', 'completed'].flatMap((folder) =>
      readdirSync(path.join(backlog, folder))
        .filter((name) => name !== 'readme.md')
        .map((name) => ({ name, text: readFileSync(path.join(backlog, folder, name), 'utf8') })),
    );

  it('plans every task file exactly once, within all limits', async () => {
    const plan = await readBacklogMd(backlog);
    expectStorable(plan);
    expect(plan.namespace).toBe('backlog-md');
    const ids = files().map(({ text }) => /^id: (.*)$/m.exec(text)?.[1]);
    expect(plan.items.map(({ foreign_id }) => foreign_id).sort()).toEqual(ids.sort());
    expect(plan.items).toHaveLength(155);
    expect(plan.skipped).toEqual([
      { file: 'tasks/readme.md', line: 1, reason: expect.stringContaining('no frontmatter') as string },
    ]);
  });

  it('keeps status, priority, body, criteria and comments as the files have them', async () => {
    const plan = await readBacklogMd(backlog);
    const count = (pattern: RegExp) => files().filter(({ text }) => pattern.test(text)).length;
    expect(countBy(plan.items, 'status')).toEqual({
      planned: count(/^status: To Do$/m),
      completed: count(/^status: Done$/m),
    });
    expect(plan.items.filter(({ priority }) => priority === 1)).toHaveLength(count(/^priority: high$/m));
    expect(plan.items.filter(({ priority }) => priority === 5)).toHaveLength(count(/^priority: low$/m));
    for (const { text } of files()) {
      const item = itemOf(plan, /^id: (.*)$/m.exec(text)?.[1] ?? '');
      const body = text.replace(/^---\n[\s\S]*?\n---\n/, '').trim();
      expect(item.description?.trim()).toBe(body);
      const section = /^<!-- AC:BEGIN -->$([\s\S]*?)^<!-- AC:END -->$/m.exec(text)?.[1];
      if (section === undefined) continue;
      const boxes = section.match(/^- \[[ x]\]/gm) ?? [];
      const criteria = (item.metadata['acceptance_criteria'] ?? []) as { done: boolean }[];
      expect(criteria, item.foreign_id).toHaveLength(boxes.length);
      expect(criteria.filter(({ done }) => done)).toHaveLength(boxes.filter((box) => box === '- [x]').length);
    }
    expect(
      itemOf(plan, 'BACK-355.02').comments.map(({ author, created_at }) => [author, created_at]),
    ).toEqual([
      ['@codex-types-cli', '2026-07-09T22:13:00.000Z'],
      ['@codex-types-cli', '2026-07-09T22:24:00.000Z'],
      ['@codex-types-cli', '2026-07-09T22:31:00.000Z'],
      ['@codex-types-cli', '2026-07-09T22:34:00.000Z'],
    ]);
  });

  it('finds hierarchy and dependencies in every spelling, and reports what dangles', async () => {
    const plan = await readBacklogMd(backlog);
    expect(linkTexts(plan)).toEqual(['BACK-2 depends_on BACK-1', 'BACK-543 depends_on BACK-430']);
    expect(plan.items.filter(({ parent_id }) => parent_id === itemOf(plan, 'BACK-535').id)).toHaveLength(6);
    expect(plan.unresolved).toContainEqual({
      foreign_id: 'BACK-200',
      field: 'dependencies',
      reference: 'task-24.1',
      reason: 'no task of this import has this id',
    });
    expect(importedOf(itemOf(plan, 'BACK-200'))['dependencies']).toEqual(['task-24.1', 'task-208']);
    expect(plan.unresolved).toHaveLength(36);
  });

  it('reads the bare @name that YAML forbids, and dates without a zone as UTC', async () => {
    const plan = await readBacklogMd(backlog);
    expect(itemOf(plan, 'BACK-1')).toMatchObject({
      assignee: '@MrLesk',
      created_by: '@MrLesk',
      created_at: '2025-06-03T00:00:00.000Z',
      labels: ['cli', 'setup'],
    });
    expect(itemOf(plan, 'BACK-470.3').created_at).toBe('2026-05-31T17:32:00.000Z');
  });

  it('gives the same plan twice', async () => {
    expect(await readBacklogMd(backlog)).toEqual(await readBacklogMd(backlog));
  });
});

interface Row {
  id: string;
  status: string;
  issue_type: string;
  parent?: string;
  dependencies?: { type: string; depends_on_id: string }[];
}

describeWithSharedData('the real beads input', (data) => {
  const beads = path.join(data, 'beads', 'issues.jsonl');
  const lines = () => readFileSync(beads, 'utf8').trimEnd().split('\n');
  const rows = () => lines().map((line) => JSON.parse(line) as Row);

  it('plans every issue exactly once, within all limits', async () => {
    const plan = await readBeads(beads);
    expectStorable(plan);
    expect(plan.namespace).toBe('beads');
    expect(plan.items.map(({ foreign_id }) => foreign_id).sort()).toEqual(
      rows()
        .map(({ id }) => id)
        .sort(),
    );
    expect(plan.items).toHaveLength(141);
    const closed = rows().filter(({ status }) => status === 'closed').length;
    expect(countBy(plan.items, 'status')).toEqual({ completed: closed, planned: 141 - closed });
  });

  it('accounts for every dependency: as parent, as link, or as unresolved', async () => {
    const plan = await readBeads(beads);
    const present = new Set(rows().map(({ id }) => id));
    const all = rows().flatMap(({ dependencies = [] }) => dependencies);
    const inside = all.filter(({ depends_on_id: id }) => present.has(id));
    expect(plan.unresolved).toHaveLength(all.length - inside.length);
    expect(plan.links).toHaveLength(inside.filter(({ type }) => type !== 'parent-child').length);
    expect(plan.items.filter(({ parent_id }) => parent_id !== null)).toHaveLength(
      inside.filter(({ type }) => type === 'parent-child').length,
    );
  });

  it('makes a project of an epic above other issues only, and keeps what has no home', async () => {
    const plan = await readBeads(beads);
    expect(countBy(plan.items, 'item_type')).toEqual({ project: 4, task: 137 });
    const item = itemOf(plan, 'bd-7vk');
    expect(item).toMatchObject({ priority: 2, assignee: 'beads/polecats/quartz', created_by: 'mayor' });
    expect(item.description).toContain('## Notes\n\nImplemented: skip local-first check');
    expect(importedOf(item)).toMatchObject({
      owner: 'someone@example.com',
      close_reason: 'Closed',
      issue_type: 'bug',
    });
  });

  it('does not depend on the order of the lines', async () => {
    const folder = await folderOf({ 'issues.jsonl': lines().reverse().join('\n') });
    expect(await readBeads(folder)).toEqual(await readBeads(beads));
  });
});

interface Task {
  id: number | string;
  status: string;
  dependencies: (number | string)[];
  subtasks?: Task[];
}

describeWithSharedData('the real Task Master input', (data) => {
  const taskMaster = path.join(data, 'task-master', 'tasks.json');
  const tags = () =>
    Object.entries(JSON.parse(readFileSync(taskMaster, 'utf8')) as Record<string, { tasks: Task[] }>);

  it('plans every tag, task and subtask exactly once, within all limits', async () => {
    const plan = await readTaskMaster(taskMaster);
    expectStorable(plan);
    const ids = tags().flatMap(([tag, { tasks }]) => [
      tag,
      ...tasks.flatMap(({ id, subtasks = [] }) => [
        `${tag}/${id}`,
        ...subtasks.map((subtask) => `${tag}/${id}.${subtask.id}`),
      ]),
    ]);
    expect(plan.items.map(({ foreign_id }) => foreign_id)).toEqual(ids);
    expect(countBy(plan.items, 'item_type')).toEqual({ project: 4, task: 214 });
    expect(
      countBy(
        plan.items.filter(({ item_type }) => item_type === 'task'),
        'status',
      ),
    ).toEqual({
      planned: 92,
      active: 1,
      completed: 121,
    });
  });

  it('resolves every dependency inside its tag, sibling or dotted', async () => {
    const plan = await readTaskMaster(taskMaster);
    const expected = tags().flatMap(([tag, { tasks }]) =>
      tasks.flatMap(({ id, dependencies, subtasks = [] }) => [
        ...dependencies.map((to) => `${tag}/${id} depends_on ${tag}/${to}`),
        ...subtasks.flatMap((subtask) =>
          subtask.dependencies.map((to) => {
            const target = String(to).includes('.') ? String(to) : `${id}.${to}`;
            return `${tag}/${id}.${subtask.id} depends_on ${tag}/${target}`;
          }),
        ),
      ]),
    );
    expect(linkTexts(plan).sort()).toEqual(expected.sort());
    expect(plan.unresolved).toEqual([]);
  });

  it('gives the same plan twice', async () => {
    expect(await readTaskMaster(taskMaster)).toEqual(await readTaskMaster(path.dirname(taskMaster)));
  });

  it('reports in plain lines', async () => {
    const report = renderImportReport(await readTaskMaster(taskMaster), OUTCOME);
    expect(report).toContain('Dry run, nothing was changed: 218 items and 240 links from task-master');
    expect(report).toContain('status: pending -> planned, 92');
  });
});
