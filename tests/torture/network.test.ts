// A network that fails in every way while clients write: nothing acknowledged is lost or applied twice, every answer
// is good and true about itself, and nobody waits long.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Server } from '../processes/server.ts';
import { freshDatabase } from '../storage/backends.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import type { ProxyMode } from '../support/tcp-proxy.ts';
import type { Random } from './model/random.ts';
import { TIMEOUT_MS, counted, episodes, isLong, randomFor, report } from './scale.ts';
import { newScene, rivalOf, startServer, untilCached, untilWhole, type Scene } from './scene.ts';
import { expectAllThereOnce, expectSoundDatabase, type Verdict } from './verdict.ts';
import { Client, Ledger, percentile, type Call } from './workload.ts';

/** Projects that are disturbed side by side, each with a database and a network of its own. */
const LANES = episodes(2, 5);
const EPISODES = episodes(8, 260);
/** Of one project and one client by itself, for the figures: many at once mostly wait for each other. */
const TIMED_EPISODES = episodes(0, 40);
const FAULT_MIN_MS = 200;
const FAULT_MAX_MS = episodes(900, 3_000);
const SERVERS = 2;
const CLIENTS_MAX = 3;
const SHARED_ITEMS = 3;
/** How long a client thinks between two calls, at most. */
const PAUSE_MAX_MS = 40;
const RIVAL_PAUSE_MAX_MS = 400;
/** An answer takes this long at most at the first failure, and while the primary is known to be away. */
const FIRST_ANSWER_MAX_MS = 1_000;
const OPEN_P99_MAX_MS = 50;
const PING_PAUSE_MS = 25;

interface Fault {
  name: string;
  mode: ProxyMode;
  ms: number;
}

/** How long calls took, in milliseconds. */
interface Waits {
  /** Of calls that met a failure nobody knew of. */
  first: { fault: string; tool: string; ms: number }[];
  /** Of reads, and of writes, to a server that knew the database to be away. */
  openReads: number[];
  openWrites: number[];
  /** Of calls during a slow network, which is no failure. */
  slow: number[];
  /** Of calls that do nothing, at the same time: what this machine costs by itself. */
  nothing: number[];
}

interface Lane extends Waits {
  episodes: number;
  verdict: Verdict;
  behind: number;
}

describeUnless(postgresSkipReason(), 'a network that fails again and again', () => {
  it('costs no acknowledged write, and no answer its truth', { timeout: TIMEOUT_MS }, async () => {
    const lanes = await Promise.all(
      Array.from({ length: LANES }, (_, lane) =>
        disturb(randomFor(`network ${lane}`), EPISODES / LANES, CLIENTS_MAX),
      ),
    );
    const alone = isLong ? await disturb(randomFor('network alone'), TIMED_EPISODES, 1) : undefined;
    const all = alone === undefined ? lanes : [...lanes, alone];
    const sum = (figure: (one: Lane) => number) => all.reduce((total, one) => total + figure(one), 0);
    const timed = alone === undefined ? lanes : [alone];
    const first = timed.flatMap((one) => one.first).sort((a, b) => b.ms - a.ms);
    const [slowest = { fault: 'none', tool: 'none', ms: 0 }] = first;
    const merged = (figure: (one: Lane) => number[]) => timed.flatMap(figure);
    const readsP99 = percentile(
      merged(({ openReads }) => openReads),
      0.99,
    );
    const writesP99 = percentile(
      merged(({ openWrites }) => openWrites),
      0.99,
    );
    const nothing = merged((one) => one.nothing);
    const whole = (ms: number) => `${Math.round(ms)} ms`;
    report(
      'network',
      [
        `${sum((one) => one.episodes)} episodes`,
        `${counted(sum(({ verdict }) => verdict.acknowledged))} writes acknowledged`,
        '0 lost',
        '0 twice',
        `${sum(({ verdict }) => verdict.conflicts)} conflicts between rivals`,
        `${sum(({ behind }) => behind)} refused on an older copy`,
        `first call after failure max ${whole(slowest.ms)} (${slowest.tool}, ${slowest.fault})`,
        `p99 while open ${whole(readsP99)} (reads) ${whole(writesP99)} (writes)`,
        `slow network max ${whole(Math.max(0, ...merged(({ slow }) => slow)))}`,
        `a call that does nothing max ${whole(percentile(nothing, 1))} (p99 ${whole(percentile(nothing, 0.99))})`,
      ].join(', '),
    );
    if (!isLong) return;
    // Whatever else runs on this machine holds up a call that does nothing as well.
    expect(slowest.ms, 'first answer after a failure, in ms').toBeLessThanOrEqual(
      FIRST_ANSWER_MAX_MS + percentile(nothing, 1),
    );
    expect(readsP99, 'p99 of reads while the database is known to be away, in ms').toBeLessThanOrEqual(
      OPEN_P99_MAX_MS + percentile(nothing, 0.99),
    );
  });
});

