/** Laying a change over the current record: as it is, merged with what others did since, or refused. */
import type { Change } from '../../domain/change.ts';
import { compareChanges, mergedPatch, touchedFields, versionConflictError } from '../../domain/conflict.ts';
import { equalJson } from '../../domain/json.ts';
import { makersView } from '../../domain/makers-view.ts';
import {
  isAllOfIt,
  isPartlyShown,
  isProvisional,
  isUnbroken,
  knownVersion,
  ledTo,
  withoutMark,
} from '../../domain/provisional-version.ts';
import { isShown } from '../status-file/shown-fields.ts';
import type { Connection } from '../database/connection.ts';
import { findSettled } from '../queries/change-records.ts';
import { findChangesSince } from '../queries/changes.ts';
import { findConflictsOf } from '../queries/conflicts.ts';
import { asJson } from './effect.ts';

export interface Versioned {
  id: string;
  version: number;
  updated_at: string;
  updated_by: string;
}

export interface Rebased<Patch> {
  patch: Patch;
  merged_with: number[];
  /** The version that the record gets. */
  version: number;
}

/**
 * The patch to lay over the current record: the change's own when its maker saw what it replaces, in the current
 * version; a merged one when that was asked for, or fields were not shown to him, and nothing of others is lost by it.
 * @throws VersionConflictError
 */
export async function rebase<Own extends Change>(
  c: Connection,
  change: Own,
  current: Versioned,
  noun: string,
): Promise<Rebased<Own['patch']>> {
  const asked = change.base_version ?? 0;
  const [expected, at] = [withoutMark(asked), withoutMark(current.version)];
  const unchanged = {
    patch: change.patch,
    merged_with: [],
    version: current.version + c.versionStep(change),
  };
  if (expected === at && isAsSeen(change, current)) return unchanged;
  // Its maker has seen a newer version than has come here. The record that results has the older fields, and
  // its version says so: whoever bases a change on it has not seen what came between.
  if (c.isReplica && expected > at && !isProvisional(expected)) return unchanged;
  // Provisional versions mean something in one place only: what counts is the real one the chain began with.
  const root = knownVersion(expected);
  // Others may have committed since `current` was read: what they did is looked at when this is repeated.
  const since = (root < at ? await findChangesSince(c, current.id, root) : []).filter(
    ({ version }) => version !== null && withoutMark(version) <= at,
  );
  const made = new Set(change.own_changes);
  const applied = new Set(since.map(({ change_id }) => change_id));
  const elsewhere = [...made].filter((id) => !applied.has(id));
  const { reapplied, refused } = await findConflictsOf(c, elsewhere, current.id);
  const led = ledTo(expected, made, since);
  const isComplete =
    c.isReplica || led !== undefined || (isAllOfIt(expected, made) && (await areSettled(c, made)));
  // What was made again has the place of what it was: what was made after that came later, whenever somebody decided.
  // What others did before, its maker saw as well, though the process that he asked did not know of it.
  const seen = (led ?? []).map(({ change_id }) => change_id);
  const own = new Set([...seen, ...made].flatMap((id) => [id, reapplied.get(id) ?? id]));
  const others = since.filter(({ change_id }) => !own.has(change_id));
  const record = asJson(current);
  const view = makersView(change, { current: record, since, own, refused, isComplete }, (field) =>
    isShown(change.entity, field),
  );
  // A copy that lacks fields has nothing to compare with.
  const { fields } = view;
  const conflict = compareChanges(
    change.patch,
    record,
    others,
    isPartlyShown(current.version) ? { fields } : view,
  );
  const complete = isUnbroken(root, at, since);
  const undisturbed = complete && others.length === 0 && (own.size > 0 || expected === at);
  const merges = undisturbed || (change.on_conflict === 'merge' && complete);
  if (!merges || !conflict.mergeable) {
    throw versionConflictError(noun, asked, current, {
      ...conflict,
      mergeable: conflict.mergeable && complete,
    });
  }
  // Merging alters what sets hold, never of what kind a value is.
  const patch = mergedPatch(change.patch, conflict, record) as Own['patch'];
  const isOther = expected === at && !equalJson(patch, change.patch);
  return {
    ...unchanged,
    patch,
    merged_with: isOther ? [current.version] : others.map(({ version }) => version ?? 0),
  };
}

async function areSettled(c: Connection, change_ids: ReadonlySet<string>): Promise<boolean> {
  return (await findSettled(c, [...change_ids])).size === change_ids.size;
}

/** Whether the maker of a change saw the fields that it sets as they are, as far as its version and what it brings tell. */
function isAsSeen({ base_version, base_fields, patch }: Change, current: Versioned): boolean {
  if (isPartlyShown(current.version)) return true;
  if (isPartlyShown(base_version ?? 0)) return false;
  if (base_fields === undefined) return true;
  const now = touchedFields(patch, asJson(current));
  return Object.entries(now).every(
    ([field, value]) => !Object.hasOwn(base_fields, field) || equalJson(base_fields[field], value),
  );
}
