/**
 * Optimistic locking and three-way merge (W7). Two updates made from the same version do not disturb each
 * other when they touch different fields; then they can be merged. Everything here is pure.
 */
import { TrackerError } from '../errors.ts';
import type { Change, FieldChange, RecordedChange } from './change.ts';
import { equalJson, ownValue, type JsonObject, type JsonValue } from './json.ts';

/** Fields that only make sense together count as one: changing one side of a pair overlaps with the other. */
const COUPLED: Readonly<Record<string, string>> = {
  completed_at: 'status',
  path: 'parent_id',
  depth: 'parent_id',
  'metadata.extractor_version': 'extractor_version',
};

/** Fields that are sets: merged as what was added and removed, so they never overlap. */
const SETS: ReadonlySet<string> = new Set(['labels']);

export interface Theirs extends FieldChange {
  by: string;
  at: string;
  version: number;
}

export interface Conflict {
  theirs: Theirs[];
  yours: FieldChange[];
  /** The fields that both sides changed to different values. */
  overlap: string[];
  mergeable: boolean;
}

/**
 * Compares an update with what happened since the version it was based on.
 * @param patch the update's fields; metadata key by key
 * @param current the record as it is now
 * @param since what others recorded after the base version, oldest first
 * @param baseFields what the update's maker saw, where that is known for certain; else it follows from `since`
 */
export function compareChanges(
  patch: JsonObject,
  current: Record<string, JsonValue>,
  since: RecordedChange[],
  baseFields: JsonObject = {},
): Conflict {
  const theirs = since.flatMap((change) =>
    change.fields.map((field) => ({
      ...field,
      by: change.actor,
      at: change.at,
      version: change.version ?? 0,
    })),
  );
  const base = new Map<string, JsonValue>();
  for (const { field, from } of theirs) if (!base.has(field)) base.set(field, from);

  const seen = (field: string): JsonValue => {
    if (Object.hasOwn(baseFields, field)) return baseFields[field] ?? null;
    return base.has(field) ? (base.get(field) ?? null) : valueOf(current, field);
  };
  const yours = flatten(patch).map(([field, to]) => ({
    field,
    from: seen(field),
    to,
  }));
  const touched = new Set(theirs.map(({ field }) => groupOf(field)));
  const overlap = yours
    .filter(
      ({ field, to }) => !SETS.has(field) && touched.has(groupOf(field)) && !isSameValue(current, field, to),
    )
    .map(({ field }) => field);
  return { theirs, yours, overlap, mergeable: overlap.length === 0 };
}

/**
 * The sets as their maker saw them whose own changes, among others', led there: what others did to them is left out,
 * and what own changes did that were refused is put in.
 * @param current the record as it is now
 * @param since everything recorded since the version that the chain of own changes began with, oldest first
 * @param refused own changes of the chain that became conflicts
 */
export function setsAfter(
  current: Record<string, JsonValue>,
  since: readonly RecordedChange[],
  own: ReadonlySet<string>,
  refused: readonly Change[],
): JsonObject {
  const recorded = since.flatMap(({ change_id, fields }) =>
    fields.map(({ field, from, to }) => ({ id: change_id, field, from, to })),
  );
  const asked = refused.flatMap(({ id, patch, base_fields }) =>
    Object.entries(patch).map(([field, to]) => ({ id, field, from: base_fields?.[field] ?? null, to })),
  );
  const sets: JsonObject = {};
  for (const name of SETS) {
    const steps = [
      ...recorded.filter(({ id, field }) => field === name && own.has(id)),
      ...asked.filter(({ field }) => field === name),
    ].sort((a, b) => (a.id < b.id ? -1 : 1));
    const first = recorded.find(({ field }) => field === name);
    if (first === undefined && steps.length === 0) continue;
    let seen = first === undefined ? valueOf(current, name) : first.from;
    for (const { from, to } of steps) seen = mergeSet(asList(from ?? seen), asList(to), asList(seen));
    sets[name] = seen;
  }
  return sets;
}

/** The patch as it is applied on top of `current` after a merge: sets become their own additions and removals. */
export function mergedPatch(
  patch: JsonObject,
  conflict: Conflict,
  current: Record<string, JsonValue>,
): JsonObject {
  const merged: JsonObject = { ...patch };
  for (const { field, from, to } of conflict.yours) {
    if (SETS.has(field)) merged[field] = mergeSet(asList(from), asList(to), asList(current[field] ?? null));
  }
  return merged;
}

function mergeSet(base: JsonValue[], mine: JsonValue[], theirs: JsonValue[]): JsonValue[] {
  const kept = theirs.filter((entry) => mine.includes(entry) || !base.includes(entry));
  const added = mine.filter((entry) => !base.includes(entry) && !kept.includes(entry));
  return [...kept, ...added];
}

/** The refusal of an update whose base version is not the current one (CONTRACT §3). */
export function versionConflictError(
  entity: string,
  expected: number,
  current: { version: number; updated_by: string; updated_at: string },
  conflict: Conflict,
): TrackerError {
  const names = conflict.overlap.join(', ');
  const future = expected > current.version;
  const next = future
    ? `Version ${expected} does not exist yet. Read the ${entity} and repeat your change with version ${current.version}.`
    : conflict.mergeable
      ? `Your fields were not touched by others: repeat the call with on_conflict "merge", or with version ${current.version}.`
      : `Others changed ${names} too (see theirs). Decide which value is right, then repeat with version ${current.version}.`;
  return new TrackerError(
    'VersionConflictError',
    `This ${entity} is at version ${current.version}, not ${expected}: it was last changed by ${current.updated_by} at ${current.updated_at}. Nothing was saved.`,
    {
      expected_version: expected,
      current_version: current.version,
      last_updated_by: current.updated_by,
      last_updated_at: current.updated_at,
      current,
      ...conflict,
      mergeable: conflict.mergeable && !future,
    },
    next,
  );
}

/** The fields that a patch touches, as a record has them; metadata key by key. */
export function touchedFields(patch: JsonObject, record: Record<string, JsonValue>): JsonObject {
  return Object.fromEntries(flatten(patch).map(([field]) => [field, valueOf(record, field)]));
}

function flatten(patch: JsonObject): [string, JsonValue][] {
  return Object.entries(patch).flatMap(([field, value]): [string, JsonValue][] =>
    field === 'metadata'
      ? Object.entries(value as JsonObject).map(([key, entry]) => [`metadata.${key}`, entry])
      : [[field, value]],
  );
}

function groupOf(field: string): string {
  return (Object.hasOwn(COUPLED, field) ? COUPLED[field] : undefined) ?? field;
}

function valueOf(record: Record<string, JsonValue>, field: string): JsonValue {
  if (!field.startsWith('metadata.')) return record[field] ?? null;
  return ownValue((record['metadata'] ?? {}) as JsonObject, field.slice('metadata.'.length));
}

/** A change to the value that is there already is not a disagreement. */
function isSameValue(current: Record<string, JsonValue>, field: string, to: JsonValue): boolean {
  return equalJson(valueOf(current, field), to);
}

function asList(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value : [];
}
