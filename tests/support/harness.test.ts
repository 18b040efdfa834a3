// The harness itself, proven against stand-ins: a PostgreSQL of its own and an echo server.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { startProgram } from './child-program.ts';
import { describeUnless, describeWithPostgres } from './describe-with.ts';
import { cleanEnvironment } from './environment.ts';
import { clientGenerations, connect } from './mcp-clients.ts';
import { PostgresProcess } from './postgres-process.ts';
import { postgresSkipReason, startPostgres } from './postgres.ts';
import { git, runCli, spawnServe, temporaryProject } from './program.ts';
import { describeWithSharedData } from './shared-data.ts';

const echoServer = withTsx('fixtures/echo-server.ts');

describeUnless(postgresSkipReason(), 'a PostgreSQL of one test', () => {
  it('keeps databases over both kinds of restart, on the same port, and leaves nothing behind', async () => {
    const server = await startPostgres({ own: true });
    try {
      const url = await server.createDatabase();
      expect(await query(url, 'CREATE TABLE kept (n int)')).toEqual([]);
      for (const mode of ['fast', 'immediate'] as const) {
        await query(url, 'INSERT INTO kept VALUES (1)');
        await server.restart(mode);
      }
      expect(await query(url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 2 }]);

      const copy = await server.createDatabase('the_copy', { template: new URL(url).pathname.slice(1) });
      expect(await query(copy, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 2 }]);

      await server.halt('immediate');
      await expect(query(url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
      await server.resume();
      expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      await server.stop();
      await server.stop(); // harmless
    }
    expect(await isListening(server.port)).toBe(false);
  });

  it('has fsync only when asked to be durable', async () => {
    const durable = await startPostgres({ own: true, durable: true });
    try {
      const settings = await query(
        durable.url(),
        `SELECT name, setting FROM pg_settings WHERE name IN
        ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses') ORDER BY name`,
      );
      expect(settings.map(({ name, setting }) => [name, setting])).toEqual([
        ['fsync', 'on'],
        ['full_page_writes', 'on'],
        ['listen_addresses', '127.0.0.1'],
        ['synchronous_commit', 'on'],
      ]);
    } finally {
      await durable.stop();
    }
  });

  it('ends by itself, and removes its folder, when the test run that started it is killed', async () => {
    const run = startProgram([], { cwd: os.tmpdir(), program: withTsx('fixtures/abandon-postgres.ts') });
    const [line] = (await once(run.child.stdout, 'data')) as [Buffer];
    const { port } = JSON.parse(line.toString('utf8')) as { port: number };
    const url = `postgres://worktrail@127.0.0.1:${port}/postgres`;
    const [settings] = await query(url, 'SHOW data_directory');
    const folder = path.dirname(String(settings?.['data_directory']));
    expect(existsSync(folder)).toBe(true);

    run.kill('SIGKILL');
    await expect.poll(() => existsSync(folder), { timeout: 20_000 }).toBe(false);
    expect(await isListening(port)).toBe(false);
  });

  it('says what PostgreSQL said when it cannot start', async () => {
    const server = await PostgresProcess.start({ durable: false });
    try {
      await expect(server.resume()).rejects.toThrow('running already');
      const { port } = server;
      await server.halt('fast');
      const intruder = net.createServer().listen(port, '127.0.0.1');
      await once(intruder, 'listening');
      await expect(server.resume()).rejects.toThrow('Address already in use');
      intruder.close();
    } finally {
      await server.stop();
    }
  });
});

describeWithPostgres('the PostgreSQL of the whole run', (server) => {
  it('gives each caller a database of its own', async () => {
    const [one, other] = await Promise.all([server.createDatabase(), server.createDatabase()]);
    await query(one, 'CREATE TABLE mine (n int)');
    await expect(query(other, 'SELECT * FROM mine')).rejects.toThrow('does not exist');
    await expect(server.restart('fast')).rejects.toThrow('Only a server from');
  });
});

describeWithSharedData('the shared data', (folder) => {
  it('is beside the checkout', () => {
    expect(existsSync(folder)).toBe(true);
  });
});

