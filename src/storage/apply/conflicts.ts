/** How a write that could not be applied is kept, and how it is settled. */
import { eq } from 'drizzle-orm';
import { notFound, validationError, type TrackerError } from '../../domain/errors.ts';
import { partsOf, withParts } from '../../domain/batch.ts';
import { patchProblem, type ChangeOf } from '../../domain/change-schema.ts';
import { isChangeName, type Change } from '../../domain/change.ts';
import { SETS, asList, mergeSet } from '../../domain/conflict.ts';
import type { ConflictKind, Resolution } from '../../domain/conflict-record.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isPartlyShown, withoutMark } from '../../domain/provisional-version.ts';
import { isShown } from '../status-file/shown-fields.ts';
import type { Connection } from '../database/connection.ts';
import { findConflict } from '../queries/conflicts.ts';
import { findCurrentRecord } from './current-record.ts';
import { asJson, unknownChange, type Effect } from './effect.ts';

/** What of an error is kept: the current record is left out, it can be read. */
const KEPT_DETAILS = [
  'theirs',
  'yours',
  'overlap',
  'not_seen',
  'expected_version',
  'current_version',
  'problems',
  'claimed_by',
  'claim_expires_at',
  'refused',
] as const;

/** A write of a tracker folder that was acknowledged while the primary was away. */
export interface OfflineWrite {
  id: string;
  device: string;
  /** The project it was made in, where that is known. */
  project_id?: string | undefined;
  changes: Change[];
}

export async function insertConflict(
  c: Connection,
  write: OfflineWrite,
  error: TrackerError,
  found_at: string,
): Promise<Effect> {
  const [first] = write.changes;
  if (first === undefined) throw new Error('a write without changes');
  const details = Object.fromEntries(
    KEPT_DETAILS.filter((name) => error.details[name] !== undefined).map((name) => [
      name,
      error.details[name],
    ]),
  ) as JsonObject;
  const kind: ConflictKind = error.code === 'VersionConflictError' ? 'conflict' : 'rejected';
  const row = {
    id: write.id,
    version: 1,
    kind,
    entity: first.entity,
    entity_id: first.entity_id,
    device: write.device,
    actor: first.actor,
    client: first.client,
    person: first.person ?? null,
    session: first.session ?? null,
    made_at: first.at,
    found_at,
    reason: error.message,
    changes: write.changes as never,
    details,
  };
  const { conflicts, openConflicts } = c.tables;
  await c.db.insert(conflicts).values(row);
  const records = [...new Set(write.changes.flatMap(partsOf).flatMap(recordsShown))];
  await c.db.insert(openConflicts).values(records.map((record_id) => ({ record_id, conflict_id: write.id })));
  return {
    record: asJson(row),
    touched: [{ entity: 'conflict', entity_id: write.id, kind: 'create', version: 1, fields: [] }],
    merged_with: [],
    warnings: [],
  };
}

/** The records on which a conflict of this change is shown. */
function recordsShown({ entity, entity_id, patch }: Change): string[] {
  return entity === 'dependency' ? [entity_id, patch['target_id'] as string] : [entity_id];
}

/**
 * Settles a conflict; what is made again is made on top of the current versions.
 * @throws NotFoundError, ValidationError when it is settled already or the decision breaks a rule
 */
export async function resolveConflict(
  c: Connection,
  change: ChangeOf<'resolve conflict'>,
  applyRule: (change: Change) => Promise<Effect>,
): Promise<Effect> {
  const conflict = await findConflict(c, change.entity_id);
  if (conflict === undefined) throw notFound('conflict', { id: change.entity_id });
  if (conflict.resolved_at !== null) {
    throw validationError(
      {
        field: 'id',
        constraint: `was settled at ${conflict.resolved_at} by ${conflict.resolved_by} (${conflict.resolution})`,
        value: conflict.id,
      },
      'Nothing is left to do. To change the record now, update it as usual.',
    );
  }
  const { resolution, fields } = change.patch;
  const effects: Effect[] = [];
  for (const again of changesOf(resolution, conflict.changes, fields)) {
    effects.push(await applyRule(await onCurrentVersion(c, again, change)));
  }
  const { conflicts, openConflicts } = c.tables;
  const settled = {
    version: 2,
    resolution,
    resolved_at: change.at,
    resolved_by: change.actor,
    resolved_by_change: change.id,
  };
  await c.db.update(conflicts).set(settled).where(eq(conflicts.id, conflict.id));
  await c.db.delete(openConflicts).where(eq(openConflicts.conflict_id, conflict.id));
  const { resolved_by_change: _inner, ...shown } = settled;
  return {
    record: asJson({ ...conflict, ...shown, record: effects.at(-1)?.record ?? null }),
    touched: [
      {
        entity: 'conflict',
        entity_id: conflict.id,
        kind: 'resolve',
        version: 2,
        fields: [{ field: 'resolution', from: null, to: resolution }],
      },
      ...effects.flatMap(({ touched }) => touched),
    ],
    merged_with: [],
    warnings: effects.flatMap(({ warnings }) => warnings),
    counted: effects.flatMap(({ counted }) => counted ?? []),
    readiness: effects.flatMap(({ readiness }) => readiness ?? []),
  };
}

