// The archive and enhancements at the command line, and a server that archives by itself.
import { expect, it } from 'vitest';
import type { ArchiveOutcome } from '../../src/use-cases/archive/archive.ts';
import { openStore } from '../../src/storage/opening/open-store.ts';
import { inFolder } from '../storage/backends.ts';
import { creation } from '../storage/changes.ts';
import { newRecordId } from '../../src/domain/ids.ts';
import { startHttp } from '../support/program.ts';
import { commandLine } from './command-line.ts';

interface Item {
  id: string;
  version: number;
  archived_at: string | null;
}
interface Page {
  items: Item[];
  total_count: number;
}

it('archives by name and what is due, shows it before, and brings it back', async () => {
  const { json, text, run, failure } = await commandLine();
  const project = await json<Item>('create', 'Old project', '--type', 'project', '--status', 'completed');
  const task = await json<Item>('create', 'Old task', '--parent', project.id, '--status', 'cancelled');
  const open = await json<Item>('create', 'Open task');

  expect(await text('archive', '--dry-run')).toContain('Nothing would move.');
  expect(await text('archive', '--dry-run', '--older-than', '0')).toMatch(
    /Old project {2}\(2 items\)\nWould archive 2 items in 1 subtree\./,
  );
  const preview = await run(['archive', project.id, open.id, '--dry-run']);
  expect(preview.code).toBe(1);
  expect(preview.stdout).toContain('would be refused: "Open task" is active');
  await failure(2, 'archive', open.id);
  await failure(2, 'archive', '--restore');
  await failure(2, 'archive', 'nonsense');
  await failure(2, 'archive', '--older-than', '-1');
  await failure(2, 'archive', project.id, '--older-than', '1');

  expect(await json<ArchiveOutcome>('archive', '--older-than', '0')).toMatchObject({
    ...{ action: 'archive', dry_run: false, items_total: 2, subtrees_total: 1, data_source: 'sqlite' },
    subtrees: [{ id: project.id, title: 'Old project', items: 2 }],
  });
  expect((await json<Page>('list', '--archived')).total_count).toBe(2);
  expect((await json<Page>('list')).items.map(({ id }) => id)).toEqual([open.id]);
  expect((await json<Item>('show', task.id)).archived_at).not.toBeNull();
  await failure(2, 'update', task.id, '--status', 'active');
  expect(await text('archive', task.id.slice(0, 8), '--restore')).toContain(
    'Old task  (2 items) with "Old project"\nRestored 2 items in 1 subtree.',
  );
  expect((await json<Page>('list')).total_count).toBe(3);
});

it('notes, changes, lists and promotes enhancements', async () => {
  const { json, text, failure } = await commandLine();
  const first = await json<Item>(
    'enhancement',
    'create',
    'Sync clients',
    '--priority',
    '1',
    '--quarter',
    'Q1 2026',
  );
  const second = await json<Item>(
    'enhancement',
    'create',
    'Show presence',
    '--depends-on',
    first.id.slice(0, 8),
  );
  await failure(2, 'enhancement', 'create', 'Bad', '--quarter', 'soon');
  await failure(2, 'enhancement', 'update', first.id, '--depends-on', second.id);
  await failure(2, 'enhancement', 'update', first.id, '--clear', 'title');
  await failure(1, 'enhancement', 'update', first.id, '--if-version', '7', '--title', 'x');
  await failure(1, 'enhancement', 'show', 'ffffff');
  expect(await text('enhancement', 'list')).toMatch(
    /Sync clients[\s\S]*Show presence[\s\S]*2 of 2 enhancements/,
  );
  expect(await text('enhancement', 'list', '--quarter', '2026-Q1')).toContain('1 of 1 enhancement');
  expect(await text('enhancement', 'update', first.id, '--status', 'approved')).toContain('version 2');
  expect(await text('enhancement', 'show', second.id)).toMatch(/depends on \w{8} approved Sync clients/);
  expect(await text('enhancement', 'promote', first.id, '--type', 'task')).toContain('to task');
  await failure(2, 'enhancement', 'promote', first.id);
  const status = await text('status');
  expect(status).not.toBe('');
  const cleared = await json<{ depends_on: string[] }>(
    'enhancement',
    'update',
    second.id,
    '--clear',
    'depends-on',
  );
  expect(cleared.depends_on).toEqual([]);
});

it('is done by a server that runs, soon after its start and without being asked', async () => {
  const { project, json } = await commandLine();
  const store = await openStore(inFolder(project, undefined));
  const at = '2020-01-01T00:00:00.000Z';
  for (let index = 0; index < 150; index += 1) {
    const patch = { title: `Old ${index}`, status: 'completed' };
    await store.write([creation({ entity_id: newRecordId(), at, patch })]);
  }
  await store.write([creation({ entity_id: newRecordId(), at, patch: { title: 'Old and open' } })]);
  await store.close();
  const server = await startHttp({ project, args: ['--database', 'embedded'] });
  try {
    await expect
      .poll(async () => (await json<Page>('list', '--archived', '--limit', '1')).total_count, {
        timeout: 40_000,
        interval: 1_000,
      })
      .toBe(150);
  } finally {
    await server.stop();
  }
  expect((await json<Page>('list')).total_count).toBe(1);
}, 60_000);
