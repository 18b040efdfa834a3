// The first start of a folder, which nothing can stand in for: it waits for a server that is starting or busy, and says
// so; a mistake in the setting is said at once.
import { Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { connect } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { runCli, temporaryProject } from '../support/program.ts';

const STARTERS = 16;
/** Threads that compute, on a machine of two cores beside everything else that is started here. */
const BUSY_THREADS = 2;
const LATE_MS = 5_000;
const TIMEOUT_MS = 300_000;

function keepBusy(threads: number): void {
  for (let index = 0; index < threads; index += 1) {
    const worker = new Worker('for (;;) Math.sqrt(Math.random());', { eval: true });
    cleanUpLater(async () => void (await worker.terminate()));
  }
}

async function scene() {
  const server = await startPostgres({ own: true });
  cleanUpLater(() => server.stop());
  return { server, url: await server.createDatabase(), project: await temporaryProject({ git: true }) };
}

describeUnless(postgresSkipReason(), 'a first contact', () => {
  it(
    `of ${STARTERS} programs at once on a busy machine ends well for all, in one project`,
    { timeout: TIMEOUT_MS },
    async () => {
      const { url, project } = await scene();
      keepBusy(BUSY_THREADS);
      const began = performance.now();
      const ended = await Promise.all(
        Array.from({ length: STARTERS }, (_, index) =>
          runCli(['create', `Item ${index}`, '--json', '--database', url], { project }),
        ),
      );
      console.info(`${STARTERS} starters: ${(performance.now() - began).toFixed()} ms`);
      for (const { code, stdout, stderr } of ended) {
        expect(code, stdout + stderr).toBe(0);
      }
      const { stdout } = await runCli(['list', '--json', '--database', url], { project });
      expect(JSON.parse(stdout)).toMatchObject({ total_count: STARTERS });
    },
  );

  it('waits for a server that starts late, and says what it waits for', { timeout: TIMEOUT_MS }, async () => {
    const { server, url, project } = await scene();
    await server.halt('fast');
    const starting = sleep(LATE_MS).then(() => server.resume());
    const { code, stdout, stderr } = await runCli(['list', '--json', '--database', url], { project });
    await starting;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ data_source: 'postgres', total_count: 0 });
    expect(stderr).toContain(`waiting for PostgreSQL at 127.0.0.1:${server.port}/`);
    expect(stderr.match(/waiting for/g)).toHaveLength(1);
  });

  it('greets an MCP client at once, whose first call waits too', { timeout: TIMEOUT_MS }, async () => {
    const { server, url, project } = await scene();
    await server.halt('fast');
    const starting = sleep(LATE_MS).then(() => server.resume());
    const args = ['serve', '--project', project, '--database', url];
    const client = await connect({ generation: 'current', transport: 'stdio', cwd: project, args });
    cleanUpLater(() => client.close());
    const { isError, text } = await client.callTool('create_work_item', {
      item_type: 'task',
      title: 'First',
    });
    await starting;
    expect(isError, text).toBe(false);
  });

  it('says a mistake at once, without waiting', { timeout: TIMEOUT_MS }, async () => {
    const { server, project } = await scene();
    const began = performance.now();
    const { code, stderr } = await runCli(['list', '--database', server.url('nothing')], { project });
    expect(code).toBe(3);
    expect(stderr).toContain('does not exist');
    expect(stderr).not.toContain('waiting for');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('gives up an outage in the end, and says why', { timeout: TIMEOUT_MS }, async () => {
    const { server, url, project } = await scene();
    await server.halt('fast');
    const began = performance.now();
    const { code, stderr } = await runCli(['list', '--database', url], { project });
    expect(code).toBe(3);
    expect(stderr).toContain('nothing accepts connections at its address');
    expect(performance.now() - began).toBeGreaterThan(10_000);
  });
});
