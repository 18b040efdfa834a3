/**
 * Versions that were shown in this folder and that the database has lost since: a person accepted it without its last
 * moments. Another change may have such a number by now, so an update that names one does not fit although it seems to.
 */
import { TrackerError } from '../../domain/errors.ts';
import type { Change } from '../../domain/change.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Reader } from '../queries/reader.ts';
import type { AnySeen } from './seen.ts';

/**
 * @param read asks the store
 * @throws VersionConflictError with the record as it is; whoever repeats the update then has seen that
 */
export async function refuseVoidVersion(
  seen: AnySeen,
  changes: readonly Change[],
  read: (work: (reader: Reader) => Promise<JsonObject | undefined>) => Promise<JsonObject | undefined>,
): Promise<void> {
  const named = seen.findVoid(changes);
  if (named === undefined) return;
  const { entity, entity_id, base_version } = named;
  const current = await read((reader) => reader.findRecord(entity, entity_id));
  if (current !== undefined) throw lostVersion(entity.replace('_', ' '), base_version, current);
}

function lostVersion(noun: string, expected_version: number, current: JsonObject): TrackerError {
  const { version, updated_by, updated_at } = current;
  return new TrackerError(
    'VersionConflictError',
    `Version ${expected_version} of this ${noun} was lost when the database was put back to an earlier state. It is at version ${String(version)} now. Nothing was saved.`,
    {
      expected_version,
      current_version: version,
      last_updated_by: updated_by,
      last_updated_at: updated_at,
      current,
      theirs: [],
      yours: [],
      overlap: [],
      mergeable: false,
    },
    `Compare your change with what the ${noun} has now (see current), then repeat it with version ${String(version)}.`,
  );
}
