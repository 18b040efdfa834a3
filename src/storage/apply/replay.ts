/**
 * Applying writes that were acknowledged while the primary was away: each exactly once, merged where nobody
 * disturbed it, else kept as a conflict. The ids of the changes decide, whoever replays and however often.
 */
import { databaseError, type TrackerError } from '../../domain/errors.ts';
import type { Applied } from '../../domain/change.ts';
import { footprintOf } from '../../domain/footprint.ts';
import type { Connection } from '../database/connection.ts';
import { findSettled } from '../queries/change-records.ts';
import { findProject } from '../queries/configuration.ts';
import { findOpenConflictsOf } from '../queries/conflicts.ts';
import { applyChanges, recordApplied, recordTouched } from './apply.ts';
import { insertConflict, type OfflineWrite } from './conflicts.ts';

export type ReplayOutcome =
  | { outcome: 'applied'; applied: Applied[] }
  /** Settled before: applied, or kept as a conflict. */
  | { outcome: 'repeated' }
  /** An earlier write of the same folder to the same record is an open conflict. */
  | { outcome: 'waiting'; conflict_id: string }
  | { outcome: 'conflict' | 'rejected'; reason: string };

/**
 * Applies an offline write inside the caller's transaction.
 * @throws TrackerError when it does not fit; the caller rolls back and calls `keepAsConflict`
 */
export async function replayWrite(c: Connection, write: OfflineWrite): Promise<ReplayOutcome> {
  await refuseOtherProject(c, write);
  if (await isSettled(c, write)) return { outcome: 'repeated' };
  const footprint = footprintOf(write.changes);
  const reached = new Set([...footprint.alters, ...footprint.needs]);
  const inTheWay = (await findOpenConflictsOf(c, write.device)).find(({ changes }) =>
    footprintOf(changes).alters.some((name) => reached.has(name)),
  );
  if (inTheWay !== undefined) return { outcome: 'waiting', conflict_id: inTheWay.id };
  return { outcome: 'applied', applied: await applyChanges(c, write.changes, { merge: true }) };
}

/** Keeps a write that does not fit, unless it was settled meanwhile. */
export async function keepAsConflict(
  c: Connection,
  write: OfflineWrite,
  error: TrackerError,
): Promise<ReplayOutcome> {
  await refuseOtherProject(c, write);
  if (await isSettled(c, write)) return { outcome: 'repeated' };
  const [first] = write.changes;
  if (first === undefined) return { outcome: 'repeated' };
  const found_at = new Date().toISOString();
  const effect = await insertConflict(c, write, error, found_at);
  await recordApplied(
    c,
    write.changes.map((change) => ({ change_id: change.id })),
  );
  await recordTouched(c, [{ change: { ...first, at: found_at }, effect }]);
  return {
    outcome: error.code === 'VersionConflictError' ? 'conflict' : 'rejected',
    reason: error.message,
  };
}

/**
 * Another database may be behind the address by now.
 * @throws DatabaseError
 */
async function refuseOtherProject(c: Connection, { project_id }: OfflineWrite): Promise<void> {
  if (project_id === undefined) return;
  const found = (await findProject(c))?.project_id;
  if (found === project_id) return;
  throw databaseError(
    'store',
    `it holds another project (${found ?? 'none'}) than the write that waits (${project_id})`,
    'Run `worktrail doctor` to see which database is in use. The write goes on waiting.',
  );
}

/** Whether the write was applied or kept before: one transaction records all of its changes. */
async function isSettled(c: Connection, { changes }: OfflineWrite): Promise<boolean> {
  const [first] = changes;
  return first === undefined || (await findSettled(c, [first.id])).size > 0;
}
