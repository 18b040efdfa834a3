import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandLine } from './command-line.ts';

async function edit(file: string, from: string, to: string): Promise<void> {
  await writeFile(file, (await readFile(file, 'utf8')).replace(from, to));
}

describe('status', () => {
  it('shows the project at a glance', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<{ id: string }>('create', 'Parent', '--type', 'project');
    await worktrail.text('create', 'Child', '--parent', id);
    await worktrail.text('create', 'Planned', '--status', 'planned');
    const text = await worktrail.text('status');
    expect(text).toContain('Vendors: 0 of 0 operational');
    expect(text).toContain(`Active work items: 2\n${id.slice(0, 8)}  project  active  Parent\n  `);
    expect(text).toContain('Deployments: 0');
    expect(await worktrail.json('status')).toMatchObject({
      items_total: 2,
      vendors: [],
      deployments: [],
      data_source: 'sqlite',
    });
  });
});

describe('the status file', () => {
  it('is written after a command that changed something', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'Written before the command ends');
    const file = path.join(worktrail.project, '.project_status.md');
    expect(await readFile(file, 'utf8')).toContain('Written before the command ends');
  });

  it('is written on request, says so, and keeps a hand edit aside', async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.project_status.md');
    await worktrail.text('create', 'A');
    expect(await worktrail.text('status', '--write')).toBe(`${file} is up to date already.\n`);
    await rm(file);
    expect(await worktrail.text('status', '--write')).toBe(`Wrote ${file}.\n`);

    await edit(file, '# Project Status', '# My Status');
    const outcome = await worktrail.json<{ written: boolean; saved_edit: string }>('status', '--write');
    expect(outcome).toMatchObject({ written: true, file, data_source: 'sqlite' });
    expect(await readFile(outcome.saved_edit, 'utf8')).toContain('# My Status');
    expect(await readFile(file, 'utf8')).toContain('# Project Status');
    await edit(file, '(task)', '(research)');
    expect(await worktrail.text('status', '--write')).toMatch(
      /edited by hand; the edited file was kept as .+\.md\.\n/,
    );
  });

  it('keeps what people write into it', async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.project_status.md');
    await worktrail.text('create', 'A');
    await appendFile(file, '## Mine\r\nA line of mine  \r\nand one without an end');
    await worktrail.text('create', 'B');
    const text = await readFile(file, 'utf8');
    expect(text).toContain('### B (task)');
    expect(text.endsWith('-->\n## Mine\r\nA line of mine  \r\nand one without an end')).toBe(true);
    expect(await worktrail.text('status', '--write')).toBe(`${file} is up to date already.\n`);
  });

  it("is left alone when it is somebody else's, with a word about it", async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.project_status.md');
    await writeFile(file, '# Mine\n');
    const error = await worktrail.failure(2, 'status', '--write');
    expect(error.message).toContain('was not written by Worktrail');
    const { code, stderr } = await worktrail.run(['create', 'A']);
    expect(code).toBe(0);
    expect(stderr).toContain('it is left as it is');
    expect(await readFile(file, 'utf8')).toBe('# Mine\n');
  });
});

describe('hand edits of the status file', () => {
  it('are shown, then taken over, and the rest is said', async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.project_status.md');
    await worktrail.text('create', 'First');
    const { id } = await worktrail.json<{ id: string }>('create', 'Second');
    expect(await worktrail.text('status', '--diff')).toBe(
      `The generated lines of ${file} are as Worktrail wrote them.\n`,
    );
    await edit(file, '### Second', '### Second one');
    await edit(file, '- **Created**: 2', '- **Created**: before 2');
    await edit(file, '\n## Recent', '\nMine\n\n### By hand (research)\n\n## Recent');

    const shown = await worktrail.run(['status', '--diff']);
    expect(shown.code).toBe(1);
    expect(shown.stdout).toContain(
      `~ work item ${id.slice(0, 8)} v1 Second\n  title\n    file:    Second one\n    tracker: Second\n`,
    );
    expect(shown.stdout).toContain('+ work item By hand: written by hand, would be added');
    expect(shown.stdout).toMatch(/\? line \d+: - \*\*Created\*\*: before 2/);
    const edited = await readFile(file, 'utf8');
    const dry = await worktrail.run(['status', '--import-edits', '--dry-run', '--json']);
    expect(dry.code).toBe(1);
    expect(JSON.parse(dry.stdout)).toMatchObject({
      file,
      edits: [
        { name: 'First', field: 'created_at', file: null, state: 'refused' },
        { id, field: 'title', base_version: 1, file: 'Second one', tracker: 'Second', state: 'change' },
      ],
    });
    expect(await readFile(file, 'utf8')).toBe(edited);
    expect(await worktrail.json('show', id)).toMatchObject({ title: 'Second', version: 1 });

    const done = await worktrail.run(['status', '--import-edits']);
    expect(done.code).toBe(1);
    expect(done.stdout).toContain('2 records taken over from the file.');
    expect(done.stdout).toContain(`work item ${id.slice(0, 8)} Second: saved title, now version 2`);
    expect(await worktrail.json('show', id)).toMatchObject({ title: 'Second one', version: 2 });
    const written = await readFile(file, 'utf8');
    expect(written).toContain('### By hand (research) <!-- ');
    expect(written).toContain('\nMine\n');
  });

  it('are found in the copy that was kept when the file was written again', async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.project_status.md');
    const { id } = await worktrail.json<{ id: string }>('create', 'First');
    await edit(file, '- **Status**: active', '- **Status**: blocked');
    await worktrail.text('create', 'Another');
    const { saved_edits } = await worktrail.json<{ saved_edits: string[] }>('status', '--diff');
    expect(saved_edits).toHaveLength(1);
    await worktrail.text('status', saved_edits[0] ?? '', '--import-edits');
    expect(await worktrail.json('show', id)).toMatchObject({ status: 'blocked', version: 2 });
    expect(await worktrail.text('status', saved_edits[0] ?? '', '--diff')).toContain(
      'is in the tracker already',
    );
  });

  it('are asked for in one way at a time, of a file that is ours', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'First');
    const mine = path.join(worktrail.project, 'mine.md');
    await writeFile(mine, '# Mine\n');
    const refused = [
      ['status', '--diff', '--write'],
      ['status', '--dry-run'],
      ['status', mine],
      ['status', mine, '--diff'],
    ];
    for (const args of refused) {
      expect((await worktrail.run(args)).code, args.join(' ')).toBe(2);
    }
    const nowhere = path.join(worktrail.project, 'nowhere.md');
    expect(await worktrail.failure(1, 'status', nowhere, '--diff')).toMatchObject({ error: 'NotFoundError' });
  });
});
