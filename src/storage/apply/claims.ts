/**
 * How a claim on an item is taken, renewed, released and handed over, and how writes are held against it.
 *
 *     free ──take──▶ held ──renew──▶ held        (same token, later end)
 *      ▲              │ ──hand_over──▶ held      (another holder and token; the old token is dead. So it is with the token of the
 *      │              │                           hand-over once the new holder takes the item)
 *      └──release, close, delete, or its time is over and another takes it
 *
 * Times are the database's own: nobody's clock but one decides when a lease ends. A claim leaves the version of its
 * item as it is; whatever writes the item's row looks whether the claim is still as it was read.
 */
import { and, eq, inArray, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { notFound, validationError } from '../../domain/errors.ts';
import { fieldChanges, type Change } from '../../domain/change.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import {
  LEASE_DEFAULT_MINUTES,
  grantedToken,
  heldError,
  holderText,
  isGrantOf,
  isHandedTo,
  isHeldBy,
  isProvisionalToken,
  isTokenOf,
  leaseEnd,
  mayBeEarlier,
  noLongerReadyError,
  notHeldError,
  provisionalToken,
  staleTokenError,
  type Claim,
  type ClaimRequest,
} from '../../domain/claim.ts';
import { WAITS } from '../../domain/readiness.ts';
import type { Warning } from '../../domain/warnings.ts';
import { isStartable, isClosed, type WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { findOpenBlockers } from '../queries/ready.ts';
import { asJson, oneRow, type Effect } from './effect.ts';

export async function claimWorkItem(c: Connection, change: ChangeOf<'claim work_item'>): Promise<Effect> {
  const ask = change.patch;
  const found = await findItemAndClaim(c, change.entity_id);
  if (found === undefined) throw notFound('work item', { id: change.entity_id });
  const { item, now } = found;
  const claim = found.claim ?? undefined;
  const held = claim?.holder != null && (claim.expires_at ?? '') > now ? claim : undefined;

  if (ask.action === 'take' && change.claim_token === null) {
    refuseUnclaimable(item, ask);
    if (held !== undefined) {
      if (!isHandedTo(held, change)) throw heldError(item.title, held, change);
      // Whoever handed it over knows the token until here.
      const taken = { ...held, ...grant(c, change, now, held), handed_over: 0 };
      return await save(c, change, item, { ...taken, ...lease(c, change, ask, now, held) });
    }
    if (ask.next !== undefined && !(await isQueued(c, item.id))) throw noLongerReadyError(item.title, claim);
    const granted = { ...grant(c, change, now, claim), holder: change.actor, handed_over: 0 };
    const effect = await save(c, change, item, { ...granted, ...lease(c, change, ask, now, undefined) });
    if (ask.next === undefined) effect.warnings.push(...(await blockedWarning(c, item)));
    if (c.isReplica) effect.warnings.push(PROVISIONAL_CLAIM);
    return effect;
  }

  const current = await claimOfToken(c, change, item, claim);
  switch (ask.action) {
    case 'take':
    case 'renew':
      return await save(c, change, item, { ...current, ...lease(c, change, ask, now, current) });
    case 'release':
      return await save(c, change, item, { ...current, ...ENDED });
    case 'hand_over': {
      const granted = { ...grant(c, change, now, current), holder: ask.to ?? null, handed_over: 1 };
      const until = lease(c, change, ask, now, current);
      // Whoever writes meanwhile notices a claim that changed by its end.
      if (until.expires_at === item.claim_expires_at)
        until.expires_at = oneMillisecondLater(until.expires_at);
      return await save(c, change, item, { ...granted, ...NO_WORKER, ...until });
    }
  }
}

const NO_WORKER = { client: null, person: null, device: null, session: null } as const;
export const ENDED = { holder: null, ...NO_WORKER, expires_at: null, handed_over: 0 } as const;

/** Who makes the change, as a claim keeps it. */
function worker({ client, person, device, session }: Change) {
  return { client, person: person ?? null, device: device ?? null, session: session ?? null };
}

export const PROVISIONAL_CLAIM: Warning = {
  code: 'claim_provisional',
  message:
    'This claim holds on this machine only: others may take the item meanwhile. It is settled when the database is back, and kept as a conflict if somebody holds the item there.',
};

/** A new token; everything but the holder and the lease. */
function grant(
  c: Connection,
  change: Change,
  now: string,
  previous: Claim | undefined,
): Omit<Claim, 'holder' | 'expires_at' | 'lease_seconds' | 'handed_over'> {
  return {
    item_id: change.entity_id,
    token: c.isReplica ? provisionalToken(change.id) : grantedToken(previous?.token ?? 0, now),
    ...worker(change),
    granted_by: change.id,
  };
}

function lease(c: Connection, change: Change, ask: ClaimRequest, now: string, previous: Claim | undefined) {
  const lease_seconds = ask.lease_seconds ?? previous?.lease_seconds ?? LEASE_DEFAULT_MINUTES * 60;
  // Laid over a copy again, it ends when its holder was told; on the primary, by the primary's clock.
  const until = c.isReplica ? change.granted_until : undefined;
  return { lease_seconds, expires_at: until ?? leaseEnd(now, lease_seconds) };
}

function oneMillisecondLater(time: string): string {
  return new Date(Date.parse(time) + 1).toISOString();
}

function refuseUnclaimable(item: WorkItem, { next }: ClaimRequest): void {
  if (next !== undefined && !isStartable(item)) throw noLongerReadyError(item.title, undefined);
  const state =
    item.deleted_at !== null
      ? `was deleted at ${item.deleted_at}`
      : item.archived_at !== null
        ? `was archived at ${item.archived_at}`
        : isClosed(item.status)
          ? `is ${item.status}`
          : undefined;
  if (state === undefined) return;
  throw validationError(
    { field: 'id', constraint: `"${item.title}" ${state} and cannot be claimed`, value: item.id },
    'Claim another item: without id, the next ready one is taken.',
  );
}

async function isQueued(c: Connection, id: string): Promise<boolean> {
  const rows = await c
    .statement('is_queued', (db, { readyQueue: q }) =>
      db
        .select({ id: q.item_id })
        .from(q)
        .where(and(eq(q.item_id, sql.placeholder('id')), eq(q.waits, WAITS.FOR_NOTHING))),
    )
    .execute({ id });
  return rows.length > 0;
}

async function blockedWarning(c: Connection, item: WorkItem): Promise<Warning[]> {
  const blockers = await findOpenBlockers(c, [item.id]);
  if (blockers.length === 0) return [];
  const named = blockers.slice(0, 3).map(({ id, title }) => `"${title}" (${id.slice(0, 8)})`);
  const more = blockers.length > named.length ? ` and ${blockers.length - named.length} more` : '';
  return [{ code: 'blocked', message: `It waits for open work: ${named.join(', ')}${more}.` }];
}

/** Writes the claim, in both of its places; nothing when the item or its claim changed since they were read. */
async function save(c: Connection, change: Change, item: WorkItem, claim: Claim): Promise<Effect> {
  const after = { ...item, claimed_by: claim.holder, claim_expires_at: claim.expires_at };
  oneRow(
    await c
      .statement('claim_item', (db, t) =>
        db
          .update(t.workItems)
          .set({
            claimed_by: sql`${sql.placeholder('claimed_by')}`,
            claim_expires_at: sql`${sql.placeholder('claim_expires_at')}`,
          })
          .where(
            and(
              eq(t.workItems.id, sql.placeholder('id')),
              eq(t.workItems.version, sql.placeholder('version')),
              isNull(t.workItems.archived_at),
              isClaimedAs(t),
            ),
          )
          .returning({ id: t.workItems.id }),
      )
      .execute({
        id: item.id,
        version: item.version,
        claimed_by: after.claimed_by,
        claim_expires_at: after.claim_expires_at,
        ...claimAsRead(item),
      }),
  );
  const { item_id: _same, ...set } = claim;
  await c.db
    .insert(c.tables.claims)
    .values(claim)
    .onConflictDoUpdate({ target: c.tables.claims.item_id, set });
  return {
    record: asJson({ ...after, claim_token: claim.holder === null ? null : claim.token }),
    touched: [
      {
        entity: 'work_item',
        entity_id: item.id,
        kind: 'claim',
        version: null,
        fields: fieldChanges(item, after),
      },
    ],
    merged_with: [],
    warnings: [],
  };
}

/**
 * Holds a write of an item against its claim. A token must be that of the latest grant, which was not released;
 * that its time is over does not matter as long as nobody else took the item.
 * @returns without a token, a warning when somebody holds the item
 * @throws ClaimError
 */
async function checkClaimToken(c: Connection, change: Change, itemId: string): Promise<Warning[]> {
  const found = await findItemAndClaim(c, itemId);
  if (found === undefined) throw notFound('work item', { id: itemId });
  const claim = found.claim ?? undefined;
  if (tokenOf(change, claim) !== null) {
    await claimOfToken(c, change, found.item, claim);
    return [];
  }
  const isOthers = claim?.holder != null && (claim.expires_at ?? '') > found.now && !isHeldBy(claim, change);
  return isOthers ? [heldWarning(found.item, claim, change)] : [];
}

/** The same for an item that was read; costs nothing where nobody holds it and no token is given. */
export async function checkItemToken(c: Connection, change: Change, item: WorkItem): Promise<Warning[]> {
  if (change.claim_token === null && item.claimed_by === null) return [];
  return await checkClaimToken(c, change, item.id);
}

/**
 * The same for both ends of a link: the token must be that of one of them, and must not be an old one of the other.
 * Tokens that count are of their item, so that an old one of the one may be equal to the current one of the other.
 */
export async function checkLinkTokens(
  c: Connection,
  change: Change,
  source: WorkItem,
  target: WorkItem,
): Promise<Warning[]> {
  const token = change.claim_token;
  if (token === null) {
    return [...(await checkItemToken(c, change, source)), ...(await checkItemToken(c, change, target))];
  }
  let isCurrent = false;
  let refusal: unknown;
  for (const item of [source, target]) {
    const claim = (await findItemAndClaim(c, item.id))?.claim ?? undefined;
    try {
      await claimOfToken(c, change, item, claim);
      isCurrent = true;
    } catch (error) {
      if (mayBeEarlier(token, claim)) throw error;
      // Of the two, the one that somebody holds says more.
      if (refusal === undefined || claim?.holder != null) refusal = error;
    }
  }
  if (!isCurrent) throw refusal;
  return [];
}

function heldWarning({ title }: WorkItem, claim: Claim, change: Change): Warning {
  return {
    code: 'claimed',
    message: `"${title}" is claimed by ${holderText(claim, change)} until ${claim.expires_at}; this was saved without its claim_token. If the claim is not yours, tell the holder.`,
  };
}

export function endedClaimsWarning(ended: string[]): Warning[] {
  if (ended.length === 0) return [];
  const named = ended.slice(0, 5).join(', ');
  const more = ended.length > 5 ? ` and ${ended.length - 5} more` : '';
  return [{ code: 'claimed', message: `Claims on items below it ended: ${named}${more}.` }];
}

/**
 * The claim that the change's token is of; without a token, the one that its session holds.
 * @throws ClaimError when it is none, an old one, or released
 */
async function claimOfToken(
  c: Connection,
  change: Change,
  item: WorkItem,
  claim: Claim | undefined,
): Promise<Claim> {
  const token = tokenOf(change, claim);
  if (token === null) {
    if (claim !== undefined && isHeldBy(claim, change)) return claim;
    throw notHeldError(item.title, claim, change);
  }
  if (claim?.holder != null && isTokenOf(token, claim)) return claim;
  if (c.isReplica && isUnknownGrant(token, claim)) {
    // Granted since this copy was made: replaying the write holds it against the claim.
    const unknown = { item_id: item.id, token, ...worker(change), granted_by: change.id };
    return { ...unknown, holder: change.actor, ...ENDED_LEASE };
  }
  if (claim?.holder != null && (await wasGrantedAgain(c, token, claim))) return claim;
  throw staleTokenError(item.title, change.token_added === true ? null : token, claim, change);
}

/**
 * The token that a change is held to. One that was added for the session says nothing where the claim ended and nobody
 * had the item since, nor where the session holds it by a later claim, taken through another program.
 */
function tokenOf(change: Change, claim: Claim | undefined): number | null {
  const { claim_token: token, token_added } = change;
  if (token === null || token_added === undefined || claim === undefined) return token;
  const hasEnded = claim.holder === null && isTokenOf(token, claim);
  return hasEnded || isHeldBy(claim, change) ? null : token;
}

/** A copy does not know which token of the primary lies below one that it granted itself. */
function isUnknownGrant(token: number, claim: Claim | undefined): boolean {
  if (isProvisionalToken(token)) return false;
  return claim === undefined || isProvisionalToken(claim.token) || token > claim.token;
}

const ENDED_LEASE = { expires_at: null, lease_seconds: LEASE_DEFAULT_MINUTES * 60, handed_over: 0 } as const;

/** A claim made offline that was kept as a conflict and then made again: its token stands for the second. */
async function wasGrantedAgain(c: Connection, token: number, { granted_by }: Claim): Promise<boolean> {
  if (!isProvisionalToken(token)) return false;
  const { conflicts: t } = c.tables;
  const rows = await c.db.select({ id: t.id }).from(t).where(eq(t.resolved_by_change, granted_by));
  return rows.some(({ id }) => isGrantOf(token, id));
}

export interface EndedClaim {
  item_id: string;
  holder: string | null;
  expires_at: string | null;
}

/** The fields of an item that nobody has claimed. */
export const NOT_CLAIMED = { claimed_by: null, claim_expires_at: null } as const;

export function claimFields({ holder, expires_at }: EndedClaim) {
  return { claimed_by: holder, claim_expires_at: expires_at };
}

/** Ends the claims on items whose rows the caller has written. @returns as they were */
export async function endClaims(c: Connection, itemIds: string[]): Promise<EndedClaim[]> {
  const { claims: t } = c.tables;
  const held = and(inArray(t.item_id, itemIds), isNotNull(t.holder));
  const ended = await c.db
    .select({ item_id: t.item_id, holder: t.holder, expires_at: t.expires_at })
    .from(t)
    .where(held);
  if (ended.length > 0) await c.db.update(t).set(ENDED).where(held);
  return ended;
}

/** Whether the claim on an item is still as it was read: `claimAsRead` gives the parameters. */
export function isClaimedAs({ workItems: w }: Tables): SQL {
  return sql`${w.claimed_by} is not distinct from ${sql.placeholder('base_claimed_by')}
    and ${w.claim_expires_at} is not distinct from ${sql.placeholder('base_claim_expires_at')}`;
}

export function claimAsRead({ claimed_by, claim_expires_at }: WorkItem) {
  return { base_claimed_by: claimed_by, base_claim_expires_at: claim_expires_at };
}

/** The item, what is known of its claim, and the database's time. */
async function findItemAndClaim(c: Connection, id: string) {
  const rows = await c
    .statement('item_and_claim', (db, t) =>
      db
        .select({
          item: t.workItems,
          claim: t.claims,
          now: sql`${c.now}`.mapWith(t.workItems.created_at),
        })
        .from(t.workItems)
        .leftJoin(t.claims, eq(t.claims.item_id, t.workItems.id))
        .where(eq(t.workItems.id, sql.placeholder('id'))),
    )
    .execute({ id });
  return rows[0];
}
