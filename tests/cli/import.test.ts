import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RecordedChange } from '../../src/domain/change.ts';
import type { DependencyView } from '../../src/domain/dependency.ts';
import type { Note } from '../../src/domain/note.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import type { ImportPlan } from '../../src/importers/import/plan.ts';
import type { ImportResult } from '../../src/importers/import/run.ts';
import type { WorkItemView } from '../../src/use-cases/records/work-items.ts';
import { describeWithPostgres } from '../support/describe-with.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { type CommandLine, commandLine, contentOf } from './command-line.ts';

type Result = ImportResult &
  Omit<ImportPlan, 'items' | 'links'> &
  Partial<Pick<ImportPlan, 'items' | 'links'>>;

const NOTHING = { created: 0, updated: 0, kept_local: 0, links_added: 0, notes_added: 0, links_removed: 0 };

interface Issue {
  id: string;
  title: string;
  issue_type?: string;
  status?: string;
  comments?: object[];
  dependencies?: { issue_id: string; depends_on_id: string; type: string }[];
}

const issue = ({ id, ...rest }: Issue) => ({
  id,
  status: 'open',
  priority: 2,
  issue_type: 'task',
  created_at: '2026-01-02T03:04:05Z',
  created_by: 'grace',
  updated_at: '2026-01-03T03:04:05Z',
  ...rest,
});
const blockedBy = (id: string, blocker: string) => ({ issue_id: id, depends_on_id: blocker, type: 'blocks' });
const childOf = (id: string, parent: string) => ({
  issue_id: id,
  depends_on_id: parent,
  type: 'parent-child',
});

/** An epic with two tasks, the second blocked by the first. */
const EXPORT: Issue[] = [
  { id: 'bd-1', title: 'Epic', issue_type: 'epic' },
  { id: 'bd-2', title: 'First', dependencies: [childOf('bd-2', 'bd-1')] },
  { id: 'bd-3', title: 'Second', dependencies: [childOf('bd-3', 'bd-1'), blockedBy('bd-3', 'bd-2')] },
];

let worktrail: CommandLine;
beforeEach(async () => {
  worktrail = await commandLine();
});

async function writeBeads(issues: Issue[]): Promise<string> {
  const file = path.join(worktrail.project, 'issues.jsonl');
  await writeFile(file, issues.map((each) => JSON.stringify(issue(each))).join('\n'));
  return file;
}

const importBeads = async (issues: Issue[], ...args: string[]) =>
  worktrail.json<Result>('import', 'beads', await writeBeads(issues), ...args);

const items = async () => (await worktrail.json<{ items: WorkItem[] }>('list', '--limit', '100')).items;

async function idOf(title: string): Promise<string> {
  const found = (await items()).find((item) => item.title === title);
  if (found === undefined) throw new Error(`no item is called ${title}`);
  return found.id;
}

const show = async (title: string) => worktrail.json<WorkItemView>('show', await idOf(title));

