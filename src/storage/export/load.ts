/**
 * `worktrail load`: a whole tracker out of a file, into a store that has none yet, to the identical state. All of it
 * is one transaction: whatever ends it on the way, the store is as before.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { ReportProgress } from '../../domain/progress.ts';
import { databaseError, validationError, type TrackerError } from '../../domain/errors.ts';
import { readMemory } from '../opening/open-primary.ts';
import { OUTBOX_FILE } from '../opening/open-store.ts';
import type { Connection } from '../database/connection.ts';
import { clearTables, insertRows } from '../database/table-copy.ts';
import { openOutbox, type Outbox } from '../journals/outbox.ts';
import { inOurWords, isOutcomeUnknown } from './failures.ts';
import { mendDerivedIn } from '../apply/derived.ts';
import { rowLine, schemaVersion, type ExportHeader } from './format.ts';
import { checkExport, readRows, type CheckedExport } from './read-export.ts';
import { readWaiting, type TrackerPlace } from './source.ts';
import { openTarget, settleFolder, takeAlone, type Standing, type Target } from './target.ts';
import { digestRows } from './write-export.ts';

export interface LoadOptions extends TrackerPlace {
  /** What `worktrail export` or `worktrail backup` wrote. */
  file: string;
  onProgress?: ReportProgress | undefined;
}

/** What was loaded, and where it is now. */
export interface LoadReport {
  /** `already`: the store was in this state, and nothing was done. */
  outcome: 'loaded' | 'already';
  file: string;
  project_slug: string;
  project_id: string;
  seq: number;
  changed_at: string;
  taken_at: string;
  rows: number;
  /** Over all rows, in the file and in the store alike. */
  sha256: string;
  /** Writes of the file that wait now in this folder, and are applied when the tracker is used next. */
  waiting: number;
  source: 'sqlite' | 'postgres';
  location: string;
}

/**
 * @throws ValidationError for a file that is not whole, and for a store that has records; nothing was changed then
 */
export async function loadExport(options: LoadOptions): Promise<LoadReport> {
  const checked = await checkExport(options.file, options.onProgress);
  await refuseWaiting(options, checked);
  const target = await openTarget(options, checked.header);
  try {
    const outcome = await withWaiting(options, checked, (keepWaiting) =>
      inOurWords(target.source, () =>
        target.session.write(async (c) => {
          const standing = await takeAlone(target, c);
          if (await isSameState(c, standing, checked)) {
            await keepWaiting();
            return 'already' as const;
          }
          if (!standing.isEmpty) throw notEmpty(target, standing, checked.header);
          await replaceState(target, c, checked, options.onProgress);
          await keepWaiting();
          return 'loaded' as const;
        }),
      ),
    );
    await settleFolder(options, target, checked.header);
    return loadReport(outcome, target, checked);
  } finally {
    await target.session.close();
  }
}

/** What a load says in the end. */
export function loadReport(
  outcome: LoadReport['outcome'],
  target: Target,
  checked: CheckedExport,
): LoadReport {
  const { project_slug, project_id, seq, changed_at, taken_at } = checked.header;
  return {
    outcome,
    file: checked.file,
    project_slug,
    project_id,
    seq,
    changed_at,
    taken_at,
    rows: checked.rows,
    sha256: checked.sha256,
    waiting: checked.waiting.length,
    source: target.source,
    location: target.location,
  };
}

/** Whether the store is in the state of the file; reads all of it only where that is likely. */
export async function isSameState(
  c: Connection,
  { project }: Standing,
  { header, sha256 }: CheckedExport,
): Promise<boolean> {
  const isLikely =
    project?.project_id === header.project_id &&
    project.seq === header.seq &&
    project.changed_at === header.changed_at;
  return isLikely && (await digestRows(c)).sha256 === sha256;
}

/**
 * Everything that there is makes place for the rows of the file, which are then read back and compared.
 * @throws ValidationError when the file is no longer the one that was checked
 * @throws DatabaseError when the store does not give back what was put into it
 */
