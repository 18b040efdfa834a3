/** The rows of the operational store: what is written of a job, read of jobs, and cleared away. */
import { validationError } from '../../domain/errors.ts';
import type {
  Counts,
  JobFilter,
  JobKind,
  JobRecord,
  JobState,
  SnapshotEvent,
  SnapshotKind,
} from '../../domain/job.ts';
import { RowCursors, cursorAfter } from '../queries/paging.ts';
import { isGone, type Owner } from './owner.ts';
import type { OperationsFile } from './operations-file.ts';

/** What ended is kept this long, */
const KEPT_DAYS = 30;
/** and of each kind so many at most, so that a frequent kind never pushes out a rare one. */
export const KEPT_OF_A_KIND = 1_000;
const DAY_MS = 86_400_000;

/** `total_count` counts all that match, not only those of the page. */
export interface JobPage {
  items: JobRecord[];
  total_count: number;
  next_cursor: string | null;
  [cursorAfter]?: RowCursors;
}

/** Writes the whole job: so it is there again after the file was deleted, and after others took it for dead. */
export function saveJob(file: OperationsFile, job: JobRecord, owner: Owner): void {
  file.statement(SAVE).run({
    ...job,
    counts: JSON.stringify(job.counts),
    boot: owner.boot,
    process_started: owner.started,
  });
}

const SAVE = `
  insert into jobs (id, kind, state, phase, done, total, counts, queued_at, started_at, updated_at, ended_at, error,
    pid, host, boot, process_started)
  values (@id, @kind, @state, @phase, @done, @total, @counts, @queued_at, @started_at, @updated_at, @ended_at, @error,
    @pid, @host, @boot, @process_started)
  on conflict (id) do update set state = excluded.state, phase = excluded.phase, done = excluded.done,
    total = excluded.total, counts = excluded.counts, started_at = excluded.started_at,
    updated_at = excluded.updated_at, ended_at = excluded.ended_at, error = excluded.error`;

export function addSnapshot(file: OperationsFile, event: SnapshotEvent): void {
  file
    .statement(
      `insert into snapshot_events (kind, at, reference, bytes, counts, job_id)
       values (@kind, @at, @reference, @bytes, @counts, (select id from jobs where id = @job_id))`,
    )
    .run({ ...event, counts: JSON.stringify(event.counts) });
}

/** The newest first. */
export function listJobs(file: OperationsFile, filter: JobFilter): JobPage {
  const { kind = null, state = null, limit, cursor } = filter;
  const after = cursor === undefined ? null : decodeCursor(cursor);
  const where = '(@kind is null or kind = @kind) and (@state is null or state = @state)';
  const rows = file
    .statement(
      `select * from jobs where ${where} and (@id is null or (queued_at, id) < (@at, @id))
       order by queued_at desc, id desc limit @limit`,
    )
    .all({ kind, state, limit: limit + 1, at: after?.at ?? null, id: after?.id ?? null }) as JobRow[];
  const total = file.statement(`select count(*) from jobs where ${where}`).pluck().get({ kind, state });
  const items = rows.slice(0, limit).map(toRecord);
  const cursorAt = (count: number) => encodeCursor(items[count - 1] as JobRecord);
  const hasMore = rows.length > limit && items.length > 0;
  return {
    items,
    total_count: Number(total),
    next_cursor: hasMore ? cursorAt(items.length) : null,
    [cursorAfter]: new RowCursors(cursorAt),
  };
}

export function findJob(file: OperationsFile, id: string): JobRecord | undefined {
  const row = file.statement('select * from jobs where id = ?').get(id) as JobRow | undefined;
  return row && toRecord(row);
}

/** With the kind of each, which stands for a title. */
export function findJobIds(
  file: OperationsFile,
  range: { from: string; to: string },
): { id: string; title: string }[] {
  const found = file.statement(
    'select id, kind as title from jobs where id between @from and @to order by id limit 10',
  );
  return found.all(range) as { id: string; title: string }[];
}

/** The newest first; of one job, or of all. */
export function listSnapshots(
  file: OperationsFile,
  { job_id = null, limit }: { job_id?: string | null; limit: number },
): SnapshotEvent[] {
  const rows = file
    .statement(
      `select kind, at, reference, bytes, counts, job_id from snapshot_events
       where (@job_id is null or job_id = @job_id) order by seq desc limit @limit`,
    )
    .all({ job_id, limit }) as SnapshotRow[];
  return rows.map(({ counts, ...row }) => ({ ...row, counts: JSON.parse(counts) as Counts }));
}

/** Jobs that say they are going on although their process is gone. */
export function findAbandoned(
  file: OperationsFile,
  now: number,
): { id: string; kind: string; updated_at: string }[] {
  const open = file.statement('select * from jobs where ended_at is null').all() as JobRow[];
  return open.filter(({ pid, host, boot, process_started, updated_at }) =>
    isGone({ pid, host, boot, started: process_started }, now - Date.parse(updated_at)),
  );
}

const INTERRUPTED = 'its process ended before the job did';

/** @returns how many were found abandoned and are `interrupted` now */
export function interruptAbandoned(file: OperationsFile, now: number): number {
  const interrupt = file.statement(
    `update jobs set state = 'interrupted', ended_at = updated_at, error = ?
     where id = ? and ended_at is null and updated_at = ?`,
  );
  return findAbandoned(file, now)
    .map(({ id, updated_at }) => interrupt.run(INTERRUPTED, id, updated_at).changes)
    .reduce((sum, changes) => sum + changes, 0);
}

/** Clears away what is older than 30 days, and of each kind all but the newest 1,000. */
export function prune(file: OperationsFile, now: number): void {
  const before = new Date(now - KEPT_DAYS * DAY_MS).toISOString();
  file.statement('delete from jobs where ended_at < ?').run(before);
  file.statement('delete from snapshot_events where at < ?').run(before);
  file
    .statement(
      `delete from jobs where ended_at is not null and id in (select id from
         (select id, row_number() over (partition by kind order by queued_at desc, id desc) as place from jobs)
         where place > ?)`,
    )
    .run(KEPT_OF_A_KIND);
  file
    .statement(
      `delete from snapshot_events where seq in (select seq from
         (select seq, row_number() over (partition by kind order by seq desc) as place from snapshot_events)
         where place > ?)`,
    )
    .run(KEPT_OF_A_KIND);
}

type JobRow = Omit<JobRecord, 'counts' | 'kind' | 'state'> & {
  kind: string;
  state: string;
  counts: string;
  boot: string;
  process_started: string;
};
type SnapshotRow = Omit<SnapshotEvent, 'counts' | 'kind'> & { kind: SnapshotKind; counts: string };

function toRecord({ boot: _boot, process_started: _started, counts, ...row }: JobRow): JobRecord {
  return {
    ...row,
    kind: row.kind as JobKind,
    state: row.state as JobState,
    counts: JSON.parse(counts) as Counts,
  };
}

function encodeCursor({ queued_at, id }: JobRecord): string {
  return Buffer.from(JSON.stringify([queued_at, id])).toString('base64url');
}

function decodeCursor(cursor: string): { at: string; id: string } {
  try {
    const [at, id, ...more] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (typeof at === 'string' && typeof id === 'string' && more.length === 0) return { at, id };
  } catch {
    // Said below.
  }
  throw validationError(
    { field: 'cursor', constraint: 'must be a next_cursor that list_jobs answered', value: cursor },
    'Leave cursor out for the first page.',
  );
}
