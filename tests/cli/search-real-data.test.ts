// Searching what was imported from real trackers of others.
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { SearchResults } from '../../src/use-cases/records/search.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { commandLine, type CommandLine } from './command-line.ts';

describeWithSharedData('a search over imported trackers', (folder) => {
  let worktrail: CommandLine;
  beforeAll(async () => {
    worktrail = await commandLine();
    await worktrail.text('import', 'beads', path.join(folder, 'beads', 'issues.jsonl'));
    await worktrail.text('import', 'backlog-md', path.join(folder, 'backlog-md'));
    await worktrail.text('import', 'task-master', path.join(folder, 'task-master', 'tasks.json'));
  }, 120_000);
  const search = (...words: string[]) => worktrail.json<SearchResults>('search', ...words);

  it('finds a title by its words, its beginning and its id', async () => {
    const [found] = (await search('"Messaging & Knowledge Graph"', '--limit', '1')).items;
    expect(found?.title).toContain('Messaging & Knowledge Graph');
    expect((await search(String(found?.id).slice(0, 8))).items[0]).toMatchObject({ id: found?.id, score: 1 });
    expect((await search('Messaging', 'Knowle')).items[0]?.id).toBe(found?.id);
  });

  it('finds the foreign id that an import keeps in the metadata', async () => {
    const [found] = (await search('bd-kwro')).items;
    expect(found).toBeDefined();
    const item = await worktrail.json<WorkItem>('show', String(found?.id));
    expect(JSON.stringify(item)).toContain('bd-kwro');
  });

  it('finds every item of a page by the words of its title', async () => {
    const { items } = await worktrail.json<{ items: WorkItem[] }>('list', '--limit', '12', '--sort', 'title');
    for (const { id, title } of items) {
      const found = await search('--limit', '50', title);
      expect(
        found.items.map((match) => match.id),
        title,
      ).toContain(id);
    }
  }, 120_000);
});
