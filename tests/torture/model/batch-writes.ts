// Batches: plans, updates of several items as one, and taking back what was done.
import { batchPatch, type BatchPart } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { planUndo } from '../../../src/domain/undo-plan.ts';
import type { Reader } from '../../../src/storage/queries/reader.ts';
import type { Client } from './client.ts';
import type { View } from './ledger.ts';
import type { Random } from './random.ts';
import {
  ITEMS_MAX,
  itemPatch,
  keyed,
  knownItems,
  knownVendors,
  makeChange,
  newItem,
  recordsOf,
  tokenFor,
  viewOf,
  whoIs,
  type Composed,
} from './writes.ts';

/** A parent with a child, linked with each other's neighbour, some with a note. */
export function plan(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const items = knownItems(world);
  if (items.length + 2 > ITEMS_MAX + 1) return undefined;
  const parent = items.length > 0 && random.chance(0.4) ? random.pick(items) : null;
  const [first, second] = [world.random.uuid(), world.random.uuid()];
  const create = (entity_id: string, above: string | null): BatchPart => ({
    entity: 'work_item',
    kind: 'create',
    entity_id,
    patch: newItem(world, random, above),
  });
  const isBelow = random.chance(0.5);
  const parts = [create(first, parent), create(second, isBelow ? first : parent)];
  const other = items.find((id) => id !== parent);
  if (!isBelow) parts.push(linking(second, first, 'depends_on'));
  if (other !== undefined && random.chance(0.5)) parts.push(linking(first, other, 'relates_to'));
  return { changes: [batch(client, random, parts)], seen: new Map() };
}

const linking = (entity_id: string, target_id: string, dependency_type: string): BatchPart => ({
  entity: 'dependency',
  kind: 'link',
  entity_id,
  patch: { target_id, dependency_type },
});

/** Two or three items, each from the version at which it was seen. */
export function bulkUpdate(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const known = [...client.views.keys()].filter((id) => knownItems(world).includes(id));
  const parts: BatchPart[] = [];
  const seen = new Map<string, View>();
  while (known.length > 0 && parts.length < 3) {
    const [id = ''] = known.splice(random.int(known.length), 1);
    const view = viewOf(client, id, random);
    if (view === undefined) continue;
    seen.set(id, view);
    parts.push({
      entity: 'work_item',
      kind: 'update',
      entity_id: id,
      base_version: view.version,
      patch: itemPatch(world, random, view, id),
      on_conflict: random.chance(0.5) ? 'merge' : 'reject',
      ...tokenFor(client, id, random),
    });
  }
  return parts.length === 0 ? undefined : { changes: [batch(client, random, parts)], seen };
}

function batch(client: Client, random: Random, parts: readonly BatchPart[]): Change {
  const [first] = parts as [BatchPart];
  return makeChange(client.world, whoIs(client), {
    ...keyed(client, random),
    entity: first.entity,
    entity_id: first.entity_id,
    kind: 'batch',
    patch: batchPatch(parts),
  });
}

/** What is needed to take a change back, all read at one moment. */
export async function readForUndo(client: Client, reader: Reader, change_id: string) {
  const { world } = client;
  const wanted = await reader.findRowsOfChange(change_id);
  const [oldest] = wanted;
  const ids = [...new Set(wanted.map(({ entity_id }) => entity_id))];
  const records = new Map<string, JsonObject>();
  const known = [
    ...knownItems(world).map((id) => ['work_item', id] as const),
    ...knownVendors(world).map((id) => ['vendor', id] as const),
    ...recordsOf(world, 'enhancement').map((id) => ['enhancement', id] as const),
    ...recordsOf(world, 'note').map((id) => ['note', id] as const),
  ];
  for (const [entity, id] of known) {
    const record = await reader.findRecord(entity, id);
    if (record !== undefined) records.set(id, record);
  }
  return {
    wanted,
    timeline: oldest === undefined ? [] : await reader.findRowsOfRecords(ids, oldest.seq),
    records,
    children: await reader.findChildren(ids, 100),
  };
}

/** Makes the inverse of a change that was applied, as one update or a batch. */
export function undoing(
  client: Client,
  random: Random,
  read: Awaited<ReturnType<typeof readForUndo>>,
): Composed | undefined {
  const who = whoIs(client);
  const { parts, undone } = planUndo({ ...read, now: new Date(who.now).toISOString() });
  const [first] = parts;
  if (first === undefined || undone.length === 0) return undefined;
  const seen = new Map<string, View>();
  for (const { kind, entity_id, base_version } of parts) {
    const record = read.records.get(entity_id);
    if (kind === 'update' && record !== undefined)
      seen.set(entity_id, { version: base_version ?? 0, record, isComplete: true });
  }
  const change =
    parts.length === 1
      ? makeChange(client.world, who, { ...keyed(client, random), ...first })
      : batch(client, random, parts);
  return { changes: [change], seen };
}
