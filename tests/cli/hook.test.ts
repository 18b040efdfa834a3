// What hooks of AI clients are answered, by the built program as clients run it.
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, utimesSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { runCli, spawnServe, temporaryProject } from '../support/program.ts';
import { Server } from '../processes/server.ts';
import { Told } from '../../src/cli/hooks/told.ts';

const SESSION = 'cccccccc-0000-4000-8000-000000000001';

function hooksIn(project: string) {
  const home = mkdtempSync(path.join(os.tmpdir(), 'worktrail-home-'));
  cleanUpLater(() => rm(home, { recursive: true, force: true }));
  return async (event: string, input: object | string = {}, args: string[] = []): Promise<string> => {
    const stdin = typeof input === 'string' ? input : JSON.stringify({ session_id: SESSION, ...input });
    const { code, stdout, stderr } = await runCli(['hook', event, ...args], {
      project,
      env: { WORKTRAIL_HOME: home },
      stdin,
    });
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
}

const contextOf = (stdout: string): string => {
  const { hookSpecificOutput } = JSON.parse(stdout) as {
    hookSpecificOutput: { hookEventName: string; additionalContext: string };
  };
  expect(hookSpecificOutput.hookEventName).toBe('SessionStart');
  return hookSpecificOutput.additionalContext;
};

it('the brief comes at the start, once; after a compaction only how to go on', async () => {
  const project = await temporaryProject();
  const hook = hooksIn(project);
  const server = new Server(spawnServe({ project, env: { CLAUDE_CODE_SESSION_ID: SESSION } }), 'claude-code');
  await server.rpc.initialize({ clientName: 'claude-code' });
  const id = await server.create({ title: 'Write the "importer"' });

  const first = contextOf(await hook('session-start', { source: 'startup' }));
  expect(first).toContain('the "importer"');
  expect(encode(first).length).toBeLessThan(1_600);
  expect(await hook('session-start', { source: 'startup' })).toBe('');
  const { version } = await server.answer('claim_work_item', { id });
  const goesOn = contextOf(await hook('session-start', { source: 'compact' }));
  expect(goesOn).toMatch(
    new RegExp(
      `get_brief \\{"since":\\d+\\}.*\nIt holds 1 claim in the tracker:\n- ${id.slice(0, 8)} "Write the`,
    ),
  );
  expect(encode(goesOn).length).toBeLessThan(150);
  expect(await hook('session-start', { source: 'compact' })).toBe('');
  expect(contextOf(await hook('session-start', { source: 'resume' }))).toContain('It holds 1 claim');
  // A session of its own, which was told nothing yet.
  expect(contextOf(await hook('session-start', { session_id: 'another', source: 'resume' }))).not.toContain(
    'goes on',
  );

  expect(await hook('pre-compact', { trigger: 'auto' })).toContain('Keep their ids');
  const reminder = JSON.parse(await hook('stop')) as { decision: string; reason: string };
  expect(reminder.decision).toBe('block');
  expect(reminder.reason).toContain(id.slice(0, 8));
  // Once for the same claims, and never in answer to itself.
  expect(await hook('stop')).toBe('');
  const second = await server.create({ title: 'Another' });
  await server.answer('claim_work_item', { id: second });
  expect(await hook('stop', { stop_hook_active: true })).toBe('');
  expect(await hook('stop')).toContain('2 claims');
  await server.answer('update_work_item', { id, version, status: 'completed' });
  await server.answer('claim_work_item', { id: second, action: 'release' });
  for (const event of ['stop', 'pre-compact', 'session-end']) expect(await hook(event)).toBe('');
});

it('a session of Codex, which names itself with its calls, is reminded of what it holds', async () => {
  const project = await temporaryProject();
  const hook = hooksIn(project);
  const { rpc, ...server } = new Server(spawnServe({ project }), 'codex-mcp-client');
  await rpc.initialize({ clientName: server.name });
  const call = async (name: string, args: object) =>
    JSON.stringify(
      await rpc.request('tools/call', {
        name,
        arguments: args,
        _meta: { threadId: SESSION, sessionId: SESSION },
      }),
    );
  const [, id = ''] =
    /"id":"([0-9a-f-]{36})"/.exec(await call('create_work_item', { item_type: 'task', title: 'One' })) ?? [];
  expect(await call('claim_work_item', { id })).toContain('claim_token');
  const { reason } = JSON.parse(await hook('stop', {}, ['--client', 'codex'])) as { reason: string };
  expect(reason).toContain(id.slice(0, 8));
});

it('two hooks of one event, from a plugin and from settings, tell it once', async () => {
  const project = await temporaryProject();
  await runCli(['create', 'One'], { project });
  const hook = hooksIn(project);
  const told = await Promise.all(
    Array.from({ length: 4 }, () => hook('session-start', { source: 'startup' })),
  );
  expect(told.filter((text) => text !== '')).toHaveLength(1);
});

it('nothing holds a session up: no tracker, no input, wrong input, no such event', async () => {
  const project = await temporaryProject();
  const hook = hooksIn(project);
  expect(await hook('session-start', { source: 'startup' })).toBe('');
  expect(existsSync(path.join(project, '.worktrail'))).toBe(false);
  mkdirSync(path.join(project, '.worktrail'));
  for (const args of [[], ['--database', 'embedded'], ['--database', 'postgres://nobody@127.0.0.1:1/none']])
    expect(await hook('session-start', { source: 'startup' }, args)).toBe('');
  expect(readdirSync(path.join(project, '.worktrail'))).toEqual([]);
  await runCli(['create', 'One'], { project });
  for (const input of ['', 'no json', '[]', '"text"', 'null', '{"session_id":7}', 'x'.repeat(2_000_000)])
    expect(await hook('session-start', input)).toBe('');
  expect(await hook('no-such-event')).toBe('');
  expect(readdirSync(project).filter((name) => name.startsWith('.work'))).toEqual(['.worktrail']);
});

it('what could not be told is told the next time, and what is told again at once is told once', async () => {
  const project = await temporaryProject();
  const home = process.env['WORKTRAIL_HOME'];
  process.env['WORKTRAIL_HOME'] = path.join(project, 'home');
  const told = () => new Told(project, SESSION);
  const [first, second, third] = [told(), told(), told()];
  if (home === undefined) delete process.env['WORKTRAIL_HOME'];
  else process.env['WORKTRAIL_HOME'] = home;
  await expect(first.once('brief', async () => await Promise.reject(new Error('away')))).rejects.toThrow(
    'away',
  );
  expect(first.was('brief')).toBe(false);
  const tell = async () => 'it';
  const atOnce = async () =>
    await Promise.all([first, second, third].map((one) => one.once('brief', tell, 10_000)));
  expect((await atOnce()).filter((text) => text === 'it')).toHaveLength(1);
  expect(await second.once('brief', tell)).toBeUndefined();
  const marks = path.join(project, 'home', 'hooks');
  const minuteAgo = Date.now() / 1_000 - 60;
  for (const name of readdirSync(marks)) utimesSync(path.join(marks, name), minuteAgo, minuteAgo);
  expect((await atOnce()).filter((text) => text === 'it')).toHaveLength(1);
  expect(await second.once('brief', tell)).toBeUndefined();
});

it('a database that accepts and never answers holds nobody up', async () => {
  const project = await temporaryProject();
  await runCli(['create', 'One'], { project });
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  cleanUpLater(() => void silent.close());
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const begin = performance.now();
  const told = await hooksIn(project)('session-start', { source: 'startup' }, [
    '--database',
    `postgres://nobody:nothing@127.0.0.1:${port}/none`,
  ]);
  expect(performance.now() - begin).toBeLessThan(8_000);
  if (told !== '') expect(contextOf(told)).toMatch(/\n! /);
});

it('where the database is away, what is told says where it comes from', async () => {
  const project = await temporaryProject();
  await runCli(['create', 'One'], { project });
  const away = ['--database', 'postgres://nobody:nothing@127.0.0.1:1/none'];
  const told = contextOf(await hooksIn(project)('session-start', { source: 'startup' }, away));
  expect(told).toMatch(/\n! PostgreSQL .*/);
});
