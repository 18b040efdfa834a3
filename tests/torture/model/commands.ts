// What happens in a schedule, as data: so that it can be repeated, and cut down when it shows a fault.
import type { Client } from './client.ts';
import type { Machine } from './machine.ts';
import { DISK_FULL, JOURNALS } from './disk.ts';
import { FAULT_KINDS, SITES, type FaultKind, type Site } from './faults.ts';
import { Random } from './random.ts';
import type { Impostor } from './server.ts';
import type { World } from './world.ts';
import * as batches from './batch-writes.ts';
import * as claims from './claim-writes.ts';
import * as outsider from './outsider.ts';
import * as records from './record-writes.ts';
import * as writes from './writes.ts';

const ACTIONS = [
  [9, 'create'],
  [34, 'update'],
  [6, 'link'],
  [3, 'register vendor'],
  [8, 'update vendor'],
  [5, 'group'],
  [7, 'repeat'],
  [5, 'resolve'],
  [8, 'read'],
  [12, 'another client'],
  [13, 'fault'],
  [14, 'primary away or back'],
  [2, 'primary restarts'],
  [4, 'table refuses or works'],
  [5, 'another database'],
  [5, 'journal fails or works'],
  [2, 'cache fails or works'],
  [1, 'cache is lost'],
  [2, 'status file'],
  [1, 'backup'],
  [4, 'kill'],
  [2, 'stop'],
  [3, 'clock jumps'],
  [4, 'wait'],
  [9, 'take'],
  [3, 'take next'],
  [8, 'keep claim'],
  [6, 'note'],
  [2, 'create enhancement'],
  [4, 'update enhancement'],
  [1.5, 'promote'],
  [4, 'plan'],
  [6, 'bulk update'],
  [4, 'undo'],
  [5, 'archive'],
  [8, 'another works'],
] as const;
export type Action = (typeof ACTIONS)[number][1];

export interface Command {
  action: Action;
  client: number;
  /** All choices made in carrying it out follow from this and the state. */
  dice: number;
  /** Time that passes after it, in milliseconds. */
  gap: number;
}

const GAPS = [
  [40, 0],
  [20, 5],
  [12, 60],
  [12, 300],
  [8, 900],
  [6, 2_500],
  [2, 6_000],
] as const;

export const DAY_MS = 86_400_000;
/** How long a client that is still busy is waited for. */
const BUSY_MS = 8_000;

/** @param often every other one is of these */
export function anyCommand(random: Random, often: readonly Action[] = []): Command {
  const isOften = often.length > 0 && random.chance(0.5);
  return {
    action: isOften ? random.pick(often) : random.weighted(ACTIONS),
    client: random.int(4),
    dice: random.int(1e9),
    gap: random.weighted(GAPS),
  };
}

export async function carryOut(world: World, command: Command): Promise<void> {
  const random = new Random(String(command.dice));
  const client = world.clients[command.client % world.clients.length] as Client;
  const act = ACTS[command.action];
  await act(world, client, random);
  await world.time.advance(command.gap);
}

type Act = (world: World, client: Client, random: Random) => Promise<void> | void;

