import { symlink, truncate } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBacklogMd } from '../../src/importers/backlog-md/backlog-md.ts';
import {
  readAcceptanceCriteria,
  readComments,
  readTaskFile,
} from '../../src/importers/import/backlog-markdown.ts';
import { expectStorable, folderOf, importedOf, itemOf, linkTexts, noteCodes } from './plan-checks.ts';

const task = (frontmatter: string, body = '') => `---\n${frontmatter}\n---\n${body}`;

describe('a Backlog.md folder', () => {
  it('resolves ids whatever their prefix, case and padding', async () => {
    const folder = await folderOf({
      'config.yml': 'project_name: "Shop"\ntask_prefix: "back"\n',
      'tasks/a.md': task('id: BACK-24\ntitle: Parent'),
      'tasks/b.md': task('id: BACK-24.02\ntitle: Child\nparent_task_id: task-24'),
      'tasks/c.md': task('id: back-3\ntitle: Third\ndependencies: [task-24.2, "BACK-024.02", 24]'),
    });
    const plan = await readBacklogMd(folder);
    expectStorable(plan);
    expect(plan.namespace).toBe('backlog-md');
    expect(itemOf(plan, 'BACK-24.02').parent_id).toBe(itemOf(plan, 'BACK-24').id);
    expect(linkTexts(plan)).toEqual(['back-3 depends_on BACK-24', 'back-3 depends_on BACK-24.02']);
    expect(plan.unresolved).toEqual([]);
  });

  it('keeps the ids of its items when the project changes the spelling of its own', async () => {
    const config = 'task_prefix: back\n';
    const before = await readBacklogMd(
      await folderOf({ 'config.yml': config, 'tasks/a.md': task('id: task-7\ntitle: T') }),
    );
    const after = await readBacklogMd(
      await folderOf({ 'config.yml': config, 'tasks/a.md': task('id: BACK-7\ntitle: T') }),
    );
    const hashes = [before, after].map(({ items }) => items.map((item) => importedOf(item)['hash']));
    expect(after.items.map(({ id }) => id)).toEqual(before.items.map(({ id }) => id));
    expect(hashes[0]).toHaveLength(1);
    expect(hashes[1]).not.toEqual(hashes[0]);
  });

  it('finds old references by number alone without a configured prefix', async () => {
    const folder = await folderOf({
      'tasks/a.md': task('id: BACK-1\ntitle: One'),
      'tasks/b.md': task('id: BACK-2\ntitle: Two\ndependencies: [task-1, task-9]'),
    });
    const plan = await readBacklogMd(folder);
    expect(plan.namespace).toBe('backlog-md');
    expect(linkTexts(plan)).toEqual(['BACK-2 depends_on BACK-1']);
    expect(plan.unresolved.map(({ reference }) => reference)).toEqual(['task-9']);
  });

  it('skips what it does not understand, with the line, and imports the rest', async () => {
    const folder = await folderOf({
      'tasks/a.md': task('id: task-1\ntitle: Good'),
      'tasks/b.md': task('id: task-2\ntitle: [unclosed'),
      'tasks/c.md': task('id: task-3\nid: task-4'),
      'tasks/d.md': task('id: &a task-5\ntitle: *a'),
      'tasks/e.md': 'no frontmatter',
      'tasks/f.md': task('title: Nameless'),
      'tasks/g.txt': 'other',
      'tasks/h.md': '---\nid: task-9\n',
      'docs/guide.md': '# Guide',
    });
    const plan = await readBacklogMd(folder);
    expect(plan.items.map(({ foreign_id }) => foreign_id)).toEqual(['task-1']);
    expect(plan.skipped.map(({ file, line }) => [file, line])).toEqual([
      ['docs/', undefined],
      ['tasks/b.md', 4],
      ['tasks/c.md', 3],
      ['tasks/d.md', 3],
      ['tasks/e.md', 1],
      ['tasks/f.md', 2],
      ['tasks/g.txt', undefined],
      ['tasks/h.md', 1],
    ]);
  });

  it('executes nothing and pollutes no prototype', async () => {
    const folder = await folderOf({
      'tasks/a.md': task(
        'id: task-1\ntitle: !!js/function "function () { throw 1 }"\n__proto__: {polluted: true}',
      ),
      'tasks/b.md': '---js\n{ id: process.exit(3) }\n---\n',
    });
    const plan = await readBacklogMd(folder);
    expectStorable(plan);
    expect(itemOf(plan, 'task-1').title).toBe('function () { throw 1 }');
    expect(importedOf(itemOf(plan, 'task-1'))['proto']).toEqual({ polluted: true });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(plan.skipped).toHaveLength(1);
  });

  it('does not follow a symbolic link out of the folder', async () => {
    const outside = await folderOf({ 'secret.md': task('id: task-66\ntitle: Secret') });
    const folder = await folderOf({ 'tasks/a.md': task('id: task-1\ntitle: Mine') });
    await symlink(path.join(outside, 'secret.md'), path.join(folder, 'tasks/b.md'));
    await symlink(outside, path.join(folder, 'completed'));
    const plan = await readBacklogMd(folder);
    expect(plan.items).toHaveLength(1);
    expect(plan.skipped.map(({ file }) => file)).toEqual(['completed/', 'tasks/b.md']);
  });

  it('refuses a single file over 64 MiB and imports the rest', async () => {
    const folder = await folderOf({ 'tasks/a.md': task('id: task-1\ntitle: Mine'), 'tasks/big.md': '---\n' });
    await truncate(path.join(folder, 'tasks/big.md'), 64 * 1024 * 1024 + 1);
    const plan = await readBacklogMd(folder);
    expect(plan.items).toHaveLength(1);
    expect(plan.skipped).toMatchObject([
      { file: 'tasks/big.md', reason: expect.stringContaining('64 MiB') as string },
    ]);
  });

  it('keeps both of two tasks that claim one id, the live one under it', async () => {
    const folder = await folderOf({
      'completed/a.md': task('id: task-1\ntitle: Old'),
      'tasks/z.md': task('id: task-1\ntitle: Live'),
      'archive/tasks/same.md': task('id: task-1\ntitle: Old'),
      'tasks/b.md': task('id: task-2\ntitle: Other\ndependencies: task-1'),
    });
    const plan = await readBacklogMd(folder);
    expectStorable(plan);
    expect(plan.items.map(({ foreign_id, title }) => [foreign_id, title])).toEqual([
      ['task-1', 'Live'],
      ['task-1~2', 'Old'],
      ['task-2', 'Other'],
    ]);
    expect(linkTexts(plan)).toEqual(['task-2 depends_on task-1']);
    expect(noteCodes(plan)).toContain('duplicate_id');
    expect(plan.skipped.map(({ file }) => file)).toEqual(['archive/tasks/same.md']);
  });

  it('maps drafts, archived tasks and configured statuses', async () => {
    const folder = await folderOf({
      'config.yml': 'statuses: ["Someday", "Cooking", "Review", "Eaten"]',
      'tasks/a.md': task('id: task-1\ntitle: A\nstatus: Cooking'),
      'tasks/b.md': task('id: task-2\ntitle: B\nstatus: Eaten'),
      'tasks/c.md': task('id: task-3\ntitle: C\nstatus: Zzz'),
      'drafts/d.md': task('id: draft-1\ntitle: D\nstatus: Draft'),
      'archive/tasks/e.md': task('id: task-5\ntitle: E\nstatus: To Do'),
    });
    const plan = await readBacklogMd(folder);
    expectStorable(plan);
    expect(plan.items.map(({ foreign_id, status }) => [foreign_id, status])).toEqual([
      ['draft-1', 'planned'],
      ['task-1', 'active'],
      ['task-2', 'completed'],
      ['task-3', 'planned'],
      ['task-5', 'cancelled'],
    ]);
    expect(importedOf(itemOf(plan, 'task-3'))['status']).toBe('Zzz');
    expect(noteCodes(plan)).toContain('status_unknown');
  });

  it('falls back from date to date and says when there is none', async () => {
    const folder = await folderOf({
      'tasks/a.md': task("id: task-1\ntitle: A\nupdated_date: '2025-09-06 21:22'"),
      'tasks/b.md': task('id: task-2\ntitle: B\ncreated_date: 2025-02-30\nstatus: Done'),
      'tasks/c.md': task('id: task-3\ntitle: C\ncreated_date: 23-07-25\ncompleted_date: 2025-08-01'),
    });
    const plan = await readBacklogMd(folder);
    expectStorable(plan);
    expect(itemOf(plan, 'task-1')).toMatchObject({
      created_at: '2025-09-06T21:22:00.000Z',
      completed_at: null,
    });
    expect(itemOf(plan, 'task-2')).toMatchObject({ completed_at: '1970-01-01T00:00:00.000Z' });
    expect(importedOf(itemOf(plan, 'task-2'))['created_date']).toBe('2025-02-30');
    expect(itemOf(plan, 'task-3')).toMatchObject({
      created_at: '2025-07-23T00:00:00.000Z',
      completed_at: null,
    });
    expect(importedOf(itemOf(plan, 'task-3'))['completed_date']).toBe('2025-08-01');
    expect(noteCodes(plan)).toEqual(expect.arrayContaining(['date_missing', 'date_unreadable']));
  });

  it('does not depend on the order in which files were written', async () => {
    const files = Object.entries({
      'tasks/x.md': task('id: task-1\ntitle: A\ndependencies: [task-2]'),
      'completed/y.md': task('id: task-2\ntitle: B\ndependencies: [task-3]'),
      'tasks/a.md': task('id: task-3\ntitle: C\ndependencies: [task-1]'),
    });
    const plan = await readBacklogMd(await folderOf(Object.fromEntries(files)));
    expect(await readBacklogMd(await folderOf(Object.fromEntries(files.reverse())))).toEqual(plan);
    expect(linkTexts(plan)).toEqual([
      'task-1 depends_on task-2',
      'task-2 depends_on task-3',
      'task-3 relates_to task-1',
    ]);
    expect(plan.notes.find(({ code }) => code === 'dependency_cycle')?.message).toContain(
      'task-1 -> task-2 -> task-3 -> task-1',
    );
  });

  it.each([
    ['a path that does not exist', 'nowhere', 'does not exist'],
    ['a file', 'file.md', 'is a file'],
    ['a folder of something else', 'other', 'without tasks'],
    ['a folder whose tasks are empty', 'empty', 'holds no task'],
  ])('refuses %s', async (_what, name, constraint) => {
    const folder = await folderOf({ 'file.md': 'x', 'other/readme.md': 'x', 'empty/tasks/.gitkeep': '' });
    await expect(readBacklogMd(path.join(folder, name))).rejects.toMatchObject({
      code: 'ValidationError',
      details: { field: 'path', constraint: expect.stringContaining(constraint) as string },
    });
  });
});

