// Export, load, backup and restore as a person or a script meets them.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkExport } from '../../src/storage/export/read-export.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { commandLine, type CommandLine } from './command-line.ts';

describe('export and load', () => {
  let worktrail: CommandLine;
  beforeEach(async () => {
    worktrail = await commandLine();
    await worktrail.text('create', '=2+3 first', '--label', 'a');
    await worktrail.text('create', 'second');
  });

  it('takes a tracker elsewhere, and says what it did', async () => {
    const file = path.join(worktrail.project, 'all.jsonl');
    const report = await worktrail.json('export', '--to', file);
    expect(report).toMatchObject({ format: 'jsonl', to: file, seq: 2, waiting: 0, warnings: [] });
    const elsewhere = await temporaryProject();
    const text = await worktrail.text('load', file, '--project', elsewhere);
    expect(text).toMatch(/^Loaded ".+" at change 2 into .+: \d+ rows, each read back and found equal\./);
    expect(text).toContain(String(report['sha256']));
    const list = await worktrail.json('list', '--project', elsewhere);
    expect(list).toEqual(await worktrail.json('list'));
    expect(await readFile(path.join(elsewhere, '.project_status.md'), 'utf8')).toContain('second');
    expect(await worktrail.text('load', file, '--project', elsewhere)).toContain('already; nothing was done');
  });

  it('writes the same to standard output, and nothing else', async () => {
    const { stdout, stderr, code } = await worktrail.run(['export', '--to', '-']);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const file = path.join(worktrail.project, 'from-stdout.jsonl');
    await writeFile(file, stdout);
    expect(await checkExport(file)).toMatchObject({ header: { kind: 'export', seq: 2 } });
  });

  it('writes tables that a spreadsheet does not run', async () => {
    const to = path.join(worktrail.project, 'tables');
    expect(await worktrail.json('export', '--format', 'csv', '--to', to)).toMatchObject({
      format: 'csv',
      to,
    });
    expect(await readFile(path.join(to, 'work_items.csv'), 'utf8')).toContain(",'=2+3 first,");
    await worktrail.failure(2, 'export', '--format', 'csv', '--to', to);
    await worktrail.failure(2, 'export', '--format', 'csv', '--to', '-');
  });

  it('refuses what is not an export, and a tracker that has records', async () => {
    const file = path.join(worktrail.project, 'all.jsonl');
    await worktrail.text('export', '--to', file);
    await worktrail.failure(2, 'export', '--to', file);
    await worktrail.failure(2, 'load', path.join(worktrail.project, 'nowhere.jsonl'));
    await worktrail.text('create', 'third');
    const { message } = await worktrail.failure(2, 'load', file);
    expect(message).toContain('with records already (it stands at change 3)');
    const empty = await temporaryProject();
    await worktrail.failure(2, 'export', '--project', empty);
    expect(await readdir(empty)).toEqual([]);
  });
});

describe('backup and restore', () => {
  it('goes back on purpose only, and keeps what it replaces', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'kept');
    const { file } = await worktrail.json<{ file: string }>('backup');
    expect(path.relative(worktrail.project, file)).toMatch(
      /^\.worktrail\/backups\/worktrail-.+-backup-\d{8}T\d{9}Z-1-[0-9a-f]{4}\.jsonl$/,
    );
    expect(await worktrail.text('restore', file)).toContain('already; nothing was done');
    await worktrail.text('create', 'later');
    const { message, next } = await worktrail.failure(2, 'restore', file);
    expect(message).toMatch(/has 1 change that the file lacks: it stands at change 2 .* the file at 1 /);
    expect(next).toContain('Nothing was changed.');
    expect(next).not.toContain('--replace');
    expect(await worktrail.json('list')).toMatchObject({ total_count: 2 });
    const text = await worktrail.text('restore', file, '--replace');
    const kept = /The state before, at change 2 of .+, is kept in (.+\.jsonl)/.exec(text)?.[1] ?? '';
    expect(await worktrail.json('list')).toMatchObject({ total_count: 1 });
    expect(await readFile(path.join(worktrail.project, '.project_status.md'), 'utf8')).not.toContain('later');
    expect(await worktrail.json('restore', kept)).toMatchObject({ outcome: 'restored', seq: 2 });
    expect(await worktrail.json('list')).toMatchObject({ total_count: 2 });
  });

  it('keeps as many as it is told', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'kept');
    for (let number = 0; number < 3; number += 1)
      await worktrail.text('backup', '--keep', '2', '--to', 'kept');
    expect(await readdir(path.join(worktrail.project, 'kept'))).toHaveLength(2);
    for (const keep of ['0', '1.5', 'many']) await worktrail.failure(2, 'backup', '--keep', keep);
  });
});