function changesOf(resolution: Resolution, mine: Change[], fields: JsonObject | undefined): Change[] {
  if (resolution === 'keep_theirs') return [];
  const [only] = mine;
  if (resolution === 'reapply' || fields == null) return mine;
  if (only === undefined || mine.length > 1) {
    throw validationError(
      {
        field: 'fields',
        constraint: `this write has ${mine.length} changes, fields can be given for one`,
        value: null,
      },
      'Settle it with keep_theirs, then make the changes you want as usual.',
    );
  }
  const given = withoutOptions(fields, only);
  // Whoever decides sees what is there.
  const again = {
    ...only,
    base_version: only.base_version === null ? null : withoutMark(only.base_version),
    patch: only.kind === 'create' ? { ...only.patch, ...given } : given,
  };
  const problem = patchProblem(again);
  if (problem === undefined) return [again];
  throw validationError(
    { field: 'fields', constraint: `do not fit this write: ${problem}`, value: fields },
    'Give fields of the record as in an update of it; nothing was changed.',
  );
}

/** What a call says about itself and not about the record; an imported item has an author of its own. */
const OPTIONS = new Set([
  'cascade',
  'on_conflict',
  'claim_token',
  'created_by',
  'updated_by',
  'idempotency_key',
]);

function withoutOptions(fields: JsonObject, { kind, entity }: Change): JsonObject {
  const isField = (name: string) => name === 'created_by' && kind === 'create' && entity === 'work_item';
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !OPTIONS.has(name) || isField(name)));
}

/** A change with another's client, person, device and session; what the other does not say is not said. */
function through({ person: _p, device: _d, session: _s, ...change }: Change, other: Change): Change {
  const { client, person, device, session } = other;
  return {
    ...{ ...change, client },
    ...(person !== undefined && { person }),
    ...(device !== undefined && { device }),
    ...(session !== undefined && { session }),
  };
}

/** The change as if it were made now: by whoever decides, on what is there. */
async function onCurrentVersion(c: Connection, mine: Change, decision: Change): Promise<Change> {
  const { base_fields: _seen, own_changes: _own, ...change } = mine;
  if (mine.kind === 'batch') {
    const parts: Change[] = [];
    for (const part of partsOf(mine)) parts.push(await onCurrentVersion(c, part, decision));
    const { at } = decision;
    return withParts({ ...through(mine, decision), id: decision.id, at }, parts);
  }
  const { id, at, actor } = decision;
  // A claim is its maker's, whoever lets it stand.
  const now = { ...(change.kind === 'claim' ? change : through(change, decision)), id, at, actor };
  // Whoever decides does so in spite of a claim that ended or was never granted.
  if (change.kind !== 'claim') now.claim_token = null;
  if (change.kind !== 'update') return { ...now, actor: mine.actor };
  if (!isChangeName(`update ${change.entity}`)) throw unknownChange(change);
  const record = await findCurrentRecord(c, change);
  const isAsItWas = decision.patch['resolution'] === 'reapply';
  const patch = withSetsThere(mine, record, isAsItWas);
  return { ...now, patch, base_version: Number(record['version'] ?? 0) };
}

/**
 * Of a set, the change is what it adds to what its maker saw, and what it takes away from that: also where the rest of it
 * was in conflict, and others have changed the set since. Where nobody knows what he saw, it is what it adds.
 */
function withSetsThere(
  { entity, patch, base_version, base_fields }: Change,
  record: JsonObject,
  isAsItWas: boolean,
): JsonObject {
  const isHidden = (field: string) => isPartlyShown(base_version ?? 0) && !isShown(entity, field);
  const merged = Object.keys(patch).filter(
    (field) =>
      SETS.has(field) &&
      (Object.hasOwn(base_fields ?? {}, field) ||
        ((isAsItWas || isHidden(field)) && asList(patch[field] ?? null).length > 0)),
  );
  const sets = merged.map((field) => [
    field,
    mergeSet(
      asList(base_fields?.[field] ?? null),
      asList(patch[field] ?? null),
      asList(record[field] ?? null),
    ),
  ]);
  return { ...patch, ...(Object.fromEntries(sets) as JsonObject) };
}
