/** A job of this process: what is recorded of it, and what has been written of that so far. */
import { newRecordId } from '../../domain/ids.ts';
import type { Counts, JobKind, JobRecord } from '../../domain/job.ts';
import { thisProcess } from './owner.ts';

export class LiveJob {
  readonly record: JobRecord;
  /** False until the job has shown progress, for one that often finds nothing to do (`JobOptions.quiet`). */
  isRecorded = false;
  /** It says that it ends early because it was asked to. */
  isCancelled = false;
  /** When it was last written, in milliseconds since 1970. */
  savedAt = Number.NEGATIVE_INFINITY;
  savedPhase: string | null = null;
  /** Runs while progress waits to be written. */
  saveLater: NodeJS.Timeout | undefined;

  constructor(kind: JobKind, at: string) {
    const { pid, host } = thisProcess();
    const counts: Counts = {};
    this.record = {
      ...{ id: newRecordId(), kind, state: 'queued', phase: null, done: null, total: null, counts },
      ...{ queued_at: at, started_at: null, updated_at: at, ended_at: null, error: null, pid, host },
    };
  }
}
