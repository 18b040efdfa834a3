// `doctor --fix`: what is safe to put right is told without it, put right with it, and named.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { schemaIndexes } from '../../src/storage/primary/schema-indexes.ts';
import { Operations } from '../../src/storage/operations/operations.ts';
import type { Repair } from '../../src/use-cases/maintenance/repairs.ts';
import { describeWithPostgres } from '../support/describe-with.ts';
import { commandLine, contentOf, type CommandLine } from './command-line.ts';

interface Report {
  ok: boolean;
  checks: { name: string; ok: boolean; message: string; next?: string }[];
  fixed?: { retried: number; done: Repair[] };
}

async function examine(worktrail: CommandLine, ...args: string[]) {
  const { stdout } = await worktrail.run(['doctor', '--json', ...args]);
  const report = JSON.parse(stdout) as Report;
  return {
    problems: report.checks.filter(({ ok }) => !ok),
    done: report.fixed?.done.map(({ name, ok }) => [name, ok]),
    messages: report.fixed?.done.map(({ message }) => message).join('\n'),
  };
}

/** Looks without and with `--fix`, and once more: the problem is told, put right and gone. */
async function fix(worktrail: CommandLine, name: string, ...args: string[]): Promise<string> {
  const before = await contentOf(worktrail.project);
  const { problems } = await examine(worktrail, ...args);
  expect(problems).toMatchObject([{ name, next: expect.stringContaining('doctor --fix') as string }]);
  expect(await contentOf(worktrail.project)).toEqual(before);
  const fixed = await examine(worktrail, '--fix', ...args);
  expect(fixed.problems).toEqual([]);
  expect(new Set(fixed.done?.map(String))).toEqual(new Set([`${name},true`]));
  expect(await examine(worktrail, '--fix', ...args)).toMatchObject({ problems: [], done: [] });
  return fixed.messages ?? '';
}

const databaseOf = (worktrail: CommandLine) =>
  new Database(path.join(worktrail.project, '.worktrail', 'worktrail.db'));

