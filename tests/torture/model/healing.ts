// The end of a schedule: all faults are over, and after a while everything has arrived where it belongs.
import { HeldBack, footprintOf } from '../../../src/domain/footprint.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';
import { inReplayOrder } from '../../../src/storage/contract/journal.ts';
import { settling } from './writes.ts';
import type { Client } from './client.ts';
import { checkCopies } from './copies.ts';
import { checkPrimary } from './oracle.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Probes pause for up to 19 s, writes that failed for up to 75 s. */
const PATIENCE_MS = 90_000;
const LOOK_MS = 250;
const REFRESHED_MS = 5_000;

/** @param restart whether every process ends before; else the living ones stay, and one is started where none is */
export async function heal(world: World, { restart }: { restart: boolean }): Promise<void> {
  world.endFaults();
  if (restart) for (const slot of world.slots) world.kill(slot);
  for (const machine of world.machines) {
    const slots = world.slots.filter((slot) => slot.machine === machine);
    const [first] = slots;
    if (first !== undefined && !slots.some(({ process }) => process !== undefined)) await world.start(first);
  }
  for (const { busy } of world.clients) {
    if (busy !== undefined && !(await world.finish(busy, PATIENCE_MS))) {
      return world.violated('a call was never answered');
    }
  }
  if (!(await until(world, () => world.machines.every((machine) => isAtRest(world, machine))))) {
    return world.violated(`writes are not replayed: ${waitingWrites(world)}`);
  }
  if (!(await until(world, () => world.machines.every((machine) => isFresh(world, machine))))) {
    return world.violated(`a cache is not brought up to date: ${positions(world)}`);
  }
  for (const machine of world.machines) if (machine.hasEntries) await showWaiting(world, machine);
  checkPrimary(world);
  await checkCopies(world);
  if (world.violations.length > 0 || !world.machines.some(({ hasEntries }) => hasEntries)) return;
  await releaseHeld(world);
  if (
    !(await until(world, () =>
      world.machines.every((machine) => !machine.hasEntries && isFresh(world, machine)),
    ))
  ) {
    return world.violated(`writes stay behind: ${waitingWrites(world)} ${positions(world)}`);
  }
  checkPrimary(world);
  await checkCopies(world);
}

/** The next read of a cache lays on top what waits; the next refresh does it anew, in order. */
async function showWaiting(world: World, machine: Machine): Promise<void> {
  const parts = machine.alive[0]?.store.parts;
  const show = async () => parts?.cache?.run(await parts.journals.waiting(), () => Promise.resolve());
  await world.finish(show(), PATIENCE_MS);
  await world.time.advance(REFRESHED_MS);
}

/** Settles open conflicts as long as writes wait behind them. */
async function releaseHeld(world: World): Promise<void> {
  for (let turns = 0; turns < TURNS_MAX && world.machines.some(({ hasEntries }) => hasEntries); turns += 1) {
    // One after the other: a decision that waits behind another conflict holds back further ones on the same.
    const all = world.server.right.all<{ id: string }>(
      'select id from conflicts where resolved_at is null order by id',
    );
    const open = all[turns % all.length];
    const client = world.clients.find(({ slot }) => slot.process?.isAlive === true) as Client;
    if (open !== undefined) {
      const change = settling(client, open.id, { resolution: 'keep_theirs' });
      client.begin((process) => client.write(process, client.compose([change])));
      if (client.busy !== undefined) await world.finish(client.busy, PATIENCE_MS);
    }
    await world.time.advance(LOOK_MS);
    await until(world, () => world.machines.every((machine) => isAtRest(world, machine)), HELD_PATIENCE_MS);
  }
}

const TURNS_MAX = 60;
const HELD_PATIENCE_MS = 20_000;

async function until(world: World, isDone: () => boolean, ms = PATIENCE_MS): Promise<boolean> {
  for (let waited = 0; waited < ms; waited += LOOK_MS) {
    if (isDone()) return true;
    await world.time.advance(LOOK_MS);
  }
  return isDone();
}

/** Nothing waits but what open conflicts of the same machine hold back, and nothing that is settled. */
function isAtRest(world: World, machine: Machine): boolean {
  if (!machine.hasEntries) return true;
  const settled = new Set(
    world.server.right
      .all<{ change_id: string }>('select change_id from applied_changes')
      .map(({ change_id }) => change_id),
  );
  if (machine.entries().some(({ changes }) => changes.every(({ id }) => settled.has(id)))) return false;
  const open = world.server.right.all<{ changes: string }>(
    'select changes from conflicts where device = ? and resolved_at is null',
    machine.id,
  );
  return areHeldBack(
    machine.entries().sort(inReplayOrder),
    open.map(({ changes }) => JSON.parse(changes) as JournalEntry['changes']),
  );
}

/** Whether each of the writes, in the order of their replay, waits behind an open conflict or behind one that does. */
export function areHeldBack(
  waiting: readonly Pick<JournalEntry, 'changes'>[],
  open: readonly JournalEntry['changes'][],
): boolean {
  const held = new HeldBack();
  for (const changes of open) held.hold(footprintOf(changes), 'person');
  return waiting.every(({ changes }) => {
    const wait = held.waitOf(footprintOf(changes));
    if (wait !== undefined) held.hold(footprintOf(changes), wait);
    return wait !== undefined;
  });
}

/** Its cache says that it stands where the primary does, and nothing of its own is left in it unless it waits. */
function isFresh(world: World, machine: Machine): boolean {
  const { database } = machine.cache;
  const { cursor } = database;
  return cursor === world.server.right.seq && (machine.hasEntries || database.seq === cursor);
}

function waitingWrites(world: World): string {
  return world.machines
    .flatMap((machine) => machine.entries().map(({ id }) => `${id} on machine ${machine.index}`))
    .join(', ');
}

function positions(world: World): string {
  const cursors = world.machines.map(({ cache }) => String(cache.database.cursor));
  return `the primary stands at ${world.server.right.seq}, the caches at ${cursors.join(', ')}`;
}
