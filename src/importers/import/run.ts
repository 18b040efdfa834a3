/**
 * Carrying out an import plan: all of it or nothing, and as often as one likes. What somebody changed
 * here after it was imported stays as they left it.
 */
import { stretches } from '../../platform/in-turns.ts';
import type { Entity } from '../../domain/change.ts';
import { equalJson, isPlainObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import type { Job, JobKind } from '../../domain/job.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import { idsOnPath, type WorkItem } from '../../domain/work-item.ts';
import { databaseError, TrackerError } from '../../domain/errors.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import {
  write,
  type Caller,
  type ChangeRequest,
  type Context,
  type Workspace,
} from '../../use-cases/support/context.ts';
import { findLinkChanges, IMPORT_CLIENT } from './link-changes.ts';
import type { ImportOutcome, ImportPlan, PlannedItem, PlannedLink } from './plan.ts';
import { findMissingNotes } from './missing-notes.ts';
import { settleSource, type Settled, type SourceTaken } from './settle-source.ts';

/** Something that the tracker's own state kept from being as the source has it. */
export interface ImportRemark {
  id: string;
  foreign_id: string;
  title: string;
  message: string;
}

export interface ImportResult extends ImportOutcome {
  /** Which source the file was taken for. */
  source_taken: SourceTaken;
  /** Links of an earlier import that the source has no longer. */
  links_removed: number;
  remarks: ImportRemark[];
}

/** Items as they would be when the plan starts on an empty tracker, for a dry run without a store. */
export async function outcomeOnEmptyTracker(plan: ImportPlan): Promise<ImportResult> {
  const { items, links } = plan;
  return {
    source_taken: (await settleSource(plan, [], '')).taken,
    created: items.length,
    updated: 0,
    unchanged: 0,
    kept_local: 0,
    links_added: links.length,
    notes_added: items.flatMap(({ comments }) => comments).length,
    links_removed: 0,
    dry_run: true,
    remarks: [],
  };
}

/** The outcome, and the plan as it was carried out: under the namespace of the source that it was taken for. */
export type ImportAnswer = Answer<ImportResult> & { plan: ImportPlan };

/**
 * Applies a plan in one transaction, as the source that `settleSource` takes it for. An item that is not there yet is created with the plan's id, dates and
 * author; one whose source changed is updated if only imports have touched it so far, else left as it is. Its
 * comments become notes: those that are not there yet are added, also to an item that was changed here. A
 * link that is there in either spelling, or that was removed here, is not added; one that an import made and
 * that the source has no longer is removed.
 * @param options with `dryRun` nothing is written, recorded or told, and the outcome says what would be
 * @throws ValidationError when it cannot be told which source it is, or an item or link contradicts what others made
 *   here; nothing is changed then
 * @throws DatabaseError while only a status file answers: it does not hold what was imported
 */
export async function runImport(
  context: Context,
  caller: Caller,
  plan: ImportPlan,
  options: { dryRun: boolean; onProgress?: ReportProgress | undefined },
): Promise<ImportAnswer> {
  const { dryRun, onProgress } = options;
  if (dryRun) {
    const { requests: _requests, ...answer } = await compare(context, plan, dryRun, onProgress);
    return answer;
  }
  return await context.jobs.run(jobKindOf(plan), (job) => carryOut(context, caller, plan, job), {
    onProgress,
  });
}

const jobKindOf = ({ source }: ImportPlan): JobKind =>
  source === 'session-prompts' ? 'session_prompts' : 'import';

async function compare(
  context: Context,
  plan: ImportPlan,
  dry_run: boolean,
  onProgress?: ReportProgress,
): Promise<ImportAnswer & { requests: ChangeRequest[] }> {
  onProgress?.({ phase: 'compare', done: 0, total: plan.items.length });
  const answer = await context.store.read(async (reader) => {
    const settled = await settle(reader, plan, context.workspace);
    return { settled, prepared: await prepareImport(reader, settled, onProgress) };
  });
  requireWholeRecords(answer);
  const { settled, prepared } = answer.data;
  const { requests, outcome } = prepared;
  const data = { ...outcome, source_taken: settled.taken, dry_run };
  return { ...answer, data, requests, plan: settled.plan };
}

/** Which source a plan is of, by what the tracker has of that kind. */
export async function settle(
  reader: Pick<Reader, 'findImportedItems'>,
  plan: ImportPlan,
  { projectDir }: Pick<Workspace, 'projectDir'>,
): Promise<Settled> {
  return await settleSource(plan, await reader.findImportedItems(plan.source), projectDir);
}

