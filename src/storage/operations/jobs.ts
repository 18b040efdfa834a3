/** What runs work as jobs and what is asked about them, whether or not anything is recorded. */
import { newRecordId } from '../../domain/ids.ts';
import type {
  Job,
  JobFilter,
  JobKind,
  JobOptions,
  JobRecord,
  NewSnapshotEvent,
  SnapshotEvent,
} from '../../domain/job.ts';
import type { JobPage } from './job-rows.ts';

/** What runs work as jobs. */
export interface Jobs {
  /**
   * Runs `work` and records it as a job of this kind; any number may run at once.
   * @returns what it returns; what it throws is thrown, and nothing else is
   */
  run<T>(kind: JobKind, work: (job: Job) => Promise<T>, options?: JobOptions): Promise<T>;
  /** Records a copy of the tracker that was made or put back outside of any job. */
  snapshot(event: NewSnapshotEvent): void;
}

/**
 * What is asked about jobs: nothing is found where nothing was ever recorded.
 * @throws OperationsUnavailable, from each, when the store is there and cannot be read
 */
export interface JobHistory {
  /** The newest first. @throws ValidationError for a cursor that is not of this list */
  list(filter: JobFilter): JobPage;
  find(id: string): JobRecord | undefined;
  /** Ten jobs at most whose ids lie in the range, both ends included; the title of each is its kind. */
  findIds(range: { from: string; to: string }): { id: string; title: string }[];
  /** The newest first; of one job, or of all. */
  snapshots(of: { job_id?: string; limit: number }): SnapshotEvent[];
}

/** The record of jobs cannot be read; `reason` is a sentence for people, without a driver's text. */
export class OperationsUnavailable extends Error {
  override readonly name = 'OperationsUnavailable';
  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`the record of jobs cannot be used: ${reason}`, options);
  }
}

/** Runs work without recording it: for where there is no folder of a tracker. */
export const UNRECORDED: Jobs & JobHistory = {
  run: async (_kind, work, { onProgress, turn } = {}) => {
    await turn?.();
    return await work({
      id: newRecordId(),
      report: (progress) => onProgress?.(progress),
      counts: () => undefined,
      snapshot: () => undefined,
      cancelled: () => undefined,
    });
  },
  snapshot: () => undefined,
  list: () => ({ items: [], total_count: 0, next_cursor: null }),
  find: () => undefined,
  findIds: () => [],
  snapshots: () => [],
};
