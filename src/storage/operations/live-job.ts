import { newRecordId } from '../../domain/ids.ts';
import type { Counts, JobKind, JobRecord } from '../../domain/job.ts';
import { thisProcess } from './owner.ts';

/** What is known of a job that this process runs. */
export class LiveJob {
  readonly record: JobRecord;
  isRecorded = false;
  isCancelled = false;
  savedAt = Number.NEGATIVE_INFINITY;
  savedPhase: string | null = null;
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
