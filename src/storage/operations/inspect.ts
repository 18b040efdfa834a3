/** Looks at the operational store without altering it. */
import path from 'node:path';
import { describeDriverError } from '../database/driver-errors.ts';
import { findAbandoned } from './job-rows.ts';
import { NewerOperations, readOperationsFile } from './operations-file.ts';
import { OPERATIONS_FILE } from './operations.ts';

/** What was found; nothing where no job was ever recorded. */
export interface OperationsSighting {
  location: string;
  /** Jobs that say they are going on although their process is gone. */
  abandoned: { id: string; kind: string; updated_at: string }[];
  /** Why it cannot be read, in our words; null when it can, or is not there. */
  problem: string | null;
}

/** Never throws. @param now milliseconds since 1970, to tell which jobs have been silent for too long */
export function inspectOperations(dataDir: string, now = Date.now()): OperationsSighting {
  const location = path.join(dataDir, OPERATIONS_FILE);
  try {
    const file = readOperationsFile(location);
    if (file === undefined) return { location, abandoned: [], problem: null };
    try {
      return { location, abandoned: findAbandoned(file, now), problem: null };
    } finally {
      file.close();
    }
  } catch (error) {
    const isNewer = error instanceof NewerOperations;
    const problem = isNewer ? 'it was made by a newer Worktrail' : describeDriverError(error);
    return { location, abandoned: [], problem };
  }
}
