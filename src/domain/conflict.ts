/**
 * Optimistic locking and three-way merge. Two updates made from the same version do not disturb each
 * other when they touch different fields; then they can be merged. What the maker of an update saw is in
 * `makers-view.ts`. Everything here is pure.
 */
import { TrackerError } from './errors.ts';
import type { FieldChange, RecordedChange } from './change.ts';
import { equalJson, ownValue, type JsonObject, type JsonValue } from './json.ts';
import { isPartlyShown, isProvisional, withoutMark } from './provisional-version.ts';

/** Fields that only make sense together count as one: changing one side of a pair overlaps with the other. */
const COUPLED: Readonly<Record<string, string>> = {
  completed_at: 'status',
  path: 'parent_id',
  depth: 'parent_id',
  'metadata.extractor_version': 'extractor_version',
};

/** What follows from a field, and so is replaced when that is set. */
const FOLLOWING: Readonly<Record<string, string>> = { status: 'completed_at' };

export const followerOf = (field: string): string | undefined =>
  Object.hasOwn(FOLLOWING, field) ? FOLLOWING[field] : undefined;

/** Fields that are sets: merged as what was added and removed, so they never overlap. */
export const SETS: ReadonlySet<string> = new Set(['labels']);
const isSet = (field: string): boolean => SETS.has(field);

export interface Theirs extends FieldChange {
  by: string;
  at: string;
  version: number;
}

/** A field as it is, which the maker of an update did not see so. */
export interface NotSeen {
  field: string;
  value: JsonValue;
}

export interface Conflict {
  theirs: Theirs[];
  yours: FieldChange[];
  /** The fields that both sides changed to different values, and those of `not_seen`. */
  overlap: string[];
  /**
   * The fields that the update would replace although its maker did not see what they hold, and what that is; absent
   * without any.
   */
  not_seen?: NotSeen[];
  mergeable: boolean;
}

