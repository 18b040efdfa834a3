/** The archive: moving there what is closed and old, by name or all that is due, and bringing it back. */
import * as z from 'zod';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ARCHIVE_BATCH_ITEMS,
  daysBefore,
  describeInTheWay,
  findInTheWay,
  archiveInput,
} from '../../domain/archive.ts';
import type { Job } from '../../domain/job.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Warning } from '../../domain/warnings.ts';
import { idsOnPath, type WorkItem } from '../../domain/work-item.ts';
import { notFound, validationError } from '../../domain/errors.ts';
import type { DuePage, DueSubtree } from '../../storage/queries/archive.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { write, type Caller, type ChangeRequest, type Context } from '../support/context.ts';
import { findItemId } from '../support/find-id.ts';
import { lookUp, withoutLookUp } from '../support/look-up.ts';
import { defineUseCase } from '../support/define-use-case.ts';
import { lazily } from '../../domain/fields.ts';

/** Subtrees that an answer names; more are counted. */
const SUBTREES_NAMED = 50;
/** Items that one call without ids archives: a client does not wait for ever. */
const ITEMS_PER_CALL = 10_000;
/** Closed items looked at in one query. */
const LOOKED_AT = 100;

export interface ArchiveOutcome {
  action: 'archive' | 'restore';
  dry_run: boolean;
  /** The items that moved (or would) with what is below them, at most 50. */
  subtrees: (DueSubtree & { restored_ancestors?: { id: string; title: string }[] })[];
  subtrees_total: number;
  /** Items that moved, or would. */
  items_total: number;
  /** Of a dry run: named items that would be refused, each with the reason. */
  refused?: { id: string; title: string; reason: string }[];
  /** True when more is due than one call archives: call again. */
  more_due?: boolean;
}

export interface DueOptions {
  /** Only what is older; default: `archive_after_days` of the configuration. */
  olderThanDays?: number | undefined;
  dryRun?: boolean;
  /** Default: 10,000. */
  itemsMax?: number;
  /** Leave alone what was brought back within the same number of days: for runs that nobody asked for. */
  sparesRestored?: boolean;
  /** Asked between transactions. */
  shouldStop?: () => boolean;
  /** Told after every transaction; how many there will be is not known before. */
  onProgress?: ReportProgress | undefined;
}

const named = lazily(() => z.object({ id: z.string(), title: z.string() }));

/**
 * Archives or restores the named subtrees, all of them or none; without ids, archives everything that is due.
 * @throws ValidationError naming what is open, claimed or the current session
 */
export const archiveWorkItems = defineUseCase({
  name: 'archive_work_items',
  kind: 'settle',
  input: archiveInput,
  output: () => ({
    action: z.enum(['archive', 'restore']),
    dry_run: z.boolean(),
    subtrees: z.array(named().extend({ items: z.int(), restored_ancestors: z.array(named()).optional() })),
    subtrees_total: z.int(),
    items_total: z.int(),
    refused: z.array(named().extend({ reason: z.string() })).optional(),
    more_due: z.boolean().optional(),
  }),
  run: async (context, caller, input, onProgress): Promise<Answer<ArchiveOutcome>> => {
    const { ids, restore, dry_run, idempotency_key } = input;
    const asked = { call: 'archive_work_items', arguments: input };
    if (ids === undefined) {
      if (restore) {
        throw validationError(
          { field: 'ids', constraint: 'is needed to restore', value: null },
          'Name what should come back; list_work_items {"archived":true} shows the archive.',
        );
      }
      const archiving = archiveDue(context, caller, { dryRun: dry_run, onProgress });
      return await (dry_run ? archiving : archiving.catch(withoutLookUp(asked)));
    }
    const named = await lookUp(context, asked, async (reader) => {
      const found: string[] = [];
      for (const id of ids) found.push(await findItemId(reader, id, 'ids'));
      return [...new Set(found)];
    });
    if (dry_run) return await previewNamed(context, named, restore);
    const requests = named.map((id): ChangeRequest => ({
      entity: 'work_item',
      entity_id: id,
      kind: restore ? 'restore' : 'archive',
      patch: {},
      ...(idempotency_key !== undefined && {
        idempotency_key: named.length === 1 ? idempotency_key : `${idempotency_key}/${id}`,
      }),
    }));
    const answer = await write(context, caller, requests);
    const records = answer.data.map(({ record }) => record as unknown as MovedRecord);
    const moved = records.filter(({ moved_items }) => moved_items !== 0);
    return {
      ...answer,
      data: outcome(
        { action: restore ? 'restore' : 'archive', dry_run },
        moved.map(({ id, title, moved_items = 1, restored_ancestors: above = [] }) => ({
          id,
          title,
          items: moved_items,
          ...(above.length > 0 && { restored_ancestors: above }),
        })),
      ),
    };
  },
});

interface MovedRecord extends WorkItem {
  /** Absent when only the change's id was still known. */
  moved_items?: number;
  restored_ancestors?: { id: string; title: string }[];
}

/**
 * Archives what is closed and old, each subtree whole, about a hundred items in a transaction. Others may do the same
 * at the same time: each transaction looks again at what it moves.
 */
export async function archiveDue(
  context: Context,
  caller: Caller,
  options: DueOptions = {},
): Promise<Answer<ArchiveOutcome>> {
  const { dryRun = false, shouldStop = () => false, onProgress } = options;
  if (dryRun) return await sweep(context, caller, options);
  const work = async (job: Job) => {
    const answer = await sweep(context, caller, { ...options, onProgress: job.report });
    const { items_total, subtrees_total, more_due } = answer.data;
    if (items_total > 0) job.counts({ items: items_total, subtrees: subtrees_total });
    if (more_due === true && shouldStop()) job.cancelled();
    return answer;
  };
  return await context.jobs.run('archive', work, { quiet: true, onProgress });
}

