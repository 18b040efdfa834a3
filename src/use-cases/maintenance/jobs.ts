/** Looking at jobs: what long or background work ran, how far it is, how it ended. */
import * as z from 'zod';
import { lazily } from '../../domain/fields.ts';
import {
  getJobInput,
  listJobsInput,
  type JobRecord,
  type ListJobsInput,
  type SnapshotEvent,
} from '../../domain/job.ts';
import { databaseError, notFound } from '../../domain/errors.ts';
import { OperationsUnavailable, type JobHistory } from '../../storage/operations/jobs.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { findId } from '../support/find-id.ts';
import { listShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';
import { jobShape, snapshotEventShape } from './job-shapes.ts';

/** Of each answer; all of them are in `worktrail jobs --snapshots`. */
const SNAPSHOTS_SHOWN = 5;
const SNAPSHOTS_OF_JOB_MAX = 20;

/** A page of jobs with the latest copies of the tracker. */
export interface JobList {
  /** The newest first. */
  items: JobRecord[];
  total_count: number;
  next_cursor: string | null;
  /** The last copies of the tracker that were made or put back, of whatever kind. */
  snapshots: SnapshotEvent[];
}

/** A job with the copies that it made or put back, the newest first. */
export type JobView = JobRecord & { snapshots: SnapshotEvent[] };

const snapshotsShape = lazily(() => z.array(z.object(snapshotEventShape())));

export const listJobs = defineUseCase({
  name: 'list_jobs',
  kind: 'read',
  input: listJobsInput,
  output: () => ({ ...listShape(jobShape()), snapshots: snapshotsShape() }),
  run: ({ jobs }, _caller, input) => readJobs(jobs, input),
});

/** @throws DatabaseError when the record of jobs cannot be read; ValidationError for a cursor of another list */
export function readJobs(
  jobs: JobHistory,
  input: ListJobsInput,
  snapshotsMax = SNAPSHOTS_SHOWN,
): Promise<Answer<JobList>> {
  return answered(() => ({ ...jobs.list(input), snapshots: jobs.snapshots({ limit: snapshotsMax }) }));
}

export const getJob = defineUseCase({
  name: 'get_job',
  kind: 'read',
  input: getJobInput,
  output: () => ({ ...jobShape(), snapshots: snapshotsShape() }),
  run: ({ jobs }, _caller, input) => readJob(jobs, input.id),
});

/** @throws NotFoundError for a job that is not there, or is not kept any more */
export async function readJob(jobs: JobHistory, hex: string): Promise<Answer<JobView>> {
  const id = await findId((range) => Promise.resolve(asked(() => jobs.findIds(range))), 'job', hex);
  return await answered(() => {
    const job = jobs.find(id);
    if (job === undefined) throw notFound('job', { id });
    return { ...job, snapshots: jobs.snapshots({ job_id: id, limit: SNAPSHOTS_OF_JOB_MAX }) };
  });
}

/** The record of jobs is a SQLite file of its own, whatever the tracker is on. */
function answered<T>(ask: () => T): Promise<Answer<T>> {
  return Promise.resolve().then(() => ({ data: asked(ask), source: 'sqlite', warnings: [] }));
}

function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof OperationsUnavailable)) throw error;
    throw databaseError(
      'operations',
      error.reason,
      'The work itself is not affected. `worktrail doctor` tells what is wrong with the record of jobs.',
      error.cause,
    );
  }
}
