import { describe, expect, it } from 'vitest';
import type { RecordedChange } from '../../src/domain/change.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import type { WorkItemView } from '../../src/use-cases/records/work-items.ts';
import { commandLine, type CommandLine } from './command-line.ts';

interface List {
  items: WorkItem[];
  total_count: number;
  next_cursor: string | null;
}

const create = (worktrail: CommandLine, title: string, ...args: string[]) =>
  worktrail.json<WorkItem>('create', title, ...args);

describe('create', () => {
  it('makes an item with every field', async () => {
    const worktrail = await commandLine();
    const parent = await create(worktrail, 'The parser', '--type', 'project');
    const commit = 'a'.repeat(40);
    const item = await worktrail.json<WorkItem & { data_source: string }>(
      ...['create', 'Read dates', '--type', 'task', '--parent', parent.id.slice(0, 8), '--status', 'planned'],
      ...['--priority', '2', '--label', 'parser', '--label', 'bug', '--assignee', 'ada'],
      ...['--description', '- with a zone', '--metadata', '{"estimated_hours": 3}', '--branch', 'dates'],
      ...['--commit', commit, '--pr', '12', '--key', 'dates-1'],
    );
    expect(item).toMatchObject({
      item_type: 'task',
      title: 'Read dates',
      parent_id: parent.id,
      status: 'planned',
      priority: 2,
      labels: ['parser', 'bug'],
      assignee: 'ada',
      description: '- with a zone',
      metadata: { estimated_hours: 3 },
      branch_name: 'dates',
      commit_hash: commit,
      pr_number: 12,
      version: 1,
      data_source: 'sqlite',
    });
    expect(item.created_by).not.toBe('');
  });

  it('tells a person the short id, makes a task by default, and repeats nothing with a key', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.text('create', 'Once', '--key', 'k')).toMatch(
      /^Created task [0-9a-f]{8}: Once\n$/,
    );
    expect(await worktrail.text('create', 'Once', '--key', 'k')).toMatch(
      /^Created by an earlier call .*: Once\n$/,
    );
    expect((await worktrail.json<List>('list')).total_count).toBe(1);
  });

  it('warns about an unknown metadata key and keeps it', async () => {
    const worktrail = await commandLine();
    const args = ['create', 'A', '--metadata', '{"estimated_hour": 1}'];
    const { code, stdout, stderr } = await worktrail.run(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Created/);
    expect(stderr).toContain('warning: "estimated_hour" is not a known metadata key');
    expect(await worktrail.json(...args)).toMatchObject({ warnings: [{ code: 'unknown_metadata_key' }] });
  });

  it.each([
    [['--priority', '9'], 'priority'],
    [['--priority', 'high'], 'priority'],
    [['--type', 'epic'], 'item_type'],
    [['--metadata', '{'], 'metadata'],
    [['--parent', 'xyz'], 'parent_id'],
  ])('refuses %j and names the field', async (args, field) => {
    const worktrail = await commandLine();
    const error = await worktrail.failure(2, 'create', 'A', ...args);
    expect(error).toMatchObject({ error: 'ValidationError', details: { field } });
  });
});