const ACTS: Readonly<Record<Action, Act>> = {
  create: (_, client, random) => writing(client, () => writes.creation(client, random)),
  update: (_, client, random) =>
    writing(client, () => writes.update(client, random) ?? writes.creation(client, random)),
  link: (_, client, random) => writing(client, () => writes.link(client, random)),
  'register vendor': (_, client, random) => writing(client, () => writes.registration(client, random)),
  'update vendor': (_, client, random) => writing(client, () => writes.vendorUpdate(client, random)),
  group: (_, client, random) => writing(client, () => writes.group(client, random)),
  repeat: (_, client, random) => writing(client, () => writes.repetition(client, random)),
  take: (_, client, random) => writing(client, () => claims.taking(client, random)),
  'take next': takeNext,
  'keep claim': (_, client, random) =>
    writing(client, () => claims.keeping(client, random) ?? claims.taking(client, random)),
  note: (_, client, random) => writing(client, () => records.note(client, random)),
  'create enhancement': (_, client, random) => writing(client, () => records.enhancement(client, random)),
  'update enhancement': (_, client, random) =>
    writing(client, () => records.enhancementUpdate(client, random) ?? records.enhancement(client, random)),
  promote: (_, client, random) => writing(client, () => records.promotion(client, random)),
  plan: (_, client, random) => writing(client, () => batches.plan(client, random)),
  'bulk update': (_, client, random) => writing(client, () => batches.bulkUpdate(client, random)),
  undo,
  archive: (_, client, random) => writing(client, () => records.archiving(client, random)),
  resolve,
  read: async (world, client, random) => {
    const target = writes.anyTarget(world, random);
    if (target === undefined || !(await isReady(client))) return;
    client.begin((process) => client.read(process, target));
  },
  'another client': outsider.another,
  'another works': outsider.anotherWorks,
  fault: (world, { slot }, random) => {
    const site = random.pick(random.chance(0.6) ? WRITING_SITES : SITES);
    world.faults.arm({
      site,
      kind: random.pick(kindsAt(site)),
      times: random.weighted([
        [6, 1],
        [2, 2],
        [1, 5],
      ]),
      machine: random.chance(0.7) ? slot.machine.index : undefined,
    });
  },
  'primary away or back': ({ server, faults }, _, random) => {
    server.mode = random.weighted([
      [server.mode === 'up' ? 0 : 8, 'up' as const],
      [2, 'refusing' as const],
      [1, 'silent' as const],
    ]);
    if (server.mode !== 'up') faults.count('primary', server.mode);
  },
  'primary restarts': ({ server, faults }) => {
    server.restart();
    faults.count('primary', 'restart');
  },
  'table refuses or works': ({ server, faults }, _, random) => {
    const refusal = { table: random.pick(REFUSING_TABLES), code: random.pick(['42501', '42P01']) };
    server.refuseTable(server.isTableRefused ? undefined : refusal);
    if (server.isTableRefused) faults.count(refusal.table, refusal.code);
  },
  'another database': ({ server, faults, machines }, _, random) => {
    if (server.current !== server.right) return server.reinstate();
    const { backupSeq } = server;
    // Only a folder that was told of something later can know that it is older, but then at once.
    const isNoticed = ({ toldSeq }: Machine) => backupSeq !== undefined && toldSeq > backupSeq;
    // To a folder that was told of nothing, one is as good as another.
    const wasTold = ({ toldSeq, cache }: Machine) => toldSeq > 0 || (cache.database.cursor ?? 0) > 0;
    if (!machines.every(wasTold)) return;
    const kind = random.pick<Impostor>(
      machines.every(isNoticed) ? ['older', 'older', 'older', 'empty', 'other'] : ['empty', 'other'],
    );
    server.impersonate(kind);
    faults.count('primary', kind);
  },
  'journal fails or works': ({ faults }, { slot: { machine } }, random) => {
    const { server } = machine.world;
    const name = random.pick(server.current === server.right ? JOURNALS : (['git', 'markdown'] as const));
    const medium = machine.media[name];
    medium.outage = medium.outage === undefined ? DISK_FULL : undefined;
    machine.troubledAt = machine.world.time.now;
    if (medium.outage !== undefined) faults.count(name, 'disk full');
  },
  'cache fails or works': ({ faults, time }, { slot: { machine } }) => {
    machine.cache.outage = machine.cache.outage === undefined ? DISK_FULL : undefined;
    machine.troubledAt = time.now;
    if (machine.cache.outage !== undefined) faults.count('cache', 'disk full');
  },
  'cache is lost': async (world, { slot: { machine } }) => {
    for (const slot of world.slots) if (slot.machine === machine) world.kill(slot);
    machine.cache.database.clear();
    world.faults.count('cache', 'lost');
  },
  'status file': async (world, { slot: { machine } }, random) => {
    const { server } = world;
    if (server.mode !== 'up' || server.current !== server.right) return;
    machine.keep('status');
    if (random.chance(0.6)) await onlyStatusFileIsLeft(world, machine, random);
  },
  backup: ({ server }) => server.keepBackup(),
  kill: (world, { slot }) => world.kill(slot),
  stop: (world, { slot }) => world.stop(slot),
  'clock jumps': ({ faults }, { slot: { machine } }, random) => {
    machine.setSkew(anySkew(random));
    faults.count('clock', 'jump');
  },
  wait: ({ time }, _, random) => time.advance(random.int(9_000)),
};

