/** A driver's failure in our words: nothing of what the call was to do is done then. */
import { TrackerError, databaseError } from '../../domain/errors.ts';
import { OutcomeUnknown, type SourceName } from '../database/connection.ts';
import { classifyDriverError, describeDriverError, remedyOf } from '../database/driver-errors.ts';

/** Whether the work may have been done all the same. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof Error && (error instanceof OutcomeUnknown || error.cause instanceof OutcomeUnknown);
}

/** Runs `work`; what a driver throws becomes a DatabaseError. */
export async function inOurWords<T>(source: SourceName, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OutcomeUnknown) {
      throw databaseError(
        source,
        'the connection was lost while saving, and it is not known whether this was saved',
        'Repeat the call: where it was saved, it says so and does nothing more.',
        error,
      );
    }
    if (error instanceof TrackerError || classifyDriverError(error) === 'other') throw error;
    throw databaseError(
      source,
      describeDriverError(error),
      remedyOf(error) ??
        'Nothing was changed. Run `worktrail doctor` to see the state of the store, then repeat the call.',
      error,
    );
  }
}
