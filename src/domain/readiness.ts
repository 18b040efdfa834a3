/** When work on an item can start, and why it cannot now. */
import { shortId } from './text.ts';
import type { ItemStatus, WorkItem } from './work-item.ts';

/**
 * What an open item waits for, claims aside. It is `FOR_OTHERS` that is blocked, has an open blocker, or lies below an item
 * that is closed, blocked or has one; else `FOR_CHILDREN` that has an open child; else work on it could start.
 */
export const WAITS = { FOR_NOTHING: 0, FOR_OTHERS: 1, FOR_CHILDREN: 2 } as const;

/** Each field is there only when it is a reason. */
export interface NotReady {
  /** Its status, where that is neither planned nor active. */
  status?: ItemStatus;
  deleted_at?: string;
  archived_at?: string;
  /** The open items that it waits for, at most five of them. */
  blockers?: NamedItem[];
  /** How many more there are. */
  more_blockers?: number;
  /** The nearest item above it that stops everything below. */
  below?: StoppedItem;
  /** Its open children, at most five of them. */
  open_children?: NamedItem[];
  more_children?: number;
  claimed_by?: string;
  claim_expires_at?: string;
}

export type NamedItem = Pick<WorkItem, 'id' | 'title' | 'status'>;

/** An item that is closed, blocked, deleted, archived, or waits for the first of its open blockers. */
export interface StoppedItem extends NamedItem {
  deleted_at?: string;
  archived_at?: string;
  blocker?: NamedItem;
}

/** The reasons in a few words, as `waits for "Parse dates" (3f2a9c1b); claimed by ada until 10:30`. */
export function reasonText(reasons: NotReady): string {
  const { status, deleted_at, archived_at, blockers = [], more_blockers = 0, below } = reasons;
  const { open_children = [], more_children = 0, claimed_by, claim_expires_at } = reasons;
  return [
    ...(deleted_at === undefined ? [] : ['deleted']),
    ...(archived_at === undefined ? [] : ['archived']),
    ...(status === undefined ? [] : [`is ${status}`]),
    ...(blockers.length === 0 ? [] : [`waits for ${named(blockers, more_blockers)}`]),
    ...(below === undefined ? [] : [`is below ${name(below)}, which ${stopText(below)}`]),
    ...(open_children.length === 0 ? [] : [`has open children: ${named(open_children, more_children)}`]),
    ...(claimed_by === undefined ? [] : [`claimed by ${claimed_by} until ${claim_expires_at}`]),
  ].join('; ');
}

const name = ({ id, title }: NamedItem): string => `"${title}" (${shortId(id)})`;

function named(items: readonly NamedItem[], more: number): string {
  return items.map(name).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function stopText({ status, deleted_at, archived_at, blocker }: StoppedItem): string {
  if (deleted_at !== undefined) return 'is deleted';
  if (archived_at !== undefined) return 'is archived';
  return blocker === undefined ? `is ${status}` : `waits for ${name(blocker)}`;
}

/** An open item that work cannot start on now. */
export type WaitingItem = Pick<WorkItem, 'id' | 'title' | 'status' | 'priority'> & { not_ready: NotReady };
