// The four stories of a user whose database goes away, told by real clients: every answer says where it is from.
import { existsSync } from 'node:fs';
import { readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { clientGenerations, connect, type TestClient } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { git, startHttp, temporaryProject } from '../support/program.ts';
import { type Row, rows, short } from './calls.ts';
import { serveArguments } from './surfaces.ts';
import { isProvisional, knownVersion } from '../../src/domain/provisional-version.ts';

const TIMEOUT_MS = 180_000;

interface Warning {
  code: string;
  message: string;
}

interface Told {
  data_source: string;
  as_of: string | undefined;
  durability: string | undefined;
  warnings: Warning[];
  answer: Row;
}

/** Expects a good answer, degraded or not. */
async function tell(client: TestClient, tool: string, arguments_: Row = {}): Promise<Told> {
  const { isError, structured, text } = await client.callTool(tool, arguments_);
  expect(isError, text).toBe(false);
  const answer = structured ?? {};
  const warnings = (answer['warnings'] ?? []) as Warning[];
  for (const { message } of warnings) {
    expect(text).toContain(message);
    expect(message).toMatch(/^[A-Z0-9].*[.]$/);
    expect(message).not.toMatch(/ECONN|SQLITE_|undefined|null|Error:/);
  }
  return {
    data_source: String(answer['data_source']),
    as_of: answer['as_of'] as string | undefined,
    durability: answer['durability'] as string | undefined,
    warnings,
    answer,
  };
}

const codes = ({ warnings }: Told): string[] => warnings.map(({ code }) => code);

function expectDegraded(told: Told, source: string): void {
  expect(told.data_source).toBe(source);
  expect(Number.isNaN(Date.parse(told.as_of ?? ''))).toBe(false);
  expect(codes(told)).toContain('primary_unavailable');
  expect(told.warnings[0]?.message).toContain('PostgreSQL');
}

/** The vendors in the last snapshot, as text; empty before there are any. */
async function snapshotOf(project: string): Promise<string> {
  return await git(project, 'show', 'refs/worktrail/snapshot:vendors.jsonl').catch(() => '');
}

async function eventually(check: () => Promise<boolean> | boolean, ms = 20_000): Promise<void> {
  for (const until = Date.now() + ms; !(await check());) {
    if (Date.now() > until) throw new Error(`waited ${ms} ms in vain`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function scene(generation: (typeof clientGenerations)[number], transport: 'stdio' | 'http') {
  const postgres = await startPostgres({ own: true });
  cleanUpLater(() => postgres.stop());
  const url = await postgres.createDatabase();
  const project = await temporaryProject({ git: true });
  const args = serveArguments(project, url, 'all');
  let client: TestClient;
  if (transport === 'stdio') client = await connect({ generation, transport, cwd: project, args });
  else {
    const server = await startHttp({ project, args: ['--database', url, '--toolsets', 'all'] });
    cleanUpLater(async () => void (await server.stop()));
    client = await connect({ generation, transport, url: server.url });
  }
  cleanUpLater(() => client.close());
  const call = (tool: string, arguments_: Row = {}) => tell(client, tool, arguments_);
  return { postgres, project, call };
}

const surfaces = clientGenerations.flatMap((generation) =>
  (['stdio', 'http'] as const).map((transport) => ({ generation, transport })),
);

describeUnless(postgresSkipReason(), 'a database that goes away', () => {
  describe.each(surfaces)('under the $generation client over $transport', ({ generation, transport }) => {
    it(
      'is told of while reads and writes go on, and has every write when it is back',
      { timeout: TIMEOUT_MS },
      async () => {
        const { postgres, project, call } = await scene(generation, transport);
        const file = (name: string) => path.join(project, '.worktrail', name);

        const first = await call('create_work_item', { item_type: 'task', title: 'Before' });
        expect(first).toMatchObject({ data_source: 'postgres', durability: 'postgres', warnings: [] });
        const { id } = first.answer as { id: string };
        await call('register_vendor', { name: 'vendor_a', extractor_version: '1.0.0' });
        const statusFile = path.join(project, '.project_status.md');
        await eventually(
          async () => existsSync(statusFile) && (await readFile(statusFile, 'utf8')).includes('vendor_a'),
        );
        // Taken between the two writes it lacks the second, and the next one comes a minute later.
        await eventually(async () => (await snapshotOf(project)).includes('vendor_a'), 90_000);

        // The database is down on a read.
        await postgres.halt('immediate');
        expectDegraded(await call('list_work_items'), 'sqlite_cache');
        expectDegraded(await call('query_vendor_status', { name: 'VENDOR_A' }), 'sqlite_cache');
        const configuration = await call('get_project_configuration');
        expectDegraded(configuration, 'sqlite_cache');
        expect(configuration.answer).toMatchObject({ database_healthy: false });

        // It is down during a write.
        const changed = await call('update_work_item', { id, version: 1, title: 'Changed offline' });
        expect(changed).toMatchObject({ durability: 'outbox', answer: { title: 'Changed offline' } });
        expect(codes(changed)).toContain('saved_locally');
        const version = changed.answer['version'] as number;
        expect({ is: isProvisional(version), of: knownVersion(version) }).toEqual({ is: true, of: 1 });
        const again = await call('update_work_item', { id, version, status: 'completed' });
        expect(again.durability).toBe('outbox');
        const made = await call('create_work_item', {
          item_type: 'task',
          title: 'Made offline',
          parent_id: id,
        });
        const noted = await call('add_note', { id, text: 'Noted offline about walnuts' });
        expect(noted.durability).toBe('outbox');
        const walnuts = await call('search', { query: 'walnuts' });
        expectDegraded(walnuts, 'sqlite_cache');
        expect(walnuts.answer).toMatchObject({
          items: [{ entity: 'note', item_id: short(id), title: 'Changed offline' }],
        });
        const read = await call('query_work_item', { id });
        expect(read.answer).toMatchObject({ title: 'Changed offline', status: 'completed' });
        expect(rows(read.answer['children'])).toMatchObject([{ title: 'Made offline' }]);
        expect(codes(read)).toContain('pending_changes');
        await eventually(async () =>
          (await readFile(statusFile, 'utf8')).includes('## Pending Offline Changes (4)'),
        );

        // The cache is lost too.
        for (const name of await readdir(file(''))) if (name.startsWith('cache.')) await rm(file(name));
        const fromGit = await call('list_work_items');
        expectDegraded(fromGit, 'git_history');
        expect(fromGit.answer).toMatchObject({ total_count: 2 });
        expectDegraded(await call('query_vendor_status', { name: 'vendor_a' }), 'git_history');

        expect((await call('search', { query: 'walnuts' })).answer).toMatchObject({ total_count: 1 });

        // Git is lost too.
        await rm(path.join(project, '.git'), { recursive: true });
        const fromFile = await eventuallyFrom('markdown_file', () => call('list_work_items'));
        expectDegraded(fromFile, 'markdown_file');
        expectDegraded(await call('query_vendor_status', { name: 'vendor_a' }), 'markdown_file');
        const last = await call('create_work_item', { item_type: 'task', title: 'On the last leg' });
        expect(last.durability).toBe('outbox');

        // All is well again.
        await postgres.resume();
        await eventuallyFrom('postgres', () => call('list_work_items'));
        await eventually(async () => codes(await call('list_work_items')).length === 0);
        const whole = await call('query_work_item', { id });
        expect(whole).toMatchObject({ data_source: 'postgres', as_of: undefined, warnings: [] });
        expect(whole.answer).toMatchObject({ version: 3, title: 'Changed offline', status: 'completed' });
        expect(whole.answer).toMatchObject({
          notes: [{ id: short(noted.answer['id']), text: 'Noted offline about walnuts' }],
        });
        expect((await call('search', { query: 'walnuts' })).answer).toMatchObject({ total_count: 1 });
        expect(rows(whole.answer['children'])).toMatchObject([{ id: short(made.answer['id']), version: 1 }]);
        expect((await call('list_work_items')).answer).toMatchObject({ total_count: 3 });
        expect((await call('list_conflicts')).answer).toMatchObject({ total_count: 0, pending_count: 0 });
      },
    );
  });

  it('keeps /health at 200, degraded, because it still serves', async () => {
    const postgres = await startPostgres({ own: true });
    cleanUpLater(() => postgres.stop());
    const project = await temporaryProject({ git: true });
    const server = await startHttp({ project, args: ['--database', await postgres.createDatabase()] });
    cleanUpLater(async () => void (await server.stop()));
    const health = async (): Promise<unknown> => {
      const response = await fetch(`${server.url}/health`);
      return { code: response.status, ...((await response.json()) as object) };
    };
    expect(await health()).toEqual({ code: 200, status: 'ok', data_source: 'postgres' });
    await eventually(() => existsSync(path.join(project, '.worktrail', 'cache.db')));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await postgres.halt('immediate');
    await eventually(async () => JSON.stringify(await health()).includes('degraded'));
    expect(await health()).toEqual({ code: 200, status: 'degraded', data_source: 'sqlite_cache' });
  });
});

async function eventuallyFrom(source: string, call: () => Promise<Told>): Promise<Told> {
  let told = await call();
  await eventually(async () => {
    told = await call();
    return told.data_source === source;
  });
  return told;
}
