// The changes that clients make: few records and few fields, so that they get in each other's way.
import { partsOf } from '../../../src/domain/batch.ts';
import { CHANGE_SCHEMA_VERSION, type Change } from '../../../src/domain/change.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Client, Target } from './client.ts';
import type { View, Write } from './ledger.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const STATUSES = ['planned', 'active', 'blocked', 'completed', 'cancelled'];
const LABELS = ['a', 'b', 'c', 'd'];
const VENDOR_NAMES = ['Acme', 'ACME', 'Bolt', 'Core'];
const LINK_KINDS = ['blocks', 'depends_on', 'relates_to', 'discovered_from'];
/** More records than this, and nobody meets anybody. */
export const ITEMS_MAX = 5;

/** What is written, and what its maker saw of what it alters. */
export interface Composed {
  changes: Change[];
  seen: ReadonlyMap<string, View>;
}

/** The records that anybody made so far. */
export function knownItems(world: World): string[] {
  return recordsOf(world, 'work_item');
}

export function knownVendors(world: World): string[] {
  return recordsOf(world, 'vendor');
}

export function recordsOf(world: World, entity: Change['entity']): string[] {
  const ids = new Set<string>();
  for (const { changes } of world.ledger.writes) {
    for (const change of changes.flatMap(partsOf))
      if (change.kind === 'create' && change.entity === entity) ids.add(change.entity_id);
  }
  return [...ids];
}

export function anyTarget(world: World, random: Random): Target | undefined {
  const items = knownItems(world).map((id): Target => ({ entity: 'work_item', id }));
  const vendors = knownVendors(world).map((id): Target => ({ entity: 'vendor', id }));
  const enhancements = recordsOf(world, 'enhancement').map((id): Target => ({ entity: 'enhancement', id }));
  const all = [...items, ...items, ...vendors, ...enhancements];
  return all.length === 0 ? undefined : random.pick(all);
}

type Given = Pick<Change, 'entity' | 'entity_id' | 'kind' | 'patch'> & Partial<Change>;

export function makeChange(world: World, who: { name: string; now: number }, given: Given): Change {
  return {
    id: world.newChangeId(who.now),
    at: new Date(who.now).toISOString(),
    actor: who.name,
    client: 'model/1',
    base_version: null,
    on_conflict: 'reject',
    cascade: false,
    claim_token: null,
    idempotency_key: null,
    schema_version: CHANGE_SCHEMA_VERSION,
    ...given,
  };
}

export const whoIs = (client: Client) => ({ name: client.name, now: client.slot.machine.wall });

/** With a key now and then, so that it can be repeated under another id. */
export const keyed = (client: Client, random: Random): Partial<Change> =>
  random.chance(0.2) ? { idempotency_key: `key-${client.world.random.hex(8)}` } : {};

export function creation(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const items = knownItems(world);
  if (items.length >= ITEMS_MAX) return undefined;
  const parent = items.length > 0 && random.chance(0.4) ? random.pick(items) : null;
  return plain(
    makeChange(world, whoIs(client), {
      ...keyed(client, random),
      entity: 'work_item',
      kind: 'create',
      entity_id: world.random.uuid(),
      patch: newItem(world, random, parent),
    }),
  );
}

export function newItem(world: World, random: Random, parent: string | null): JsonObject {
  return {
    item_type: 'task',
    title: `title ${world.random.hex(4)}`,
    description: null,
    status: random.pick(STATUSES),
    priority: 3,
    labels: LABELS.filter(() => random.chance(0.4)),
    assignee: null,
    parent_id: parent,
    branch_name: null,
    commit_hash: null,
    pr_number: null,
    metadata: random.chance(0.3) ? { estimated_hours: 1 + random.int(9) } : {},
  };
}