describe('list', () => {
  it('filters, sorts and pages', async () => {
    const worktrail = await commandLine();
    const parent = await create(worktrail, 'C parent', '--type', 'project');
    await create(worktrail, 'A child', '--parent', parent.id, '--label', 'x', '--assignee', 'ada');
    await create(
      worktrail,
      'B child',
      '--parent',
      parent.id,
      '--status',
      'completed',
      '--description',
      'needle',
    );
    const titles = async (...args: string[]) =>
      (await worktrail.json<List>('list', ...args)).items.map(({ title }) => title);
    expect(await titles()).toEqual(['B child', 'A child', 'C parent']);
    expect(await titles('--sort', 'title')).toEqual(['A child', 'B child', 'C parent']);
    expect(await titles('--type', 'project')).toEqual(['C parent']);
    expect(await titles('--status', 'completed')).toEqual(['B child']);
    expect(await titles('--parent', 'root')).toEqual(['C parent']);
    expect(await titles('--parent', parent.id.slice(0, 8))).toEqual(['B child', 'A child']);
    expect(await titles('--assignee', 'ada')).toEqual(['A child']);
    expect(await titles('--label', 'x')).toEqual(['A child']);
    expect(await titles('--text', 'NEEDLE')).toEqual(['B child']);
    expect(await titles('--ready')).toEqual(['A child']);
    expect(await titles('--archived')).toEqual([]);
    expect(await titles('--offset', '2')).toEqual(['C parent']);

    const page = await worktrail.json<List>('list', '--limit', '2');
    expect(page).toMatchObject({ total_count: 3, next_cursor: expect.any(String) as string });
    expect(await titles('--limit', '2', '--cursor', page.next_cursor ?? '')).toEqual(['C parent']);
    expect(await worktrail.text('list', '--limit', '2')).toContain(
      `2 of 3 work items; the next page: --cursor ${page.next_cursor}`,
    );
  });

  it('is an aligned table with short ids', async () => {
    const worktrail = await commandLine();
    const item = await create(worktrail, 'Read dates');
    await create(worktrail, '日本語のタイトル', '--type', 'research');
    const lines = (await worktrail.text('list')).split('\n');
    expect(lines[0]).toMatch(/^ID {8}TYPE {6}STATUS {2}P {2}TITLE {13}UPDATED \(UTC\)$/);
    expect(lines[1]).toMatch(/^[0-9a-f]{8} {2}research {2}active {2}3 {2}日本語のタイトル {2}\d{4}-/);
    expect(lines[2]).toContain(`${item.id.slice(0, 8)}  task      active  3  Read dates        2`);
  });

  it('says when nothing matches', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.text('list')).toBe('No work items match.\n');
    await create(worktrail, 'A');
    expect(await worktrail.text('list', '--offset', '1')).toBe('No work items on this page.\n');
  });
});

describe('show', () => {
  it('shows an item with ancestors, children and description', async () => {
    const worktrail = await commandLine();
    const root = await create(worktrail, 'Root', '--type', 'project');
    const item = await create(worktrail, 'Middle', '--parent', root.id, '--description', 'One\nTwo');
    const child = await create(
      worktrail,
      'Leaf',
      '--parent',
      item.id,
      '--metadata',
      '{"estimated_hours": 2}',
    );
    const text = await worktrail.text('show', item.id.slice(0, 8));
    expect(text).toContain(
      `${root.id.slice(0, 8)} Root >\n${item.id.slice(0, 8)}  Middle\ntask, active, priority 3, version 1, ${item.id}\n`,
    );
    expect(text).toContain('Description\n  > One\n  > Two\n');
    expect(text).toContain(`Children\n  ${child.id.slice(0, 8)}  task  active  Leaf\n`);
    expect(await worktrail.text('show', child.id)).toContain('Metadata\n  estimated_hours: 2\n');

    const view = await worktrail.json<WorkItemView>('show', root.id, '--depth', '1');
    expect(view.children?.map(({ title }) => title)).toEqual(['Middle']);
    expect(view.children_cut).toBeDefined();
    expect(await worktrail.text('show', root.id, '--depth', '1')).toContain('Middle (1 more below)');
  });

  it('ends with 1 for an id that is not there', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.failure(1, 'show', 'abcdef')).toMatchObject({ error: 'NotFoundError' });
  });

  it('ends with 2 for what cannot be an id', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.failure(2, 'show', 'abc')).toMatchObject({ error: 'ValidationError' });
  });
});

