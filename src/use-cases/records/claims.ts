/** Claims: take an item or whatever is ready next, keep it, give it back, hand it over. */
import { notFound, validationError, isError } from '../../domain/errors.ts';
import { type ClaimRequest, type ClaimWorkItemInput, claimWorkItemInput } from '../../domain/claim.ts';
import { reasonText } from '../../domain/readiness.ts';
import { shortId } from '../../domain/text.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { ReadyFilter } from '../../storage/queries/work-item-list.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { patchOf, writeOne, type Caller, type Context, type WriteOutcome } from '../support/context.ts';
import { findItemId } from '../support/find-id.ts';
import { lookUp } from '../support/look-up.ts';
import { readWaiting, type Waiting } from './ready.ts';
import { claimShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** Candidates that are read at once: while they are tried, others take some of them. */
const CANDIDATES = 16;
/** With each round somebody else got an item; so many rounds without luck do not happen to one caller. */
const ROUNDS_MAX = 50;
const WAITING_SHOWN = 5;

/** The item after it. The token is null once the claim was released. */
export type ClaimedItem = WorkItem & WriteOutcome & { claim_token: number | null };

export interface NothingReady extends Waiting {
  claim_token: null;
  /** In a sentence. */
  nothing_ready: string;
}

/**
 * Takes a named item or the next ready one; renews, releases or hands over a claim.
 * @throws ClaimError when somebody else holds the item, or the token is not that of the claim
 */
export const claimWorkItem = defineUseCase({
  name: 'claim_work_item',
  kind: 'change',
  input: claimWorkItemInput,
  output: () => claimShape(),
  run: async (context, caller, input): Promise<Answer<ClaimedItem | NothingReady>> => {
    checkArguments(input);
    const { id } = input;
    if (id === undefined) return await claimNext(context, caller, input);
    const entity_id = await lookUp(context, askedFor(input), (reader) => findItemId(reader, id), {
      oneStatement: true,
    });
    return await writeClaim(context, caller, input, entity_id, {});
  },
});

function checkArguments({
  id,
  action,
  claim_token,
  to,
  label,
  item_type,
  parent_id,
}: ClaimWorkItemInput): void {
  const filters = { label, item_type, parent_id };
  const given = Object.entries(filters).find(([, value]) => value !== undefined);
  if (id !== undefined && given !== undefined) {
    throw wrong(given[0], 'chooses the next ready item, and an id is given', given[1]);
  }
  if (action === 'take' && id === undefined && claim_token !== undefined) {
    throw wrong('id', 'is needed beside claim_token', null);
  }
  if (action !== 'take' && id === undefined)
    throw wrong('id', `is needed to ${spoken(action)} a claim`, null);
  if (action === 'hand_over' && to === undefined)
    throw wrong('to', 'is needed: the name of the new holder', null);
  if (action !== 'hand_over' && to !== undefined) throw wrong('to', 'means something for hand_over only', to);
}

const askedFor = (input: ClaimWorkItemInput) => ({ call: 'claim_work_item', arguments: input });
const spoken = (action: string) => action.replace('_', ' ');
const wrong = (field: string, constraint: string, value: unknown) =>
  validationError({ field, constraint, value });

async function writeClaim(
  context: Context,
  caller: Caller,
  input: ClaimWorkItemInput,
  entity_id: string,
  further: Pick<ClaimRequest, 'next'>,
): Promise<Answer<ClaimedItem>> {
  const { action, claim_token, lease_minutes, to, claimed_by, idempotency_key } = input;
  return await writeOne(context, caller, {
    entity: 'work_item',
    entity_id,
    kind: 'claim',
    patch: patchOf({
      action,
      lease_seconds: lease_minutes === undefined ? null : lease_minutes * 60,
      to,
      ...further,
    }),
    claim_token: claim_token ?? null,
    actor: claimed_by,
    idempotency_key,
  });
}

async function claimNext(
  context: Context,
  caller: Caller,
  input: ClaimWorkItemInput,
): Promise<Answer<ClaimedItem | NothingReady>> {
  const { filter, parent_id, first } = await readWanted(context, input);
  const { label, item_type } = filter;
  const next = patchOf({ label, item_type, parent_id }) as NonNullable<ClaimRequest['next']>;
  const take = (id: string) => writeClaim(context, caller, input, id, { next });
  if (first !== undefined) return await take(first);
  for (let round = 1; ; round += 1) {
    const candidates = await lookUp(context, askedFor(input), (reader) =>
      reader.findReady(filter, CANDIDATES),
    );
    if (candidates.length === 0) return await nothingReady(context, filter);
    for (const { id } of candidates) {
      try {
        return await take(id);
      } catch (error) {
        const isTaken = isError(error, 'ClaimError');
        if (!isTaken || round === ROUNDS_MAX) throw error;
      }
    }
  }
}

interface Wanted {
  filter: ReadyFilter;
  parent_id?: string | undefined;
  first?: string | undefined;
}

/** What to look for; `first` is what an earlier call with the same idempotency key got. */
async function readWanted(context: Context, input: ClaimWorkItemInput): Promise<Wanted> {
  const { label, item_type, parent_id: hex, idempotency_key: key } = input;
  if (hex === undefined && key === undefined) return { filter: { label, item_type } };
  return await lookUp(context, askedFor(input), async (reader): Promise<Wanted> => {
    const first = key === undefined ? undefined : await reader.findClaimedByKey(key);
    if (hex === undefined) return { filter: { label, item_type }, first };
    const parent_id = await findItemId(reader, hex, 'parent_id');
    const parent = await reader.findWorkItem(parent_id);
    if (parent === undefined) throw notFound('work item', { id: parent_id });
    return { filter: { label, item_type, below: parent.path }, parent_id, first };
  });
}

async function nothingReady(context: Context, filter: ReadyFilter): Promise<Answer<NothingReady>> {
  const answer = await context.store.read((reader) => readWaiting(reader, filter, WAITING_SHOWN));
  const { waiting, waiting_count } = answer.data;
  const reasons = waiting.map(
    ({ id, title, not_ready }) => `"${title}" (${shortId(id)}) ${reasonText(not_ready)}`,
  );
  const left = waiting_count - waiting.length;
  const nothing_ready =
    waiting_count === 0
      ? 'Nothing is ready: no open item matches.'
      : `Nothing is ready. ${waiting_count === 1 ? 'One open item waits' : `${waiting_count} open items wait`}: ${reasons.join(' | ')}${left > 0 ? ` | and ${left} more` : ''}`;
  return { ...answer, data: { claim_token: null, nothing_ready, ...answer.data } };
}
