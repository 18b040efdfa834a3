/**
 * `worktrail restore`: a tracker back to the state of a file. What it replaces is kept as a backup first, inside
 * the same transaction, so that no write can come between: every other process sees the old state until the commit
 * and the new one from then on.
 */
import path from 'node:path';
import { between, max } from 'drizzle-orm';
import { type TrackerError, databaseError, validationError } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { backupFolder, keepMoment, type KeptMoment } from './backup.ts';
import { inOurWords } from './failures.ts';
import type { ExportHeader } from './format.ts';
import {
  isSameState,
  loadReport,
  refuseWaiting,
  replaceState,
  withWaiting,
  type LoadOptions,
  type LoadReport,
} from './load.ts';
import { checkExport, readRows, type CheckedExport } from './read-export.ts';
import { readWaiting, type WaitingHere } from './source.ts';
import {
  isDamagedFile,
  openTarget,
  setFileAside,
  settleFolder,
  takeAlone,
  type Standing,
  type Target,
} from './target.ts';
import { describeFailure } from '../database/driver-errors.ts';

export interface RestoreOptions extends LoadOptions {
  /** Whether a state that is newer, or has gone another way, may be replaced. Default: it is refused. */
  replace?: boolean | undefined;
  /** Where the state that is replaced is kept; default `backupFolder`. */
  keepIn?: string | undefined;
  now?: () => Date;
}

export interface RestoreReport extends Omit<LoadReport, 'outcome'> {
  outcome: 'restored' | 'already';
  /** What was there before. Null where nothing was. */
  replaced: { seq: number; changed_at: string; kept_in: string } | null;
  /** Where a file that could not be opened was put. */
  damaged_file: string | null;
  /** Writes of this folder that wait, and are applied on top when the tracker is used next. */
  waiting_here: number;
  warnings: string[];
}

/**
 * @throws ValidationError for a file that is not whole, for another project, and for a store with changes that the
 * file lacks unless `replace` is given; nothing was changed then
 */
export async function restoreExport(options: RestoreOptions): Promise<RestoreReport> {
  const { now = () => new Date(), onProgress } = options;
  const checked = await checkExport(options.file, onProgress);
  await refuseWaiting(options, checked);
  const { target, damaged_file } = await openForRestore(options, checked.header, now);
  try {
    const waiting = await readWaiting(options);
    const done = await withWaiting(options, checked, (keepWaiting) =>
      inOurWords(target.source, () =>
        target.session.write(async (c): Promise<{ outcome: RestoreReport['outcome']; kept?: KeptMoment }> => {
          const standing = await takeAlone(target, c);
          if (await isSameState(c, standing, checked)) {
            await keepWaiting();
            return { outcome: 'already' };
          }
          await refuseNewer(options, target, c, standing, checked);
          const kept = standing.isEmpty ? undefined : await keepPresent(options, c, waiting, now());
          await replaceState(target, c, checked, onProgress);
          await keepWaiting();
          return { outcome: 'restored', ...(kept !== undefined && { kept }) };
        }),
      ),
    );
    await settleFolder(options, target, checked.header);
    const { kept, outcome } = done;
    return {
      ...loadReport('loaded', target, checked),
      outcome,
      replaced:
        kept === undefined
          ? null
          : { seq: kept.header.seq, changed_at: kept.header.changed_at, kept_in: kept.file },
      damaged_file,
      waiting_here: waiting.entries.length,
      warnings: waiting.warnings,
    };
  } finally {
    await target.session.close();
  }
}

/** A damaged file is put aside where a person said that the state may be replaced. */
async function openForRestore(
  options: RestoreOptions,
  header: ExportHeader,
  now: () => Date,
): Promise<{ target: Target; damaged_file: string | null }> {
  try {
    return { target: await openTarget(options, header), damaged_file: null };
  } catch (error) {
    if (!isDamagedFile(options, error)) throw error;
    if (options.replace !== true) throw unreadable(error);
    const damaged_file = setFileAside(options, now());
    return { target: await openTarget(options, header), damaged_file };
  }
}

function unreadable(error: unknown): TrackerError {
  return databaseError(
    'sqlite',
    `the tracker of this folder cannot be opened, so that it is not known whether it is newer (${describeFailure(error)})`,
    'Look at it with `worktrail doctor`, or load the backup into another folder (`worktrail load FILE --project DIR`). How a person restores over a damaged file is in `worktrail restore --help`. Nothing was changed.',
    error,
  );
}

async function keepPresent(
  options: RestoreOptions,
  c: Connection,
  { entries }: WaitingHere,
  takenAt: Date,
): Promise<KeptMoment> {
  return await keepMoment({
    folder: path.resolve(options.keepIn ?? backupFolder(options)),
    // Nobody else can write until the transaction ends.
    read: (work) => work(c),
    options: { kind: 'before_restore', takenAt, waiting: entries, onProgress: options.onProgress },
  });
}

/** @throws ValidationError saying what would be replaced, and how to do so on purpose */
async function refuseNewer(
  options: RestoreOptions,
  { location }: Target,
  c: Connection,
  { project, isEmpty }: Standing,
  checked: CheckedExport,
): Promise<void> {
  if (isEmpty) return;
  const { file, header } = checked;
  if (project?.project_id !== header.project_id) {
    throw validationError(
      {
        field: 'project',
        constraint: `${location} holds another project, "${project?.project_slug ?? '?'}" (${project?.project_id ?? '?'}), than the file, "${header.project_slug}" (${header.project_id})`,
        value: project?.project_id ?? null,
      },
      'Restore into the folder or database of that project, or into one without a tracker (--project, --database). Nothing was changed.',
    );
  }
  if (options.replace === true) return;
  const { common, isAll } = await lastCommonChange(c, checked);
  if (isAll) return;
  const lost = project.seq - common;
  throw validationError(
    {
      field: 'file',
      constraint: `${location} has ${lost} change${lost === 1 ? '' : 's'} that the file lacks: it stands at change ${project.seq} of ${project.changed_at}, the file at ${header.seq} of ${header.changed_at}${common === 0 ? '' : `, and both are the same up to ${common}`}`,
      value: file,
    },
    'To look at the file beside the present state, load it into another folder (`worktrail load FILE --project DIR`). How a person goes back on purpose is in `worktrail restore --help`. Nothing was changed.',
  );
}

/** Up to which position the store and the file have made the same changes, and whether the store made no others. */
async function lastCommonChange(
  c: Connection,
  checked: CheckedExport,
): Promise<{ common: number; isAll: boolean }> {
  const { changes: t } = c.tables;
  const last = Number((await c.db.select({ seq: max(t.seq) }).from(t))[0]?.seq ?? 0);
  let common = 0;
  for await (const { name, rows } of readRows(checked)) {
    if (name !== 'changes') continue;
    const positions = rows.map((row) => Number(row['seq']));
    const range = between(t.seq, Math.min(...positions), Math.max(...positions));
    const mine = await c.db.select({ seq: t.seq, change_id: t.change_id }).from(t).where(range);
    const here = new Map(mine.map((row) => [row.seq, row.change_id]));
    for (const row of rows) {
      const at = Number(row['seq']);
      if (at > last || here.get(at) !== row['change_id']) return { common, isAll: common >= last };
      common = at;
    }
  }
  return { common, isAll: common >= last };
}
