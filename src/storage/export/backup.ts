/**
 * `worktrail backup`: the state of one moment as a file, while others go on writing; checked after it was written.
 *
 *     rows of one moment ──▶ hidden temporary file, on the disk ──▶ read back and compared ──▶ its name ──▶ old ones
 *     that nobody needs any more are removed
 */
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Connection } from '../database/connection.ts';
import { checkWritten, stampOf } from './export.ts';
import type { ExportHeader, ExportKind } from './format.ts';
import { publish, removeAbandoned, syncFolder, writeTemporary } from './new-file.ts';
import { readHeader } from './read-export.ts';
import { openSource, type TrackerPlace } from './source.ts';
import { writeExport, type ExportOptions, type ExportSummary } from './write-export.ts';

const BACKUPS_KEPT_DEFAULT = 10;

/** Where backups go unless a folder is named. */
export const backupFolder = ({ dataDir }: Pick<TrackerPlace, 'dataDir'>): string =>
  path.join(dataDir, 'backups');

export interface BackupOptions extends TrackerPlace {
  /** Made when missing; default `backupFolder`. */
  to?: string | undefined;
  /** How many backups of this project stay in the folder, the new one included; default 10. */
  keep?: number | undefined;
  onProgress?: ReportProgress | undefined;
  now?: () => Date;
}

/** A backup that is whole. */
export interface BackupReport {
  file: string;
  bytes: number;
  project_slug: string;
  project_id: string;
  seq: number;
  changed_at: string;
  taken_at: string;
  rows: number;
  /** Acknowledged writes that wait for the primary: in the file beside the rows. */
  waiting: number;
  sha256: string;
  /** Older backups that were removed. */
  removed: string[];
  warnings: string[];
}

/** @throws DatabaseError when the store or the disk fails; what backups there are stays as it is then */
export async function takeBackup(options: BackupOptions): Promise<BackupReport> {
  const { to, keep = BACKUPS_KEPT_DEFAULT, onProgress, now = () => new Date() } = options;
  const folder = path.resolve(to ?? backupFolder(options));
  const source = await openSource(options);
  try {
    const { entries: waiting, warnings } = source.waiting;
    const kept = await keepMoment({
      folder,
      read: source.atOneMoment,
      options: { kind: 'backup', takenAt: now(), waiting, onProgress },
    });
    const removed = await removeOld(folder, kept.file, kept.header, keep);
    return { ...reportOf(kept), removed, warnings };
  } finally {
    await source.close();
  }
}

interface Moment {
  folder: string;
  /** Lets the work see one moment; may repeat it. */
  read: <T>(work: (c: Connection) => Promise<T>) => Promise<T>;
  options: ExportOptions;
}

/** A file that has its name. */
export interface KeptMoment extends ExportSummary {
  file: string;
  bytes: number;
}

/** Writes one moment into a folder, under a name of its own, once it was read back. */
export async function keepMoment({ folder, read, options }: Moment): Promise<KeptMoment> {
  const stamp = stampOf(options.takenAt);
  const { temporary, bytes, result } = await read((c) =>
    writeTemporary(path.join(folder, `worktrail-${stamp}.jsonl`), (sink) => writeExport(c, options, sink)),
  );
  try {
    await checkWritten(temporary, result, options.onProgress);
    const file = path.join(folder, backupName(result.header));
    await publish(temporary, file);
    return { ...result, file, bytes };
  } finally {
    await rm(temporary, { force: true });
  }
}

const NAMES: Readonly<Record<ExportKind, string>> = {
  export: 'export',
  backup: 'backup',
  before_restore: 'before-restore',
};

/** As `worktrail-shop-backup-20261121T123000123Z-42-3f9a.jsonl`: time, position and something of chance. */
function backupName({ project_slug, kind, taken_at, seq }: ExportHeader): string {
  return `worktrail-${project_slug}-${NAMES[kind]}-${stampOf(new Date(taken_at))}-${seq}-${randomBytes(2).toString('hex')}.jsonl`;
}

/**
 * Removes the oldest backups beyond `keep`. Only files are touched that say themselves that they are backups of
 * this project, never the one just checked, and none that is of a later state than it: an older database that is
 * backed up by mistake must not drive out what is newer.
 */
async function removeOld(
  folder: string,
  file: string,
  { project_id, seq }: ExportHeader,
  keep: number,
): Promise<string[]> {
  const others: { file: string; taken_at: string; seq: number }[] = [];
  for (const name of await readdir(folder)) {
    const other = path.join(folder, name);
    if (other === file || name.startsWith('.') || !name.endsWith('.jsonl')) continue;
    const header = await readHeader(other);
    if (header?.kind === 'backup' && header.project_id === project_id)
      others.push({ ...header, file: other });
  }
  others.sort((a, b) => (a.taken_at < b.taken_at ? 1 : -1));
  const removed = others.slice(Math.max(0, keep - 1)).filter((other) => other.seq <= seq);
  for (const old of removed) await rm(old.file, { force: true });
  await removeAbandoned(folder);
  await syncFolder(folder);
  return removed.map((old) => old.file);
}

function reportOf({ file, bytes, header, rows, sha256 }: KeptMoment) {
  const { project_slug, project_id, seq, changed_at, taken_at, waiting } = header;
  return { file, bytes, project_slug, project_id, seq, changed_at, taken_at, rows, waiting, sha256 };
}
