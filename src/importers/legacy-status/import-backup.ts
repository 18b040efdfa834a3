/**
 * What an import of a status file keeps before it: the database as `worktrail restore` takes it, and the file beside
 * it. They have a folder of their own, so that they neither drive out the backups that people take nor pile up.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Job } from '../../domain/job.ts';
import type { Warning } from '../../domain/warnings.ts';
import { TrackerError, databaseError } from '../../domain/errors.ts';
import { FOLDER_MODE } from '../../platform/file-modes.ts';
import type { Context } from '../../use-cases/support/context.ts';
import { sourceError } from '../import/source-files.ts';
import type { StatusBackup } from './import-report.ts';
import type { StatusSource } from './status-source.ts';

/** Below the folder of all backups. */
const FOLDER = 'before-import';
/** Of each kind; the oldest go. */
const KEPT = 10;
/** Of the original in the name of its copy. */
const NAME_MAX_CHARACTERS = 100;
const FILE_ALONE = /^status-\d{8}T\d{9}Z-[0-9a-f]{6}-/;

export interface ImportBackup {
  backup: StatusBackup;
  warnings: Warning[];
}

/**
 * @param withDatabase false where only the file will be altered
 * @throws ValidationError when the file is not the one any more that was read; DatabaseError when the backup fails.
 *   Nothing was changed then.
 */
export async function backUpImport(
  context: Context,
  source: Pick<StatusSource, 'file' | 'sha256'>,
  job: Job,
  { withDatabase }: { withDatabase: boolean },
): Promise<ImportBackup> {
  const folder = path.join(context.workspace.dataDir, 'backups', FOLDER);
  const bytes = await readFile(source.file).catch(() => undefined);
  if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== source.sha256) {
    throw sourceError(source.file, 'was edited while it was imported; nothing was changed: import it again');
  }
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const health = withDatabase ? await context.store.health() : undefined;
    if (health?.reachable !== true) {
      const file = await copyTo(folder, aloneName(context.now()), source.file, bytes);
      await removeOldCopies(folder);
      const warnings = withDatabase ? [{ code: 'no_database_backup', message: NO_DATABASE_BACKUP }] : [];
      return { backup: { file, database: null }, warnings };
    }
    const taken = await context.backUp({ to: folder, keep: KEPT, onProgress: job.report });
    job.snapshot({ kind: 'backup', reference: taken.file, bytes: taken.bytes, counts: { rows: taken.rows } });
    const file = await copyTo(folder, stemOf(taken.file), source.file, bytes);
    await removeCopiesOf(folder, taken.removed);
    const warnings = taken.warnings.map((message) => ({ code: 'backup', message }));
    return { backup: { file, database: taken.file }, warnings };
  } catch (error) {
    throw databaseError(
      error instanceof TrackerError ? String(error.details['layer'] ?? 'backup') : 'backup',
      `the backup before the import could not be written to ${folder}`,
      'Nothing was imported. Make room, or make the folder writable, and import again.',
      error,
    );
  }
}

const NO_DATABASE_BACKUP =
  'The database does not answer, so that only the file was backed up; its transaction is what protects it.';

const stemOf = (backup: string): string => path.basename(backup, '.jsonl');

function aloneName(now: Date): string {
  return `status-${now.toISOString().replaceAll(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
}

/** On the disk before anything is altered. */
async function copyTo(folder: string, stem: string, original: string, bytes: Buffer): Promise<string> {
  const file = path.join(folder, `${stem}-${path.basename(original).slice(-NAME_MAX_CHARACTERS)}`);
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return file;
}

/** The copies that lie beside backups that were removed. */
async function removeCopiesOf(folder: string, removed: readonly string[]): Promise<void> {
  if (removed.length === 0) return;
  const stems = removed.map((file) => `${stemOf(file)}-`);
  for (const name of await readdir(folder)) {
    if (stems.some((stem) => name.startsWith(stem))) await rm(path.join(folder, name), { force: true });
  }
}

/** Their names begin with their time. */
async function removeOldCopies(folder: string): Promise<void> {
  const copies = (await readdir(folder)).filter((name) => FILE_ALONE.test(name)).sort();
  for (const name of copies.slice(0, -KEPT)) await rm(path.join(folder, name), { force: true });
}
