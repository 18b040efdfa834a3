// `worktrail import status` and `import session-prompts`: what a person types, and what a script reads.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { commandLine, contentOf, type CommandLine } from './command-line.ts';

const STATUS = `# Project Status
## Vendors (2 total)
- one: operational (1/2 tests passed, 0 skipped) [CSV] v1
- two: upside down
## Deployments (1 total)
### 2026-01-02 - PR #5
- Commit: abcdef1
- Vendors: one, three
## Ours
  kept
`;

let worktrail: CommandLine;
const put = async (name: string, text: string) => {
  const file = path.join(worktrail.project, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
};

beforeEach(async () => {
  worktrail = await commandLine();
});

describe('import status', () => {
  it('shows first what it would do, and makes no store for that', async () => {
    await put('.project_status.md', STATUS);
    const before = await contentOf(worktrail.project);
    const shown = await worktrail.text('import', 'status', '--dry-run');
    expect(shown).toContain('Dry run: nothing was changed.');
    expect(shown).toContain('vendors: 1 created');
    expect(await contentOf(worktrail.project)).toEqual(before);
  });

  it('imports the usual file, tells all it found, and makes the file the generated one', async () => {
    const file = await put('.project_status.md', STATUS);
    const text = await worktrail.text('import', 'status');
    for (const said of [
      'vendor_names: 1 of 1, match',
      'line 2: "Vendors (2 total)" says 2, and there are 1',
      'commit abcdef1 is kept as it stands',
      'names the vendor "three"',
      '- two: upside down',
      'Backup: ',
      'lines 9 to 11: Ours',
    ]) {
      expect(text).toContain(said);
    }
    const written = await readFile(file, 'utf8');
    expect(written).toContain('\n## Vendors (2 total)\n- two: upside down\n');
    expect(written).toContain('\n## Ours\n  kept\n');
    expect(await worktrail.text('status', '--diff')).toContain('are as Worktrail wrote them');
    expect(await worktrail.json('import', 'status')).toMatchObject({ outcome: 'generated' });
    expect(await readFile(file, 'utf8')).toBe(written);
  });

  it('imports nothing of the file that it generated, nor of one in no known form', async () => {
    await put('legacy.md', STATUS);
    expect(await worktrail.json('import', 'status', 'legacy.md')).toMatchObject({ outcome: 'imported' });
    expect(existsSync(path.join(worktrail.project, '.project_status.md'))).toBe(true);
    expect(await worktrail.json('import', 'status')).toMatchObject({ outcome: 'generated' });
    await put('other.md', '# Notes\n');
    expect(await worktrail.text('import', 'status', 'other.md')).toContain('Nothing was imported');
  });

  it.each([
    [['status', 'nowhere.md'], 'path'],
    [['backlog-md'], 'path'],
    [['session-prompts'], 'path'],
  ])('of %j ends with 2 and names what is wrong', async (args, field) => {
    const error = await worktrail.failure(2, 'import', ...args);
    expect(error).toMatchObject({ error: 'ValidationError', details: { field } });
    expect(existsSync(path.join(worktrail.project, '.worktrail'))).toBe(false);
  });
});

describe('import session-prompts', () => {
  const PROMPT = '---\nschema_version: "1.0"\ntitle: First\n---\nGo.\n';

  it('takes the files that a pattern names', async () => {
    await put('docs/session-prompts/2026/a.md', PROMPT);
    await put('docs/session-prompts/b.md', PROMPT.replace('First', 'Second'));
    const asked = await worktrail.json('import', 'session-prompts', '--glob', '2026/*.md', '--dry-run');
    expect(asked).toMatchObject({
      items_planned: 1,
      items: [{ foreign_id: 'docs/session-prompts/2026/a.md' }],
    });
  });

  it('takes the usual folder, updates what changed and keeps what was changed here', async () => {
    await put('docs/session-prompts/a.md', PROMPT);
    await put('docs/session-prompts/b.md', PROMPT.replace('First', 'Second'));
    await put('docs/session-prompts/bad.md', '---\n"\n---\n');
    expect(await worktrail.json('import', 'session-prompts')).toMatchObject({
      created: 2,
      skipped: [{ file: 'docs/session-prompts/bad.md' }],
    });
    const { items } = await worktrail.json<{ items: { id: string; title: string }[] }>('list');
    const second = items.find(({ title }) => title === 'Second');
    await worktrail.text('update', second?.id ?? '', '--title', 'Mine');
    await put('docs/session-prompts/a.md', PROMPT.replace('Go.', 'Go on.'));
    await put('docs/session-prompts/b.md', PROMPT.replace('First', 'Theirs'));
    const again = await worktrail.json('import', 'session-prompts', path.join(worktrail.project, 'docs'));
    expect(again).toMatchObject({ created: 0, updated: 1, kept_local: 1 });
    const after = await worktrail.json<{ items: { title: string; description: string }[] }>('list');
    expect(after.items.map(({ title }) => title).sort()).toEqual(['First', 'Mine']);
    expect(after.items.find(({ title }) => title === 'First')?.description).toBe('Go on.');
  });
});
