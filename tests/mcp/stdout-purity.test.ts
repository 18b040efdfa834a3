// In stdio mode stdout belongs to the protocol: whatever happens, every line of it is JSON-RPC.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { describeWithPostgres } from '../support/describe-with.ts';
import type { EnvironmentOverrides } from '../support/environment.ts';
import type { JsonRpcProcess } from '../support/json-rpc-process.ts';
import { runCli, spawnServe, temporaryProject } from '../support/program.ts';
import type { Row } from './calls.ts';

const DEAD_URL = 'postgres://someone:secret@127.0.0.1:1/nothing';

interface Serving {
  args?: string[];
  env?: EnvironmentOverrides;
  project?: string;
}

/** Starts a server, lets `talk` use it, ends it, and holds its whole output against the protocol. */
async function listen(
  { args = [], env = {}, project }: Serving,
  talk: (server: JsonRpcProcess) => Promise<void>,
) {
  const server = spawnServe({ project: project ?? (await temporaryProject({ git: true })), args, env });
  await talk(server);
  server.closeStdin();
  expect((await server.program.exited).code, server.program.stderr()).toBe(0);
  expect(server.strayLines()).toEqual([]);
  return { lines: server.lines, stderr: server.program.stderr() };
}

async function call(
  server: JsonRpcProcess,
  name: string,
  arguments_: Row = {},
): Promise<{ isError: boolean; text: string }> {
  const { result } = await server.request('tools/call', { name, arguments: arguments_ });
  const [{ text = '' } = {}] = (result?.['content'] ?? []) as { text?: string }[];
  return { isError: result?.['isError'] === true, text };
}

/** Good answers, warnings, errors of ours and of the protocol, and lines that are none. */
async function everything(server: JsonRpcProcess): Promise<void> {
  await server.initialize();
  await server.request('tools/list');
  const item = { item_type: 'task', title: 'x' };
  expect(await call(server, 'create_work_item', item)).toMatchObject({ isError: false });
  expect((await call(server, 'create_work_item', { ...item, metadata: { unheard_of: 1 } })).text).toContain(
    '! ',
  );
  expect(await call(server, 'create_work_item', { ...item, title: 'line\nbreak' })).toMatchObject({
    isError: true,
  });
  expect(await call(server, 'query_vendor_status', { name: 'nobody' })).toMatchObject({ isError: true });
  expect(await call(server, 'get_project_configuration')).toMatchObject({ isError: false });
  expect((await server.request('no/such/method')).error?.code).toBe(-32601);
  server.send('not a message');
  server.send('{"jsonrpc":"2.0","id":1.5}');
  server.notify('notifications/unheard_of');
  await server.request('ping');
}

describe('stdout', () => {
  it('is silent until the client speaks', async () => {
    const { lines } = await listen({}, () => Promise.resolve());
    expect(lines).toEqual([]);
  });

  it('holds answers only, from migrating an empty store to errors and warnings', async () => {
    const { lines } = await listen({}, everything);
    expect(lines).toHaveLength(11);
  });

  it.each<[what: string, env: EnvironmentOverrides]>([
    ['variables for debugging', { DEBUG: '*', NODE_DEBUG: '*', VERBOSE: '1', LOG_LEVEL: 'trace' }],
    ['warnings of Node.js', { NODE_OPTIONS: '--trace-warnings --trace-deprecation --pending-deprecation' }],
    ['colours forced', { FORCE_COLOR: '3', CLICOLOR_FORCE: '1' }],
    ['the environment of a developer', { NODE_ENV: 'development', CI: 'true', npm_config_loglevel: 'silly' }],
  ])('stays pure under %s', async (_what, env) => {
    await listen({ env }, everything);
  });

  it('stays pure when a library prints to the console', async () => {
    const project = await temporaryProject({ git: true });
    const noisy = path.join(project, 'noisy.cjs');
    const noise =
      "console.log('noise'); console.info('noise'); console.table(['noise']); console.dir('noise');";
    await writeFile(noisy, `setInterval(() => { ${noise} process.emitWarning('noise'); }, 5).unref();`);
    const { stderr } = await listen({ project, env: { NODE_OPTIONS: `--require "${noisy}"` } }, everything);
    expect(stderr).toContain('noise');
  });

  it('stays pure when the store cannot be reached, and tells the client why', async () => {
    const { stderr } = await listen({ args: ['--database', DEAD_URL] }, async (server) => {
      await server.initialize();
      const { isError, text } = await call(server, 'list_work_items');
      expect(isError).toBe(true);
      expect(JSON.parse(text)).toMatchObject({
        error: 'DatabaseError',
        details: { layer: 'postgres', reason: 'nothing accepts connections at its address' },
      });
      expect(text).not.toContain('secret');
    });
    expect(stderr).not.toContain('secret');
  });

  it.each<[what: string, content: string | Buffer]>([
    ['words', 'This is no database. '.repeat(500)],
    [
      'a header and nothing behind it',
      Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8_176, 0xff)]),
    ],
  ])('stays pure when worktrail.db is damaged (%s), and leaves the file alone', async (_what, content) => {
    const project = await temporaryProject();
    const file = path.join(project, '.worktrail', 'worktrail.db');
    await mkdir(path.dirname(file));
    await writeFile(file, content);
    await listen({ project }, async (server) => {
      await server.initialize();
      for (const tool of ['list_work_items', 'get_project_configuration']) {
        const { isError, text } = await call(server, tool);
        expect(isError).toBe(true);
        expect(JSON.parse(text)).toMatchObject({ error: 'DatabaseError', details: { layer: 'sqlite' } });
        expect(text).not.toMatch(/SQLITE_|better-sqlite3/);
      }
      expect((await server.request('tools/list')).result).toBeDefined();
    });
    expect((await readFile(file)).equals(Buffer.from(content))).toBe(true);
  });

  it('stays empty when the settings are wrong', async () => {
    const project = await temporaryProject();
    await writeFile(path.join(project, 'worktrail.config.json'), '{ "toolset": ["core"] }');
    const { code, stdout, stderr } = await runCli(['serve'], { project });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('the nearest is "toolsets"');
  });
});

describeWithPostgres('stdout, with PostgreSQL', (postgresServer) => {
  it('holds no notice of the server, however talkative it is', async () => {
    const url = await postgresServer.createDatabase();
    const name = new URL(url).pathname.slice(1);
    const administrator = postgres(url, { max: 1, onnotice: () => undefined });
    await administrator.unsafe(`ALTER DATABASE "${name}" SET client_min_messages = 'debug1'`);
    await administrator.end();

    const project = await temporaryProject({ git: true });
    const serving = {
      project,
      args: ['--database', url],
      env: { DEBUG: '*', PGOPTIONS: '-c client_min_messages=debug1' },
    };
    await listen(serving, everything);
    await listen(serving, everything);
  });
});
