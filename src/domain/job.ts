/** Jobs: long or background work as the operational store records it. Numbers and fixed words, never text of a record. */
import * as z from 'zod';
import { PAGE_DEFAULT, PAGE_MAX } from './limits.ts';
import { askedText, idOrPrefix, integer } from './fields.ts';
import type { Progress, ReportProgress } from './progress.ts';

export const JOB_KINDS = [
  'replay',
  'cache_refresh',
  'archive',
  'import',
  'move_to_postgres',
  'legacy_import',
  'session_prompts',
  'export',
  'load',
  'backup',
  'restore',
  'sync',
  'report',
] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/**
 * `queued`: waits for its turn. `cancelled`: ended early because it was asked to. `interrupted`: its process ended
 * before it did.
 */
export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const isOver = (state: JobState): boolean => state !== 'queued' && state !== 'running';

export const SNAPSHOT_KINDS = ['git_snapshot', 'backup', 'restore', 'export'] as const;
export type SnapshotKind = (typeof SNAPSHOT_KINDS)[number];

/** Whole numbers by name, as `{"created": 12}`. */
export type Counts = Readonly<Record<string, number>>;

/** What is known of a job; times are ISO 8601 UTC. */
export interface JobRecord {
  id: string;
  kind: JobKind;
  state: JobState;
  /** What it is or was last doing, as `copy`; null before it said so. */
  phase: string | null;
  /** Steps done in this phase, and of how many; null where that is not known. */
  done: number | null;
  total: number | null;
  counts: Counts;
  queued_at: string;
  /** Null while it waits. */
  started_at: string | null;
  /** The last sign of life. */
  updated_at: string;
  /** Null until it ended; of an interrupted job, its last sign of life. */
  ended_at: string | null;
  /** Why it failed, in our words; null otherwise. */
  error: string | null;
  /** The process that runs it. */
  pid: number;
  host: string;
}

/** A copy of the tracker that was made or put back. */
export interface SnapshotEvent {
  kind: SnapshotKind;
  at: string;
  /** Where it is: a commit, or a file. */
  reference: string;
  /** Its size; null where that is not known. */
  bytes: number | null;
  counts: Counts;
  /** The job that made it; null when none did. */
  job_id: string | null;
}

/** What the work of a job tells of itself. Nothing here throws, or waits for more than a moment. */
export interface Job {
  readonly id: string;
  report: ReportProgress;
  /** Sets these counts beside those set before. */
  counts(counts: Counts): void;
  /** Records a copy of the tracker that this job made or put back. */
  snapshot(event: NewSnapshotEvent): void;
  /** It ends early because it was asked to: it will be `cancelled` instead of `succeeded`. */
  cancelled(): void;
}

export type NewSnapshotEvent = Pick<SnapshotEvent, 'kind' | 'reference'> &
  Partial<Pick<SnapshotEvent, 'bytes' | 'counts'>>;

export interface JobOptions {
  /** Told of the same progress, for whoever waits for the work. */
  onProgress?: ReportProgress | undefined;
  /** Recorded only from the first sign of progress on: for work that often finds nothing to do. */
  quiet?: boolean;
  /** Waited for before the work begins; the job is `queued` until then. */
  turn?: () => Promise<void>;
}

export interface JobFilter {
  kind?: JobKind | undefined;
  state?: JobState | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** One of some words. Clients pay for every word of an enum in every conversation; here the error names them. */
function oneOf<Word extends string>(words: readonly Word[]) {
  return z.string().refine((value): value is Word => (words as readonly string[]).includes(value), {
    error: `must be one of ${words.join(', ')}`,
  });
}

export const listJobsInput = z.object({
  kind: oneOf(JOB_KINDS).optional(),
  state: oneOf(JOB_STATES).optional(),
  limit: integer(1, PAGE_MAX).default(PAGE_DEFAULT),
  cursor: askedText().optional(),
});
export type ListJobsInput = z.output<typeof listJobsInput>;

export const getJobInput = z.object({ id: idOrPrefix });
export type GetJobInput = z.output<typeof getJobInput>;

const WORD = /^[a-z][a-z0-9_]{0,39}$/;
const COUNTS_MAX = 20;

/** What may be stored of counts: whole numbers under plain names. Anything else is left out. */
export function plainCounts(counts: Counts): Counts {
  const kept = Object.entries(counts).filter(
    ([name, value]) => WORD.test(name) && Number.isSafeInteger(value),
  );
  return Object.fromEntries(kept.slice(0, COUNTS_MAX));
}

/** What may be stored of progress: a plain word and whole numbers. */
export function plainProgress({ phase, done, total }: Progress): Pick<JobRecord, 'phase' | 'done' | 'total'> {
  const whole = (value: number | null) => (Number.isSafeInteger(value) ? value : null);
  return { phase: WORD.test(phase) ? phase : null, done: whole(done), total: whole(total) };
}
