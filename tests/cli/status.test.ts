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
