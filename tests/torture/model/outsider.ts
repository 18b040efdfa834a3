// Somebody with a connection of his own, who changes the primary at once and without faults.
import { batchPatch, type BatchPart } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { TrackerError } from '../../../src/domain/errors.ts';
import type { SqlStore } from '../../../src/storage/primary/sql-store.ts';
import { askFor, type Client, type Target } from './client.ts';
import { EPOCH_MS } from './database.ts';
import type { Attempt, View } from './ledger.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';
import * as writes from './writes.ts';

type Compose = (world: World, store: SqlStore, random: Random) => Promise<writes.Composed | undefined>;

/** Makes or updates a record. */
export const another = (world: World, _: Client, random: Random) => writing(world, random, record);

/** Claims an item, comments on it, archives it, or updates several as one. */
export const anotherWorks = (world: World, _: Client, random: Random) =>
  writing(
    world,
    random,
    random.weighted<Compose>([
      [5, claim],
      [2, note],
      [2, archive],
      [3, bulkUpdate],
    ]),
  );

async function writing(world: World, random: Random, compose: Compose): Promise<void> {
  const { server, ledger, time } = world;
  if (server.current !== server.right || server.isLocked) return;
  const store = server.outside();
  const made = await compose(world, store, random);
  if (made === undefined) return;
  const attempt: Attempt = {
    outcome: 'acknowledged',
    startedAt: ledger.next(),
    endedAt: undefined,
    time: time.now,
    at: undefined,
    wasUncertain: false,
  };
  ledger.add({ ...made, attempts: [attempt], waitingBefore: new Set() });
  try {
    const { data, durability, source } = await store.write(made.changes);
    Object.assign(attempt, { applied: data, durability, source });
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    attempt.outcome = 'refused';
  }
  attempt.endedAt = ledger.next();
}

const whoIs = (world: World) => ({ name: 'another', now: EPOCH_MS + world.time.now });

async function record(world: World, store: SqlStore, random: Random): Promise<writes.Composed> {
  const who = whoIs(world);
  const entity = random.chance(0.25) ? 'vendor' : 'work_item';
  const rows = world.server.right.all<{ id: string }>(`select id from ${entity}s order by id`);
  const id = rows.length === 0 || random.chance(0.1) ? undefined : random.pick(rows).id;
  if (id === undefined) {
    const fields = { entity: 'work_item', kind: 'create', entity_id: world.random.uuid() } as const;
    const patch = writes.newItem(world, random, null);
    return { changes: [writes.makeChange(world, who, { ...fields, patch })], seen: new Map() };
  }
  const view = await viewOf(store, { entity, id });
  const fields = { entity, kind: 'update', entity_id: id, base_version: view.version } as const;
  const patch =
    entity === 'vendor' ? writes.vendorPatch(world, random) : writes.itemPatch(world, random, view, id);
  const change = writes.makeChange(world, who, { ...fields, patch, cascade: random.chance(0.5) });
  return { changes: [change], seen: new Map([[id, view]]) };
}

async function viewOf(store: SqlStore, target: Target): Promise<View> {
  const { data } = await store.read((reader) => askFor(reader, target));
  const seen = data.record ?? {};
  return { version: Number(seen['version']), record: seen, isComplete: true };
}

interface Row {
  id: string;
  token: number | null;
  holder: string | null;
}

function items({ server }: World): Row[] {
  return server.right.all<Row>(
    'select w.id, c.token, c.holder from work_items w left join claims c on c.item_id = w.id order by w.id',
  );
}

function claim(world: World, _: SqlStore, random: Random): Promise<writes.Composed | undefined> {
  const all = items(world);
  if (all.length === 0) return Promise.resolve(undefined);
  const { id, holder, token } = random.pick(all);
  const isOwn = holder === 'another';
  const action = random.weighted([
    [3, 'take'],
    [isOwn ? 2 : 0, 'release'],
    [isOwn ? 4 : 0, 'hand_over'],
  ]);
  const to = action === 'hand_over' && { to: random.pick(world.clients).name };
  const lease_seconds = random.pick([2, 10, 60, 1_800]);
  return plain(world, {
    entity: 'work_item',
    kind: 'claim',
    entity_id: id,
    patch: { action, lease_seconds, ...to },
    claim_token: isOwn ? token : null,
  });
}

function note(world: World, _: SqlStore, random: Random): Promise<writes.Composed | undefined> {
  const all = items(world);
  if (all.length === 0) return Promise.resolve(undefined);
  const patch = { item_id: random.pick(all).id, text: `note ${world.random.hex(12)}` };
  return plain(world, { entity: 'note', kind: 'create', entity_id: world.random.uuid(), patch });
}

function archive(world: World, _: SqlStore, random: Random): Promise<writes.Composed | undefined> {
  const all = items(world);
  if (all.length === 0) return Promise.resolve(undefined);
  const kind = random.chance(0.7) ? 'archive' : 'restore';
  return plain(world, { entity: 'work_item', kind, entity_id: random.pick(all).id, patch: {} });
}

async function bulkUpdate(
  world: World,
  store: SqlStore,
  random: Random,
): Promise<writes.Composed | undefined> {
  const ids = items(world)
    .map(({ id }) => id)
    .filter(() => random.chance(0.6));
  const [first] = ids;
  if (first === undefined) return undefined;
  const parts: BatchPart[] = [];
  const seen = new Map<string, View>();
  for (const id of ids) {
    const view = await viewOf(store, { entity: 'work_item', id });
    seen.set(id, view);
    const patch = writes.itemPatch(world, random, view, id);
    parts.push({ entity: 'work_item', kind: 'update', entity_id: id, base_version: view.version, patch });
  }
  const change = writes.makeChange(world, whoIs(world), {
    entity: 'work_item',
    entity_id: first,
    kind: 'batch',
    patch: batchPatch(parts),
  });
  return { changes: [change], seen };
}

const plain = (world: World, given: Parameters<typeof writes.makeChange>[2]) => {
  const changes: Change[] = [writes.makeChange(world, whoIs(world), given)];
  return Promise.resolve({ changes, seen: new Map<string, View>() });
};
