// Which source a hand-kept status file is, and the session prompts beside it.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { importProjectPrompts, importProjectStatus } from '../../src/importers/project-imports.ts';
import { backends, openTracker, type Backend } from '../storage/backends.ts';

const ITEMS = ['Login', 'Search', 'Report', 'Cache'];
const textOf = (items: readonly string[], status = 'active') =>
  `## Active Work Items (${items.length})\n${items.map((title) => `#### ${title} (task)\n- **Status**: ${status}\n`).join('')}`;

async function embedded() {
  const tracker = await openTracker(backends[0] as Backend);
  const put = async (name: string, text: string) => {
    const file = path.join(tracker.place.projectDir, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  const { context, caller } = tracker;
  const status = async (file: string, options: { namespace?: string; dry_run?: boolean } = {}) =>
    (
      await importProjectStatus.run(context, caller, {
        path: file,
        dry_run: false,
        add_from_git: false,
        ...options,
      })
    ).data;
  const prompts = async (folder: string, options: { namespace?: string } = {}) =>
    (await importProjectPrompts.run(context, caller, { path: folder, dry_run: false, ...options })).data;
  return { tracker, put, status, prompts };
}

describe('a status file', () => {
  it('is known again where it grew, lies elsewhere, or was imported by an earlier version', async () => {
    const { put, status } = await embedded();
    await put('api/status.md', textOf(ITEMS));
    // As an earlier version called all of them.
    await status('api/status.md', { namespace: 'status-file' });
    await put('api/status.md', textOf([...ITEMS, 'Export']));
    expect(await status('api/status.md')).toMatchObject({
      records: { work_items: { created: 1, updated: 0, unchanged: 4 } },
      sources_taken: [{ namespace: 'status-file', as: 'known' }],
    });
    await put('docs/status.md', textOf([...ITEMS, 'Export'], 'completed'));
    expect(await status('docs/status.md')).toMatchObject({
      records: { work_items: { created: 0, updated: 5 } },
    });
  });

  it('that shares a few titles only is asked about, and then kept apart', async () => {
    const { tracker, put, status } = await embedded();
    await put('api/status.md', textOf(ITEMS));
    await put('web/status.md', textOf(['Login', 'Menu', 'Theme', 'Font'], 'completed'));
    await status('api/status.md');
    for (const dry_run of [true, false]) {
      await expect(status('web/status.md', { dry_run })).rejects.toMatchObject({
        code: 'ValidationError',
        details: { field: 'namespace' },
      });
    }
    expect(await tracker.titles()).toHaveLength(4);
    expect(await status('web/status.md', { namespace: 'web' })).toMatchObject({
      records: { work_items: { created: 4, updated: 0 } },
    });
    for (const [file, namespace] of [
      ['api/status.md', 'api/status.md'],
      ['web/status.md', 'web'],
    ] as const) {
      expect(await status(file)).toMatchObject({ outcome: 'unchanged', sources_taken: [{ namespace }] });
    }
  });
});

describe('session prompts of the project', () => {
  const text = (title: string) => `---\nschema_version: "1.0"\ntitle: ${title}\n---\nDo ${title}.\n`;

  it('are known again in another folder, and copies are others', async () => {
    const { tracker, put, prompts } = await embedded();
    for (const name of ['one', 'two']) await put(`docs/session-prompts/${name}.md`, text(name));
    await prompts('docs/session-prompts');
    const root = (name: string) => path.join(tracker.place.projectDir, name);
    await put('copies/one.md', text('one'));
    expect(await prompts('copies')).toMatchObject({ created: 1, updated: 0 });
    await mkdir(root('notes'));
    await rename(root('docs/session-prompts'), root('notes/prompts'));
    expect(await prompts('notes/prompts')).toMatchObject({ created: 0, kept_local: 0 });
    expect(await prompts('notes/prompts')).toMatchObject({ created: 0, updated: 0, unchanged: 2 });
    expect(await tracker.titles()).toHaveLength(3);
    const found = await tracker.list({});
    expect(found.items.map(({ metadata }) => (metadata['imported'] as { id: string }).id).sort()).toEqual([
      'copies/one.md', 'notes/prompts/one.md', 'notes/prompts/two.md',
    ]); // prettier-ignore
  });

  it('of an earlier version are known again', async () => {
    const { put, prompts } = await embedded();
    await put('docs/session-prompts/one.md', text('one'));
    await prompts('docs/session-prompts', { namespace: 'session-prompts' });
    await put('more/two.md', text('two'));
    expect(await prompts('more')).toMatchObject({
      created: 1,
      source_taken: { namespace: 'session-prompts' },
    });
    expect(await prompts('docs/session-prompts')).toMatchObject({ created: 0, updated: 0, unchanged: 1 });
  });
});