async function disturb(random: Random, count: number, clientsMax: number): Promise<Lane> {
  const databaseUrl = await freshDatabase();
  const scene = await newScene(databaseUrl);
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => startServer(scene)));
  const ledger = new Ledger();
  const clients = Array.from({ length: clientsMax }, (_, index) => {
    const server = servers[index % SERVERS] as Server;
    return new Client({ server, ledger, random });
  });
  for (let shared = 0; shared < SHARED_ITEMS; shared += 1) await clients[0]?.createShared();
  await untilCached(scene);
  const rivalServer = await startServer(await rivalOf(scene, databaseUrl));
  const rival = new Client({ server: rivalServer, ledger, random });

  const waits: Waits = { first: [], openReads: [], openWrites: [], slow: [], nothing: [] };
  let verdict: Verdict | undefined;
  for (let episode = 0; episode < count; episode += 1) {
    const fault = randomFault(random);
    const active = clients.slice(0, 1 + random.int(clientsMax));
    try {
      await goThrough(scene, fault, active, rival, random, ledger, waits);
      await untilWhole(servers, () => random.chance(0.5));
      verdict = await expectAllThereOnce(scene, ledger);
    } catch (error) {
      const log = servers
        .map(({ rpc }) => rpc.program.stderr().split('\n').slice(-12).join('\n'))
        .join('\n--\n');
      const what = `episode ${episode}: ${fault.name} for ${fault.ms} ms under ${active.length} clients`;
      throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}\n${log}`, {
        cause: error,
      });
    }
  }
  if (verdict === undefined) throw new Error('there was no episode');
  await expectSoundDatabase(scene, servers[0] as Server);
  for (const { rpc } of [...servers, rivalServer]) expect(rpc.strayLines()).toEqual([]);
  await Promise.all([...servers, rivalServer].map(({ rpc }) => rpc.program.stop()));
  return { ...waits, episodes: count, verdict, behind: ledger.behind };
}

/** Lets clients work before, during and after a fault, and takes down how long they waited. */
async function goThrough(
  { proxy }: Scene,
  { name, mode, ms }: Fault,
  clients: readonly Client[],
  rival: Client,
  random: Random,
  ledger: Ledger,
  waits: Waits,
): Promise<void> {
  if (proxy === undefined) throw new Error('the scene has no proxy');
  let isOver = false;
  const repeat = async (step: () => Promise<void>, pauseMs: number) => {
    while (!isOver) {
      await step();
      await sleep(random.int(pauseMs));
    }
  };
  const working = [
    ...clients.map((client) => repeat(() => client.step(), PAUSE_MAX_MS)),
    repeat(() => rival.updateShared(), RIVAL_PAUSE_MAX_MS),
    repeat(async () => void waits.nothing.push(await ping(rival.server)), PING_PAUSE_MS),
  ];
  const work = Promise.all(working);
  try {
    await Promise.race([sleep(random.int(PAUSE_MAX_MS * 3)), work]);
    const from = ledger.calls.length;
    const failedAt = Date.now();
    await proxy.setMode(mode);
    await Promise.race([sleep(ms), work]);
    await proxy.setMode('pass');
    const healedAt = Date.now();
    await Promise.race([sleep(random.int(PAUSE_MAX_MS * 5)), work]);
    isOver = true;
    await work;
    measure(
      ledger.calls.slice(from).filter(({ server }) => server !== rival.server),
      name,
      failedAt,
      healedAt,
      waits,
    );
  } finally {
    isOver = true;
    await proxy.setMode('pass');
    await Promise.allSettled(working);
    ledger.calls.length = 0;
  }
}

function isRead(tool: string): boolean {
  return /^(query|list)_/.test(tool);
}

async function ping({ rpc }: Server): Promise<number> {
  const started = performance.now();
  await rpc.request('ping');
  return performance.now() - started;
}

function measure(
  calls: readonly Call[],
  fault: string,
  failedAt: number,
  healedAt: number,
  waits: Waits,
): void {
  for (const { tool, startedAt, ms, before, after } of calls) {
    if (before === 'open' && after === 'open') (isRead(tool) ? waits.openReads : waits.openWrites).push(ms);
    else if (startedAt < failedAt || startedAt > healedAt) continue;
    else if (fault === 'slow') waits.slow.push(ms);
    else if (before !== 'open') waits.first.push({ fault, tool, ms });
  }
}

function randomFault(random: Random): Fault {
  const mode = random.pick<() => ProxyMode>([
    () => 'refuse',
    () => 'reset',
    () => 'blackhole',
    () => 'requests only',
    () => 'answers only',
    () => ({ slow: { delayMs: 20 + random.int(280) } }),
    () => ({ dropCommit: { passOn: random.chance(0.7), then: random.pick(['pass', 'refuse'] as const) } }),
    () => ({ cut: { afterBytes: random.int(2_000) } }),
  ])();
  const share = FAULT_MAX_MS / FAULT_MIN_MS;
  // Short ones are the more frequent: what matters happens at both ends of a fault.
  const ms = Math.round(FAULT_MIN_MS * share ** random.next());
  return { name: typeof mode === 'string' ? mode : (Object.keys(mode)[0] ?? ''), mode, ms };
}