export async function replaceState(
  { source }: Target,
  c: Connection,
  checked: CheckedExport,
  onProgress?: ReportProgress,
): Promise<void> {
  const { rows: total, sha256 } = checked;
  await clearTables(c);
  const read = createHash('sha256');
  let done = 0;
  for await (const { name, rows } of readRows(checked)) {
    for (const row of rows) read.update(rowLine(name, row));
    await insertRows(c, name, rows);
    done += rows.length;
    onProgress?.({ phase: 'load', done, total });
  }
  // Not the digest of the file: an older one has fewer columns than what was read of it.
  const expected = read.digest('hex');
  const stored = await digestRows(c, {
    onRows: (compared) => onProgress?.({ phase: 'compare', done: compared, total }),
  });
  if (stored.sha256 === expected && stored.rows === total) {
    // What follows from the records was made by the rules of the program that wrote the file.
    if (checked.header.schema_version < schemaVersion()) await mendDerivedIn(c);
    return;
  }
  throw databaseError(
    source,
    `it does not give back the rows that were put into it (${expected.slice(0, 12)} became ${stored.sha256.slice(0, 12)}, of the file ${sha256.slice(0, 12)})`,
    'Nothing was changed. Load the file into another database, or report this with the output of `worktrail doctor`.',
  );
}

/**
 * Writes that wait here for another project than the file's would never be applied.
 * @throws ValidationError saying how many there are
 */
export async function refuseWaiting(options: TrackerPlace, { header }: CheckedExport): Promise<void> {
  const project_id = readMemory(options.dataDir)?.project_id;
  if (project_id === undefined || project_id === header.project_id) return;
  const { entries } = await readWaiting(options);
  if (entries.length === 0) return;
  throw validationError(
    {
      field: 'project',
      constraint: `${entries.length} acknowledged writes of this folder wait to be applied to the project ${project_id}, and the file is of another`,
      value: entries.length,
    },
    'Run `worktrail status` until nothing waits, or name another folder with --project. Nothing was changed.',
  );
}

/**
 * Runs `work`, in which calling `keep` lets the waiting writes of the file wait here: before the rows are committed,
 * so that none is lost. Where the work fails they are taken out again.
 */
export async function withWaiting<T>(
  { dataDir }: TrackerPlace,
  { waiting }: CheckedExport,
  work: (keep: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const added = new Set<string>();
  const inOutbox = async (use: (outbox: Outbox) => Promise<void>): Promise<void> => {
    const outbox = openOutbox(path.join(dataDir, OUTBOX_FILE));
    try {
      await use(outbox);
    } finally {
      await outbox.close();
    }
  };
  const keep = async (): Promise<void> => {
    if (waiting.length === 0) return;
    await inOutbox(async (outbox) => {
      const known = new Set((await outbox.list()).map(({ id }) => id));
      for (const entry of waiting.filter(({ id }) => !known.has(id))) {
        added.add(entry.id);
        await outbox.append(entry);
      }
    });
  };
  try {
    return await work(keep);
  } catch (error) {
    if (added.size > 0 && !isOutcomeUnknown(error)) await inOutbox((outbox) => outbox.remove([...added]));
    throw error;
  }
}

function notEmpty(target: Target, { project }: Standing, header: ExportHeader): TrackerError {
  const there = project === null ? 'records' : `the project "${project.project_slug}" with records`;
  const isSame = project?.project_id === header.project_id;
  return validationError(
    {
      field: 'project',
      constraint: `${target.location} has ${there} already (it stands at change ${project?.seq ?? 0})`,
      value: project?.project_id ?? null,
    },
    `Load into a folder or a database without a tracker (--project, --database)${
      isSame ? '; to bring this tracker to the state of the file, see `worktrail restore --help`' : ''
    }. Nothing was changed.`,
  );
}