async function sweep(context: Context, caller: Caller, options: DueOptions): Promise<Answer<ArchiveOutcome>> {
  const { dryRun: dry_run = false, itemsMax = ITEMS_PER_CALL, shouldStop = () => false } = options;
  const first = await context.store.read((reader) => reader.findConfiguration());
  const { archive_after_days, current_session_id } = first.data;
  const now = context.now();
  const created_before = daysBefore(now, options.olderThanDays ?? archive_after_days);
  const terms = { now: now.toISOString(), current_session_id, created_before };
  const restored_before = options.sparesRestored === true ? created_before : null;

  const moved: DueSubtree[] = [];
  const warnings: Warning[] = [];
  let last: Answer<unknown> = first;
  let items = 0;
  let more = false;
  const flush = async (batch: DueSubtree[]) => {
    if (batch.length === 0) return;
    const answer = await write(
      context,
      caller,
      batch.map(({ id }) => ({
        entity: 'work_item',
        entity_id: id,
        kind: 'archive',
        patch: { created_before },
      })),
    );
    last = answer;
    warnings.push(...answer.warnings.filter(({ code }) => code !== 'already_archived'));
    answer.data.forEach(({ record }, index) => {
      const subtree = batch[index];
      const count = (record as unknown as MovedRecord).moved_items ?? subtree?.items ?? 0;
      if (subtree !== undefined && count > 0) moved.push({ ...subtree, items: count });
    });
    if (moved.length > 0) options.onProgress?.({ phase: 'move', done: sumOf(moved), total: null });
    // On SQLite nothing else waits for anything: other clients have their turn, and progress gets out.
    await nextTurn();
  };

  const unfit = new Set<string>();
  const taken = new Set<string>();
  let batch: DueSubtree[] = [];
  let after: DuePage['after'] = null;
  do {
    const page: DuePage = (
      await context.store.read((reader) =>
        reader.findDueSubtrees({ ...terms, restored_before, after, limit: LOOKED_AT, unfit }),
      )
    ).data;
    page.unfit.forEach((id) => unfit.add(id));
    for (const subtree of page.subtrees) {
      if (taken.has(subtree.id)) continue;
      if (items >= itemsMax || shouldStop()) {
        more = true;
        break;
      }
      taken.add(subtree.id);
      items += subtree.items;
      if (dry_run) {
        moved.push(subtree);
        continue;
      }
      if (batch.length > 0 && sumOf([...batch, subtree]) > ARCHIVE_BATCH_ITEMS) {
        await flush(batch);
        batch = [];
      }
      batch.push(subtree);
    }
    after = page.after;
  } while (after !== null && !more);
  await flush(batch);
  const result = outcome({ action: 'archive', dry_run }, moved);
  return {
    ...last,
    warnings: dry_run ? first.warnings : warnings,
    data: { ...result, ...(more && { more_due: true }) },
  };
}

/** What a call with these ids would do, and what would keep it from doing so. */
async function previewNamed(
  context: Context,
  ids: string[],
  restore: boolean,
): Promise<Answer<ArchiveOutcome>> {
  const now = context.now().toISOString();
  return await context.store.read(async (reader) => {
    const { current_session_id } = await reader.findConfiguration();
    const subtrees: ArchiveOutcome['subtrees'] = [];
    const refused: NonNullable<ArchiveOutcome['refused']> = [];
    for (const root of await existing(reader, ids)) {
      const { id, title } = root;
      const all = [root, ...(await reader.findDescendants(id))];
      const isThere = (root.archived_at !== null) !== restore;
      if (isThere) {
        refused.push({
          id,
          title,
          reason: restore ? 'is not in the archive' : 'is in the archive already',
        });
        continue;
      }
      const moving = all.filter(({ archived_at }) => (archived_at !== null) === restore);
      const inTheWay = restore ? [] : findInTheWay(moving, { now, current_session_id, created_before: null });
      if (inTheWay.length > 0) refused.push({ id, title, reason: describeInTheWay(inTheWay) });
      else {
        const above = restore ? await archivedAbove(reader, root) : [];
        subtrees.push({
          id,
          title,
          items: moving.length + above.length,
          ...(above.length > 0 && { restored_ancestors: above }),
        });
      }
    }
    return {
      ...outcome({ action: restore ? 'restore' : 'archive', dry_run: true }, subtrees),
      ...(refused.length > 0 && { refused }),
    };
  });
}

async function existing(reader: Reader, ids: string[]): Promise<WorkItem[]> {
  const found = new Map((await reader.findWorkItems(ids)).map((item) => [item.id, item]));
  return ids.map((id) => {
    const item = found.get(id);
    if (item === undefined) throw notFound('work item', { id });
    return item;
  });
}

async function archivedAbove(reader: Reader, { path }: WorkItem): Promise<{ id: string; title: string }[]> {
  return (await reader.findWorkItems(idsOnPath(path).slice(0, -1)))
    .filter(({ archived_at }) => archived_at !== null)
    .sort((a, b) => a.depth - b.depth)
    .map(({ id, title }) => ({ id, title }));
}

function outcome(
  what: Pick<ArchiveOutcome, 'action' | 'dry_run'>,
  subtrees: ArchiveOutcome['subtrees'],
): ArchiveOutcome {
  return {
    ...what,
    subtrees: subtrees.slice(0, SUBTREES_NAMED),
    subtrees_total: subtrees.length,
    items_total: sumOf(subtrees),
  };
}

function sumOf(subtrees: readonly { items: number }[]): number {
  return subtrees.reduce((sum, { items }) => sum + items, 0);
}
