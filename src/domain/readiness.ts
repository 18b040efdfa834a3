/** Why work on an item cannot start now. */
import { shortId } from './text.ts';
import type { ItemStatus, WorkItem } from './work-item.ts';

/** Each field is there only when it is a reason. */
export interface NotReady {
  /** Its status, where that is neither planned nor active. */
  status?: ItemStatus;
  deleted_at?: string;
  archived_at?: string;
  /** The open items that it waits for, at most five of them. */
  blockers?: { id: string; title: string; status: ItemStatus }[];
  /** How many more there are. */
  more_blockers?: number;
  claimed_by?: string;
  claim_expires_at?: string;
}

/** The reasons in a few words, as `waits for "Parse dates" (3f2a9c1b); claimed by ada until 10:30`. */
export function reasonText(reasons: NotReady): string {
  const { status, deleted_at, archived_at, blockers = [], more_blockers = 0 } = reasons;
  const { claimed_by, claim_expires_at } = reasons;
  const named = blockers.map(({ id, title }) => `"${title}" (${shortId(id)})`).join(', ');
  const more = more_blockers > 0 ? ` and ${more_blockers} more` : '';
  return [
    ...(deleted_at === undefined ? [] : ['deleted']),
    ...(archived_at === undefined ? [] : ['archived']),
    ...(status === undefined ? [] : [`is ${status}`]),
    ...(blockers.length === 0 ? [] : [`waits for ${named}${more}`]),
    ...(claimed_by === undefined ? [] : [`claimed by ${claimed_by} until ${claim_expires_at}`]),
  ].join('; ');
}

/** An open item that work cannot start on now. */
export type WaitingItem = Pick<WorkItem, 'id' | 'title' | 'status' | 'priority'> & { not_ready: NotReady };