describe('an import', () => {
  it('makes items with their parents, links, dates and authors', async () => {
    expect(await importBeads(EXPORT)).toMatchObject({
      created: 3,
      links_added: 1,
      dry_run: false,
      remarks: [],
    });
    const second = await show('Second');
    expect(second).toMatchObject({
      parent_id: await idOf('Epic'),
      created_at: '2026-01-02T03:04:05.000Z',
      updated_at: '2026-01-03T03:04:05.000Z',
      created_by: 'grace',
      metadata: { imported: { source: 'beads', id: 'bd-3' } },
      version: 1,
    });
    expect(second.dependencies?.map(({ other }: DependencyView) => other.title)).toEqual(['First']);
    expect((await show('Epic')).children?.map(({ title }) => title).sort()).toEqual(['First', 'Second']);
  });

  it('changes nothing the second time, not even the history', async () => {
    await importBeads(EXPORT);
    const before = await worktrail.text('history', '--json');
    expect(await importBeads(EXPORT)).toMatchObject({ ...NOTHING, unchanged: 3 });
    expect(await worktrail.text('history', '--json')).toBe(before);
  });

  it('knows every link of an item that has more than one answer lists', async () => {
    const blockers = Array.from({ length: 510 }, (_, at): Issue => ({
      id: `bd-${at}`,
      title: `Blocker ${at}`,
    }));
    const dependencies = blockers.map(({ id }) => blockedBy('bd-hub', id));
    const issues = [...blockers, { id: 'bd-hub', title: 'Hub', dependencies }];
    expect(await importBeads(issues)).toMatchObject({ created: 511, links_added: 510 });
    expect(await importBeads(issues)).toMatchObject(NOTHING);
  });

  it('makes notes of comments, each once, with their author and time', async () => {
    const [epic, ...others] = EXPORT as [Issue, ...Issue[]];
    const hello = { id: 1, author: 'ann', text: 'Hello', created_at: '2026-01-04T00:00:00Z' };
    const commented = (...comments: object[]) => [{ ...epic, comments }, ...others];
    expect(await importBeads(commented(hello), '--dry-run')).toMatchObject({ notes_added: 1 });
    expect(await importBeads(commented(hello))).toMatchObject({ created: 3, notes_added: 1 });
    expect(await importBeads(commented(hello))).toMatchObject({ ...NOTHING, unchanged: 3 });
    const id = await idOf('Epic');
    await worktrail.text('update', id, '--title', 'Ours');
    const blank = { id: 3, author: 'ann', text: ' \n', created_at: '2026-01-05T00:00:00Z' };
    const reply = { id: 2, author: null, text: 'And ours', created_at: '2026-01-05T00:00:00Z' };
    // The item is left as it is here; what was said about it is added all the same.
    const again = await importBeads(commented(hello, reply, blank));
    expect(again).toMatchObject({ kept_local: 1, updated: 0, notes_added: 1 });
    const { items: notes } = await worktrail.json<{ items: Note[] }>('note', id, '--list');
    expect(notes.map(({ text, created_by, created_at }) => [text, created_by, created_at])).toEqual([
      ['And ours', 'import:beads', '2026-01-05T00:00:00.000Z'],
      ['Hello', 'ann', '2026-01-04T00:00:00.000Z'],
    ]);
  });

  it('brings what changed in the source up to date', async () => {
    await importBeads(EXPORT);
    const [epic, first, second] = EXPORT as [Issue, Issue, Issue];
    const changed = [
      epic,
      { ...first, title: 'First of all', status: 'closed', dependencies: [] },
      { ...second, dependencies: [childOf('bd-3', 'bd-2')] },
      { id: 'bd-4', title: 'Fourth', dependencies: [childOf('bd-4', 'bd-1'), blockedBy('bd-4', 'bd-2')] },
    ];
    expect(await importBeads(changed)).toMatchObject({
      created: 1,
      updated: 2,
      unchanged: 1,
      kept_local: 0,
      links_added: 1,
      links_removed: 1,
    });
    expect((await show('Second')).dependencies).toEqual([]);
    expect(await show('First of all')).toMatchObject({ status: 'completed', parent_id: null, version: 2 });
    expect(await show('Second')).toMatchObject({ parent_id: await idOf('First of all') });
    expect(await importBeads(changed)).toMatchObject({ ...NOTHING, unchanged: 4 });
    // An item that only imports have touched is still theirs.
    expect(await importBeads(EXPORT)).toMatchObject({ updated: 2, kept_local: 0, links_added: 1 });
  });

  it('says that a type changed in the source, for types never change here', async () => {
    await importBeads([{ id: 'bd-1', title: 'Epic', issue_type: 'epic' }]);
    expect(await importBeads(EXPORT)).toMatchObject({
      created: 2,
      updated: 1,
      remarks: [{ foreign_id: 'bd-1', message: expect.stringContaining('stays a task') as string }],
    });
    expect(await importBeads(EXPORT)).toMatchObject({ ...NOTHING, unchanged: 3, remarks: [] });
  });

  it('keeps what was changed here, and says so', async () => {
    await importBeads(EXPORT);
    await worktrail.text('update', await idOf('First'), '--priority', '1');
    expect(await importBeads(EXPORT)).toMatchObject({ ...NOTHING, unchanged: 3 });
    const changed = EXPORT.map((each) => ({ ...each, title: `${each.title}!` }));
    const result = await importBeads(changed, '--dry-run');
    expect(result).toMatchObject({ created: 0, updated: 2, kept_local: 1, dry_run: true });
    expect(await importBeads(changed)).toMatchObject({
      updated: 2,
      kept_local: 1,
      remarks: [{ foreign_id: 'bd-2', message: expect.stringContaining('left as it is here') as string }],
    });
    expect(await show('First')).toMatchObject({ priority: 1 });
    const text = await worktrail.text('import', 'beads', await writeBeads(changed));
    expect(text).toContain('1 changed here since the last import');
    expect(text).toContain('Kept as it is here: 1\n  bd-2 "First!": changed in the source and here');
  });

  it('knows a link in either spelling and leaves one that was removed here removed', async () => {
    const [epic, first, second] = EXPORT as [Issue, Issue, Issue];
    await importBeads([epic, first, { ...second, dependencies: [childOf('bd-3', 'bd-1')] }]);
    await linkByTool('First', 'blocks', 'Second');
    expect(await importBeads(EXPORT)).toMatchObject({ links_added: 0 });
    await linkByTool('First', 'blocks', 'Second', { remove: true });
    const { links_added, remarks } = await importBeads(EXPORT);
    expect(links_added).toBe(0);
    expect(remarks).toMatchObject([
      { foreign_id: 'bd-3', message: '"depends_on bd-2" was removed here and was not added again' },
    ]);
    expect((await show('Second')).dependencies).toEqual([]);
  });

  it('leaves links alone that were made here', async () => {
    await importBeads(EXPORT);
    await linkByTool('First', 'relates_to', 'Second');
    const changed = EXPORT.map((each) => ({ ...each, title: `${each.title}!` }));
    expect(await importBeads(changed)).toMatchObject({ updated: 3, links_added: 0, links_removed: 0 });
    expect((await show('Second!')).dependencies).toHaveLength(2);
  });

  it('is refused as a whole when a link would close a cycle with links made here', async () => {
    const [epic, first, second] = EXPORT as [Issue, Issue, Issue];
    await importBeads([epic, first, { ...second, dependencies: [childOf('bd-3', 'bd-1')] }]);
    await linkByTool('Second', 'blocks', 'First');
    const before = await worktrail.text('history', '--json');
    const file = await writeBeads([...EXPORT, { id: 'bd-4', title: 'Fourth' }]);
    const error = await worktrail.failure(2, 'import', 'beads', file);
    expect(error.error).toBe('ValidationError');
    expect(error.message).toMatch(/^Nothing was imported.*would close a cycle: .*"First".*"Second"/);
    expect(await worktrail.text('history', '--json')).toBe(before);
  });

  it('puts a new item below the nearest parent that was not deleted here', async () => {
    await importBeads(EXPORT);
    await worktrail.text('update', await idOf('Second'), '--delete');
    const under = [...EXPORT, { id: 'bd-4', title: 'Fourth', dependencies: [childOf('bd-4', 'bd-3')] }];
    expect(await importBeads(under)).toMatchObject({
      created: 1,
      remarks: [{ foreign_id: 'bd-4', message: expect.stringContaining('stands below "Epic"') as string }],
    });
    expect(await show('Fourth')).toMatchObject({ parent_id: await idOf('Epic') });
  });

  it('keeps two imports of one kind apart by their namespace', async () => {
    await importBeads(EXPORT);
    expect(await importBeads(EXPORT, '--namespace', 'other')).toMatchObject({
      created: 3,
      namespace: 'other',
    });
    expect(await importBeads(EXPORT, '--namespace', 'other')).toMatchObject({ ...NOTHING, unchanged: 3 });
  });

  it('is in the history under its own client', async () => {
    await importBeads(EXPORT);
    const { items: changes } = await worktrail.json<{ items: RecordedChange[] }>('history');
    expect(changes.map(({ client }) => client)).toEqual(['import', 'import', 'import', 'import']);
  });

  it.each([
    [['beads', 'nothing-here.jsonl'], 'path'],
    [['jira', '.'], 'source'],
    [['beads', 'issues.jsonl', '--namespace', ' '], 'namespace'],
  ])('of %j ends with 2 and names what is wrong', async (args, field) => {
    await writeBeads(EXPORT);
    const error = await worktrail.failure(2, 'import', ...args);
    expect(error).toMatchObject({ error: 'ValidationError', details: { field } });
    expect(existsSync(path.join(worktrail.project, '.worktrail'))).toBe(false);
  });
});

