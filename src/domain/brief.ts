/** The brief: what a client needs when it starts, inside a budget of tokens. */
import * as z from 'zod';
import { integer } from './fields.ts';
import type { Claim } from './claim.ts';
import type { FieldChange } from './change.ts';
import type { ItemStatus, WorkItem } from './work-item.ts';

const BRIEF_TOKENS_MIN = 300;
const BRIEF_TOKENS_MAX = 20_000;
export const BRIEF_TOKENS_DEFAULT = 2_000;

export const getBriefInput = z.object({
  max_tokens: integer(BRIEF_TOKENS_MIN, BRIEF_TOKENS_MAX).default(BRIEF_TOKENS_DEFAULT),
  since: integer(0).optional(),
});
export type GetBriefInput = z.output<typeof getBriefInput>;

export type BriefItem = Pick<WorkItem, 'id' | 'version' | 'item_type' | 'title' | 'status' | 'priority'>;

/** What there is of something, and the part of it that fits. */
export interface BriefSection<T> {
  total: number;
  items: T[];
}

export interface BlockedItem extends BriefItem {
  /** Open items that it waits for. */
  blockers: { id: string; title: string }[];
  /** The nearest item above it that stops everything below; null without one. */
  below: { id: string; title: string } | null;
  /** What was written down as the reason; null without one. */
  reason: string | null;
}

/** What happened to one record, told by its newest change. */
export interface BriefChange {
  seq: number;
  at: string;
  actor: string;
  /** Who made it, and through what; null where an earlier version recorded it. */
  client: string;
  person: string | null;
  session: string | null;
  kind: string;
  entity: string;
  entity_id: string;
  /** What it is called; null where that is not known. */
  title: string | null;
  /** The fields of the newest change. */
  fields: FieldChange[];
  /** How many changes there were to the record. */
  changes: number;
}

type ClaimedItem = BriefItem & { claim_expires_at: string };

export interface Brief {
  project: string;
  /** Position in the feed: pass it as `since` next time to hear only what is new. */
  seq: number;
  active_context_type: string;
  git_branch: string | null;
  default_token_budget: number;
  /** Live items by status. */
  counts: Record<ItemStatus, number>;
  current_session: BriefItem | null;
  /**
   * Items that this session holds, by the end of the lease, each with its token. It is null where the item was handed over to
   * it and not taken yet, and of a claim that an earlier version granted to its name.
   */
  claimed: BriefSection<ClaimedItem & { claim_token: number | null; handed_over: boolean }>;
  /** Items that other sessions of the same person hold. */
  claimed_elsewhere: BriefSection<ClaimedItem & Pick<Claim, 'client' | 'session'>>;
  ready: BriefSection<BriefItem>;
  blocked: BriefSection<BlockedItem>;
  broken_vendors: BriefSection<{ name: string; passing: number; total: number }>;
  deployments: BriefSection<{ id: string; deployed_at: string; pr_number: number | null; pr_title: string }>;
  /** What came after the position `since`, the newest first, a record once. */
  changed: BriefSection<BriefChange> & {
    since: number;
    /** Whose last change that was, where nobody named a position: null where neither has made any. */
    after: 'this session' | 'another session' | null;
  };
  /** Changes that could not be applied and wait for a decision. */
  open_conflicts: number;
  /** Writes that wait for the primary store. */
  pending: number;
}
