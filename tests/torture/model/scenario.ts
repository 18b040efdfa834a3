// One fixed story with every layer in it, for putting a fault at each of its calls.
import type { Change } from '../../../src/domain/change.ts';
import type { Client } from './client.ts';
import type { FaultKind } from './faults.ts';
import { heal } from './healing.ts';
import type { View } from './ledger.ts';
import { prepare } from './schedule.ts';
import type { World } from './world.ts';
import { makeChange, settling } from './writes.ts';

/** As a schedule without commands: one process on one machine, and a client elsewhere. */
const SETTING = {
  seed: 'scenario',
  processes: [1],
  isSlow: false,
  skews: [0],
  hasCaches: true,
  restart: false,
  commands: [],
};

export interface Case {
  /** The call at which it fails, from 1; undefined for none. */
  call?: number;
  forever?: boolean;
  kind?: FaultKind;
}

/** @returns what was wrong in the end, and how many calls the story took without the end */
export async function tell({
  call,
  forever = false,
  kind = 'before',
}: Case): Promise<{ violations: string[]; calls: number }> {
  const world = await prepare(SETTING, {});
  if (call !== undefined) world.faults.nth = { call, forever, kind };
  try {
    await story(world);
    const { calls } = world.faults;
    await heal(world, { restart: false });
    return { violations: [...world.violations], calls };
  } finally {
    world.close();
  }
}

/** Creates and updates online, updates and creates offline, meets another client's update, settles the conflict. */
async function story(world: World): Promise<void> {
  const [client] = world.clients as [Client];
  await world.start(client.slot);
  const first = world.random.uuid();
  const second = world.random.uuid();
  await make(world, client, () => creation(world, client, first));
  await make(world, client, () => edit(world, client, first, { title: 'online', labels: ['a', 'b'] }));
  world.server.mode = 'refusing';
  await make(world, client, () => edit(world, client, first, { title: 'offline', status: 'blocked' }));
  await make(world, client, () => edit(world, client, first, { labels: ['a'] }));
  await make(world, client, () => creation(world, client, second));
  await outside(world, first);
  world.server.mode = 'up';
  await world.time.advanceUntil(() => client.slot.process?.store.state === 'online', 25_000);
  await begin(world, client, async () => {
    const { process } = client.slot;
    if (process === undefined) return;
    const [open] = await client.conflicts(process);
    if (open !== undefined)
      await client.write(process, client.compose([settling(client, open.id, { resolution: 'reapply' })]));
  });
  await world.time.advanceUntil(() => !client.slot.machine.hasEntries, 20_000);
  await make(world, client, () => edit(world, client, second, { title: 'afterwards' }));
}

async function make(world: World, client: Client, compose: () => Composed | undefined): Promise<void> {
  await world.start(client.slot);
  await begin(world, client, async () => {
    const { process } = client.slot;
    const made = compose();
    if (process !== undefined && made !== undefined)
      await client.write(process, client.compose([made.change], made.seen));
  });
  await world.time.advance(100);
}

async function begin(world: World, client: Client, work: () => Promise<void>): Promise<void> {
  client.begin(work);
  if (client.busy !== undefined) await world.finish(client.busy, 60_000);
}

interface Composed {
  change: Change;
  seen: Map<string, View>;
}

const who = ({ name, slot }: Client) => ({ name, now: slot.machine.wall });

function creation(world: World, client: Client, id: string): Composed {
  const patch = {
    item_type: 'task',
    title: 'new',
    description: null,
    status: 'active',
    priority: 3,
    labels: ['a'],
    assignee: null,
    parent_id: null,
    branch_name: null,
    commit_hash: null,
    pr_number: null,
    metadata: {},
  };
  return {
    change: makeChange(world, who(client), { entity: 'work_item', kind: 'create', entity_id: id, patch }),
    seen: new Map(),
  };
}

function edit(world: World, client: Client, id: string, patch: Change['patch']): Composed | undefined {
  const view = client.views.get(id)?.at(-1);
  if (view === undefined) return undefined;
  const fields = {
    entity: 'work_item',
    kind: 'update',
    entity_id: id,
    base_version: view.version,
    patch,
  } as const;
  const change = makeChange(world, who(client), fields);
  return { change, seen: new Map([[id, view]]) };
}

/** Another client sets the same field meanwhile, if the record is there by then. */
async function outside(world: World, id: string): Promise<void> {
  const store = world.server.outside();
  const { data } = await store.read((reader) => reader.findWorkItem(id));
  if (data === undefined) return;
  const record = data as unknown as View['record'];
  const given = { entity: 'work_item', kind: 'update', entity_id: id, base_version: data.version } as const;
  const change = makeChange(world, { name: 'another', now: 0 }, { ...given, patch: { title: 'theirs' } });
  const startedAt = world.ledger.next();
  await store.write([change]);
  world.ledger.add({
    changes: [change],
    seen: new Map([[id, { version: data.version, record, isComplete: true }]]),
    waitingBefore: new Set(),
    attempts: [
      {
        outcome: 'acknowledged',
        startedAt,
        endedAt: world.ledger.next(),
        time: world.time.now,
        at: undefined,
        wasUncertain: false,
      },
    ],
  });
}
