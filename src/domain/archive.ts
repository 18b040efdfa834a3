/** The archive: where closed work is kept out of the way, whole and with its links, notes and history. */
import * as z from 'zod';
import { validationError, type TrackerError } from './errors.ts';
import { idOrPrefix, idempotencyKey } from './fields.ts';
import { shortId } from './text.ts';
import { isClosed, type WorkItem } from './work-item.ts';

/** Items that one transaction archives; a larger subtree has a transaction to itself. */
export const ARCHIVE_BATCH_ITEMS = 100;
/** Subtrees that one call names. */
const IDS_MAX = 100;
/** Items named when a subtree may not be archived. */
const NAMED_MAX = 5;
const DAY_MS = 86_400_000;

export const archiveInput = z.object({
  ids: z.array(idOrPrefix).min(1).max(IDS_MAX).optional(),
  restore: z.boolean().default(false),
  dry_run: z.boolean().default(false),
  idempotency_key: idempotencyKey.optional(),
});
export type ArchiveInput = z.output<typeof archiveInput>;

/** What decides whether an item may be archived. */
export interface ArchiveTerms {
  /** The present, ISO 8601. */
  now: string;
  current_session_id: string | null;
  /** Only items made before this are archived; null for any age. */
  created_before: string | null;
}

/** The moment before which items must have been made to be older than so many days. */
export function daysBefore(now: Date, days: number): string {
  return new Date(now.getTime() - days * DAY_MS).toISOString();
}

/** Why the item itself, whatever is below it, stays where it is; undefined when nothing speaks against archiving it. */
export function whyNotArchived(item: WorkItem, terms: ArchiveTerms): string | undefined {
  if (item.deleted_at === null && !isClosed(item.status)) return `is ${item.status}`;
  if (item.id === terms.current_session_id) return 'is the current session';
  if (item.claimed_by !== null && item.claim_expires_at !== null && item.claim_expires_at > terms.now) {
    return `is claimed by ${item.claimed_by} until ${item.claim_expires_at}`;
  }
  if (terms.created_before !== null && item.created_at >= terms.created_before) {
    return `was created at ${item.created_at}`;
  }
  return undefined;
}

/** An item that keeps its subtree from being archived. */
export interface InTheWay {
  id: string;
  title: string;
  reason: string;
}

/** What keeps these items, a subtree, from being archived. */
export function findInTheWay(items: readonly WorkItem[], terms: ArchiveTerms): InTheWay[] {
  return items.flatMap((item) => {
    const reason = whyNotArchived(item, terms);
    return reason === undefined ? [] : [{ id: item.id, title: item.title, reason }];
  });
}

export function describeInTheWay(inTheWay: readonly InTheWay[]): string {
  const named = inTheWay.slice(0, NAMED_MAX).map(({ title, reason }) => `"${title}" ${reason}`);
  const left = inTheWay.length - named.length;
  return `${named.join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
}

/** The refusal to archive a subtree in which something is not finished. */
export function notArchivedError(root: WorkItem, inTheWay: readonly InTheWay[]): TrackerError {
  const error = validationError(
    {
      field: 'ids',
      constraint: `"${root.title}" cannot be archived: ${describeInTheWay(inTheWay)}`,
      value: root.id,
    },
    'Only a subtree in which everything is completed, cancelled or deleted goes to the archive. Finish, move or release these items first, or archive a part of it; nothing was changed.',
  );
  error.details['in_the_way'] = inTheWay.slice(0, NAMED_MAX);
  return error;
}

/** The refusal to alter an item that is in the archive, or to put something below it or before it. */
export function archivedError(
  item: Pick<WorkItem, 'id' | 'title' | 'archived_at'>,
  field: string,
): TrackerError {
  return validationError(
    {
      field,
      constraint: `"${item.title}" is in the archive (since ${item.archived_at})`,
      value: item.id,
    },
    `Bring it back first: archive_work_items {"ids":["${shortId(item.id)}"],"restore":true} (toolset archive), or \`worktrail archive ${shortId(item.id)} --restore\`. Nothing was changed.`,
  );
}