describe('doctor --fix', () => {
  it('says so when there is nothing to fix, and changes nothing then', async () => {
    const worktrail = await commandLine({ git: true });
    await worktrail.text('create', 'A');
    const before = await contentOf(worktrail.project);
    expect(await worktrail.text('doctor', '--fix')).toContain('There was nothing to fix.\n');
    expect(await contentOf(worktrail.project)).toEqual(before);
  });

  it('makes no tracker where none is', async () => {
    const worktrail = await commandLine();
    await worktrail.text('doctor', '--fix');
    expect(existsSync(path.join(worktrail.project, '.worktrail'))).toBe(false);
    expect(existsSync(path.join(worktrail.project, '.project_status.md'))).toBe(false);
  });

  it('makes missing indexes again as they were', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    const definitions = () => {
      const database = databaseOf(worktrail);
      const rows = database
        .prepare(
          "select name, tbl_name from sqlite_master where type = 'index' and sql is not null order by 1",
        )
        .all();
      database.close();
      return rows;
    };
    const before = definitions();
    expect(before).toHaveLength(schemaIndexes('sqlite').length);
    const database = databaseOf(worktrail);
    database.exec('drop index vendors_name_key; drop index work_items_status');
    database.close();
    const said = await fix(worktrail, 'index');
    expect(said).toContain('vendors_name_key on vendors was missing');
    expect(definitions()).toEqual(before);
  });

  it('leaves records alone that stand in the way of an index, and says so', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    const database = databaseOf(worktrail);
    database.exec('drop index applied_changes_key');
    database.exec("update applied_changes set idempotency_key = 'twice'");
    database.close();
    await worktrail.text('create', 'B', '--key', 'twice').catch(() => undefined);
    const again = databaseOf(worktrail);
    const twice = Number(
      again.prepare("select count(*) from applied_changes where idempotency_key = 'twice'").pluck().get(),
    );
    if (twice < 2) {
      const columns = again.prepare('select * from applied_changes').get() as Record<string, unknown>;
      const names = Object.keys(columns).filter((name) => name !== 'change_id');
      again.exec(
        `insert into applied_changes (change_id, ${names.join(', ')}) select 'other', ${names.join(', ')} from applied_changes limit 1`,
      );
    }
    again.close();
    const { done, messages } = await examine(worktrail, '--fix');
    expect(done).toEqual([['index', false]]);
    expect(messages).toContain('records in it are the same where they must differ');
    expect((await worktrail.run(['doctor', '--fix'])).stdout).toMatch(/^not fixed {2}index/);
  });

  it('removes lock files that a killed git left below refs/worktrail, and no others', async () => {
    const worktrail = await commandLine({ git: true });
    await worktrail.text('create', 'A');
    const refs = path.join(worktrail.project, '.git', 'refs');
    const old = new Date(Date.now() - 3_600_000);
    const [stale, fresh, foreign] = [
      'worktrail/snapshot.lock',
      'worktrail/other.lock',
      'heads/main.lock',
    ].map((name) => path.join(refs, name)) as [string, string, string];
    await mkdir(path.dirname(stale), { recursive: true });
    for (const file of [stale, fresh, foreign]) await writeFile(file, '');
    await utimes(stale, old, old);
    await utimes(foreign, old, old);
    expect(await fix(worktrail, 'stale lock')).toContain('snapshot.lock, left behind since');
    expect([stale, fresh, foreign].map((file) => existsSync(file))).toEqual([false, true, true]);
  });

  it('writes a status file that is not there, unless it is turned off', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    const file = path.join(worktrail.project, '.project_status.md');
    const before = await readFile(file, 'utf8');
    await rm(file);
    expect((await examine(worktrail, '--fix')).done).toEqual([['status file', true]]);
    expect(await readFile(file, 'utf8')).toBe(before);
    await rm(file);
    const settings = path.join(worktrail.project, 'worktrail.config.json');
    await writeFile(settings, '{"status_file": {"enabled": false}}');
    expect((await examine(worktrail, '--fix')).done).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('records a job as interrupted whose process is gone', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    const dataDir = path.join(worktrail.project, '.worktrail');
    const jobs = new Operations(dataDir);
    await jobs.run('backup', () => Promise.resolve());
    jobs.close();
    const database = new Database(path.join(dataDir, 'operations.db'));
    database.prepare("update jobs set state = 'running', ended_at = null, pid = ?").run(gone.pid);
    database.close();
    expect(await fix(worktrail, 'jobs')).toBe('1 job whose process ended is recorded as interrupted');
    expect(await worktrail.text('jobs', '--state', 'interrupted')).toContain('backup');
  });

  it('puts a damaged record of jobs aside', async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', 'A');
    const file = path.join(worktrail.project, '.worktrail', 'operations.db');
    await writeFile(file, 'damaged');
    expect(await fix(worktrail, 'jobs')).toContain('was put aside and made anew');
    expect(await readFile(file.replace('.db', '.damaged.db'), 'utf8')).toBe('damaged');
  });
});

describeWithPostgres('doctor --fix on PostgreSQL', (server) => {
  it('makes missing indexes again as they were', async () => {
    const worktrail = await commandLine();
    const url = await server.createDatabase();
    const database = ['--database', url];
    await worktrail.text('create', 'A', ...database);
    const client = postgres(url, { max: 1, onnotice: () => undefined });
    const definitions = async () =>
      await client`select indexname, indexdef from pg_indexes where schemaname like 'worktrail%' order by 1`;
    const before = [...(await definitions())];
    const names = new Set(before.map((row) => String(row['indexname'])));
    expect(schemaIndexes('postgres').filter(({ name }) => !names.has(name))).toEqual([]);
    const [{ schema }] = (await client`
      select schemaname as schema from pg_indexes where indexname = 'search_documents_words'`) as unknown as [
      { schema: string },
    ];
    await client.unsafe(
      `drop index "${schema}".search_documents_words; drop index "${schema}".work_items_status`,
    );
    expect(await fix(worktrail, 'index', ...database)).toContain(
      'search_documents_words on search_documents',
    );
    expect([...(await definitions())]).toEqual(before);
    await client.end();
  });
});
