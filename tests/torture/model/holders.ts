// Whether nobody was ever given what another held, and no write got through under a claim that was over.
import { partsOf } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { isGrantOf } from '../../../src/domain/claim.ts';
import { describe } from './answers.ts';
import type { Found, HistoryRow } from './found.ts';
import type { World } from './world.ts';

/** The claim on one item, as the recorded claims tell it. */
interface Held {
  holder: unknown;
  expires_at: unknown;
  /** Of the last grant. */
  token: number;
  /** Ids under which the last grant is known: its change, and the one that was kept as a conflict before. */
  granted_by: string[];
  handedOver: boolean;
}

const FREE: Held = { holder: null, expires_at: null, token: 0, granted_by: [], handedOver: false };

/** Goes through what the primary did, in its order and by its clock, and compares it with what callers were told. */
export function checkHolders(world: World, found: Found): void {
  const claims = new Map<string, Held>();
  for (const row of found.history) {
    const made = madeBy(world, found, row);
    const item = row.entity === 'note' ? (row.related_id ?? '') : row.entity_id;
    const held = claims.get(item) ?? FREE;
    if (made === undefined) {
      if (row.entity === 'work_item') claims.set(item, after(row, held));
      continue;
    }
    const { change, isDecision } = made;
    if (change.kind === 'claim') {
      const next = granted(world, { row, change, held });
      claims.set(item, next);
      checkTold(world, row, next);
      continue;
    }
    const isHeldAgainst = row.entity === 'work_item' || row.entity === 'note';
    if (isHeldAgainst && !isDecision && change.claim_token !== null && !isCurrent(change.claim_token, held))
      world.violated(`written under a claim that was over: ${describe(change)}, ${inWords(held)}`);
    if (row.entity === 'work_item') claims.set(item, after(row, held));
  }
  checkStored(world, claims);
}

/** The part of the write, or of the conflict that was settled with it, that made a row. */
function madeBy(world: World, found: Found, row: HistoryRow) {
  const recorded = world.ledger.changeOf(row.change_id);
  if (recorded === undefined) return undefined;
  const isDecision = recorded.kind === 'resolve';
  const changes = isDecision
    ? (found.conflicts.find(({ id }) => id === recorded.entity_id)?.changes ?? [])
    : [recorded];
  const isOwn = ({ entity_id, kind }: Change) =>
    entity_id === row.entity_id && (kind === 'claim') === (row.kind === 'claim');
  const change = changes.flatMap(partsOf).find(isOwn);
  return change === undefined ? undefined : { change, isDecision };
}

function granted(world: World, { row, change, held }: { row: HistoryRow; change: Change; held: Held }): Held {
  const { patch, actor, claim_token } = change;
  const next = after(row, held);
  const granted_by = change.id === row.change_id ? [change.id] : [row.change_id, change.id];
  if (claim_token === null) {
    const isLive = held.holder !== null && String(held.expires_at) > world.server.committedAt(row.seq);
    const isAccepted = isLive && held.handedOver && held.holder === actor;
    if (isLive && !isAccepted)
      world.violated(`claimed while another holds it: ${describe(change)}, ${inWords(held)}`);
    if (next.holder !== actor)
      world.violated(`claimed by ${actor}, and ${inWords(next)}: ${describe(change)}`);
    // Also of one that was handed over: whoever gave it away knows the earlier token.
    return { ...next, token: nextToken(world, row, held), granted_by, handedOver: false };
  }
  if (!isCurrent(claim_token, held))
    world.violated(`kept by a token that was over: ${describe(change)}, ${inWords(held)}`);
  if (patch['action'] !== 'hand_over') return next;
  return { ...next, token: nextToken(world, row, held), granted_by, handedOver: true };
}

/** The milliseconds of 2026 at which it was granted, or one more than the last. */
const nextToken = (world: World, { seq }: HistoryRow, { token }: Held): number =>
  Math.max(token + 1, Date.parse(world.server.committedAt(seq)) - Date.UTC(2026, 0, 1));

function after({ fields }: HistoryRow, held: Held): Held {
  const to = (name: string, kept: unknown): unknown => {
    const change = fields.find(({ field }) => field === name);
    return change === undefined ? kept : change.to;
  };
  return {
    ...held,
    holder: to('claimed_by', held.holder),
    expires_at: to('claim_expires_at', held.expires_at),
  };
}

const isCurrent = (token: number, { holder, token: current, granted_by }: Held): boolean =>
  holder !== null && (token === current || granted_by.some((id) => isGrantOf(token, id)));

/** What the primary answered to a claim is what it did. */
function checkTold(world: World, { change_id, entity_id }: HistoryRow, held: Held): void {
  for (const { durability, source, applied = [] } of world.ledger.writeOf(change_id)?.attempts ?? []) {
    if (durability !== 'postgres' || source !== 'postgres') continue;
    for (const { record, ...answer } of applied) {
      if (answer.change_id !== change_id || answer.entity_id !== entity_id || answer.repeated) continue;
      const { claim_token, claimed_by, claim_expires_at } = record;
      const isTrue =
        claimed_by === held.holder &&
        claim_expires_at === held.expires_at &&
        (held.holder === null || claim_token === held.token);
      if (!isTrue)
        world.violated(
          `told that ${String(claimed_by)} holds ${entity_id} by token ${String(claim_token)} until ${String(claim_expires_at)}, and ${inWords(held)}`,
        );
    }
  }
}

/** Both places in which a claim is stored say the same. */
function checkStored(world: World, claims: ReadonlyMap<string, Held>): void {
  const { right } = world.server;
  const rows = right.all<{
    item_id: string;
    token: number;
    holder: string | null;
    expires_at: string | null;
  }>('select * from claims');
  for (const { item_id, token, holder, expires_at } of rows) {
    const held = claims.get(item_id) ?? FREE;
    if (token !== held.token || holder !== held.holder || expires_at !== held.expires_at)
      world.violated(
        `the claim on ${item_id} is token ${token} of ${holder} until ${expires_at}, the history says ${inWords(held)}`,
      );
  }
  const claimed = right.all<{ id: string }>(
    'select id from work_items where claimed_by is not null and id not in (select item_id from claims)',
  );
  for (const { id } of claimed) world.violated(`${id} is claimed without a claim`);
}

const inWords = ({ holder, expires_at, token }: Held): string =>
  `${holder === null ? 'nobody' : String(holder)} holds it by token ${token} until ${String(expires_at)}`;
