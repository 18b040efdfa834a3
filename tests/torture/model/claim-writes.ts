// Claims that clients make: short leases, so that they end within a schedule.
import type { Change } from '../../../src/domain/change.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Client } from './client.ts';
import type { Random } from './random.ts';
import { keyed, knownItems, makeChange, plain, tokenFor, whoIs, type Composed } from './writes.ts';

/** Seconds. */
const LEASES = [1, 5, 20, 120, 1_800];

export function taking(client: Client, random: Random): Composed | undefined {
  const items = knownItems(client.world);
  if (items.length === 0) return undefined;
  const open = items.filter((id) => isOpen(client.views.get(id)?.at(-1)?.record));
  const id = random.pick(open.length > 0 && random.chance(0.8) ? open : items);
  // With a token of its own it is prolonged.
  const given = random.chance(0.2) ? tokenFor(client, id, random) : {};
  return plain(claim(client, random, id, { action: 'take' }, given));
}

const isOpen = (record: JsonObject | undefined): boolean =>
  record !== undefined &&
  record['deleted_at'] === null &&
  record['archived_at'] === null &&
  !['completed', 'cancelled'].includes(String(record['status']));

/** Of what was ready a moment ago. */
export function takingNext(client: Client, random: Random, ready: readonly string[]): Composed | undefined {
  const [id] = ready;
  return id === undefined ? undefined : plain(claim(client, random, id, { action: 'take', next: {} }, {}));
}

/** Renews, releases or hands over a claim that the client has or had. */
export function keeping(client: Client, random: Random): Composed | undefined {
  const { clients } = client.world;
  const held = [...client.tokens.keys()];
  if (held.length === 0) return undefined;
  const id = random.pick(held);
  const ask = random.weighted<JsonObject>([
    [3, { action: 'renew' }],
    [2, { action: 'release' }],
    [3, { action: 'hand_over', to: random.pick(clients).name }],
  ]);
  const tokens = client.tokens.get(id) ?? [];
  const claim_token = (random.chance(0.75) ? tokens.at(-1) : random.pick(tokens)) ?? null;
  return plain(claim(client, random, id, ask, { claim_token }));
}

function claim(
  client: Client,
  random: Random,
  entity_id: string,
  ask: JsonObject,
  given: Partial<Change>,
): Change {
  return makeChange(client.world, whoIs(client), {
    ...keyed(client, random),
    entity: 'work_item',
    kind: 'claim',
    entity_id,
    patch: { lease_seconds: random.chance(0.2) ? null : random.pick(LEASES), ...ask },
    ...given,
  });
}
