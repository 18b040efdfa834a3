/** How a batch is applied: its changes in order, new items and their links many at a time. All of them or none. */
import { stretches } from '../../platform/in-turns.ts';
import { TrackerError, shorten } from '../../domain/errors.ts';
import { partsOf } from '../../domain/batch.ts';
import type { Change } from '../../domain/change.ts';
import type { NotSeen, Theirs } from '../../domain/conflict.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { Connection, StructureLock } from '../database/connection.ts';
import type { LinkChange } from './dependencies.ts';
import { addLinks } from './dependency-batch.ts';
import type { Effect } from './effect.ts';
import { startReconciliation } from './reconciliation.ts';
import { createWorkItems, type Creation } from './work-item-batch.ts';
import { OPEN_CHILDREN, isClosing, openChildrenWarning } from './work-items.ts';

/** A metadata key that is wrong in every item of a plan is told a few times, then counted. */
const WARNINGS_MAX = 10;

/**
 * @throws the error of the one change that breaks a rule; of several, one that lists them all under `refused`,
 *   in `details`, so that a caller can correct all of them at once
 */
export async function applyBatch(
  c: Connection,
  batch: Change,
  applyRule: (c: Connection, change: Change) => Promise<Effect>,
): Promise<Effect> {
  const parts = partsOf(batch).map((part): Change => {
    // A replay merges whatever can be merged.
    return batch.on_conflict === 'merge' ? { ...part, on_conflict: 'merge' } : part;
  });
  // Before any row is locked: who locks rows first and then waits for the structure stands in the way of its holder.
  const lock = structureLock(parts);
  if (lock !== undefined) await c.lockStructure(lock);
  const reconciliation = await startReconciliation(c, batch);

  const effects: Effect[] = [];
  const refused: Refused[] = [];
  const made = new Map<string, WorkItem>();
  const turn = stretches();
  for (let at = 0; at < parts.length;) {
    await turn();
    const end = endOfRun(parts, at, made);
    const run = parts.slice(at, end);
    try {
      if (run[0]?.kind === 'create' && run.length > 1)
        effects.push(...(await createWorkItems(c, run as Creation[], made)));
      else if (run[0]?.kind === 'link' && run.length > 1)
        effects.push(...(await addLinks(c, run as LinkChange[], made)));
      else for (const part of run) effects.push(ownOf(part, await applyRule(c, part)));
    } catch (error) {
      if (!(error instanceof TrackerError) || error.code === 'DatabaseError') throw error;
      // What follows a change that was refused would be judged by a state that will not be.
      if (run.length > 1) throw error;
      refused.push({ index: at, change: run[0] as Change, error });
    }
    at = end;
  }
  if (refused.length > 0) throw refusal(refused, parts.length);
  const checks = await reconciliation?.();
  return {
    record: {
      id: batch.entity_id,
      records: effects.flatMap(summaries),
      ...(checks !== undefined && { checks: checks as unknown as JsonValue }),
    },
    touched: effects.flatMap(({ touched }) => touched),
    counted: effects.flatMap(({ counted }) => counted ?? []),
    readiness: effects.flatMap(({ readiness }) => readiness ?? []),
    merged_with: [],
    warnings: fewWarnings(await warningsInTheEnd(c, effects)),
  };
}

/** The end of the changes, from one on, that are applied by the same statements: one alone, unless many are new. */
function endOfRun(parts: Change[], start: number, made: ReadonlyMap<string, WorkItem>): number {
  const isAlike = (part: Change | undefined): boolean => {
    if (part?.kind === 'create') return part.entity === 'work_item';
    if (part?.kind !== 'link') return false;
    return made.has(part.entity_id) || made.has(part.patch['target_id'] as string);
  };
  let end = start + 1;
  if (!isAlike(parts[start])) return end;
  while (end < parts.length && parts[end]?.kind === parts[start]?.kind && isAlike(parts[end])) end += 1;
  return end;
}

