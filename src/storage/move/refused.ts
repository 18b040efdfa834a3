/** What every refusal of a move says: what is in the way, what to do, and that the tracker was not moved. */
import { TrackerError, databaseError } from '../../domain/errors.ts';
import { classifyDriverError, describeDriverError, driverCode, remedyOf } from '../database/driver-errors.ts';

/** @param layer the side that is in the way: the file or the server */
export function refused(
  layer: 'sqlite' | 'postgres',
  reason: string,
  next: string,
  cause?: unknown,
): TrackerError {
  return databaseError(layer, reason, `${next} The tracker was not moved.`, cause);
}

/** A driver's failure as a refusal; any other error as it is. */
export function inOurWords(error: unknown): unknown {
  if (error instanceof TrackerError || classifyDriverError(error) === 'other') return error;
  return refused(
    driverCode(error)?.startsWith('SQLITE_') === true ? 'sqlite' : 'postgres',
    describeDriverError(error),
    remedyOf(error) ?? 'Run the same command again: what was copied is kept, and it goes on from there.',
    error,
  );
}
