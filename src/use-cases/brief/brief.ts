/** The brief: everything that a client needs to start working, read in one look at the store. */
import {
  type Brief,
  type BriefChange,
  type BriefItem,
  type BriefSection,
  getBriefInput,
} from '../../domain/brief.ts';
import { groupBy } from '../../domain/grouping.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { ITEM_STATUSES, type ItemStatus, type WorkItem } from '../../domain/work-item.ts';
import type { Worker } from '../../domain/worker.ts';
import { readHead } from '../../storage/git/repository.ts';
import { pipelined } from '../../storage/database/pipelined.ts';
import type { ItemCount } from '../../storage/queries/work-items.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { fitBrief, type BriefView } from './brief-text.ts';
import { briefShape } from '../support/answer-shapes.ts';
import { workerOf, type Context } from '../support/context.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** What is read of each section at most: more than fits into the largest budget would not be shown. */
const ITEMS_READ = 100;
const VENDORS_READ = 50;
const DEPLOYMENTS_READ = 5;
/** Of a person who never wrote anything, so many of the last changes are new. */
const CHANGES_FOR_STRANGERS = 10;

const READY_ITEMS = { ready: true, sort: 'ready', include_deleted: false, archived: false } as const;

/**
 * The brief for the caller, whole: whoever shows it cuts it. What is new to it came after `since`, by default after the
 * last change of its session, else of its person. The same state gives the same brief.
 */
export const getBrief = defineUseCase({
  name: 'get_brief',
  kind: 'read',
  input: getBriefInput,
  output: () => briefShape(),
  run: async (context, caller, { since }): Promise<Answer<Brief>> => {
    // The person is asked of git at the first call: nothing else waits for that.
    const [pending, head, answer] = await Promise.all([
      context.store.pending(),
      readHead(context.workspace.workTree),
      workerOf(context, caller).then((worker) => readBrief(context, worker, since)),
    ]);
    const brief: Brief = { ...answer.data, git_branch: head.branch, pending: pending.length };
    return { ...answer, data: brief };
  },
});

/** What of the brief the store knows, at one moment. */
async function readBrief(
  { store }: Context,
  worker: Awaited<ReturnType<typeof workerOf>>,
  since: number | undefined,
): Promise<Answer<Omit<Brief, 'git_branch' | 'pending'>>> {
  return await store.read(async (reader) => {
    const [project, feed, configuration, counted, open_conflicts] = await pipelined(
      reader.findProject(),
      reader.findFeedPosition(),
      reader.findConfiguration(),
      reader.countItems(),
      reader.countAllOpenConflicts(),
    );
    const [session, claimed, ready, blocked, vendors, deployments, changed] = await pipelined(
      currentSession(reader, configuration.current_session_id),
      reader.listClaimsOf(worker, ITEMS_READ),
      reader.listWorkItems({ ...READY_ITEMS, limit: ITEMS_READ }),
      reader.listBlocked(ITEMS_READ),
      reader.listVendors({ status: 'broken', limit: VENDORS_READ }),
      reader.listDeployments({ limit: DEPLOYMENTS_READ }),
      readChanged(reader, worker, since, feed.seq),
    );
    return {
      project: project?.project_slug ?? '',
      seq: feed.seq,
      active_context_type: configuration.active_context_type,
      default_token_budget: configuration.default_token_budget,
      counts: countsByStatus(counted),
      current_session: session,
      claimed: section(claimed.own.total, claimed.own.items, (item) => ({
        ...mentionClaimed(item),
        claim_token: item.session === worker.session ? item.token : null,
        handed_over: item.handed_over === 1,
      })),
      claimed_elsewhere: section(claimed.elsewhere.total, claimed.elsewhere.items, (item) => ({
        ...mentionClaimed(item),
        ...{ client: item.client, session: item.session },
      })),
      ready: section(ready.total_count, ready.items, mention),
      blocked: section(blocked.total, blocked.items, (item) => ({
        ...mention(item),
        blockers: item.blockers,
        below: item.below === undefined ? null : { id: item.below.id, title: item.below.title },
        reason: textOrNull(item.metadata['blocked_reason']),
      })),
      broken_vendors: section(vendors.total_count, vendors.items, ({ name, metadata }) => {
        const { passing = 0, total = 0 } = (metadata['test_results'] ?? {}) as Record<string, number>;
        return { name, passing, total };
      }),
      deployments: section(deployments.total_count, deployments.items, (deployment) => ({
        id: deployment.id,
        deployed_at: deployment.deployed_at,
        pr_number: (deployment.metadata['pr_number'] ?? null) as number | null,
        pr_title: String(deployment.metadata['pr_title'] ?? ''),
      })),
      changed,
      open_conflicts,
    };
  });
}

/** The same for readers of its text, which costs at most `max_tokens`. */
export const briefToRead = defineUseCase({
  ...getBrief,
  run: async (context, caller, input): Promise<Answer<BriefView>> => {
    const answer = await getBrief.run(context, caller, input);
    return { ...answer, data: fitBrief(answer.data, input.max_tokens) };
  },
});

function section<Row, Item>(total: number, rows: Row[], item: (row: Row) => Item): BriefSection<Item> {
  return { total, items: rows.map(item) };
}

function mention({ id, version, item_type, title, status, priority }: BriefItem): BriefItem {
  return { id, version, item_type, title, status, priority };
}

function mentionClaimed(item: WorkItem): BriefItem & { claim_expires_at: string } {
  return { ...mention(item), claim_expires_at: item.claim_expires_at ?? '' };
}

async function currentSession(reader: Reader, id: string | null): Promise<BriefItem | null> {
  const item: WorkItem | undefined = id === null ? undefined : await reader.findWorkItem(id);
  return item === undefined ? null : mention(item);
}

function countsByStatus(counted: ItemCount[]): Record<ItemStatus, number> {
  const counts = Object.fromEntries(ITEM_STATUSES.map((status) => [status, 0])) as Record<ItemStatus, number>;
  for (const { shelf, status, items } of counted) if (shelf === 'live') counts[status] += Number(items);
  return counts;
}

async function readChanged(
  reader: Reader,
  worker: Worker,
  given: number | undefined,
  latest: number,
): Promise<Brief['changed']> {
  const last = given === undefined ? await reader.findLastChangeOf(worker) : undefined;
  const since = given ?? last?.seq ?? Math.max(0, latest - CHANGES_FOR_STRANGERS);
  const after = last === undefined ? null : last.isOwn ? 'this session' : 'another session';
  const rows = latest > since ? (await reader.listChanges({ limit: ITEMS_READ })).items : [];
  const fresh = rows.filter(({ seq }) => seq > since);
  const records = groupBy(fresh, ({ entity_id }) => entity_id);
  const names = await reader.findNames([...records.keys()]);
  const items = [...records.values()].flatMap(([newest, ...older]): BriefChange[] => {
    if (newest === undefined) return [];
    const { seq, at, actor, client, person, session, kind, entity, entity_id, fields } = newest;
    const title = names.get(entity_id) ?? null;
    const maker = { actor, client, person, session };
    return [{ seq, at, ...maker, kind, entity, entity_id, title, fields, changes: older.length + 1 }];
  });
  // More than was read is counted by the feed: one position for each record changed, except while offline.
  const unread = latest < PROVISIONAL_FEED_STEP ? Math.max(0, latest - since - fresh.length) : 0;
  return { since, after, total: items.length + unread, items };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