describe('a task file', () => {
  it('reads Windows line ends and numbers that are no numbers', () => {
    const read = readTaskFile('---\r\nid: 1.10\r\ntitle: "x"\r\nordinal: 3000\r\n---\r\nBody\r\n');
    expect(read).toMatchObject({
      frontmatter: { id: '1.10', ordinal: 3000 },
      body: 'Body\r\n',
      repaired: false,
    });
  });

  it('reads what people write bare', () => {
    const read = readTaskFile(
      '---\nid: task-1\ntitle: Fix: the thing\nassignee: [@a, @b]\nlabels:\n  - @c\n---\n',
    );
    expect(read).toMatchObject({
      frontmatter: { title: 'Fix: the thing', assignee: ['@a', '@b'], labels: ['@c'] },
      repaired: true,
    });
  });

  it('finds criteria in their section only, not in code', () => {
    const body =
      '## Acceptance Criteria\n<!-- AC:BEGIN -->\n- [x] #1 First\n      goes on\n- [ ] #2 Second\n```\n- [x] no\n```\n<!-- AC:END -->\n\n## Definition of Done\n- [x] #1 Not this\n';
    expect(readAcceptanceCriteria(body)).toEqual([
      { text: 'First goes on', done: true },
      { text: 'Second', done: false },
    ]);
  });

  it('keeps a fence open at a fence with an info string inside of it', () => {
    const body =
      '## Acceptance Criteria\n- [x] First\n```md\n```js\n- [ ] code\n```\n- [ ] Second\n````\n```\n- [ ] code\n````\n- [x] Third\n';
    expect(readAcceptanceCriteria(body)).toEqual([
      { text: 'First', done: true },
      { text: 'Second', done: false },
      { text: 'Third', done: true },
    ]);
  });

  it.each([
    [
      'comments without an end',
      `<!-- COMMENTS:BEGIN -->\n${'author: a\n---\nq\n'.repeat(100_000)}<!-- COMMENTS:END -->`,
    ],
    ['markers without an end', '<!-- COMMENTS:BEGIN -->\n'.repeat(100_000)],
    ['lines of blanks', `# ${' '.repeat(1_000_000)}x\n- [x] ${' '.repeat(1_000_000)}`],
    ['frontmatter of blanks', `---\ntitle: @a${' '.repeat(500_000)}b\n`],
    ['deep frontmatter', `---\ntitle: ${'['.repeat(100_000)}\n`],
  ])('takes linear time for %s', (_what, text) => {
    const begun = performance.now();
    readTaskFile(`${text}\n---\n`);
    readAcceptanceCriteria(text);
    readComments(text);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('finds comments, also with a ruler inside', () => {
    const body =
      '<!-- COMMENTS:BEGIN -->\nauthor: @a\ncreated: 2026-07-09 22:13\n---\nOne\n\n---\n\nstill one\n---\n\nauthor: @b\ncreated: 2026-07-10\n---\nTwo\n---\n<!-- COMMENTS:END -->\n';
    expect(readComments(body)).toEqual([
      { author: '@a', created: '2026-07-09 22:13', text: 'One\n\n---\n\nstill one' },
      { author: '@b', created: '2026-07-10', text: 'Two' },
    ]);
  });
});
