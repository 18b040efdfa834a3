/** What the maker of a change saw, found on the copy that checks it: a write that waits brings it along. */
import { partsOf, withParts } from '../../domain/batch.ts';
import type { Change, RecordedChange } from '../../domain/change.ts';
import { SETS, asList, mergeSet, touchedFields } from '../../domain/conflict.ts';
import { equalJson, type JsonObject } from '../../domain/json.ts';
import {
  isAllOfIt,
  isPartlyShown,
  isProvisional,
  isUnbroken,
  knownVersion,
  ledTo,
  partlyShown,
  withoutMark,
} from '../../domain/provisional-version.ts';
import { isShown } from '../status-file/shown-fields.ts';
import { findCurrentRecord } from '../apply/current-record.ts';
import type { Connection } from '../database/connection.ts';
import { findChangesSince } from '../queries/changes.ts';
import { findKnownFields } from './partly-shown.ts';

/** The change with what its maker saw: that makes a three-way merge possible later, wherever it is replayed. */
export async function withBase(
  c: Connection,
  change: Change,
  ownChanges: (record_id: string, version: number) => readonly string[],
): Promise<Change> {
  const { base_version, entity_id } = change;
  if (change.kind === 'batch') {
    const parts: Change[] = [];
    for (const part of partsOf(change)) parts.push(await withBase(c, part, ownChanges));
    return withParts(change, parts);
  }
  if (change.kind !== 'update' || base_version === null) return change;
  const record = await findCurrentRecord(c, change);
  let own = new Set(change.own_changes);
  let isWhole = true;
  const base = withoutMark(base_version);
  if (isProvisional(base)) {
    for (const id of ownChanges(entity_id, base_version)) own.add(id);
    // None where other writes lie on this copy than on the one that its maker saw.
    const led = ledTo(base, own, await findChangesSince(c, entity_id, knownVersion(base)));
    if (led !== undefined) own = new Set(led.map(({ change_id }) => change_id));
    isWhole = led !== undefined || isAllOfIt(base, own);
  }
  // Where only a part of the way is known, nothing tells what others had done before.
  const seen = await seenFields(c, change, base_version, isWhole ? own : new Set(), record);
  return {
    ...change,
    ...(seen !== undefined && { base_fields: seen }),
    ...(own.size > 0 && { own_changes: [...own] }),
  };
}

/**
 * The touched fields as they were in the version that the change is based on, those alone that were shown there;
 * undefined where this copy cannot tell.
 */
async function seenFields(
  c: Connection,
  change: Change,
  base_version: number,
  own: ReadonlySet<string>,
  record: JsonObject,
): Promise<JsonObject | undefined> {
  const { patch, entity, entity_id } = change;
  const version = record['version'];
  if (typeof version !== 'number') return undefined;
  const isPart = isPartlyShown(version);
  const base = withoutMark(base_version);
  const others =
    (await findWay(c, entity_id, [isPart ? partlyShown(base) : base, version])) ??
    (await findOthers(c, entity_id, [knownVersion(base), version], own));
  if (others === undefined) return undefined;
  const fields = touchedFields(patch, record);
  const isKnown = isPart ? await findKnownFields(c, entity) : undefined;
  for (const name of Object.keys(fields)) {
    const isTold = isPart ? isKnown?.(record, name) : !isPartlyShown(base_version) || isShown(entity, name);
    // Of a set such a layer has what was added there: who read it there saw that much.
    const isPartSeen = isPart && isPartlyShown(base_version) && SETS.has(name);
    if (isTold !== true && !isPartSeen) delete fields[name];
  }
  for (const change of others.toReversed()) {
    for (const { field, from, to } of change.fields) {
      if (!Object.hasOwn(fields, field)) continue;
      // What such a layer had there before was no value of the field.
      if (isPart && !isShown(entity, field) && !SETS.has(field)) delete fields[field];
      else if (!SETS.has(field) || equalJson(fields[field] ?? null, to)) fields[field] = from;
      else fields[field] = mergeSet(asList(to), asList(from), asList(fields[field] ?? null));
    }
  }
  return fields;
}

/** What lies between two versions of a record on this copy; undefined where that is not all of it. */
async function findWay(
  c: Connection,
  record_id: string,
  [from, to]: readonly [number, number],
): Promise<RecordedChange[] | undefined> {
  const way = withoutMark(from) === withoutMark(to) ? [] : await findChangesSince(c, record_id, from);
  return isUnbroken(from, to, way) ? way : undefined;
}

/**
 * What others did since the real version that a provisional one began with, when the own changes that led from there
 * to it were applied meanwhile, and so have other versions. What they set is as their maker saw it.
 */
async function findOthers(
  c: Connection,
  record_id: string,
  between: readonly [number, number],
  own: ReadonlySet<string>,
): Promise<RecordedChange[] | undefined> {
  const way = await findWay(c, record_id, between);
  const there = way?.filter(({ change_id }) => own.has(change_id)) ?? [];
  if (own.size === 0 || new Set(there.map(({ change_id }) => change_id)).size < own.size) return undefined;
  return way?.flatMap((change, at) => {
    if (own.has(change.change_id)) return [];
    const setLater = new Set(
      way
        .slice(at)
        .flatMap((later) => (own.has(later.change_id) ? later.fields : []))
        .map(({ field }) => field),
    );
    return [
      { ...change, fields: change.fields.filter(({ field }) => SETS.has(field) || !setLater.has(field)) },
    ];
  });
}
