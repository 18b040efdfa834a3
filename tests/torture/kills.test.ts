// kill -9 at any moment, under load and with the database away in between: what was acknowledged is there, once, and
// no file is damaged.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Server } from '../processes/server.ts';
import { freshDatabase } from '../storage/backends.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { spawnServe } from '../support/program.ts';
import type { Random } from './model/random.ts';
import { TIMEOUT_MS, counted, episodes, randomFor, report } from './scale.ts';
import { expectSoundFiles, newScene, startServer, untilCached, untilWhole, type Scene } from './scene.ts';
import { expectAllThereOnce, expectSoundDatabase, type Verdict } from './verdict.ts';
import { Client, Ledger, ServerGone } from './workload.ts';

/** Projects that are tortured side by side. */
const LANES = ['sqlite', 'postgres', 'postgres that goes away', 'postgres that goes away'] as const;
const KILLS = episodes(16, 500);
/** After so many in a lane, everything is looked at. */
const KILLS_PER_ROUND = episodes(4, 25);
/** Servers of a project that are under load at the same time, each killed and followed by another one. */
const SERVERS = 2;
const CLIENTS_PER_SERVER = 3;
const SHARED_ITEMS = 2;
const LOAD_MIN_MS = 100;
const LOAD_MAX_MS = 600;
/** Some die while they start. */
const EARLY_SHARE = 0.1;
const START_MAX_MS = 800;
const AWAY_MIN_MS = 200;
const AWAY_MAX_MS = 1_500;

interface Lane {
  verdict: Verdict;
  kills: number;
  behind: number;
  files: number;
  journaled: number;
}

describeUnless(postgresSkipReason(), 'servers that are killed under load, again and again', () => {
  it('lose nothing that was acknowledged, and damage no file', { timeout: TIMEOUT_MS }, async () => {
    const lanes = await Promise.all(
      LANES.map((kind, lane) => torture(kind, randomFor(`kills ${lane}`), KILLS / LANES.length)),
    );
    const sum = (figure: (one: Lane) => number) => lanes.reduce((total, one) => total + figure(one), 0);
    report(
      'kills',
      [
        `${sum(({ kills }) => kills)} kills`,
        `${counted(sum(({ verdict }) => verdict.acknowledged))} writes acknowledged (${counted(sum(({ journaled }) => journaled))} by the outbox)`,
        `0 lost`,
        `0 twice`,
        `${sum(({ verdict }) => verdict.unansweredSaved)} of ${sum(({ verdict }) => verdict.unanswered)} unanswered saved`,
        `${sum(({ verdict }) => verdict.conflicts)} conflicts between rivals`,
        `${sum(({ behind }) => behind)} refused on an older copy`,
        `${sum(({ files }) => files)} files checked, 0 damaged`,
      ].join(', '),
    );
  });
});

async function torture(kind: (typeof LANES)[number], random: Random, count: number): Promise<Lane> {
  const scene = await newScene(kind === 'sqlite' ? undefined : await freshDatabase());
  const ledger = new Ledger();
  let caretaker = await startServer(scene);
  const clientOf = () => new Client({ server: caretaker, ledger, random, mayDie: true });
  const crews = Array.from({ length: SERVERS }, () => Array.from({ length: CLIENTS_PER_SERVER }, clientOf));
  for (let shared = 0; shared < SHARED_ITEMS; shared += 1) await crews[0]?.[0]?.createShared();
  if (scene.source === 'postgres') await untilCached(scene);
  const lane = { kills: 0, files: 0 };
  let verdict: Verdict | undefined;
  while (lane.kills < count) {
    caretaker.rpc.program.kill('SIGKILL');
    await caretaker.rpc.program.exited;
    const left = Math.min(KILLS_PER_ROUND, count - lane.kills);
    const stopAway = kind === 'postgres that goes away' ? comeAndGo(scene, random) : undefined;
    try {
      // Each crew takes its share: the first one what is left over.
      await Promise.all(
        crews.map(async (crew, index) => {
          const share = Math.floor(left / SERVERS) + (index < left % SERVERS ? 1 : 0);
          for (let kill = 0; kill < share; kill += 1) await workUntilKilled(scene, crew, random);
        }),
      );
    } finally {
      await stopAway?.();
    }
    lane.kills += left;
    lane.files += expectSoundFiles(scene, { isDrained: false });
    caretaker = await startServer(scene);
    try {
      await untilWhole([caretaker], () => random.chance(0.5));
      verdict = await expectAllThereOnce(scene, ledger);
    } catch (error) {
      const log = caretaker.rpc.program.stderr().split('\n').slice(-15).join('\n');
      throw new Error(`${kind}, after ${lane.kills} kills: ${String(error)}\n${log}`, { cause: error });
    }
  }
  if (verdict === undefined) throw new Error('nobody was killed');
  await expectSoundDatabase(scene, caretaker);
  await caretaker.rpc.program.stop();
  lane.files += expectSoundFiles(scene, { isDrained: true });
  return { ...lane, verdict, behind: ledger.behind, journaled: ledger.journaled };
}

/** Starts a server, lets its clients work without pause, and kills it at a moment of chance. */
async function workUntilKilled(scene: Scene, crew: readonly Client[], random: Random): Promise<void> {
  const server = new Server(spawnServe({ project: scene.project, args: scene.args }));
  const { program } = server.rpc;
  if (random.chance(EARLY_SHARE)) {
    await sleep(random.int(START_MAX_MS));
    program.kill('SIGKILL');
    await program.exited;
    return;
  }
  await server.rpc.initialize();
  // The load counts from when the store is open; whether it is, the clients see by themselves.
  await server.call('list_work_items', { limit: 1 });
  const killing = sleep(LOAD_MIN_MS + random.int(LOAD_MAX_MS - LOAD_MIN_MS)).then(() =>
    program.kill('SIGKILL'),
  );
  const working = crew.map(async (client) => {
    client.server = server;
    for (;;) await client.step();
  });
  const ends = await Promise.allSettled(working);
  await killing;
  expect(await program.exited, program.stderr()).toEqual({ code: null, signal: 'SIGKILL' });
  for (const end of ends)
    if (end.status === 'rejected' && !(end.reason instanceof ServerGone)) throw end.reason;
  expect(server.rpc.strayLines()).toEqual([]);
}

/** Takes the database away and gives it back, at moments of chance, until the returned function is called. */
function comeAndGo({ proxy }: Scene, random: Random): () => Promise<void> {
  if (proxy === undefined) throw new Error('the scene has no proxy');
  const stop = new AbortController();
  const pause = async () => {
    const ms = AWAY_MIN_MS + random.int(AWAY_MAX_MS - AWAY_MIN_MS);
    await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  };
  const going = (async () => {
    while (!stop.signal.aborted) {
      await proxy.setMode(random.pick(['refuse', 'reset', 'blackhole'] as const));
      await pause();
      await proxy.setMode('pass');
      await pause();
    }
  })();
  return async () => {
    stop.abort();
    await going;
    await proxy.setMode('pass');
  };
}
