// An outage ends: whoever calls every second uses PostgreSQL within 3 s of its return, however long it was away, and is
// answered quickly meanwhile. Short commands believe each other for a moment, and never who only believed.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openStore } from '../../src/storage/opening/open-store.ts';
import { openOutbox } from '../../src/storage/journals/outbox.ts';
import { inFolder } from '../storage/backends.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { connect } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { runCli, temporaryProject } from '../support/program.ts';
import { startProxy, type ProxyMode } from '../support/tcp-proxy.ts';
import { isLong } from '../torture/scale.ts';

const EVERY_MS = 1_000;
/** 3 s are promised; what a busy machine needs to start a command comes on top. */
const RETURN_LIMIT_MS = 5_000;
const TIMEOUT_MS = 300_000;

interface Outage {
  kind: ProxyMode;
  seconds: number;
}

const OUTAGES: readonly Outage[] = (['refuse', 'blackhole'] as const).flatMap((kind) =>
  [1, 15, 60].map((seconds) => ({ kind, seconds })),
);
/** Of each kind and of each length one, to commands; the others to a server. The long form has all, to both. */
const isForCommands = ({ kind, seconds }: Outage) => (kind === 'refuse') === (seconds === 1);
const TO_COMMANDS = isLong ? OUTAGES : OUTAGES.filter((one) => one.seconds < 60 && isForCommands(one));
const TO_SERVERS = isLong ? OUTAGES : OUTAGES.filter((one) => one.seconds < 60 && !isForCommands(one));

interface Called {
  source: string;
  ms: number;
}

async function scene() {
  const server = await startPostgres({ own: true });
  cleanUpLater(() => server.stop());
  const proxy = await startProxy(await server.createDatabase());
  cleanUpLater(() => proxy.stop());
  const project = await temporaryProject();
  return { proxy, project };
}

/** Calls once a second through an outage. @returns how long after its end the primary answered, and the slowest call */
async function through(
  seconds: number,
  setMode: (mode: ProxyMode) => Promise<void>,
  kind: ProxyMode,
  call: () => Promise<Called>,
): Promise<{ returnMs: number; slowestMs: number }> {
  for (let tries = 0; (await call()).source !== 'postgres'; tries += 1) {
    expect(tries).toBeLessThan(30);
    await sleep(200);
  }
  await setMode(kind);
  let slowestMs = 0;
  let degraded = 0;
  for (const until = performance.now() + seconds * 1_000; performance.now() < until;) {
    const { source, ms } = await call();
    slowestMs = Math.max(slowestMs, ms);
    if (source === 'sqlite_cache') degraded += 1;
    await sleep(Math.max(0, Math.min(EVERY_MS - ms, until - performance.now())));
  }
  expect(degraded).toBeGreaterThan(0);
  await setMode('pass');
  const back = performance.now();
  for (;;) {
    const { source, ms } = await call();
    if (source === 'postgres') return { returnMs: performance.now() - back, slowestMs };
    if (performance.now() - back > 30_000) throw new Error('it was not used again');
    await sleep(Math.max(0, EVERY_MS - ms));
  }
}

describeUnless(postgresSkipReason(), 'after an outage', () => {
  it.each(TO_COMMANDS)(
    'of $seconds s ($kind) a command every second uses PostgreSQL again',
    { timeout: TIMEOUT_MS },
    async ({ kind, seconds }) => {
      const { proxy, project } = await scene();
      const call = async (): Promise<Called> => {
        const began = performance.now();
        const { code, stdout, stderr } = await runCli(['list', '--json', '--database', proxy.url], {
          project,
        });
        expect(code, stderr).toBe(0);
        const { data_source } = JSON.parse(stdout) as { data_source: string };
        return { source: data_source, ms: performance.now() - began };
      };
      const { returnMs, slowestMs } = await through(seconds, (mode) => proxy.setMode(mode), kind, call);
      console.info(
        `commands, ${seconds} s: used ${returnMs.toFixed()} ms after its return, slowest ${slowestMs.toFixed()} ms`,
      );
      expect(returnMs).toBeLessThan(RETURN_LIMIT_MS);
    },
  );

  it.each(TO_SERVERS)(
    'of $seconds s ($kind) a server that is called every second uses PostgreSQL again',
    { timeout: TIMEOUT_MS },
    async ({ kind, seconds }) => {
      const { proxy, project } = await scene();
      // It leaves a copy behind, which a server that has just begun may not have yet.
      expect((await runCli(['list', '--database', proxy.url], { project })).code).toBe(0);
      const args = ['serve', '--project', project, '--database', proxy.url];
      const client = await connect({ generation: 'current', transport: 'stdio', cwd: project, args });
      cleanUpLater(() => client.close());
      const call = async (): Promise<Called> => {
        const began = performance.now();
        const { structured, text } = await client.callTool('list_work_items', {});
        expect(structured, text).toBeDefined();
        return { source: String(structured?.['data_source']), ms: performance.now() - began };
      };
      const { returnMs, slowestMs } = await through(seconds, (mode) => proxy.setMode(mode), kind, call);
      console.info(
        `a server, ${seconds} s: used ${returnMs.toFixed()} ms after its return, slowest ${slowestMs.toFixed()} ms`,
      );
      expect(returnMs).toBeLessThan(RETURN_LIMIT_MS);
    },
  );
});

