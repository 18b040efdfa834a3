/** A driver's failure in our words: nothing of what the call was to do is done then. */
import { TrackerError, databaseError } from '../../errors.ts';
import type { SourceName } from '../sql/connection.ts';
import { classifyDriverError, describeDriverError } from '../sql/driver-errors.ts';

/** Runs `work`; what a driver throws becomes a DatabaseError. */
export async function inOurWords<T>(source: SourceName, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TrackerError || classifyDriverError(error) === 'other') throw error;
    throw databaseError(
      source,
      describeDriverError(error),
      'Nothing was changed. Run `worktrail doctor` to see the state of the store, then repeat the call.',
      error,
    );
  }
}
