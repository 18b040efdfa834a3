/** What applying one change did, and the parts that every entity's rules share. */
import { validationError } from '../../../errors.ts';
import type { Change, ChangeKind, Entity, FieldChange } from '../../../domain/change.ts';
import { compareChanges, mergedPatch, setsAfter, versionConflictError } from '../../../domain/conflict.ts';
import type { JsonObject, JsonValue } from '../../../domain/json.ts';
import { isProvisional, isUnbroken, knownVersion } from '../../../domain/provisional-version.ts';
import type { Warning } from '../../../domain/warnings.ts';
import type { Connection } from '../connection.ts';
import { findChangesSince } from '../queries/changes.ts';
import { findConflictsOf } from '../queries/conflicts.ts';
import type { CountedChange } from './counts.ts';

/** One record that a change touched, for the record of changes. */
export interface Touched {
  entity: Entity;
  entity_id: string;
  related_id?: string;
  kind: ChangeKind;
  version: number | null;
  fields: FieldChange[];
  /** Where a change is one of several in a batch: its own, in place of the batch's. */
  base_version?: number | null;
  merged_with?: number[];
}

export interface Effect {
  /** The record right after the change. */
  record: JsonObject;
  /** The record itself first, then whatever went along. Empty when nothing was to be done. */
  touched: Touched[];
  merged_with: number[];
  warnings: Warning[];
  /** The items that came to be or changed, to be counted; what changes for the ready queue follows from them. */
  counted?: CountedChange[];
  /** Further items whose place in the ready queue may have changed: both ends of a link. */
  readiness?: string[];
}

export interface Versioned {
  id: string;
  version: number;
  updated_at: string;
  updated_by: string;
}

/** The one place where a typed record becomes plain JSON. */
export function asJson(record: object): JsonObject {
  return record as unknown as JsonObject;
}

export interface Rebased {
  patch: JsonObject;
  merged_with: number[];
  /** The version that the record gets. */
  version: number;
}

/**
 * The patch to lay over the current record: the change's own when it was based on the current version, a
 * merged one when that was asked for and the fields do not overlap.
 * @throws VersionConflictError
 */
export async function rebase(
  c: Connection,
  change: Change,
  current: Versioned,
  noun: string,
): Promise<Rebased> {
  const expected = change.base_version ?? 0;
  const next = current.version + c.versionStep(change);
  if (expected === current.version) return { patch: change.patch, merged_with: [], version: next };
  if (c.isReplica && expected > current.version && !isProvisional(expected)) {
    // Its maker has seen a newer version than has come here. The record that results has the older fields, and
    // its version says so: whoever bases a change on it has not seen what came between.
    return { patch: change.patch, merged_with: [], version: next };
  }
  // Provisional versions mean something in one place only: what counts is the real one the chain began with.
  const root = knownVersion(expected);
  // Others may have committed since `current` was read: what they did is looked at when this is repeated.
  const since = (root < current.version ? await findChangesSince(c, current.id, root) : []).filter(
    ({ version }) => version !== null && version <= current.version,
  );
  const own = new Set(change.own_changes);
  const { reapplied, refused } = await findConflictsOf(c, [...own], current.id);
  for (const id of reapplied) own.add(id);
  const others = since.filter(({ change_id }) => !own.has(change_id));
  const baseFields = { ...setsAfter(asJson(current), since, own, refused), ...change.base_fields };
  const conflict = compareChanges(change.patch, asJson(current), others, baseFields);
  const complete = isUnbroken(root, current.version, since);
  const undisturbed = complete && own.size > 0 && others.length === 0;
  if (!undisturbed && (change.on_conflict !== 'merge' || !conflict.mergeable || !complete)) {
    throw versionConflictError(noun, expected, current, {
      ...conflict,
      mergeable: conflict.mergeable && complete,
    });
  }
  return {
    patch: mergedPatch(change.patch, conflict, asJson(current)),
    merged_with: others.map(({ version }) => version ?? 0),
    version: next,
  };
}

/** Thrown when a row changed between being read and being written: the transaction is repeated. */
class Overtaken extends Error {
  /** PostgreSQL's serialization_failure, so that it is retried like one. */
  readonly code = '40001';
}

/** The one row of a versioned update; none means that another writer was faster. */
export function oneRow<T>(rows: T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Overtaken('the record changed while it was being updated');
  return row;
}

export function picked(patch: JsonObject, names: readonly string[]): Record<string, JsonValue> {
  return Object.fromEntries(
    names.filter((name) => patch[name] !== undefined).map((name) => [name, patch[name] as JsonValue]),
  );
}

/** The refusal of one change: it says nothing about the store. */
export function unknownChange({ kind, entity }: Change): Error {
  return validationError(
    {
      field: 'kind',
      constraint: 'is not known to this version for this kind of record',
      value: `${kind} ${entity}`,
    },
    'Update Worktrail to the version that wrote it.',
  );
}

/** A text of a patch, which imports give where the source says it. */
export function textOr<T extends string | null>(value: unknown, fallback: T): string | T {
  return typeof value === 'string' ? value : fallback;
}
