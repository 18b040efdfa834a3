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
  /** The ids of the changes of the same maker that led to the version that the update names, in the order of making. */
  own: ReadonlySet<string>;
  /** Those of them that became conflicts. */
  refused: readonly Change[];
  /** Whether those are all that led there, and were settled: else one was lost before it came here. */
  isComplete: boolean;
}

/** @param isShown whether layers that do not show all fields show this one */
export function makersView(
  change: Change,
  { refused, ...rest }: WayHere,
  isShown: (field: string) => boolean,
): MakersView {
  const compare = inOrderOf(rest.own);
  const way = { ...rest, compare, refused: refused.toSorted((a, b) => compare(a.id, b.id)) };
  const isHidden = (field: string, { base_version }: Change) =>
    isPartlyShown(base_version ?? 0) && !isShown(field);
  const sets = setsAfter(way, change, (name) => isHidden(name, change));
  const fields = { ...sets, ...change.base_fields };
  const view = { unseen: new Set<string>(), differing: new Set<string>(), putBack: new Set<string>() };
  for (const [field, to] of flatten(change.patch)) {
    // Of a way that is not known to the end, others may have gone a part before its maker read.
    const isUnknown = !way.isComplete && !isNoted(field, change);
    const ofSet = isHidden(field, change) || isUnknown ? 'unseen' : 'seen';
    const seen = SETS.has(field) ? ofSet : howSeen(field, change, way, isHidden);
    if (seen !== 'seen') view[seen].add(field);
    const isVersionKnown = withoutMark(change.base_version ?? 0) > 0;
    const mayPutBack =
      ofSet === 'unseen' && isVersionKnown && putsBack(field, asList(to), asList(fields[field] ?? null), way);
    const isInDoubt = SETS.has(field) && !isNoted(field, change) && mayBeGivenAnew(field, asList(to), way);
    if (mayPutBack || isInDoubt) view.putBack.add(field);
    const follower = followerOf(field);
    // What is noted of the field and not of this one: the change left this one as it was.
    const isTold = isNoted(field, change) && !isNoted(follower, change);
    if (follower !== undefined && !isTold && howSeen(follower, change, way, isHidden) === 'differing')
      view.differing.add(follower);
  }
  return { fields, ...view };
}

interface OrderedWay extends WayHere {
  /** Of the ids of two own changes, by the order of making. */
  compare: (a: string, b: string) => number;
}

/** The order of making: ids tell it only while the clock of the maker's machine is not set back. */
function inOrderOf(own: ReadonlySet<string>): (a: string, b: string) => number {
  const places = new Map([...own].map((id, place) => [id, place]));
  return (a, b) => {
    const [first, second] = [places.get(a), places.get(b)];
    if (first !== undefined && second !== undefined) return first - second;
    return a < b ? -1 : a > b ? 1 : 0;
  };
}

const isNoted = (field: string | undefined, { base_fields = {} }: Change): boolean =>
  field !== undefined && Object.hasOwn(base_fields, field);

/** Whether setting a set that was not shown would put back what others have taken out of it since. */
function putsBack(
  name: string,
  to: JsonValue[],
  seen: JsonValue[],
  { current, since, own }: OrderedWay,
): boolean {
  const there = asList(valueOf(current, name));
  const taken = since
    .filter(({ change_id }) => !own.has(change_id))
    .flatMap(({ fields }) => fields.filter(({ field }) => field === name))
    .flatMap(({ from, to: left }) => asList(from).filter((entry) => !asList(left).includes(entry)));
  return to.some((entry) => taken.includes(entry) && !there.includes(entry) && !seen.includes(entry));
}

/**
 * Whether setting a set gives again what a refused own change had set last, while a later own change, which was applied or
 * lost, may have taken it out for its maker: nothing tells what that one gave, only what it did.
 */
function mayBeGivenAnew(
  name: string,
  to: JsonValue[],
  { current, own, refused, compare }: OrderedWay,
): boolean {
  const last = refused.findLast(({ patch }) => Object.hasOwn(patch, name));
  if (last === undefined) return false;
  const there = asList(valueOf(current, name));
  const again = asList(last.patch[name] ?? null).filter(
    (entry) => to.includes(entry) && !there.includes(entry),
  );
  return (
    again.length > 0 &&
    [...own].some((id) => compare(id, last.id) > 0 && !refused.some((one) => one.id === id))
  );
}

type HowSeen = 'seen' | 'unseen' | 'differing';

function howSeen(
  field: string,
  change: Change,
  way: OrderedWay,
  isHidden: (field: string, change: Change) => boolean,
): HowSeen {
  const { current, since, own, refused, isComplete, compare } = way;
  const rows = since.flatMap(({ change_id, fields }) =>
    fields.map((row) => ({ ...row, id: change_id, isOwn: own.has(change_id) })),
  );
  const mine = rows.findLast((row) => row.isOwn && row.field === field);
  const first = rows.find((row) => row.field === field);
  const was = mine !== undefined ? mine.to : first !== undefined ? first.from : valueOf(current, field);
  const saw = change.base_fields;
  // A value that came from an own change which was refused is in nobody's history: the decision stands.
  if (saw !== undefined && Object.hasOwn(saw, field))
    return isSameText(saw[field] ?? null, was, change) ? 'seen' : 'differing';
  // What the record held before an own change was looked at when that was applied.
  const isLookedAt = rows.some((row) => row.isOwn && groupOf(row.field) === groupOf(field));
  if (!isLookedAt && isHidden(field, change)) return 'unseen';
  const asked = refused
    .flatMap(({ id, patch }) => flatten(patch).map(([name, to]) => ({ id, name, to })))
    .findLast(({ name }) => name === field);
  const isAskedLast = asked !== undefined && (mine === undefined || compare(mine.id, asked.id) < 0);
  return isComplete && (!isAskedLast || equalJson(asked.to, was)) ? 'seen' : 'differing';
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
 * and what own changes did that were refused is put in. One that was not shown has what the last of
 * these gave to it and is given again, which is not added, and nothing else: nothing is taken out of it.
 */
function setsAfter(
  { current, since, own, refused, compare }: OrderedWay,
  { patch: given }: Change,
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
    const inVain = asked.filter(({ field }) => field === name);
    if (isHidden(name)) {
      const left = asList(inVain.at(-1)?.to ?? null);
      sets[name] = asList(given[name] ?? null).filter((entry) => left.includes(entry));
      continue;
    }
    const steps = [...recorded.filter(({ id, field }) => field === name && own.has(id)), ...inVain].sort(
      (a, b) => compare(a.id, b.id),
    );
    const first = recorded.find(({ field }) => field === name);
    if (first === undefined && steps.length === 0) continue;
    let seen = first === undefined ? valueOf(current, name) : first.from;
    for (const { from, to } of steps) seen = mergeSet(asList(from ?? seen), asList(to), asList(seen));
    sets[name] = seen;
  }
  return sets;
}
