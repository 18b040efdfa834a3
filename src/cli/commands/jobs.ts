import type { Command } from 'commander';
import type { JobRecord, SnapshotEvent } from '../../domain/job.ts';
import type { JobView } from '../../use-cases/maintenance/jobs.ts';
import type { JobHistory } from '../../storage/operations/jobs.ts';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { printAnswer, type Style } from '../terminal/output.ts';
import { count, plainLine, shortId, spokenTime } from '../terminal/plain-text.ts';
import { renderTable } from '../terminal/table.ts';
import { readSettings } from '../terminal/with-app.ts';

const LIST_FIELDS = { state: 'state', kind: 'kind', limit: 'limit', cursor: 'cursor' } as const;
const SNAPSHOTS_MAX = 50;

interface JobsOptions extends GlobalOptions {
  snapshots?: true;
}

/** `worktrail jobs [ID]`: imports, backups and background work. Needs no database: the record is a file of its own. */
export function addJobsCommand(program: Command): Command {
  return program
    .command('jobs')
    .description('list imports, backups and background work, or show one job')
    .argument('[id]', "a job's id, or its first 6 or more characters")
    .option(
      '--state <state>',
      'only those that are queued, running, succeeded, failed, cancelled or interrupted',
    )
    .option('--kind <kind>', 'only those of a kind, as import or replay')
    .option('--snapshots', 'list the copies of the tracker that were made or put back instead')
    .option('--limit <number>', 'jobs on a page, 1 to 100 (default: 50)', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .addHelpText(
      'after',
      `
Kinds: replay, cache_refresh, archive, import, move_to_postgres, legacy_import, session_prompts, export, load, backup,
restore, sync, report

Jobs are kept for 30 days, 1,000 of each kind at most, with numbers only: no titles or texts. "interrupted" is a job
whose process ended before it did.

Examples:
  worktrail jobs
  worktrail jobs --state failed
  worktrail jobs 3f2a9c1b`,
    )
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf<JobsOptions>(command);
      const { dataDir } = await readSettings(options);
      const { Operations } = await import('../../storage/operations/operations.ts');
      const jobs = new Operations(dataDir);
      try {
        await (id === undefined ? list({ jobs }, options) : show({ jobs }, id, options));
      } finally {
        jobs.close();
      }
    });
}

interface Source {
  jobs: JobHistory;
}

async function list(source: Source, options: JobsOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { listJobsInput } = await import('../../domain/job.ts');
  const { readJobs } = await import('../../use-cases/maintenance/jobs.ts');
  const input = parseInput(listJobsInput, fieldsFrom(options, LIST_FIELDS));
  const asksSnapshots = options.snapshots === true;
  const answer = await readJobs(source.jobs, input, asksSnapshots ? SNAPSHOTS_MAX : undefined);
  printAnswer(answer, options.json, ({ items, total_count, next_cursor, snapshots }) => {
    if (asksSnapshots) return renderSnapshots(snapshots);
    if (items.length === 0) return 'No jobs.';
    const more = next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`;
    return [renderJobs(items), '', `${count(total_count, 'job')}, ${items.length} shown${more}`].join('\n');
  });
}

async function show(source: Source, id: string, options: JobsOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { getJob, readJob } = await import('../../use-cases/maintenance/jobs.ts');
  printAnswer(await readJob(source.jobs, parseInput(getJob.input, { id }).id), options.json, renderJob);
}

function renderJobs(jobs: readonly JobRecord[]): string {
  return renderTable(jobs, [
    { title: 'ID', value: ({ id }) => shortId(id) },
    { title: 'KIND', value: ({ kind }) => kind },
    { title: 'STATE', value: ({ state }) => state, style: stateStyle },
    { title: 'STARTED (UTC)', value: ({ started_at, queued_at }) => spokenTime(started_at ?? queued_at) },
    { title: 'TOOK', value: duration, align: 'right' },
    { title: 'PROGRESS', value: progress },
    { title: 'COUNTS', value: (job) => job.error ?? counted(job.counts), flexible: true },
  ]);
}

function renderSnapshots(snapshots: readonly SnapshotEvent[]): string {
  if (snapshots.length === 0) return 'No snapshots.';
  return renderTable(snapshots, [
    { title: 'KIND', value: ({ kind }) => kind },
    { title: 'AT (UTC)', value: ({ at }) => spokenTime(at) },
    { title: 'BYTES', value: ({ bytes }) => String(bytes ?? ''), align: 'right' },
    { title: 'COUNTS', value: ({ counts }) => counted(counts) },
    { title: 'JOB', value: ({ job_id }) => (job_id === null ? '' : shortId(job_id)) },
    { title: 'REFERENCE', value: ({ reference }) => reference, flexible: true },
  ]);
}

function renderJob(job: JobView): string {
  const { id, kind, state, queued_at, started_at, ended_at, pid, host, error, counts, snapshots } = job;
  const lines: [string, string][] = [
    ['Kind', kind],
    ['State', state],
    ['Queued', queued_at],
    ['Started', started_at ?? ''],
    ['Ended', ended_at ?? ''],
    ['Took', duration(job)],
    ['Progress', progress(job)],
    ['Counts', counted(counts)],
    ['Error', plainLine(error ?? '')],
    ['Process', `${pid} on ${plainLine(host)}`],
  ];
  const said = lines.filter(([, value]) => value !== '');
  return [
    `Job ${id}`,
    ...said.map(([name, value]) => `  ${name.padEnd(9)} ${value}`),
    ...(snapshots.length === 0 ? [] : ['', renderSnapshots(snapshots)]),
  ].join('\n');
}

function stateStyle({ state }: JobRecord): Style | undefined {
  if (state === 'failed' || state === 'interrupted') return 'red';
  return state === 'running' ? 'green' : undefined;
}

function progress({ phase, done, total }: JobRecord): string {
  if (phase === null) return '';
  return `${phase} ${done ?? '?'}${total === null ? '' : `/${total}`}`;
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** From the start to the end, or to the last sign of life. */
function duration({ started_at, updated_at, ended_at }: JobRecord): string {
  if (started_at === null) return '';
  const ms = Math.max(0, Date.parse(ended_at ?? updated_at) - Date.parse(started_at));
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`;
}