describe('test clients', () => {
  describe.each(clientGenerations)('%s', (generation) => {
    it('calls tools over stdio', async () => {
      const cwd = await temporaryProject();
      const client = await connect({ generation, transport: 'stdio', program: echoServer, args: [], cwd });
      await expectEcho(client);
      expect(client.stderr()).toContain('the echo server is up');

      const pid = client.pid();
      await client.close();
      await client.close(); // harmless
      expect(isRunning(pid)).toBe(false);
    });
  });

  it('tells the server its name', async () => {
    const cwd = await temporaryProject();
    const client = await connect({
      generation: 'previous',
      transport: 'stdio',
      clientName: 'somebody',
      program: echoServer,
      cwd,
    });
    const { structured } = await client.callTool('echo', { message: 'hello' });
    expect(structured).toEqual({ message: 'hello', client: 'somebody' });
  });

  it.each([
    ['previous', true],
    ['current', false],
    ['current-2026', false],
  ] as const)('%s checks error results, too: %s', async (generation, checks) => {
    const cwd = await temporaryProject();
    const client = await connect({ generation, transport: 'stdio', program: echoServer, cwd });
    const call = client.callTool('mismatch', { message: 'as an error' });
    if (checks) await expect(call).rejects.toThrow(/output schema/);
    else expect(await call).toMatchObject({ isError: true, structured: { message: 42 } });
  });

  it('reports the stderr of a server that cannot start', async () => {
    const cwd = await temporaryProject();
    const program = ['--eval', 'console.error("no such luck"); process.exit(3)'];
    const attempt = connect({ generation: 'current', transport: 'stdio', program, cwd });
    await expect(attempt).rejects.toThrow(/current client over stdio.*no such luck/s);
  });
});

describe('programs', () => {
  it('speaks JSON-RPC by hand and sees stray lines, errors and the exit', async () => {
    const project = await temporaryProject();
    const server = spawnServe({ project, program: echoServer });
    const { result } = await server.initialize();
    expect(result?.['serverInfo']).toMatchObject({ name: 'echo' });
    const { error } = await server.request('no/such/method');
    expect(error?.code).toBe(-32601);
    expect(server.lines).toHaveLength(2);
    expect(server.strayLines()).toEqual([]);

    server.program.kill('SIGKILL');
    await expect(server.request('tools/list')).rejects.toThrow('ended (exit SIGKILL)');
    expect(await server.program.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('runs a command with stdin, exit code and a clean environment', async () => {
    const project = await temporaryProject({ git: true });
    const script = `process.stdin.on('data', (data) => console.log(String(data)));
      console.error(process.cwd() + process.env.WORKTRAIL_PROJECT + process.env.DATABASE_URL + process.env.VITEST);
      process.exitCode = 4;`;
    const result = await runCli([], { project, program: ['--eval', script], stdin: 'over to you' });
    expect(result).toEqual({
      code: 4,
      stdout: 'over to you\n',
      stderr: `${project}${project}undefinedundefined\n`,
    });
    expect(await git(project, 'log', '--format=%an <%ae> %s')).toMatch(
      /^Test Person <test@example.com> Start the project [0-9a-f-]{36}\n$/,
    );
  });

  it('hides settings of ours, git and PostgreSQL from programs unless they are given', () => {
    const hidden = ['DATABASE_URL', 'WORKTRAIL_PROJECT', 'GIT_DIR', 'PGHOST'];
    for (const name of hidden) process.env[name] = 'from the developer';
    try {
      expect(Object.keys(cleanEnvironment())).not.toEqual(expect.arrayContaining(hidden));
      expect(hidden.filter((name) => name in cleanEnvironment())).toEqual([]);
      expect(cleanEnvironment({ GIT_DIR: 'given', PATH: undefined })).toMatchObject({ GIT_DIR: 'given' });
      expect('PATH' in cleanEnvironment({ PATH: undefined })).toBe(false);
    } finally {
      for (const name of hidden) Reflect.deleteProperty(process.env, name);
    }
  });
});

async function expectEcho(client: Awaited<ReturnType<typeof connect>>): Promise<void> {
  const answer = await client.callTool('echo', { message: 'hello' });
  expect(answer).toMatchObject({ text: 'hello', isError: false, structured: { message: 'hello' } });
  const refusal = await client.callTool('refuse', { message: 'no' });
  expect(refusal).toMatchObject({ text: 'no', isError: true, structured: undefined });
  // Every generation checks results against the output schema.
  await expect(client.callTool('mismatch', { message: '' })).rejects.toThrow(/output schema/);
  expect((await client.listTools()).map(({ name }) => name)).toEqual(['echo', 'refuse', 'mismatch']);
}

function withTsx(script: string): string[] {
  // A URL, because the program's working directory has no node_modules.
  return ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL(script, import.meta.url))];
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const connection = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    return [...(await connection.unsafe(statement))];
  } finally {
    await connection.end();
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(Boolean(socket.destroy())));
    socket.once('error', () => resolve(false));
  });
}

function isRunning(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
