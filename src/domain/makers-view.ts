/**
 * What the maker of an update saw of the fields that it sets: what it brings along (`base_fields`), what follows from
 * the version that it names, and what not, because the layer that answered does not show it. Pure.
 */
import type { Change, RecordedChange } from './change.ts';
import {
  SETS,
  asList,
  flatten,
  followerOf,
  groupOf,
  mergeSet,
  valueOf,
  type MakersView,
} from './conflict.ts';
import { equalJson, type JsonObject, type JsonValue } from './json.ts';
import { isPartlyShown } from './provisional-version.ts';

/** What is known of the way from the version that an update names to the record as it is now. */
export interface WayHere {
  /** The record as it is now. */
  current: Record<string, JsonValue>;
  /** Everything recorded since the real version that the update's chain of changes began with, oldest first. */
  since: readonly RecordedChange[];
  /** The ids of the changes of the same maker that led to the version that the update names. */
  own: ReadonlySet<string>;
  /** Those of them that became conflicts. */
  refused: readonly Change[];
}

/** @param isShown whether layers that do not show all fields show this one */
export function makersView(change: Change, way: WayHere, isShown: (field: string) => boolean): MakersView {
  const isHidden = (field: string, { base_version }: Change) =>
    isPartlyShown(base_version ?? 0) && !isShown(field);
  const sets = setsAfter(way, (name) => isHidden(name, change));
  const view = { unseen: new Set<string>(), differing: new Set<string>() };
  for (const [field] of flatten(change.patch)) {
    const seen = SETS.has(field)
      ? wasSetSeen(field, change, way) || !isHidden(field, change)
        ? 'seen'
        : 'unseen'
      : howSeen(field, change, way, isHidden);
    if (seen !== 'seen') view[seen].add(field);
    const follower = followerOf(field);
    if (follower !== undefined && howSeen(follower, change, way, isHidden) === 'differing')
      view.differing.add(follower);
  }
  return { fields: { ...sets, ...change.base_fields }, ...view };
}

type HowSeen = 'seen' | 'unseen' | 'differing';

function howSeen(
  field: string,
  change: Change,
  way: WayHere,
  isHidden: (field: string, change: Change) => boolean,
): HowSeen {
  const { current, since, own, refused } = way;
  const rows = since.flatMap(({ change_id, fields }) =>
    fields.map((row) => ({ ...row, isOwn: own.has(change_id) })),
  );
  // What the record held before was looked at when that change was applied.
  if (rows.some((row) => row.isOwn && groupOf(row.field) === groupOf(field))) return 'seen';
  const saw = change.base_fields;
  if (saw === undefined || !Object.hasOwn(saw, field)) return isHidden(field, change) ? 'unseen' : 'seen';
  const value = saw[field] ?? null;
  const first = rows.find((row) => row.field === field);
  if (isSameText(value, first === undefined ? valueOf(current, field) : first.from, change)) return 'seen';
  // A value that an own change gave it which was refused: what counts is what the maker of that one saw.
  const index = refused.findLastIndex(({ patch }) =>
    flatten(patch).some(
      ([name, to]) => (name === field && equalJson(to, value)) || followerOf(name) === field,
    ),
  );
  const source = refused[index];
  if (source === undefined) return 'differing';
  return howSeen(field, source, { ...way, refused: refused.slice(0, index) }, isHidden);
}

/** A status file shows text on one line. */
function isSameText(seen: JsonValue, is: JsonValue, { base_version }: Change): boolean {
  if (equalJson(seen, is)) return true;
  if (!isPartlyShown(base_version ?? 0) || typeof seen !== 'string' || typeof is !== 'string') return false;
  return onOneLine(seen) === onOneLine(is);
}

const onOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

function wasSetSeen(name: string, { base_fields }: Change, { since, own, refused }: WayHere): boolean {
  if (base_fields !== undefined && Object.hasOwn(base_fields, name)) return true;
  if (refused.some(({ patch }) => Object.hasOwn(patch, name))) return true;
  return since.some(
    ({ change_id, fields }) => own.has(change_id) && fields.some(({ field }) => field === name),
  );
}

/**
 * The sets as their maker saw them whose own changes, among others', led there: what others did to them is left out,
 * and what own changes did that were refused is put in. One that was not shown was empty before those.
 */
function setsAfter(
  { current, since, own, refused }: WayHere,
  isHidden: (name: string) => boolean,
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
    if (first === undefined && steps.length === 0 && !isHidden(name)) continue;
    let seen = isHidden(name) ? [] : first === undefined ? valueOf(current, name) : first.from;
    for (const { from, to } of steps) seen = mergeSet(asList(from ?? seen), asList(to), asList(seen));
    sets[name] = seen;
  }
  return sets;
}
