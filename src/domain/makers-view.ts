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
import { isPartlyShown, withoutMark } from './provisional-version.ts';

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
  const fields = { ...sets, ...change.base_fields };
  const view = { unseen: new Set<string>(), differing: new Set<string>(), putBack: new Set<string>() };
  for (const [field, to] of flatten(change.patch)) {
    const ofSet = isHidden(field, change) ? 'unseen' : 'seen';
    const seen = SETS.has(field) ? ofSet : howSeen(field, change, way, isHidden);
    if (seen !== 'seen') view[seen].add(field);
    const isVersionKnown = withoutMark(change.base_version ?? 0) > 0;
    if (
      ofSet === 'unseen' &&
      isVersionKnown &&
      putsBack(field, asList(to), asList(fields[field] ?? null), way)
    )
      view.putBack.add(field);
    const follower = followerOf(field);
    if (follower !== undefined && howSeen(follower, change, way, isHidden) === 'differing')
      view.differing.add(follower);
  }
  return { fields, ...view };
}

/** Whether setting a set that was not shown would put back what others have taken out of it since. */
function putsBack(
  name: string,
  to: JsonValue[],
  seen: JsonValue[],
  { current, since, own }: WayHere,
): boolean {
  const there = asList(valueOf(current, name));
  const taken = since
    .filter(({ change_id }) => !own.has(change_id))
    .flatMap(({ fields }) => fields.filter(({ field }) => field === name))
    .flatMap(({ from, to: left }) => asList(from).filter((entry) => !asList(left).includes(entry)));
  return to.some((entry) => taken.includes(entry) && !there.includes(entry) && !seen.includes(entry));
}

type HowSeen = 'seen' | 'unseen' | 'differing';

function howSeen(
  field: string,
  change: Change,
  way: WayHere,
  isHidden: (field: string, change: Change) => boolean,
): HowSeen {
  const { current, since, own } = way;
  const rows = since.flatMap(({ change_id, fields }) =>
    fields.map((row) => ({ ...row, isOwn: own.has(change_id) })),
  );
  const mine = rows.findLast((row) => row.isOwn && row.field === field);
  const saw = change.base_fields;
  if (saw === undefined || !Object.hasOwn(saw, field)) {
    // What the record held before an own change was looked at when that was applied.
    const isLookedAt = rows.some((row) => row.isOwn && groupOf(row.field) === groupOf(field));
    return isLookedAt || !isHidden(field, change) ? 'seen' : 'unseen';
  }
  // A value that came from an own change which was refused is in nobody's history: the decision stands.
  const first = rows.find((row) => row.field === field);
  const was = mine !== undefined ? mine.to : first !== undefined ? first.from : valueOf(current, field);
  return isSameText(saw[field] ?? null, was, change) ? 'seen' : 'differing';
}

/** A status file shows text on one line. */
function isSameText(seen: JsonValue, is: JsonValue, { base_version }: Change): boolean {
  if (equalJson(seen, is)) return true;
  if (!isPartlyShown(base_version ?? 0) || typeof seen !== 'string' || typeof is !== 'string') return false;
  return onOneLine(seen) === onOneLine(is);
}

const onOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/**
 * The sets as their maker saw them whose own changes, among others', led there: what others did to them is left out,
 * and what own changes did that were refused is put in. One that was not shown is empty: who made an own change to it was
 * shown all of it, or brings what he gave it.
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
    if (isHidden(name)) {
      sets[name] = [];
      continue;
    }
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