describe('a dry run', () => {
  it('shows the plan and makes no store', async () => {
    const file = await writeBeads(EXPORT);
    const before = await contentOf(worktrail.project);
    expect(await worktrail.text('import', 'beads', file, '--dry-run')).toMatch(
      /^Dry run, nothing was changed: 3 items and 1 links from beads.*\n {2}3 created, .* 1 links added/,
    );
    const result = await importBeads(EXPORT, '--dry-run');
    expect(result).toMatchObject({ created: 3, links_added: 1, dry_run: true });
    expect(result.items?.map(({ title }) => title)).toEqual(['Epic', 'First', 'Second']);
    expect(result.links).toHaveLength(1);
    expect(await contentOf(worktrail.project)).toEqual(before);
  });

  it('compares with what is there and writes nothing', async () => {
    await importBeads(EXPORT);
    const more = await writeBeads([
      ...EXPORT,
      { id: 'bd-4', title: 'Fourth', dependencies: [blockedBy('bd-4', 'bd-2')] },
    ]);
    const before = await contentOf(worktrail.project);
    expect(await worktrail.json('import', 'beads', more, '--dry-run')).toMatchObject({
      created: 1,
      unchanged: 3,
      links_added: 1,
    });
    expect(await contentOf(worktrail.project)).toEqual(before);
  });
});