/** A status file holds no metadata: by it nothing was ever imported, and all of it would be made again. */
export function requireWholeRecords({ source }: Pick<Answer<unknown>, 'source'>): void {
  if (source !== 'markdown_file') return;
  throw databaseError(
    'import',
    'the database does not answer, and the status file does not say what was imported before',
    'Import again when the database is back; nothing was changed.',
  );
}

async function carryOut(context: Context, caller: Caller, plan: ImportPlan, job: Job): Promise<ImportAnswer> {
  const { requests, ...compared } = await compare(context, plan, false, job.report);
  const { remarks, dry_run: _dry, source_taken: _taken, ...counts } = compared.data;
  job.counts({ ...counts, remarks: remarks.length });
  if (requests.length === 0) return compared;
  const total = requests.length;
  job.report({ phase: 'write', done: 0, total });
  try {
    // Warnings about unknown metadata keys would only name `imported`, which every imported item has.
    const written = await write(context, { ...caller, client: IMPORT_CLIENT }, requests);
    job.report({ phase: 'write', done: total, total });
    return { ...written, data: compared.data, plan: compared.plan, warnings: [] };
  } catch (error) {
    throw error instanceof TrackerError ? refused(error) : error;
  }
}

export interface Prepared {
  requests: ChangeRequest[];
  outcome: Omit<ImportResult, 'dry_run' | 'source_taken'>;
}

/** What a plan comes to where the tracker stands now: the changes to make, in their order, and what they amount to. */
export async function prepareImport(
  reader: Reader,
  settled: Settled,
  onProgress?: ReportProgress,
): Promise<Prepared> {
  const { plan } = settled;
  const found = await reader.findWorkItems(plan.items.map(({ id }) => id));
  const present = new Map(found.map((item) => [item.id, item]));
  const outcome = { created: 0, unchanged: 0, kept_local: 0 };
  const updated: string[] = [];
  const remarks: ImportRemark[] = [];
  const requests: ChangeRequest[] = [];
  const turn = stretches();
  for (const [done, planned] of plan.items.entries()) {
    await turn();
    onProgress?.({ phase: 'compare', done, total: plan.items.length });
    const remark = (message: string) => remarks.push({ ...named(planned), message });
    const current = present.get(planned.id);
    if (current === undefined) {
      outcome.created += 1;
      requests.push(creation(planned, await livingParent(reader, planned, present, remark)));
      continue;
    }
    const isUnchanged = importedField(current, 'hash') === importedField(planned, 'hash');
    if (isUnchanged && importedField(current, 'id') === planned.foreign_id) {
      outcome.unchanged += 1;
    } else if (await wasTouchedHere(reader, 'work_item', planned.id)) {
      if (isUnchanged) {
        outcome.unchanged += 1;
        continue;
      }
      outcome.kept_local += 1;
      remark('changed in the source and here; it was left as it is here');
    } else {
      updated.push(planned.id);
      if (current.item_type !== planned.item_type) {
        remark(
          `is a ${planned.item_type} in the source now; a type never changes here, so it stays a ${current.item_type}`,
        );
      }
      requests.push(update(current, planned, await livingParent(reader, planned, present, remark)));
    }
  }
  const notes = await findMissingNotes(reader, settled);
  const links = await findLinkChanges(reader, plan, present, updated);
  remarks.push(...removedLinkRemarks(plan, links.keptRemoved));
  if (settled.taken.as === 'named' && requests.length === 0 && !settled.isPlaceKnown) {
    requests.push(...(await rememberPlace(reader, plan, present)));
  }
  return {
    // What goes makes room first: an item may be moved below one that blocked it until now.
    requests: [...links.removed.map(unlinking), ...requests, ...links.added.map(linking), ...notes],
    outcome: {
      ...outcome,
      updated: updated.length,
      links_added: links.added.length,
      notes_added: notes.length,
      links_removed: links.removed.length,
      remarks,
    },
  };
}

/** Where nothing else is written of a source that somebody named, one item keeps where it lies, so that it is known. */
async function rememberPlace(
  reader: Reader,
  { items, place }: ImportPlan,
  present: ReadonlyMap<string, WorkItem>,
): Promise<ChangeRequest[]> {
  for (const { id } of items) {
    const current = present.get(id);
    const imported = current?.metadata['imported'];
    if (place === null || current === undefined || current.deleted_at !== null || !isPlainObject(imported))
      continue;
    if (await wasTouchedHere(reader, 'work_item', id)) continue;
    const metadata = { imported: { ...(imported as JsonObject), from: place.text } };
    return [
      {
        entity: 'work_item',
        entity_id: id,
        kind: 'update',
        base_version: current.version,
        patch: { metadata },
      },
    ];
  }
  return [];
}

