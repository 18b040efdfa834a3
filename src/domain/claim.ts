/** Claims: one holder works on an item for a while, with a token that proves it. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { TrackerError } from './errors.ts';
import {
  actorName,
  idOrPrefix,
  idempotencyKey,
  integer,
  lazily,
  line,
  pageInput,
  storedId,
  storedLine,
} from './fields.ts';
import type { Stored } from './json.ts';
import { LABEL_MAX_CHARACTERS, NAME_MAX_CHARACTERS, PAGE_MAX } from './limits.ts';
import { PROVISIONAL_STEP, knownVersion } from './provisional-version.ts';
import { ITEM_TYPES } from './work-item.ts';
import { clientName, makerText, type Maker, type Worker } from './worker.ts';

export const LEASE_DEFAULT_MINUTES = 30;
const READY_DEFAULT = 20;
const LEASE_MAX_MINUTES = 24 * 60;

const CLAIM_ACTIONS = ['take', 'renew', 'release', 'hand_over'] as const;

export const claimWorkItemInput = z.object({
  id: idOrPrefix.optional(),
  action: z.enum(CLAIM_ACTIONS).default('take'),
  claim_token: integer(1).optional(),
  lease_minutes: integer(1, LEASE_MAX_MINUTES).optional(),
  to: actorName.optional(),
  label: line(LABEL_MAX_CHARACTERS).optional(),
  item_type: z.enum(ITEM_TYPES).optional(),
  parent_id: idOrPrefix.optional(),
  claimed_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type ClaimWorkItemInput = z.output<typeof claimWorkItemInput>;

/** What could be started now: `parent_id` takes everything below that item. */
export const readyWorkInput = z.object({
  item_type: z.enum(ITEM_TYPES).optional(),
  label: line(LABEL_MAX_CHARACTERS).optional(),
  parent_id: idOrPrefix.optional(),
  limit: integer(1, PAGE_MAX).default(READY_DEFAULT),
  cursor: pageInput.cursor,
});
export type ReadyWorkInput = z.output<typeof readyWorkInput>;

/** The claim on an item as it is stored: what is left of one that ended has no holder. */
export interface Claim {
  item_id: string;
  /** Fencing token: another one, and a larger one, with every grant. */
  token: number;
  holder: string | null;
  /** Who holds it, with the next three: null while it is free or waits for whom it was handed over to. */
  client: string | null;
  person: string | null;
  device: string | null;
  session: string | null;
  expires_at: string | null;
  lease_seconds: number;
  /** 1 while it was handed over and its new holder has not taken it yet. */
  handed_over: number;
  /** The change that granted the token. */
  granted_by: string;
}

/** How long a lease may be, in seconds. Tools take minutes; a shorter one is stored like any other. */
const leaseSeconds = lazily(() => integer(1, LEASE_MAX_MINUTES * 60));

export const claimPatch = lazily(() =>
  z.object({
    action: z.enum(CLAIM_ACTIONS),
    /** Null: as long as it was, else the default. */
    lease_seconds: leaseSeconds().nullable(),
    /** The new holder of a claim that is handed over. */
    to: storedLine(NAME_MAX_CHARACTERS).optional(),
    /** Of a claim on whatever is ready next: what it was asked for. It is refused when the item is not ready. */
    next: z
      .object({
        label: storedLine(LABEL_MAX_CHARACTERS),
        item_type: z.enum(ITEM_TYPES),
        parent_id: storedId,
      })
      .partial()
      .optional(),
  }),
);

/** What the patch of a claim says. */
export type ClaimRequest = Stored<z.output<ReturnType<typeof claimPatch>>>;

/** Tokens of the primary are milliseconds since this moment. */
const TOKENS_SINCE_MS = Date.UTC(2026, 0, 1);
/** More than they are for seventy years. */
const TOKEN_MAX = 2 ** 41;
/** Tokens of earlier versions counted the grants of an item. */
const COUNTED_MAX = 1_000_000;

/**
 * The token that the primary grants: larger than every earlier one of the item, and by the time of the grant another
 * one than any that was granted before, also where the tracker was put back to an older state since. A clock that is
 * set back does not lower it.
 * @param now the time of the primary, ISO 8601 UTC
 */
export function grantedToken(previous: number, now: string): number {
  return Math.max(previous + 1, Date.parse(now) - TOKENS_SINCE_MS);
}

/**
 * The token that a copy grants while the primary is away: the change's own, so that the claim is found by it when it
 * was applied under a real token.
 */
export function provisionalToken(change_id: string): number {
  const digest = createHash('sha256').update(change_id).digest();
  return 2 ** 52 + digest.readUIntBE(0, 6) * 16 + ((digest[6] ?? 0) >> 4);
}

/** Whether a copy granted this token. */
export function isProvisionalToken(token: number): boolean {
  return token >= TOKEN_MAX;
}

/** Whether the token may be an earlier one of this claim. Tokens that count are those of several items. */
export function mayBeEarlier(token: number, claim: Pick<Claim, 'token'> | undefined): boolean {
  return token < COUNTED_MAX && token <= (claim?.token ?? 0);
}

/** When a lease that begins at `time` ends, ISO 8601 UTC. */
export function leaseEnd(time: string, lease_seconds: number): string {
  return new Date(Date.parse(time) + lease_seconds * 1000).toISOString();
}