describeUnless(postgresSkipReason(), 'what a command remembers of an outage', () => {
  it('is what it saw itself, and nothing of the password', { timeout: TIMEOUT_MS }, async () => {
    const { proxy, project } = await scene();
    const url = proxy.url.replace('worktrail@', 'worktrail:s3cret-of-ours@');
    const list = async () => {
      const { stdout } = await runCli(['list', '--json', '--database', url], { project });
      return (JSON.parse(stdout) as { data_source: string }).data_source;
    };
    const notedAt = async () => {
      const { stdout } = await runCli(['doctor', '--json', '--database', url], { project });
      return (JSON.parse(stdout) as { breaker: { at: string } | null }).breaker?.at;
    };
    expect(await list()).toBe('postgres');
    await proxy.setMode('refuse');
    expect(await list()).toBe('sqlite_cache');
    const noted = await notedAt();
    expect(noted).toBeDefined();
    for (const file of ['outbox.db', 'outbox.db-wal']) {
      const content = await readFile(path.join(project, '.worktrail', file), 'latin1').catch(() => '');
      expect(content).not.toContain('s3cret');
    }
    await proxy.setMode('pass');
    // Another address is tried at once, whatever was seen of the first.
    const { stdout } = await runCli(['list', '--json', '--database', proxy.url], { project });
    expect(JSON.parse(stdout)).toMatchObject({ data_source: 'postgres' });
    expect(await notedAt()).toBeUndefined();
  });

  it('is nothing of what it ended itself when it closed', { timeout: TIMEOUT_MS }, async () => {
    const { proxy, project } = await scene();
    const place = inFolder(project, proxy.url);
    const store = await openStore(place);
    await store.read(() => Promise.resolve());
    await proxy.setMode({ slow: { delayMs: 1_500 } });
    // By then the copy is being brought up to date, and closing does not wait for it.
    await sleep(2_500);
    await store.close();
    await sleep(2_000);
    const outbox = path.join(place.dataDir, 'outbox.db');
    expect(existsSync(`${outbox}-wal`), 'the file is let go of').toBe(false);
    const reopened = openOutbox(outbox);
    cleanUpLater(() => reopened.close());
    expect(reopened.get('breaker') ?? '').toBe('');
  });

  it('is nothing of calls that it closed under', { timeout: TIMEOUT_MS }, async () => {
    const { proxy, project } = await scene();
    const logged: string[] = [];
    const store = await openStore({
      ...inFolder(project, proxy.url),
      log: (message) => logged.push(message),
    });
    await store.read(() => Promise.resolve());
    await sleep(1_000);
    let isOver = false;
    const calls = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await store.read((reader) => reader.findProject()).catch(() => undefined);
        // A store that is closed may answer without letting anything else run.
        await turn();
      }
    });
    await store.close();
    await sleep(200);
    isOver = true;
    await Promise.all(calls);
    const outbox = openOutbox(path.join(project, '.worktrail', 'outbox.db'));
    cleanUpLater(() => outbox.close());
    expect([outbox.get('breaker') ?? '', ...logged.filter((line) => line.includes('away'))]).toEqual(['']);
  });
});
