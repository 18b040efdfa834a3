// Notes, enhancements and the archive, as clients write them.
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Client } from './client.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';
import {
  ITEMS_MAX,
  keyed,
  knownItems,
  makeChange,
  newItem,
  plain,
  recordsOf,
  tokenFor,
  viewOf,
  whoIs,
  type Composed,
} from './writes.ts';

const ENHANCEMENTS_MAX = 3;
const STATUSES = ['planned', 'approved', 'implementing', 'completed'];

/** No two have the same text. */
export function note(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const items = knownItems(world);
  if (items.length === 0) return undefined;
  const item_id = random.pick(items);
  return plain(
    makeChange(world, whoIs(client), {
      ...keyed(client, random),
      entity: 'note',
      kind: 'create',
      entity_id: world.random.uuid(),
      patch: { item_id, text: `note ${world.random.hex(12)}` },
      ...(random.chance(0.5) ? tokenFor(client, item_id, random) : {}),
    }),
  );
}

export function enhancement(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const known = recordsOf(world, 'enhancement');
  if (known.length >= ENHANCEMENTS_MAX) return undefined;
  return plain(
    makeChange(world, whoIs(client), {
      ...keyed(client, random),
      entity: 'enhancement',
      kind: 'create',
      entity_id: world.random.uuid(),
      patch: {
        title: `wish ${world.random.hex(4)}`,
        description: null,
        priority: 3,
        status: 'planned',
        target_quarter: null,
        requires_constitutional_principles: [],
        depends_on: known.filter(() => random.chance(0.3)).sort(),
      },
    }),
  );
}

export function enhancementUpdate(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const known = recordsOf(world, 'enhancement');
  const seen = [...client.views.keys()].filter((id) => known.includes(id));
  if (seen.length === 0) return undefined;
  const id = random.pick(seen);
  const view = viewOf(client, id, random);
  if (view === undefined) return undefined;
  const change = makeChange(world, whoIs(client), {
    ...keyed(client, random),
    entity: 'enhancement',
    kind: 'update',
    entity_id: id,
    base_version: view.version,
    patch: enhancementPatch(
      world,
      random,
      known.filter((one) => one !== id),
    ),
    on_conflict: random.chance(0.5) ? 'merge' : 'reject',
  });
  return { changes: [change], seen: new Map([[id, view]]) };
}

function enhancementPatch(world: World, random: Random, others: readonly string[]): JsonObject {
  return random.weighted<() => JsonObject>([
    [3, () => ({ title: `wish ${world.random.hex(4)}` })],
    [3, () => ({ status: random.pick(STATUSES) })],
    [2, () => ({ priority: 1 + random.int(5), target_quarter: `2026-Q${1 + random.int(4)}` })],
    [2, () => ({ depends_on: others.filter(() => random.chance(0.5)).sort() })],
  ])();
}

/** An enhancement becomes a work item: both or neither. */
export function promotion(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const known = recordsOf(world, 'enhancement');
  const seen = [...client.views.keys()].filter((id) => known.includes(id));
  if (seen.length === 0 || knownItems(world).length >= ITEMS_MAX) return undefined;
  const id = random.pick(seen);
  const view = viewOf(client, id, random);
  if (view === undefined) return undefined;
  const item = world.random.uuid();
  const creation = makeChange(world, whoIs(client), {
    entity: 'work_item',
    kind: 'create',
    entity_id: item,
    patch: newItem(world, random, null),
  });
  const promoted = makeChange(world, whoIs(client), {
    entity: 'enhancement',
    kind: 'update',
    entity_id: id,
    base_version: view.version,
    patch: { status: 'implementing', work_item_id: item },
  });
  return { changes: [creation, promoted], seen: new Map([[id, view]]) };
}

/** Moves a subtree to the archive or back; mostly one of which that can be. */
export function archiving(client: Client, random: Random): Composed | undefined {
  const { world } = client;
  const items = knownItems(world);
  if (items.length === 0) return undefined;
  const last = (id: string): JsonObject => client.views.get(id)?.at(-1)?.record ?? {};
  const isArchived = (id: string) => typeof last(id)['archived_at'] === 'string';
  const isDone = (id: string) =>
    /completed|cancelled/.test(String(last(id)['status'])) || last(id)['deleted_at'] != null;
  const likely = items.filter((id) => isArchived(id) || isDone(id));
  const id = likely.length > 0 && random.chance(0.85) ? random.pick(likely) : random.pick(items);
  const patch: JsonObject = random.chance(0.3) ? { created_before: FAR } : {};
  const back = isArchived(id) ? random.chance(0.8) : random.chance(0.1);
  return plain(
    makeChange(world, whoIs(client), {
      ...keyed(client, random),
      entity: 'work_item',
      kind: back ? 'restore' : 'archive',
      entity_id: id,
      patch: back ? {} : patch,
    }),
  );
}

/** Everything is older. */
const FAR = '2027-01-01T00:00:00.000Z';