function removedLinkRemarks(plan: ImportPlan, links: PlannedLink[]): ImportRemark[] {
  const items = new Map(plan.items.map((item) => [item.id, item]));
  return links.flatMap(({ source_id, target_id, dependency_type }) => {
    const source = items.get(source_id);
    if (source === undefined) return [];
    const said = `${dependency_type} ${items.get(target_id)?.foreign_id ?? target_id}`;
    return [{ ...named(source), message: `"${said}" was removed here and was not added again` }];
  });
}

function named({ id, foreign_id, title }: PlannedItem) {
  return { id, foreign_id, title };
}

function creation(planned: PlannedItem, parentId: string | null): ChangeRequest {
  const { id, foreign_id: _foreign, comments: _comments, made_of: _made, ...fields } = planned;
  return {
    entity: 'work_item',
    entity_id: id,
    kind: 'create',
    patch: {
      ...fields,
      parent_id: parentId,
      branch_name: planned.branch_name ?? null,
      commit_hash: null,
      pr_number: null,
    },
  };
}

function update(current: WorkItem, planned: PlannedItem, parentId: string | null): ChangeRequest {
  const { title, description, status, priority, labels, assignee, branch_name, completed_at } = planned;
  return {
    entity: 'work_item',
    entity_id: current.id,
    kind: 'update',
    base_version: current.version,
    patch: {
      title,
      description,
      status,
      priority,
      labels,
      assignee,
      ...(completed_at !== null && { completed_at }),
      ...(branch_name !== undefined && { branch_name }),
      metadata: metadataPatch(current, planned),
      ...(parentId !== current.parent_id && { parent_id: parentId }),
    },
  };
}

/** Keys that the source no longer has are removed; what the tracker itself gives to a session stays. */
function metadataPatch(current: WorkItem, planned: PlannedItem): JsonObject {
  const own = current.item_type === 'session' ? ['token_budget', 'prompts_count'] : [];
  const gone = Object.keys(current.metadata).filter(
    (key) => !Object.hasOwn(planned.metadata, key) && !own.includes(key),
  );
  const changed = Object.entries(planned.metadata).filter(
    ([key, value]) => !equalJson(current.metadata[key], value),
  );
  return Object.fromEntries<JsonValue>([...gone.map((key): [string, null] => [key, null]), ...changed]);
}

function linking({ source_id, target_id, dependency_type }: PlannedLink): ChangeRequest {
  return { entity: 'dependency', entity_id: source_id, kind: 'link', patch: { target_id, dependency_type } };
}

function unlinking(link: PlannedLink): ChangeRequest {
  return { ...linking(link), kind: 'unlink' };
}

/** The planned parent, or where that was deleted here its nearest ancestor that is alive; null for the root. */
async function livingParent(
  reader: Reader,
  planned: PlannedItem,
  present: Map<string, WorkItem>,
  remark: (message: string) => void,
): Promise<string | null> {
  const parent = planned.parent_id === null ? undefined : present.get(planned.parent_id);
  if (parent === undefined || parent.deleted_at === null) return planned.parent_id;
  const ancestors = await reader.findWorkItems(idsOnPath(parent.path).slice(0, -1));
  const alive = ancestors
    .filter(({ deleted_at }) => deleted_at === null)
    .sort((a, b) => b.depth - a.depth)[0];
  const place = alive === undefined ? 'at the root' : `below "${alive.title}"`;
  remark(`its parent "${parent.title}" was deleted here, so it stands ${place}`);
  return alive?.id ?? null;
}

function importedField({ metadata }: { metadata: JsonObject }, name: 'hash' | 'id'): JsonValue | undefined {
  const imported = metadata['imported'];
  return isPlainObject(imported) ? (imported[name] as JsonValue | undefined) : undefined;
}

/** Whether somebody changed a record since imports did. They never write over a local change: the last one tells. */
export async function wasTouchedHere(
  reader: Pick<Reader, 'listChanges'>,
  entity: Entity,
  record_id: string,
): Promise<boolean> {
  const { items } = await reader.listChanges({ entity, record_id, limit: 1 });
  return items[0]?.client !== IMPORT_CLIENT;
}

function refused(error: TrackerError): TrackerError {
  const message = `Nothing was imported, for it contradicts what is here: ${error.message}`;
  if (error.code !== 'ValidationError') return error;
  return new TrackerError(error.code, message, error.details, error.next, { cause: error });
}
