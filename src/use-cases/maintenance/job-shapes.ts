/** The shapes that answers about jobs have, as schemas. */
import * as z from 'zod';
import { lazily } from '../../domain/fields.ts';
import { JOB_KINDS, JOB_STATES, SNAPSHOT_KINDS } from '../../domain/job.ts';

const text = z.string();
const nullableText = text.nullable();
const whole = z.int();
const counts = z.record(text, whole);

export const jobShape = lazily(() => ({
  id: text,
  kind: z.enum(JOB_KINDS),
  state: z.enum(JOB_STATES),
  phase: nullableText,
  done: whole.nullable(),
  total: whole.nullable(),
  counts,
  queued_at: text,
  started_at: nullableText,
  updated_at: text,
  ended_at: nullableText,
  error: nullableText,
  pid: whole,
  host: text,
}));

export const snapshotEventShape = lazily(() => ({
  kind: z.enum(SNAPSHOT_KINDS),
  at: text,
  reference: text,
  bytes: whole.nullable(),
  counts,
  job_id: nullableText,
}));