const REFUSING_TABLES = [
  'notes',
  'notes',
  'work_item_dependencies',
  'work_items',
  'claims',
  'vendors',
  'conflicts',
  'changes',
] as const;

/** The primary goes away, and all that the folder has is its status file: that is what its clients read next. */
async function onlyStatusFileIsLeft(world: World, machine: Machine, random: Random): Promise<void> {
  world.server.mode = 'refusing';
  const clients = world.clients.filter(({ slot }) => slot.machine === machine);
  for (const { slot } of clients) world.kill(slot);
  machine.cache.database.clear();
  delete machine.kept.snapshot;
  world.faults.count('copies', 'lost');
  for (const client of clients) {
    const target = writes.anyTarget(world, random);
    if (target === undefined || !(await isReady(client))) continue;
    client.begin((process) => client.read(process, target));
  }
}

/** Where a fault can cost a write. */
const WRITING_SITES: readonly Site[] = [
  ...SITES.filter((site) => /write|replay|append|remove/.test(site)),
  ...(['primary.write', 'primary.write', 'primary.write', 'primary.replay', 'primary.replay'] as const),
  ...(['outbox.append', 'outbox.remove'] as const),
];

export const anySkew = (random: Random): number =>
  random.weighted([
    [2, 0],
    [2, random.int(20_000) - 10_000],
    [1, random.int(2 * DAY_MS) - DAY_MS],
  ]);

function kindsAt(site: Site): readonly FaultKind[] {
  const verb = site.split('.').at(-1) ?? '';
  if (site === 'primary.write' || site === 'primary.replay') return FAULT_KINDS;
  if (site.startsWith('primary') || site === 'connect') return ['before', 'hang', 'contention', 'partial'];
  if (site === 'cache.write') return ['before', 'after', 'commit', 'hang'];
  if (verb === 'append' || verb === 'remove') return ['before', 'after', 'hang', 'hang after'];
  return ['before', 'hang'];
}

/** Its process runs, and it is not busy with something else. */
async function isReady(client: Client): Promise<boolean> {
  const { world, slot } = client;
  const { busy } = client;
  if (busy !== undefined && !(await world.finish(busy, BUSY_MS))) return false;
  await world.start(slot);
  return slot.process !== undefined;
}

async function writing(client: Client, make: () => ReturnType<typeof writes.repetition>): Promise<void> {
  if (!(await isReady(client))) return;
  const made = make();
  if (made === undefined) return;
  const write = 'attempts' in made ? made : client.compose(made.changes, made.seen);
  client.begin((process) => client.write(process, write));
}

async function resolve(_: World, client: Client, random: Random): Promise<void> {
  if (!(await isReady(client))) return;
  client.begin(async (process) => {
    const found = await client.conflicts(process);
    if (found.length === 0) return;
    const { changes, seen } = writes.resolution(client, random, random.pick(found));
    await client.write(process, client.compose(changes, seen));
  });
}

/** Whatever its process says is ready. */
async function takeNext(_: World, client: Client, random: Random): Promise<void> {
  if (!(await isReady(client))) return;
  client.begin(async (process) => {
    const ready = await client.ask(process, (reader) => reader.findReady({}, READY_ASKED));
    const made = claims.takingNext(client, random, ready?.map(({ id }) => id) ?? []);
    if (made !== undefined) await client.write(process, client.compose(made.changes, made.seen));
  });
}

const READY_ASKED = 3;

/** Takes back a write of its own, mostly the last. */
async function undo(_: World, client: Client, random: Random): Promise<void> {
  if (!(await isReady(client))) return;
  const { writes: own } = client;
  const write = random.chance(0.6) ? own.at(-1) : own[random.int(own.length)];
  const change = write?.changes.at(-1);
  if (change === undefined) return;
  client.begin(async (process) => {
    const read = await client.ask(process, (reader) => batches.readForUndo(client, reader, change.id));
    const made = read === undefined ? undefined : batches.undoing(client, random, read);
    if (made !== undefined) await client.write(process, client.compose(made.changes, made.seen));
  });
}
