import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWithPostgres } from '../support/describe-with.ts';
import { type CommandLine, commandLine, contentOf } from './command-line.ts';

interface Report {
  ok: boolean;
  checks: { name: string; ok: boolean; message: string; next?: string }[];
}

async function examine(worktrail: CommandLine, ...args: string[]) {
  const { code, stdout, stderr } = await worktrail.run(['doctor', '--json', ...args]);
  const report = JSON.parse(stdout) as Report;
  const readable = await worktrail.run(['doctor', ...args]);
  expect(readable.code, stderr).toBe(code);
  const marks = readable.stdout.split('\n').filter((line) => /^(ok|problem) /.test(line));
  expect(marks).toHaveLength(report.checks.length);
  for (const { next } of report.checks) if (next !== undefined) expect(readable.stdout).toContain(next);
  return { code, report, problems: report.checks.filter(({ ok }) => !ok).map(({ name }) => name) };
}

const UNREACHABLE = 'postgres://ada:s3cret@127.0.0.1:1/team';

describe('doctor', () => {
  it('finds nothing in a healthy project', async () => {
    const worktrail = await commandLine({ git: true });
    await worktrail.text('create', 'A');
    const { code, report } = await examine(worktrail);
    expect(code).toBe(0);
    expect(report.ok).toBe(true);
    expect(report.checks.map(({ name }) => name)).toEqual([
      'store',
      'schema',
      'project',
      'status file',
      'data folder',
      'git',
    ]);
    expect(report.checks[0]?.message).toMatch(/^SQLite 3\.\d+\.\d+ at .*worktrail\.db: reachable$/);
  });

  it('makes no store where none is', async () => {
    const worktrail = await commandLine();
    const { code, report } = await examine(worktrail);
    expect(code).toBe(0);
    expect(report.checks[0]?.message).toContain('the first use makes it');
    expect(existsSync(path.join(worktrail.project, '.worktrail'))).toBe(false);
  });

  it('changes nothing in a project that has one', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    const before = await contentOf(worktrail.project);
    await examine(worktrail);
    expect(await contentOf(worktrail.project)).toEqual(before);
  });

  it('says that a store is missing which was there before', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    await rm(path.join(worktrail.project, '.worktrail', 'worktrail.db'));
    const { code, problems } = await examine(worktrail);
    expect({ code, problems }).toEqual({ code: 1, problems: ['store'] });
    expect(existsSync(path.join(worktrail.project, '.worktrail', 'worktrail.db'))).toBe(false);
  });

  it('ends with 3 for a damaged store and leaves it as it is', async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.worktrail', 'worktrail.db');
    await mkdir(path.dirname(file));
    await writeFile(file, randomBytes(8192));
    const before = await contentOf(worktrail.project);
    const { code, problems, report } = await examine(worktrail);
    expect({ code, problems }).toEqual({ code: 3, problems: ['store'] });
    expect(report.checks[0]?.message).toContain('damaged');
    expect(await contentOf(worktrail.project)).toEqual(before);
    expect(await worktrail.failure(3, 'list')).toMatchObject({ error: 'DatabaseError' });
  });

  it('ends with 3 when PostgreSQL cannot be reached, without its password', async () => {
    const worktrail = await commandLine();
    const { code, report, problems } = await examine(worktrail, '--database', UNREACHABLE);
    expect({ code, problems }).toEqual({ code: 3, problems: ['store'] });
    expect(JSON.stringify(report)).not.toContain('s3cret');
    expect(await worktrail.failure(3, 'list', '--database', UNREACHABLE)).toMatchObject({
      error: 'DatabaseError',
      details: { layer: 'postgres', reason: 'nothing accepts connections at its address' },
    });
  });

  it("finds a status file that was edited, and one that is somebody else's", async () => {
    const worktrail = await commandLine();
    const file = path.join(worktrail.project, '.project_status.md');
    await worktrail.text('create', 'A');
    await appendFile(file, 'mine\n');
    expect(await examine(worktrail)).toMatchObject({ code: 0, problems: [] });
    await writeFile(file, (await readFile(file, 'utf8')).replace('(task)', '(research)'));
    expect(await examine(worktrail)).toMatchObject({ code: 1, problems: ['status file'] });
    await writeFile(file, '# Mine\n');
    expect(await examine(worktrail)).toMatchObject({ code: 1, problems: ['status file'] });
    await writeFile(
      path.join(worktrail.project, 'worktrail.config.json'),
      '{"status_file": {"enabled": false}}',
    );
    expect(await examine(worktrail)).toMatchObject({ code: 0, problems: [] });
  });

  it('finds that git is missing', async () => {
    const worktrail = await commandLine();
    const { code, stdout } = await worktrail.run(['doctor', '--json'], { PATH: '/nonexistent' });
    expect(code).toBe(1);
    const { checks } = JSON.parse(stdout) as Report;
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['git']);
  });
});

describe('migrate', () => {
  it('makes the store and says where it is', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.text('migrate')).toMatch(
      /^SQLite .* at .*worktrail\.db, project \w+: made, its schema is current\.\n$/,
    );
    expect(await worktrail.text('migrate')).toContain(': the schema is current.');
    expect(await worktrail.json('migrate')).toMatchObject({
      before: 'current',
      schema: 'current',
      reachable: true,
      data_source: 'sqlite',
    });
  });
});

describeWithPostgres('on PostgreSQL', (server) => {
  it('doctor makes nothing, migrate makes the schema, and commands work', async () => {
    const worktrail = await commandLine({ git: true });
    const database = ['--database', await server.createDatabase()];
    const first = await examine(worktrail, ...database);
    expect(first.code).toBe(0);
    expect(first.report.checks[0]?.message).toMatch(/^PostgreSQL \d+\.\d+ at .*the first use makes it/);
    expect((await examine(worktrail, ...database)).report.checks[0]?.message).toContain(
      'the first use makes it',
    );
    expect(await worktrail.text('migrate', ...database)).toMatch(
      /^PostgreSQL.*: made, its schema is current/,
    );
    await worktrail.text('create', 'A', ...database);
    expect(await worktrail.json('list', ...database)).toMatchObject({
      total_count: 1,
      data_source: 'postgres',
    });
    expect(await examine(worktrail, ...database)).toMatchObject({ code: 0, problems: [] });
  });
});