export function update(client: Client, random: Random): Composed | undefined {
  const known = [...client.views.keys()].filter((id) => knownItems(client.world).includes(id));
  if (known.length === 0) return undefined;
  const id = random.pick(known);
  const view = viewOf(client, id, random);
  if (view === undefined) return undefined;
  const patch = itemPatch(client.world, random, view, id);
  const change = makeChange(client.world, whoIs(client), {
    ...keyed(client, random),
    entity: 'work_item',
    kind: 'update',
    entity_id: id,
    base_version: view.version,
    patch,
    on_conflict: random.chance(0.5) ? 'merge' : 'reject',
    cascade: random.chance(0.5),
    ...tokenFor(client, id, random),
  });
  return { changes: [change], seen: new Map([[id, view]]) };
}

/** The token of a claim on the item that the client has or had, now and then. */
export function tokenFor(client: Client, itemId: string, random: Random): Partial<Change> {
  const tokens = client.tokens.get(itemId) ?? [];
  if (tokens.length === 0 || random.chance(0.4)) return {};
  return { claim_token: random.chance(0.8) ? (tokens.at(-1) ?? null) : random.pick(tokens) };
}

/** Mostly the last one, sometimes one from before. */
export function viewOf(client: Client, id: string, random: Random): View | undefined {
  const views = client.views.get(id) ?? [];
  return random.chance(0.75) ? views.at(-1) : views[random.int(views.length)];
}

export function itemPatch(world: World, random: Random, view: View, id: string): JsonObject {
  const { record } = view;
  const patch: JsonObject = {};
  for (let fields = random.chance(0.3) ? 2 : 1; fields > 0; fields -= 1) {
    random.weighted<readonly [number, () => void]>([
      [10, [0, () => (patch['title'] = `title ${world.random.hex(4)}`)]],
      [8, [0, () => (patch['status'] = random.pick(STATUSES))]],
      [7, [0, () => (patch['labels'] = changedLabels(record, random))]],
      [3, [0, () => (patch['metadata'] = { estimated_hours: random.chance(0.2) ? null : random.int(99) })]],
      [3, [0, () => (patch['metadata'] = { note: `note ${world.random.hex(4)}` })]],
      [2, [0, () => (patch['priority'] = 1 + random.int(5))]],
      [2, [0, () => (patch['description'] = `text ${world.random.hex(4)}`)]],
      [
        2,
        [
          0,
          () =>
            (patch['deleted_at'] =
              record['deleted_at'] === null ? new Date(world.time.now).toISOString() : null),
        ],
      ],
      [2, [0, () => (patch['parent_id'] = newParent(world, random, id))]],
      [
        record['status'] === 'completed' ? 8 : 0.5,
        [0, () => (patch['completed_at'] = new Date(random.int(1e9)).toISOString())],
      ],
    ])[1]();
  }
  return patch;
}

function changedLabels(record: JsonObject, random: Random): string[] {
  const labels = Array.isArray(record['labels']) ? (record['labels'] as string[]) : [];
  const label = random.pick(LABELS);
  return labels.includes(label) ? labels.filter((one) => one !== label) : [...labels, label];
}

function newParent(world: World, random: Random, id: string): string | null {
  const others = knownItems(world).filter((one) => one !== id);
  return others.length === 0 || random.chance(0.3) ? null : random.pick(others);
}

export function link(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const items = knownItems(world);
  if (items.length < 2) return undefined;
  const source = random.pick(items);
  const target = random.pick(items.filter((id) => id !== source));
  return plain(
    makeChange(world, whoIs(client), {
      ...keyed(client, random),
      entity: 'dependency',
      kind: random.chance(0.7) ? 'link' : 'unlink',
      entity_id: source,
      patch: { target_id: target, dependency_type: random.pick(LINK_KINDS) },
    }),
  );
}

export function registration(client: Client, random: Random): Composed {
  return plain(
    makeChange(client.world, whoIs(client), {
      ...keyed(client, random),
      entity: 'vendor',
      kind: 'create',
      entity_id: client.world.random.uuid(),
      patch: { name: random.pick(VENDOR_NAMES), status: 'broken', metadata: {} },
    }),
  );
}

