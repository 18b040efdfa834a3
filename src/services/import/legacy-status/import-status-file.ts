/**
 * Importing a hand-kept status file (I1): a backup, one transaction that ends with five checks, a report. When a check
 * fails, the transaction is rolled back and the file was never touched: both are as before.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { batchPatch } from '../../../domain/batch.ts';
import type { JsonValue } from '../../../domain/json.ts';
import type { ReportProgress } from '../../../domain/progress.ts';
import { rehearsedChecks, type Check } from '../../../domain/reconciliation.ts';
import { databaseError, TrackerError } from '../../../errors.ts';
import type { Warning } from '../../../domain/warnings.ts';
import type { Answer, Durability } from '../../../storage/store.ts';
import { write, type Caller, type Context } from '../../context.ts';
import { IMPORT_CLIENT } from '../link-changes.ts';
import { findChangesOnEmptyTracker, findStatusChanges, type StatusChanges } from './status-changes.ts';
import { describeImport, type StatusBackup, type StatusImportReport } from './status-report.ts';
import type { StatusSource } from './status-source.ts';

export interface StatusImportOptions {
  dryRun: boolean;
  /**
   * Called after a successful import that is durable in the primary: makes the file the generated one around the parts
   * that are people's. Without it the file stays as it is.
   */
  takeOverFile?: (source: Pick<StatusSource, 'file' | 'sha256' | 'parsed'>) => Promise<void>;
  onProgress?: ReportProgress;
}

/**
 * Imports what was read, all of it or nothing, and as often as one likes: what is there already stays, what somebody
 * changed here is left as it is.
 * @throws ValidationError with `details.checks` when a check fails; file and database are then as before
 */
export async function importStatusFile(
  context: Context,
  caller: Caller,
  source: StatusSource,
  { dryRun, takeOverFile, onProgress }: StatusImportOptions,
): Promise<Answer<StatusImportReport>> {
  onProgress?.({ phase: 'compare', done: 0, total: null });
  const found = await context.store.read(
    async (reader) => {
      const project_id = (await reader.findProject())?.project_id;
      if (isNothing(source, project_id)) return undefined;
      const changes = await findStatusChanges(reader, source);
      // What is there already is compared all the same.
      const present = changes.parts.length === 0 ? await reader.reconcile(changes.expected) : undefined;
      return { changes, present };
    },
    { snapshot: true },
  );
  if (found.data === undefined) return { ...found, data: describeImport(source, undefined, { dryRun }) };
  const { changes, present } = found.data;
  const checks = present ?? rehearsedChecks(changes.expected);
  if (dryRun || changes.parts.length === 0) {
    return { ...found, data: describeImport(source, changes, { dryRun, checks }) };
  }
  onProgress?.({ phase: 'backup', done: 0, total: null });
  const backup = await backUp(context, source);
  onProgress?.({ phase: 'write', done: 0, total: changes.parts.length });
  const written = await writeAll(context, caller, changes);
  const { answer, checks: compared } = written;
  const taken = await takeOver(source, answer.durability, takeOverFile);
  const report = describeImport(source, changes, {
    ...{ dryRun, backup, file_replaced: taken.replaced },
    // A write that waits for its database may not have been compared with anything yet.
    checks: compared.length > 0 ? compared : checks,
  });
  return { ...answer, warnings: [...answer.warnings, ...taken.warnings], data: report };
}

/** A dry run where there is no tracker yet; none is made for it. */
export async function rehearseStatusImport(source: StatusSource): Promise<StatusImportReport> {
  if (isNothing(source, undefined)) return describeImport(source, undefined, { dryRun: true });
  const changes = await findChangesOnEmptyTracker(source);
  return describeImport(source, changes, { dryRun: true, checks: rehearsedChecks(changes.expected) });
}

/** A file that this tracker wrote is no legacy; one without any record is not a status file at all. */
function isNothing({ parsed, generated_by }: StatusSource, project_id: string | undefined): boolean {
  return parsed.dialect === 'none' || (generated_by !== null && generated_by === project_id);
}

/** The records are saved: whatever happens to the file now takes nothing of that back. */
async function takeOver(
  source: StatusSource,
  durability: Durability,
  takeOverFile: StatusImportOptions['takeOverFile'],
): Promise<{ replaced: boolean; warnings: Warning[] }> {
  const isInPrimary = durability === 'postgres' || durability === 'sqlite';
  if (!isInPrimary || takeOverFile === undefined) return { replaced: false, warnings: [] };
  try {
    await takeOverFile(source);
    return { replaced: true, warnings: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `Everything was imported, but the file could not be replaced by the generated one: ${reason}`;
    return { replaced: false, warnings: [{ code: 'file_not_replaced', message }] };
  }
}

async function writeAll(context: Context, caller: Caller, changes: StatusChanges) {
  const patch = {
    ...batchPatch(changes.parts),
    expected: changes.expected as unknown as JsonValue,
  };
  const entity_id = changes.parts[0]?.entity_id ?? '';
  try {
    const request = { entity: 'vendor', entity_id, kind: 'batch', patch } as const;
    const answer = await write(context, { ...caller, client: IMPORT_CLIENT }, [request]);
    const checks = (answer.data[0]?.record['checks'] ?? []) as unknown as Check[];
    // Warnings about unknown metadata keys would only name `imported`.
    const warnings = answer.warnings.filter(
      ({ code }) => code !== 'unknown_metadata_key' && code !== 'more_warnings',
    );
    return { answer: { ...answer, warnings }, checks };
  } catch (error) {
    throw error instanceof TrackerError ? refused(error) : error;
  }
}

function refused(error: TrackerError): TrackerError {
  if (error.code !== 'ValidationError') return error;
  const message = `Nothing was imported: ${error.message}`;
  return new TrackerError(error.code, message, error.details, error.next, { cause: error });
}

/**
 * Copies the file, and of an embedded tracker the database, to `.worktrail/backups/`. PostgreSQL has its transaction:
 * what fails there leaves nothing behind, and its administrators back it up.
 */
async function backUp(context: Context, source: StatusSource): Promise<StatusBackup> {
  const name = `status-import-${context.now().toISOString().replaceAll(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}`;
  const folder = path.join(context.projectDir, '.worktrail', 'backups', name);
  const health = await context.store.health();
  try {
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, path.basename(source.file));
    await copyFile(source.file, file);
    if (health.source !== 'sqlite' || !health.reachable) return { file, database: null };
    const database = path.join(folder, path.basename(health.location));
    const { copySqliteFile } = await import('../../../storage/sql/copy-sqlite-file.ts');
    await copySqliteFile(health.location, database);
    return { file, database };
  } catch (error) {
    throw databaseError(
      health.source,
      `the backup before the import could not be written to ${folder}`,
      'Nothing was imported. Make room, or make the folder writable, and import again.',
      error,
    );
  }
}