describe('update', () => {
  it('changes what is named, based on what is there now', async () => {
    const worktrail = await commandLine();
    const { id } = await create(worktrail, 'A', '--assignee', 'ada', '--label', 'x', '--branch', 'b');
    expect(await worktrail.text('update', id, '--status', 'blocked')).toBe(
      `Updated task ${id.slice(0, 8)} to version 2: A\n`,
    );
    const item = await worktrail.json<WorkItem>(
      ...[
        'update',
        id.slice(0, 8),
        '--title',
        'B',
        '--clear',
        'assignee',
        '--clear',
        'branch_name',
        '--label',
        'y',
      ],
      ...['--metadata', '{"blocked_reason": "waits"}', '--priority', '1', '--pr', '7'],
    );
    expect(item).toMatchObject({
      version: 3,
      title: 'B',
      status: 'blocked',
      assignee: null,
      branch_name: null,
      labels: ['y'],
      metadata: { blocked_reason: 'waits' },
      priority: 1,
      pr_number: 7,
    });
    expect(
      await worktrail.json('update', id, '--metadata', '{"blocked_reason": null}', '--clear', 'label'),
    ).toMatchObject({
      metadata: {},
      labels: [],
    });
  });

  it('refuses a stale version with 1, and merges disjoint fields when asked', async () => {
    const worktrail = await commandLine();
    const { id } = await create(worktrail, 'A');
    await worktrail.text('update', id, '--if-version', '1', '--status', 'blocked');
    const error = await worktrail.failure(1, 'update', id, '--if-version', '1', '--title', 'B');
    expect(error).toMatchObject({
      error: 'VersionConflictError',
      details: { expected_version: 1, current_version: 2, mergeable: true },
    });
    expect(await worktrail.text('update', id, '--if-version', '1', '--title', 'B', '--merge')).toContain(
      'to version 3: B (merged with version 2)',
    );
  });

  it('moves, deletes with everything below, and restores', async () => {
    const worktrail = await commandLine();
    const parent = await create(worktrail, 'Parent');
    const child = await create(worktrail, 'Child');
    expect(await worktrail.json('update', child.id, '--parent', parent.id)).toMatchObject({
      parent_id: parent.id,
    });
    expect(await worktrail.failure(2, 'update', parent.id, '--delete')).toMatchObject({
      error: 'ValidationError',
      details: { field: 'deleted_at' },
    });
    await worktrail.text('update', parent.id, '--delete', '--cascade');
    expect(await worktrail.text('list')).toBe('No work items match.\n');
    expect(await worktrail.text('list', '--deleted')).toContain('active, deleted');
    expect(await worktrail.text('show', child.id)).toMatch(/^Deleted 2/m);
    await worktrail.text('update', parent.id, '--restore', '--cascade');
    expect((await worktrail.json<List>('list')).total_count).toBe(2);
    expect(await worktrail.json('update', child.id, '--parent', 'root')).toMatchObject({ parent_id: null });
  });

  it.each([
    [[], 'arguments'],
    [['--clear', 'title'], 'clear'],
    [['--clear', 'assignee', '--assignee', 'ada'], 'clear'],
    [['--delete', '--restore'], 'delete'],
    [['--status', 'done'], 'status'],
    [['--title', 'B', '--key', 'k'], 'version'],
  ])('refuses %j and names the field', async (args, field) => {
    const worktrail = await commandLine();
    const { id } = await create(worktrail, 'A', '--assignee', 'bob');
    expect(await worktrail.failure(2, 'update', id, ...args)).toMatchObject({ details: { field } });
    expect(await worktrail.json('show', id)).toMatchObject({ version: 1, assignee: 'bob' });
  });
});

describe('history', () => {
  it('tells who changed what from what to what', async () => {
    const worktrail = await commandLine();
    const { id } = await create(worktrail, 'A');
    const other = await create(worktrail, 'Other');
    await worktrail.text('update', id, '--status', 'blocked');
    const text = await worktrail.text('history', id.slice(0, 8));
    expect(text).toMatch(
      /^#3 {2}.* UTC {2}.+ \(cli, session \S+\) {2}update work item [0-9a-f]{8} v2 A\n {4}status: active → blocked\n/,
    );
    expect(text).toContain('2 of 2 changes; the feed stands at 3');

    const { items, latest_seq } = await worktrail.json<{ items: RecordedChange[]; latest_seq: number }>(
      'history',
      '--since',
      '1',
    );
    expect(items.map(({ seq, entity_id, client }) => [seq, entity_id, client])).toEqual([
      [2, other.id, 'cli'],
      [3, id, 'cli'],
    ]);
    expect(latest_seq).toBe(3);
    expect((await worktrail.json<List>('history', '--limit', '1')).next_cursor).not.toBeNull();
    expect((await worktrail.json<List>('history', '--actor', 'nobody')).total_count).toBe(0);
    expect((await worktrail.json<List>('history', '--to', '2020-01-01T00:00:00Z')).total_count).toBe(0);
    expect((await worktrail.json<List>('history', '--entity', 'vendor')).total_count).toBe(0);
    expect(await worktrail.failure(1, 'history', '--vendor', 'nobody')).toMatchObject({
      error: 'NotFoundError',
    });
    expect(await worktrail.failure(2, 'history', '--from', 'yesterday')).toMatchObject({
      details: { field: 'from' },
    });
  });
});
