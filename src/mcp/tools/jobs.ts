import { type JobRecord, type SnapshotEvent } from '../../domain/job.ts';
import { getJob, listJobs } from '../../use-cases/maintenance/jobs.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { joinLines, oneLine } from '../../domain/others-text.ts';
import { listText, shortId } from '../definitions/text.ts';

export const listJobsTool = defineTool(listJobs, {
  toolset: 'operations',
  title: 'List jobs',
  description: 'Imports, backups and background work, newest first. Example: {"state":"failed"}',
  parameters: {
    kind: 'As legacy_import, backup, replay',
    state: 'queued, running, succeeded, failed, cancelled or interrupted',
  },
  text: (page, maxTokens) => {
    const [last] = page.snapshots;
    const jobs = listText(page, 'jobs', jobLine, maxTokens);
    return last === undefined ? jobs : `${jobs}\nlast ${oneLine(snapshotLine(last))}`;
  },
});

export const getJobTool = defineTool(getJob, {
  toolset: 'operations',
  title: 'Read a job',
  description: 'One job and the copies of the tracker it made. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'An id or its first 6+ characters',
  },
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