export function vendorUpdate(client: Client, random: Random): Composed | undefined {
  const known = [...client.views.keys()].filter((id) => knownVendors(client.world).includes(id));
  if (known.length === 0) return undefined;
  const id = random.pick(known);
  const view = viewOf(client, id, random);
  if (view === undefined) return undefined;
  const patch = vendorPatch(client.world, random);
  const change = makeChange(client.world, whoIs(client), {
    ...keyed(client, random),
    entity: 'vendor',
    kind: 'update',
    entity_id: id,
    base_version: view.version,
    patch,
    on_conflict: random.chance(0.5) ? 'merge' : 'reject',
  });
  return { changes: [change], seen: new Map([[id, view]]) };
}

export function vendorPatch(world: World, random: Random): JsonObject {
  return random.weighted<JsonObject>([
    [2, { status: random.pick(['operational', 'broken']) }],
    [2, { extractor_version: `1.${random.int(50)}` }],
    [1, { metadata: { extractor_version: `2.${random.int(50)}` } }],
    [2, { metadata: { note: `note ${world.random.hex(4)}` } }],
    [1, { metadata: { manifest_compliant: random.chance(0.5) } }],
    [1, { status: 'operational', metadata: { format_support: { pdf: random.chance(0.5) } } }],
  ]);
}

/** Several changes that stand or fall together. */
export function group(client: Client, random: Random): Composed | undefined {
  const first = creation(client, random) ?? update(client, random);
  const second = update(client, random);
  if (first === undefined) return undefined;
  const [one] = first.changes;
  const changes = [...first.changes];
  const seen = new Map(first.seen);
  if (second?.changes[0] !== undefined && second.changes[0].entity_id !== one?.entity_id) {
    changes.push(...second.changes);
    for (const [id, view] of second.seen) seen.set(id, view);
  }
  const other = knownItems(client.world).find((id) => id !== one?.entity_id);
  if (one?.entity === 'work_item' && other !== undefined && random.chance(0.6)) {
    const patch = { target_id: other, dependency_type: 'relates_to' };
    const fields = { entity: 'dependency', kind: 'link', entity_id: one.entity_id, patch } as const;
    changes.push(makeChange(client.world, whoIs(client), fields));
  }
  return { changes, seen };
}

/** An earlier write once more: the very same, or the same request under another id when it has a key. */
export function repetition(client: Client, random: Random): Write | Composed | undefined {
  const { writes, world } = client;
  if (writes.length === 0) return undefined;
  const write = random.chance(0.7) ? (writes.at(-1) as Write) : random.pick(writes);
  const [change] = write.changes;
  if (change?.idempotency_key == null || write.changes.length > 1 || random.chance(0.3)) return write;
  const now = client.slot.machine.wall;
  const again: Change = { ...change, id: world.newChangeId(now), at: new Date(now).toISOString() };
  if (change.kind === 'create') again.entity_id = world.random.uuid();
  return { changes: [again], seen: write.seen };
}

export function resolution(
  client: Client,
  random: Random,
  conflict: { id: string; changes: Change[] },
): Composed {
  const [mine] = conflict.changes;
  const canCustom = conflict.changes.length === 1 && mine?.entity === 'work_item' && mine.kind === 'update';
  const patch: JsonObject = random.weighted<JsonObject>([
    [1, { resolution: 'keep_theirs' }],
    [2, { resolution: 'reapply' }],
    [canCustom ? 1 : 0, { resolution: 'custom', fields: { title: `custom ${client.world.random.hex(4)}` } }],
  ]);
  return plain(settling(client, conflict.id, patch));
}

export function settling(client: Client, conflictId: string, patch: JsonObject): Change {
  return makeChange(client.world, whoIs(client), {
    entity: 'conflict',
    kind: 'resolve',
    entity_id: conflictId,
    patch,
  });
}

export const plain = (change: Change): Composed => ({ changes: [change], seen: new Map() });
