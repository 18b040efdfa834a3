import { getJobInput, listJobsInput, type JobRecord, type SnapshotEvent } from '../../domain/job.ts';
import { getJob, listJobs } from '../../use-cases/maintenance/jobs.ts';
import { listShape } from '../definitions/answers.ts';
import { READS, answerSchema, defineTool } from '../definitions/define-tool.ts';
import { jobShape, snapshotEventShape } from '../definitions/job-answers.ts';
import { joinLines, oneLine } from '../../domain/others-text.ts';
import { listText, shortId } from '../definitions/text.ts';
import * as z from 'zod';

const snapshots = z.array(z.object(snapshotEventShape));

export const listJobsTool = defineTool({
  name: 'list_jobs',
  toolset: 'operations',
  description: 'Imports, backups and background work, newest first. Example: {"state":"failed"}',
  input: listJobsInput,
  output: answerSchema({ ...listShape(jobShape), snapshots }),
  annotations: READS,
  run: (context, _caller, input) => listJobs(context, input),
  text: (page, maxTokens) => {
    const [last] = page.snapshots;
    const jobs = listText(page, 'jobs', jobLine, maxTokens);
    return last === undefined ? jobs : `${jobs}\nlast ${oneLine(snapshotLine(last))}`;
  },
});

export const getJobTool = defineTool({
  name: 'get_job',
  toolset: 'operations',
  description: 'One job and the copies of the tracker it made. Example: {"id":"3f2a9c1b"}',
  input: getJobInput,
  output: answerSchema({ ...jobShape, snapshots }),
  annotations: READS,
  run: (context, _caller, input) => getJob(context, input),
  text: (job) => joinLines([jobLine(job), ...job.snapshots.map(snapshotLine)]),
});

function jobLine({ id, kind, state, phase, done, total, counts, queued_at, error }: JobRecord): string {
  const progress = phase === null ? '' : ` ${phase} ${done ?? '?'}${total === null ? '' : `/${total}`}`;
  const counted = Object.entries(counts).map(([name, value]) => ` ${name}=${value}`);
  return `${shortId(id)} ${kind} ${state} ${queued_at}${progress}${counted.join('')}${error === null ? '' : `: ${error}`}`;
}

function snapshotLine({ kind, at, reference, bytes }: SnapshotEvent): string {
  return `${kind} ${at} ${reference}${bytes === null ? '' : ` ${bytes} bytes`}`;
}
