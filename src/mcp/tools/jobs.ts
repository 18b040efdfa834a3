import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { type JobRecord, type SnapshotEvent } from '../../domain/job.ts';
import { getJob, listJobs } from '../../use-cases/maintenance/jobs.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { joinLines, oneLine } from '../../domain/others-text.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { rowOf, withoutEmpty } from '../definitions/shown.ts';
import { fieldsText, listText, shortId } from '../definitions/text.ts';

const FIELDS = [
  ...(['id', 'kind', 'state', 'phase', 'done', 'total', 'counts', 'queued_at', 'ended_at', 'error'] as const),
] as const;

export const listJobsTool = defineTool(listJobs, {
  toolset: 'operations',
  title: 'List jobs',
  description: 'Imports, backups and background work, newest first. Example: {"state":"failed"}',
  parameters: {
    kind: 'As legacy_import, backup, replay',
    state: 'queued, running, succeeded, failed, cancelled or interrupted',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: ({ snapshots, ...page }, input) => ({
    ...pageOf(page, input, (job) => rowOf(job, FIELDS)),
    ...(snapshots.length > 0 && { snapshots: snapshots.map(withoutEmpty) }),
  }),
  parts: [
    { at: 'items', weight: 2 },
    { at: 'snapshots', rest: () => 'list_jobs {"max_tokens":5000}' },
  ],
  text: ({ snapshots = [], ...page }) => {
    const copies = snapshots.map((one) => `copy ${snapshotLine(one)}`);
    return [listText(page, 'job', jobLine), ...(copies.length > 0 ? [joinLines(copies)] : [])].join('\n');
  },
});

export const getJobTool = defineTool(getJob, {
  toolset: 'operations',
  title: 'Read a job',
  description: 'One job and the copies of the tracker it made. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'An id or its first 6+ characters',
  },
  show: (job) => ({ ...withoutEmpty(job), snapshots: job.snapshots.map(withoutEmpty) }),
  parts: [
    { at: 'snapshots', rest: ({ id }) => `get_job {"id":"${shortId(String(id))}","max_tokens":20000}` },
  ],
  text: (job) => joinLines([`${jobLine(job)}${fieldsText(job, SAID)}`, ...job.snapshots.map(snapshotLine)]),
});

/** By its line, or below it. */
const SAID = [...FIELDS, 'snapshots', 'cut'];

type Row = Pick<JobRecord, 'id' | 'kind' | 'state' | 'queued_at'> & Partial<JobRecord>;

function jobLine({
  id,
  kind,
  state,
  phase,
  done,
  total,
  counts = {},
  queued_at,
  ended_at,
  error,
}: Row): string {
  const progress = phase ? ` ${phase} ${done ?? '?'}${total ? `/${total}` : ''}` : '';
  const counted = Object.entries(counts).map(([name, value]) => ` ${name}=${value}`);
  const until = ended_at ? ` to ${ended_at}` : '';
  return `${shortId(id)} ${kind} ${state} ${queued_at}${until}${progress}${counted.join('')}${error ? `: ${oneLine(error)}` : ''}`;
}

function snapshotLine({ kind, at, reference, bytes }: SnapshotEvent): string {
  return `${kind} ${at} ${reference}${bytes ? ` ${bytes} bytes` : ''}`;
}