/** What the maker of an update saw of the fields that it sets. */
export interface MakersView {
  /** Their values, where they are known for certain; else they follow from what was recorded since. */
  fields: JsonObject;
  /** Those that were not shown. */
  unseen: ReadonlySet<string>;
  /** Those that had another value in the version that the update names: it is a version of another history. */
  differing: ReadonlySet<string>;
  /** Sets to which the update would put back what others have taken out since, or may give anew what was refused. */
  putBack: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Compares an update with what happened since the version it was based on.
 * @param patch the update's fields; metadata key by key
 * @param current the record as it is now
 * @param since what others recorded after the base version, oldest first
 */
export function compareChanges(
  patch: JsonObject,
  current: Record<string, JsonValue>,
  since: RecordedChange[],
  { fields: baseFields = {}, unseen = NONE, differing = NONE, putBack = NONE }: Partial<MakersView> = {},
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
  const isTouched = (field: string) => !isSet(field) && touched.has(groupOf(field));
  const notSeenBy = ({ field, to }: FieldChange): string[] => {
    if (isSameValue(current, field, to)) return [];
    if (putBack.has(field)) return [field];
    if (unseen.has(field)) return wouldTakeAway(current, field, to) ? [field] : [];
    return [field, followerOf(field)].filter(
      (name): name is string => name !== undefined && !isSet(name) && differing.has(name),
    );
  };
  const notSeen = [...new Set(yours.flatMap(notSeenBy))].map((field) => ({
    field,
    value: valueOf(current, field),
  }));
  const overlap = yours
    .filter(
      (one) =>
        notSeenBy(one).length > 0 || (isTouched(one.field) && !isSameValue(current, one.field, one.to)),
    )
    .map(({ field }) => field);
  return {
    ...{ theirs, yours, overlap },
    ...(notSeen.length > 0 && { not_seen: notSeen }),
    mergeable: overlap.length === 0,
  };
}

/** Whether setting a field that was not shown takes something away: of a set, only clearing it is meant to. */
function wouldTakeAway(current: Record<string, JsonValue>, field: string, to: JsonValue): boolean {
  const there = valueOf(current, field);
  return !isEmpty(there) && (!isSet(field) || asList(to).length === 0);
}

function isEmpty(value: JsonValue): boolean {
  if (value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
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

export function mergeSet(base: JsonValue[], mine: JsonValue[], theirs: JsonValue[]): JsonValue[] {
  const kept = theirs.filter((entry) => mine.includes(entry) || !base.includes(entry));
  const added = mine.filter((entry) => !base.includes(entry) && !kept.includes(entry));
  return [...kept, ...added];
}

/** The refusal of an update that does not fit what is there now. */
export function versionConflictError(
  entity: string,
  expected: number,
  current: { version: number; updated_by: string; updated_at: string },
  conflict: Conflict,
): TrackerError {
  const known = withoutMark(expected);
  const future = known > withoutMark(current.version);
  const isNotSeen = conflict.not_seen !== undefined && conflict.theirs.length === 0;
  return new TrackerError(
    'VersionConflictError',
    `${isNotSeen ? notSeenReason(entity, expected, current.version, conflict) : `This ${entity} is at version ${current.version}, not ${known}: it was last changed by ${current.updated_by} at ${current.updated_at}.`} Nothing was saved.`,
    {
      expected_version: expected,
      current_version: current.version,
      last_updated_by: current.updated_by,
      last_updated_at: current.updated_at,
      current,
      ...conflict,
      mergeable: conflict.mergeable && !future,
    },
    nextStep(entity, known, current.version, conflict),
  );
}

function notSeenReason(
  entity: string,
  expected: number,
  current: number,
  { not_seen = [] }: Conflict,
): string {
  const names = not_seen.map(({ field }) => field).join(', ');
  if (isPartlyShown(expected))
    return `The layer that this ${entity} was read from does not show all of its fields: not ${names}, which this change would replace.`;
  return isProvisional(expected)
    ? `The ${names} that this ${entity} had where this change was made came from an earlier write that is not in it: that one became a conflict, or did not get here.`
    : `This ${entity} is at version ${current}, but its ${names} had other values where this change was made: another history led to that version, as after a database was restored.`;
}

function nextStep(entity: string, expected: number, current: number, conflict: Conflict): string {
  const { overlap, not_seen = [] } = conflict;
  if (expected > withoutMark(current) && !(isProvisional(expected) && not_seen.length > 0))
    return `Version ${expected} does not exist yet. Read the ${entity} and repeat your change with version ${current}.`;
  if (conflict.mergeable)
    return `Your fields were not touched by others: repeat the call with on_conflict "merge", or with version ${current}.`;
  const where = not_seen.length < overlap.length ? 'theirs' : 'not_seen';
  return `${where === 'theirs' ? `Others changed ${overlap.join(', ')} too` : `${overlap.join(', ')}: there are other values than you saw`} (see ${where}). Decide which value is right, then repeat with version ${current}.`;
}

/** The fields that a patch touches, metadata key by key, and those that follow from them. */
export function touchedNames(patch: JsonObject): Set<string> {
  return new Set(
    flatten(patch).flatMap(([field]) => [field, followerOf(field)].filter((name) => name !== undefined)),
  );
}

/** The same as a record has them; of those that follow, what it has. */
export function touchedFields(patch: JsonObject, record: Record<string, JsonValue>): JsonObject {
  const given = new Set(flatten(patch).map(([field]) => field));
  return Object.fromEntries(
    [...touchedNames(patch)]
      .filter((name) => given.has(name) || Object.hasOwn(record, name))
      .map((name) => [name, valueOf(record, name)]),
  );
}

export function flatten(patch: JsonObject): [string, JsonValue][] {
  return Object.entries(patch).flatMap(([field, value]): [string, JsonValue][] =>
    field === 'metadata'
      ? Object.entries(value as JsonObject).map(([key, entry]) => [`metadata.${key}`, entry])
      : [[field, value]],
  );
}

export function groupOf(field: string): string {
  return (Object.hasOwn(COUPLED, field) ? COUPLED[field] : undefined) ?? field;
}

export function valueOf(record: Record<string, JsonValue>, field: string): JsonValue {
  if (!field.startsWith('metadata.')) return record[field] ?? null;
  return ownValue((record['metadata'] ?? {}) as JsonObject, field.slice('metadata.'.length));
}

/** A change to the value that is there already is not a disagreement. */
function isSameValue(current: Record<string, JsonValue>, field: string, to: JsonValue): boolean {
  return equalJson(valueOf(current, field), to);
}

export function asList(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value : [];
}