/** Whether a token is the one of this claim, also where it was granted under a provisional one. */
export function isTokenOf(token: number, claim: Pick<Claim, 'token' | 'granted_by'>): boolean {
  return token === claim.token || isGrantOf(token, claim.granted_by);
}

/** Whether a change granted this provisional token. */
export function isGrantOf(token: number, change_id: string): boolean {
  return (
    isProvisionalToken(token) && (token === provisionalToken(change_id) || isEarlierGrantOf(token, change_id))
  );
}

/** As the version before this one granted it: what it left waiting is still applied. */
function isEarlierGrantOf(token: number, change_id: string): boolean {
  const step = createHash('sha256').update(change_id).digest().readUInt32BE(0) + 1;
  return token - knownVersion(token) === step * PROVISIONAL_STEP;
}

type Held = Pick<Claim, 'holder' | 'expires_at'> & Partial<Pick<Claim, 'client' | 'person' | 'session'>>;
type Reader = Partial<Pick<Worker, 'person' | 'session'>>;

/** Whether a session holds a claim: it need not repeat the token. */
export function isHeldBy(
  claim: Pick<Claim, 'holder' | 'handed_over'> & Partial<Pick<Claim, 'session'>>,
  { session }: Partial<Pick<Worker, 'session'>>,
): boolean {
  return (
    claim.holder !== null && claim.handed_over === 0 && claim.session != null && claim.session === session
  );
}

/** Whether a claim that was handed over waits for this worker: for the name, the person or the client. */
export function isHandedTo(
  claim: Pick<Claim, 'holder' | 'handed_over'>,
  { actor, client, person }: Pick<Maker, 'actor' | 'client' | 'person'>,
): boolean {
  return (
    claim.handed_over === 1 &&
    claim.holder !== null &&
    [actor, person, clientName(client)].includes(claim.holder)
  );
}

/** Who holds a claim, as the one who reads it calls them. */
export function holderText({ holder, client, person, session }: Held, reader: Reader = {}): string {
  const maker = {
    actor: holder ?? 'nobody',
    ...(client != null && { client }),
    person,
    session,
  };
  if (session != null && session === reader.session) return 'this session';
  const isOfSamePerson = session != null && person != null && person === reader.person;
  return isOfSamePerson ? `another session of yours, ${makerText(maker)},` : makerText(maker);
}

/** The refusal of a claim on an item that somebody holds; the session that does is told its token. */
export function heldError(
  title: string,
  claim: Held & Pick<Claim, 'token' | 'handed_over'>,
  reader: Reader,
): TrackerError {
  const { holder, expires_at, token } = claim;
  const isOwn = isHeldBy(claim, reader);
  return new TrackerError(
    'ClaimError',
    `"${title}" is claimed by ${holderText(claim, reader)} until ${expires_at}. Nothing was changed.`,
    { claimed_by: holder, claim_expires_at: expires_at, ...(isOwn && { claim_token: token }) },
    isOwn
      ? 'Go on with it: this session need not pass the claim_token. Without id, the next ready item is taken.'
      : 'Claim another item (without id, the next ready one is taken), wait until that time, or ask the holder to hand it over. If you are the holder, pass your claim_token.',
  );
}

/**
 * The refusal of a token that is not, or no longer, the one of the claim.
 * @param token null for one that the caller did not give: the program added it
 */
export function staleTokenError(
  title: string,
  token: number | null,
  claim: Held | undefined,
  reader: Reader,
): TrackerError {
  const { holder = null, expires_at = null, session } = claim ?? {};
  const isOwn = holder !== null && session != null && session === reader.session;
  const now =
    claim === undefined || holder === null
      ? 'nobody holds a claim on it'
      : `${holderText(claim, reader)} holds it until ${expires_at}`;
  const what =
    token === null
      ? `The claim of this session on "${title}" has ended`
      : `claim_token ${token} is not the current one of "${title}"`;
  return new TrackerError(
    'ClaimError',
    `${what}: ${now}. Nothing was saved.`,
    { claimed_by: holder, claim_expires_at: expires_at },
    isOwn
      ? 'Leave claim_token out: it is of an earlier claim, and this session holds the item again.'
      : 'Your claim has ended: read the item to see what happened since, and claim it again when it is free.',
  );
}

/** The refusal to renew, release or hand over a claim that another session holds, or nobody. */
export function notHeldError(title: string, claim: Held | undefined, reader: Reader): TrackerError {
  const { holder = null, expires_at = null } = claim ?? {};
  const now =
    claim === undefined || holder === null
      ? 'Nobody holds a claim'
      : `${holderText(claim, reader).replace(/^another session/, 'Another session')} holds the claim`;
  return new TrackerError(
    'ClaimError',
    `${now} on "${title}"${expires_at === null ? '' : ` until ${expires_at}`}, not this session. Nothing was changed.`,
    { claimed_by: holder, claim_expires_at: expires_at },
    'Pass the claim_token that claiming it gave, or claim it when it is free.',
  );
}

/** An item that was ready a moment ago is not any more: the next one is tried. */
export function noLongerReadyError(title: string, claim: Held | undefined): TrackerError {
  const { holder = null, expires_at = null } = claim ?? {};
  return new TrackerError(
    'ClaimError',
    `"${title}" is not ready any more. Nothing was changed.`,
    { claimed_by: holder, claim_expires_at: expires_at },
    'Call again without id: the next ready item is taken.',
  );
}
