// A database that was restored from a backup and accepted, while writes wait that were based on what it lacks now: others
// have reached the same versions on another way.
import { inOrder } from '../../../src/storage/maintenance/recover-writes.ts';
import { noteLost } from '../../../src/storage/maintenance/accept-primary.ts';
import { findLostWrites } from '../../../src/storage/maintenance/lost-writes.ts';
import { readIdentity } from '../../../src/storage/contract/store-identity.ts';
import { MemoryJournal } from '../../storage/tiers/memory-journal.ts';
import type { Client } from './client.ts';
import { heal } from './healing.ts';
import type { Seams } from './machine.ts';
import * as outsider from './outsider.ts';
import { Random } from './random.ts';
import { prepare } from './schedule.ts';
import type { World } from './world.ts';
import * as writes from './writes.ts';

const SETTING = { processes: [1], isSlow: false, skews: [0], hasCaches: true, restart: false, commands: [] };
const CALL_MS = 60_000;
const REPLAYED_WITHIN_MS = 60_000;

/** @returns what was wrong in the end */
export async function runRestored(seed: string, seams: Seams = {}): Promise<string[]> {
  const world = await prepare({ ...SETTING, seed }, seams);
  const random = new Random(seed);
  const [client] = world.clients as [Client];
  try {
    await world.start(client.slot);
    await sometimesAway(world, client, random, () =>
      write(world, client, () => writes.creation(client, random)),
    );
    const backup = world.server.right.content();
    const lost = client.writes.length;
    for (let left = 1 + random.int(2); left > 0; left -= 1) {
      await sometimesAway(world, client, random, () =>
        write(world, client, () => writes.update(client, random)),
      );
    }
    world.server.mode = 'refusing';
    const isLost = new Set(client.writes.slice(lost));
    for (let left = 1 + random.int(3); left > 0; left -= 1)
      await write(world, client, () => writes.update(client, random));

    world.kill(client.slot);
    world.server.putBack(backup);
    for (let left = 1 + random.int(2); left > 0; left -= 1) await outsider.another(world, client, random);
    await accept(world);
    const isRecovered = random.chance(0.5);
    if (isRecovered) await recover(world);
    // What a restore loses is not promised, unless it is put back.
    for (const { attempts } of isRecovered ? [] : isLost)
      for (const attempt of attempts) if (attempt.outcome === 'acknowledged') attempt.outcome = 'unknown';
    world.server.mode = 'up';
    await world.start(client.slot);
    // With what its client remembers from before.
    for (let left = random.int(3); left > 0; left -= 1)
      await write(world, client, () => writes.update(client, random));
    await heal(world, { restart: false });
    return [...world.violations];
  } finally {
    world.close();
  }
}

/** What is written while the primary is away its client knows by a version that it has nowhere else, also once it was replayed. */
async function sometimesAway(
  { server, time }: World,
  { slot }: Client,
  random: Random,
  work: () => Promise<void>,
): Promise<void> {
  if (random.chance(0.4)) return await work();
  server.mode = 'refusing';
  await work();
  server.mode = 'up';
  await time.advanceUntil(
    () => slot.process?.store.state === 'online' && !slot.machine.hasEntries,
    REPLAYED_WITHIN_MS,
  );
}

/** As `worktrail doctor --accept-database` does in the folder. */
async function accept({ machines, server }: World): Promise<void> {
  for (const { cache, kept, seen } of machines) {
    const lost = await server.read((c) => findLostWrites(c, seen, undefined));
    noteLost(seen, lost);
    // One of what was lost is not read any more.
    if ((kept.snapshot?.seq ?? 0) > lost.common) delete kept.snapshot;
    seen.reset(await server.read((c) => readIdentity(c)));
    cache.database.clear();
  }
}

/** As `worktrail recover` does after that. */
async function recover({ machines }: World): Promise<void> {
  for (const machine of machines) {
    const { media, seen } = machine;
    const lost = seen.lost();
    const outbox = new MemoryJournal(media.outbox, 'outbox');
    const waiting = machine.entries().map(({ lamport }) => lamport);
    const entries = inOrder(
      lost.map(({ entry }) => entry),
      Math.min(...waiting, Number.POSITIVE_INFINITY),
    );
    for (const entry of entries) await outbox.append(entry);
    seen.forget(lost.map(({ number }) => number));
  }
}

async function write(
  world: World,
  client: Client,
  compose: () => writes.Composed | undefined,
): Promise<void> {
  client.begin(async (process) => {
    const made = compose();
    if (made !== undefined) await client.write(process, client.compose(made.changes, made.seen));
  });
  if (client.busy !== undefined) await world.finish(client.busy, CALL_MS);
  await world.time.advance(100);
}
