// PostgreSQL restarted in the middle of transactions, in both ways, while clients write.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Server } from '../processes/server.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { TIMEOUT_MS, counted, episodes, randomFor, report } from './scale.ts';
import { expectSoundFiles, newScene, startServer, untilCached, untilWhole } from './scene.ts';
import { expectAllThereOnce, expectSoundDatabase, type Verdict } from './verdict.ts';
import { Client, Ledger } from './workload.ts';

const RESTARTS = episodes(2, 20);
const SERVERS = 2;
const CLIENTS = 4;
const SHARED_ITEMS = 3;
const LOAD_MAX_MS = 400;
/** Less than a server waits for a lock: whoever is held up is still in the middle of its transaction. */
const HELD_MS = 150;
/** How long clients go on while the database is away, at most. */
const AWAY_MAX_MS = 1_000;
const PAUSE_MAX_MS = 10;

describeUnless(postgresSkipReason(), 'PostgreSQL that is restarted in the middle of transactions', () => {
  it('has everything that was acknowledged, once', { timeout: TIMEOUT_MS }, async () => {
    const random = randomFor('restarts');
    const postgres = await startPostgres({ own: true });
    cleanUpLater(() => postgres.stop());
    const scene = await newScene(await postgres.createDatabase(), { behindProxy: false });
    const servers = await Promise.all(Array.from({ length: SERVERS }, () => startServer(scene)));
    const ledger = new Ledger();
    const clients = Array.from(
      { length: CLIENTS },
      (_, index) => new Client({ server: servers[index % SERVERS] as Server, ledger, random }),
    );
    for (let shared = 0; shared < SHARED_ITEMS; shared += 1) await clients[0]?.createShared();
    await untilCached(scene);

    let verdict: Verdict | undefined;
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const mode = restart % 2 === 0 ? 'immediate' : 'fast';
      let isOver = false;
      const working = clients.map(async (client) => {
        while (!isOver) {
          await client.step();
          await sleep(random.int(PAUSE_MAX_MS));
        }
      });
      const disturbing = (async () => {
        await sleep(random.int(LOAD_MAX_MS));
        // Writers stand between their first statement and their commit when the row of the feed is held.
        const release = random.chance(0.5) ? await scene.hold('select seq from feed for update') : undefined;
        if (release !== undefined) await sleep(random.int(HELD_MS));
        await postgres.halt(mode);
        await release?.();
        await sleep(random.int(AWAY_MAX_MS));
        await postgres.resume();
        await sleep(random.int(LOAD_MAX_MS));
      })().finally(() => (isOver = true));
      try {
        await Promise.all([disturbing, ...working]);
        await untilWhole(servers, () => random.chance(0.5));
        verdict = await expectAllThereOnce(scene, ledger);
      } catch (error) {
        isOver = true;
        await Promise.allSettled([disturbing, ...working]);
        const log = servers
          .map(({ rpc }) => rpc.program.stderr().split('\n').slice(-12).join('\n'))
          .join('\n--\n');
        throw new Error(`restart ${restart} (${mode}): ${String(error)}\n${log}`, { cause: error });
      }
    }
    if (verdict === undefined) throw new Error('there was no restart');
    await expectSoundDatabase(scene, servers[0] as Server);
    await Promise.all(servers.map(({ rpc }) => rpc.program.stop()));
    expectSoundFiles(scene, { isDrained: true });
    for (const { rpc } of servers) expect(rpc.strayLines()).toEqual([]);
    report(
      'restarts',
      [
        `${RESTARTS} restarts`,
        `${counted(verdict.acknowledged)} writes acknowledged`,
        '0 lost',
        '0 twice',
        `${verdict.conflicts} conflicts between rivals`,
        `${ledger.behind} refused on an older copy`,
      ].join(', '),
    );
  });
});
