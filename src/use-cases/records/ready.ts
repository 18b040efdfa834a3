/** Ready work, and why other work is not. */
import type { ReadyWorkInput } from '../../domain/claim.ts';
import { groupBy } from '../../domain/grouping.ts';
import type { NamedItem, NotReady, StoppedItem, WaitingItem } from '../../domain/readiness.ts';
import { notFound } from '../../domain/errors.ts';
import { STARTABLE_STATUSES, isClosed, type ItemStatus, type WorkItem } from '../../domain/work-item.ts';
import type { WaitingRow } from '../../storage/queries/ready-by-label.ts';
import type { OpenBlocker, OpenChildren, StoppedAncestor } from '../../storage/queries/ready.ts';
import type { ReadyFilter } from '../../storage/queries/work-item-list.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { Context } from '../support/context.ts';
import { findItemId } from '../support/find-id.ts';

/** Blockers and children that are named; more are counted. */
const NAMED_MAX = 5;

/** The items, each that is not ready with the reasons. A fixed number of queries, however many items. */
export async function withReasons<T extends WaitingRow>(
  reader: Reader,
  items: readonly T[],
): Promise<(T & { not_ready?: NotReady })[]> {
  if (items.length === 0) return [];
  const ids = items.map(({ id }) => id);
  const blockers = groupBy(await reader.findOpenBlockers(ids), ({ blocked_id }) => blocked_id);
  const children = await reader.findOpenChildren(ids, NAMED_MAX);
  const stopped = await reader.findStoppedAbove(items);
  const now = await reader.findNow();
  return items.map((item) => {
    const { id } = item;
    const found = {
      blockers: blockers.get(id) ?? [],
      children: children.get(id) ?? { first: [], total: 0 },
      below: stopped.get(id),
    };
    const reasons = reasonsOf(item, found, now);
    return Object.keys(reasons).length === 0 ? item : { ...item, not_ready: reasons };
  });
}

interface Found {
  blockers: OpenBlocker[];
  children: OpenChildren;
  below: StoppedAncestor | undefined;
}

function reasonsOf(item: WaitingRow, { blockers, children, below }: Found, now: string): NotReady {
  const { status, deleted_at, archived_at, claimed_by, claim_expires_at } = item;
  const isStartable = (STARTABLE_STATUSES as readonly ItemStatus[]).includes(status);
  // What is closed waits for nothing.
  const isWaiting = !isClosed(status);
  return {
    ...(!isStartable && { status }),
    ...(deleted_at !== null && { deleted_at }),
    ...(archived_at !== null && { archived_at }),
    ...(isWaiting && blockers.length > 0 && { blockers: blockers.slice(0, NAMED_MAX).map(named) }),
    ...(isWaiting && blockers.length > NAMED_MAX && { more_blockers: blockers.length - NAMED_MAX }),
    ...(isWaiting && below !== undefined && { below: stoppedItem(below) }),
    ...(isWaiting && children.total > 0 && { open_children: children.first }),
    ...(isWaiting && children.total > NAMED_MAX && { more_children: children.total - NAMED_MAX }),
    ...(claimed_by !== null &&
      claim_expires_at !== null &&
      claim_expires_at > now && { claimed_by, claim_expires_at }),
  };
}

const named = ({ id, title, status }: NamedItem): NamedItem => ({ id, title, status });

function stoppedItem({ deleted_at, archived_at, blocker, ...item }: StoppedAncestor): StoppedItem {
  return {
    ...named(item),
    ...(deleted_at !== null && { deleted_at }),
    ...(archived_at !== null && { archived_at }),
    ...(blocker !== undefined &&
      !isClosed(item.status) &&
      item.status !== 'blocked' && { blocker: named(blocker) }),
  };
}

export interface Waiting {
  /** Most urgent first. */
  waiting: WaitingItem[];
  /** How many there are in all. */
  waiting_count: number;
}

/** The open items that are not ready, with the reasons. */
export async function readWaiting(reader: Reader, filter: ReadyFilter, limit: number): Promise<Waiting> {
  const { items, total } = await findWaiting(reader, filter, limit);
  const waiting = (await withReasons(reader, items)).map(
    ({ id, title, status, priority, not_ready = {} }) => ({ id, title, status, priority, not_ready }),
  );
  return { waiting, waiting_count: total };
}

async function findWaiting(
  reader: Reader,
  filter: ReadyFilter,
  limit: number,
): Promise<{ items: WaitingRow[]; total: number }> {
  const { label } = filter;
  if (label !== undefined) return await reader.findWaitingLabelled({ ...filter, label }, limit);
  const { items, total_count } = await reader.listWorkItems({
    ...filter,
    ready: false,
    open: true,
    include_deleted: false,
    archived: false,
    sort: 'priority',
    limit,
  });
  return { items, total: total_count };
}

export interface ReadyWork extends Page<WorkItem>, Waiting {}

const WAITING_SHOWN = 10;

/** What could be started now, in the order of the queue, and the most urgent of what could not. */
export async function readReadyWork(context: Context, input: ReadyWorkInput): Promise<Answer<ReadyWork>> {
  return await context.store.read(async (reader) => {
    const { parent_id, limit, cursor, ...kind } = input;
    const filter: ReadyFilter = { ...kind, below: await pathOf(reader, parent_id) };
    const page = await reader.listWorkItems({
      ...filter,
      ready: true,
      include_deleted: false,
      archived: false,
      sort: 'ready',
      limit,
      cursor,
    });
    return { ...page, ...(await readWaiting(reader, filter, WAITING_SHOWN)) };
  });
}

/** The path of the item that others lie below. */
async function pathOf(reader: Reader, hex: string | undefined): Promise<string | undefined> {
  if (hex === undefined) return undefined;
  const id = await findItemId(reader, hex, 'parent_id');
  const item = await reader.findWorkItem(id);
  if (item === undefined) throw notFound('work item', { id });
  return item.path;
}