describe('every source', () => {
  it('is imported once, however often it is asked for', async () => {
    const tasks = path.join(worktrail.project, 'backlog', 'tasks');
    await mkdir(tasks, { recursive: true });
    const task = (id: number, more: string) =>
      writeFile(
        path.join(tasks, `task-${id} - Something.md`),
        `---\nid: task-${id}\ntitle: Task ${id}\nstatus: To Do\ncreated_date: '2026-01-02'\n${more}---\n\nBody\n`,
      );
    await task(1, 'priority: high\nlabels: [cli]\n');
    await task(2, 'dependencies: [task-1]\n');
    const tagged = {
      main: {
        tasks: [
          { id: 1, title: 'One', status: 'done', subtasks: [{ id: 1, title: 'Sub', status: 'pending' }] },
          { id: 2, title: 'Two', status: 'pending', dependencies: [1] },
        ],
      },
    };
    await writeFile(path.join(worktrail.project, 'tasks.json'), JSON.stringify(tagged));
    const sources = [
      { args: ['backlog-md', 'backlog'], created: 2, links: 1 },
      { args: ['task-master', 'tasks.json'], created: 4, links: 1 },
      { args: ['beads', await writeBeads(EXPORT)], created: 3, links: 1 },
    ];
    for (const { args, created, links } of sources) {
      expect(await worktrail.json('import', ...args), args[0]).toMatchObject({ created, links_added: links });
    }
    for (const { args, created } of sources) {
      expect(await worktrail.json('import', ...args)).toMatchObject({ ...NOTHING, unchanged: created });
    }
    expect(await worktrail.json('list')).toMatchObject({ total_count: 9 });
    expect(await worktrail.json('list', '--label', 'cli')).toMatchObject({ total_count: 1 });
  });
});

describeWithSharedData('the real inputs', (folder) => {
  const SOURCES = [
    ['backlog-md', path.join(folder, 'backlog-md')],
    ['beads', path.join(folder, 'beads', 'issues.jsonl')],
    ['task-master', path.join(folder, 'task-master', 'tasks.json')],
  ] as const;

  it('are imported together, and again without any change', async () => {
    let total = 0;
    for (const [source, file] of SOURCES) {
      const planned = await worktrail.json<Result>('import', source, file, '--dry-run');
      const done = await worktrail.json<Result>('import', source, file);
      expect(done).toMatchObject({
        created: planned.items?.length,
        links_added: planned.links?.length,
        updated: 0,
        unchanged: 0,
        kept_local: 0,
        remarks: [],
      });
      total += done.created;
    }
    expect(await worktrail.json('list')).toMatchObject({ total_count: total });
    const before = await worktrail.text('history', '--json');
    for (const [source, file] of SOURCES) {
      expect(await worktrail.json('import', source, file)).toMatchObject(NOTHING);
    }
    expect(await worktrail.text('history', '--json')).toBe(before);
    expect((await worktrail.run(['doctor'])).code).toBe(0);
  });
});

describeWithPostgres('on PostgreSQL', (server) => {
  it('an import is the same, and a dry run makes no schema', async () => {
    const database = ['--database', await server.createDatabase()];
    for (let time = 0; time < 2; time += 1) {
      expect(await importBeads(EXPORT, '--dry-run', ...database)).toMatchObject({
        created: 3,
        data_source: 'postgres',
      });
    }
    expect(await worktrail.text('doctor', ...database)).toContain('the first use makes it');
    expect(await importBeads(EXPORT, ...database)).toMatchObject({ created: 3, links_added: 1 });
    expect(await importBeads(EXPORT, ...database)).toMatchObject({ ...NOTHING, unchanged: 3 });
  });
});

/** The command line has no command for links yet: they are made as another client would, over MCP. */
async function linkByTool(
  source: string,
  type: string,
  target: string,
  more: { remove?: true } = {},
): Promise<void> {
  const { linkWorkItems } = await import('../../src/use-cases/records/work-items.ts');
  const { openApp } = await import('../../src/app.ts');
  const { readConfig } = await import('../../src/config/config.ts');
  const [source_id, target_id] = [await idOf(source), await idOf(target)];
  const app = await openApp(
    readConfig({ project: worktrail.project }, {}, worktrail.project),
    () => undefined,
  );
  try {
    const input = { source_id, target_id, dependency_type: type as 'blocks', remove: more.remove === true };
    const bare = (id: string) => id.replaceAll('-', '');
    await linkWorkItems.run(
      app.context,
      { actor: 'ada', person: 'ada', client: 'test', session: 'ada' },
      { ...input, source_id: bare(source_id), target_id: bare(target_id) },
    );
  } finally {
    await app.close();
  }
}
