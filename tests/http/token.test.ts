// A token for machines that several people use: nobody gets anything without it, and nobody finds it lying about.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { connect } from '../support/mcp-clients.ts';
import { runCli, startHttp, temporaryProject } from '../support/program.ts';
import { JSON_HEADERS, PING, initializeBody, request } from './requests.ts';

const FIXED = 'a-token-of-some-length-0123456789';

const ROUTES: [method: string, path: string][] = [
  ['POST', '/mcp'],
  ['GET', '/mcp'],
  ['DELETE', '/mcp'],
  ['GET', '/sse'],
  ['POST', '/messages?sessionId=x'],
  ['GET', '/no/such/route'],
];

describe('a token made at the start', () => {
  it('is asked for on every route, printed once, and works for every client', async () => {
    const server = await startHttp({ project: await temporaryProject(), args: ['--token'] });
    await expect.poll(() => server.stderr()).toContain('Stop: Ctrl+C');
    const [, token = ''] = /Token, shown this once: (\S+)/.exec(server.stderr()) ?? [];
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(server.stderr().split(token)).toHaveLength(2);
    expect(server.stderr()).toContain('"Authorization": "Bearer ${WORKTRAIL_HTTP_TOKEN}"');

    const wrong = [
      undefined,
      '',
      'Bearer',
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
    ];
    for (const [method, route] of ROUTES) {
      for (const authorization of wrong) {
        const answer = await request(server.url + route, {
          method,
          headers: { ...JSON_HEADERS, ...(authorization !== undefined && { authorization }) },
          ...(method === 'POST' && { body: initializeBody() }),
        });
        expect(answer.status, `${method} ${route} ${authorization}`).toBe(401);
        expect(answer.headers['www-authenticate']).toBe('Bearer');
        expect(JSON.parse(answer.body)).toMatchObject({ error: { code: -32000 } });
        expect(answer.body).not.toContain(token.slice(1));
      }
    }
    const headers = { authorization: `Bearer ${token}` };
    for (const transport of ['http', 'sse'] as const) {
      for (const generation of ['current', 'previous'] as const) {
        const client = await connect({ generation, transport, url: server.url, headers });
        expect((await client.callTool('list_work_items')).isError).toBe(false);
      }
    }
    const modern = await connect({ generation: 'current-2026', transport: 'http', url: server.url, headers });
    expect((await modern.callTool('list_work_items')).isError).toBe(false);

    expect(JSON.parse((await request(`${server.url}/health`)).body)).toEqual({ status: 'ok' });
    const health = await request(`${server.url}/health`, { headers });
    expect(JSON.parse(health.body)).toEqual({ status: 'ok', data_source: 'sqlite' });
    expect(server.stderr().split(token)).toHaveLength(2);
  });

  it('is another one every time, and does not reach stdio', async () => {
    const project = await temporaryProject();
    const tokens = await Promise.all(
      [1, 2].map(async () => {
        const server = await startHttp({ project, args: ['--token'] });
        await expect.poll(() => server.stderr()).toContain('Stop: Ctrl+C');
        return /Token, shown this once: (\S+)/.exec(server.stderr())?.[1];
      }),
    );
    expect(tokens[0]).not.toBe(tokens[1]);
    const client = await connect({
      generation: 'current',
      transport: 'stdio',
      cwd: project,
      env: { WORKTRAIL_HTTP_TOKEN: FIXED },
    });
    expect((await client.callTool('list_work_items')).isError).toBe(false);
  });
});

describe('a fixed token', () => {
  it('comes from a file or the environment, and is shown nowhere', async () => {
    const project = await temporaryProject();
    const file = path.join(project, 'token');
    await writeFile(file, `${FIXED}\n`, { mode: 0o600 });
    for (const options of [
      { args: ['--token-file', file] },
      { env: { WORKTRAIL_HTTP_TOKEN: FIXED } },
      { args: ['--token'], env: { WORKTRAIL_HTTP_TOKEN: FIXED } },
    ]) {
      const server = await startHttp({ project, ...options });
      const ask = (headers: Record<string, string>) =>
        request(`${server.url}/mcp`, {
          method: 'POST',
          headers: { ...JSON_HEADERS, ...headers },
          body: PING,
        });
      expect((await ask({})).status).toBe(401);
      expect((await ask({ authorization: `Bearer ${FIXED}` })).status).toBe(400);
      await expect.poll(() => server.stderr()).toContain('Stop: Ctrl+C');
      expect(server.stderr()).not.toContain(FIXED);
      await server.stop();
    }
  });

  it('that is empty or was never filled in counts as none', async () => {
    const project = await temporaryProject();
    for (const value of ['', '  ', '${WORKTRAIL_HTTP_TOKEN}']) {
      const server = await startHttp({ project, env: { WORKTRAIL_HTTP_TOKEN: value } });
      expect((await request(`${server.url}/mcp`, { method: 'DELETE' })).status).toBe(400);
      await server.stop();
    }
  });

  it('that cannot be used is told at once, and not repeated', async () => {
    const project = await temporaryProject();
    const file = path.join(project, 'token');
    await writeFile(file, 'has spaces and is long enough');
    for (const [args, env, what] of [
      [['--token-file', file], {}, '--token-file: must hold a token'],
      [['--token-file', path.join(project, 'none')], {}, '--token-file: must name a file that is there'],
      [['--token-file', '/dev/zero'], {}, 'is not a plain file'],
      [[], { WORKTRAIL_HTTP_TOKEN: 'short' }, 'WORKTRAIL_HTTP_TOKEN: must hold a token'],
    ] as const) {
      const { code, stderr } = await runCli(['serve', '--http', '--port', '0', ...args], { project, env });
      expect(code).toBe(2);
      expect(stderr).toContain(what);
      expect(stderr).not.toMatch(/has spaces|short\b/);
    }
    for (const args of [['--token'], ['--token-file', file]]) {
      const { code, stderr } = await runCli(['serve', ...args], { project });
      expect([code, stderr]).toEqual([2, expect.stringContaining('means something with --http only')]);
    }
  });
});
