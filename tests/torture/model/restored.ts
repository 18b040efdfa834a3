// A database that was restored from a backup and accepted, while writes wait that were based on what it lacks now: others
// have reached the same versions on another way.
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

/** @returns what was wrong in the end */
export async function runRestored(seed: string, seams: Seams = {}): Promise<string[]> {
  const world = await prepare({ ...SETTING, seed }, seams);
  const random = new Random(seed);
  const [client] = world.clients as [Client];
  try {
    await world.start(client.slot);
    await write(world, client, () => writes.creation(client, random));
    const backup = world.server.right.content();
    const lost = client.writes.length;
    for (let left = 1 + random.int(2); left > 0; left -= 1)
      await write(world, client, () => writes.update(client, random));
    world.server.mode = 'refusing';
    const isLost = new Set(client.writes.slice(lost));
    for (let left = 1 + random.int(3); left > 0; left -= 1)
      await write(world, client, () => writes.update(client, random));

    world.kill(client.slot);
    world.server.restart();
    world.server.right.fill(backup, '');
    // What a restore loses is not promised.
    for (const { attempts } of isLost)
      for (const attempt of attempts) if (attempt.outcome === 'acknowledged') attempt.outcome = 'unknown';
    for (let left = 1 + random.int(2); left > 0; left -= 1) await outsider.another(world, client, random);
    accept(world);
    world.server.mode = 'up';
    await heal(world, { restart: false });
    return [...world.violations];
  } finally {
    world.close();
  }
}

/** As `worktrail doctor --accept-database` does in the folder. */
function accept({ machines }: World): void {
  for (const { cache, seen } of machines) {
    cache.database.clear();
    seen.reset({ seq: 0, change_id: null });
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