/** The lock that these changes need together. */
export function structureLock(parts: readonly Change[]): StructureLock | undefined {
  const alters = parts.some(
    ({ kind, patch }) =>
      kind === 'link' ||
      kind === 'unlink' ||
      (kind === 'update' && ('parent_id' in patch || 'deleted_at' in patch)),
  );
  if (alters) return 'exclusive';
  const isPlaced = parts.some(
    ({ kind, patch }) => kind === 'create' && typeof patch['parent_id'] === 'string',
  );
  return isPlaced ? 'shared' : undefined;
}

/** What is recorded of a change of a batch is its own: the version it was based on and what it was merged with. */
function ownOf(part: Change, effect: Effect): Effect {
  const { merged_with } = effect;
  const touched = effect.touched.map((one) => ({ ...one, base_version: part.base_version, merged_with }));
  return { ...effect, touched };
}

/** Children may be closed after the item above them: which of them stay open, the whole batch says. */
async function warningsInTheEnd(c: Connection, effects: readonly Effect[]): Promise<Warning[]> {
  const warnings = effects.flatMap(({ warnings: own }) => own).filter(({ code }) => code !== OPEN_CHILDREN);
  for (const { record, counted = [] } of effects) {
    const isClosed = counted.some((one) => one.after?.id === record['id'] && isClosing(one));
    if (isClosed) warnings.push(...(await openChildrenWarning(c, record as unknown as WorkItem)));
  }
  return warnings;
}

const NAMED = ['title', 'name', 'item_type', 'status', 'priority'] as const;

/**
 * Enough to go on with: the versions, and of what was there before what it is called; of what was merged with changes of
 * others, all of it, because the version is past what they wrote.
 */
function summaries({ touched, record, merged_with }: Effect): JsonObject[] {
  const names = merged_with.length > 0 ? Object.keys(record) : NAMED;
  return touched.map(({ entity, entity_id: id, version, kind }) => ({
    entity,
    id,
    version,
    ...(kind === 'update' && record['id'] === id && pick(record, names)),
    ...(record['id'] === id && merged_with.length > 0 && { merged_with }),
  })) as JsonObject[];
}

const pick = (record: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(names.flatMap((name) => (name in record ? [[name, record[name] as JsonValue]] : [])));

function fewWarnings(warnings: Warning[]): Warning[] {
  const each = [...new Map(warnings.map((warning) => [warning.message, warning])).values()];
  if (each.length <= WARNINGS_MAX) return each;
  const left = each.length - WARNINGS_MAX;
  return [
    ...each.slice(0, WARNINGS_MAX),
    { code: 'more_warnings', message: `${left} more warnings of this kind.` },
  ];
}

interface Refused {
  /** Position in the batch, from 0. */
  index: number;
  change: Change;
  error: TrackerError;
}

/** One conflict among them makes it a conflict: then reading again and repeating is what helps. */
function refusal(refused: Refused[], total: number): TrackerError {
  const [only] = refused;
  const { error: first } =
    refused.find(({ error }) => error.code === 'VersionConflictError') ?? (only as Refused);
  const lines = refused.map(({ index, change, error }) => `[${index}] ${change.entity_id}: ${error.message}`);
  return new TrackerError(
    first.code,
    `${refused.length} of ${total} changes cannot be made, and nothing was saved. ${lines.join(' ')}`,
    { ...first.details, refused: refused.map(describeRefused) },
    refused.length === 1
      ? first.next
      : 'details.refused names each with its reason and current_version. Correct all of them, then repeat the whole call.',
    { cause: first },
  );
}

function describeRefused({ index, change, error }: Refused) {
  const { expected_version, current_version, last_updated_by, last_updated_at, overlap, not_seen } =
    error.details;
  const { mergeable, theirs } = error.details;
  const { entity, entity_id: id } = change;
  return {
    ...{ index, entity, id, error: error.code, message: error.message },
    ...(error.code === 'VersionConflictError' && {
      ...{ expected_version, current_version, last_updated_by, last_updated_at, overlap, mergeable },
      ...(not_seen !== undefined && {
        not_seen: (not_seen as NotSeen[]).map(({ field, value }) => ({ field, value: shorten(value) })),
      }),
      theirs: (theirs as Theirs[]).map(({ from, to, ...who }) => ({
        ...who,
        from: shorten(from),
        to: shorten(to),
      })),
    }),
  };
}
