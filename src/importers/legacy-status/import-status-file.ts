/**
 * Importing a hand-kept status file: a backup, one transaction that ends with five checks, a report. When a check
 * fails, the transaction is rolled back and the file was never touched: both are as before.
 */
import { batchPatch } from '../../domain/batch.ts';
import type { Counts, Job } from '../../domain/job.ts';
import type { JsonValue } from '../../domain/json.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import { rehearsedChecks, type Check } from '../../domain/reconciliation.ts';
import { TrackerError } from '../../domain/errors.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { write, type Caller, type Context } from '../../use-cases/support/context.ts';
import { IMPORT_CLIENT } from '../import/link-changes.ts';
import { requireWholeRecords } from '../import/run.ts';
import { settleSource, type SourceTaken } from '../import/settle-source.ts';
import { backUpImport } from './import-backup.ts';
import { KINDS } from './legacy-records.ts';
import {
  findChangesOnEmptyTracker,
  findStatusChanges,
  type KindOutcome,
  type StatusChanges,
} from './status-changes.ts';
import { describeImport, type StatusImportReport } from './import-report.ts';
import type { StatusSource } from './status-source.ts';
import { describeFailure } from '../../storage/database/driver-errors.ts';

export interface StatusImportOptions {
  dryRun: boolean;
  /**
   * Called after a successful import that is durable in the primary: makes the file the generated one around the parts
   * that are people's. Without it the file stays as it is.
   */
  takeOverFile?: ((source: Pick<StatusSource, 'file' | 'sha256' | 'parsed'>) => Promise<void>) | undefined;
  onProgress?: ReportProgress | undefined;
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
  if (dryRun) {
    onProgress?.({ phase: 'compare', done: 0, total: null });
    const found = await compare(context, source);
    const { source: settled = source, taken, changes, checks } = found.data ?? {};
    return { ...found, data: describeImport(settled, changes, { dryRun, checks, taken }) };
  }
  const work = (job: Job) => carryOut(context, caller, source, job, takeOverFile);
  return await context.jobs.run('legacy_import', work, { onProgress });
}

/** What the file comes to here; undefined when nothing is to be imported of it. */
async function compare(
  context: Context,
  source: StatusSource,
): Promise<
  Answer<{ source: StatusSource; taken: SourceTaken[]; changes: StatusChanges; checks: Check[] } | undefined>
> {
  const answer = await context.store.read(async (reader) => {
    const project_id = (await reader.findProject())?.project_id;
    if (isNothing(source, project_id) || (await namesItemsOfOurs(reader, source))) return undefined;
    const found = await findStatusChanges(reader, source, context.workspace);
    const { changes } = found;
    // What is there already is compared all the same.
    const isPresent = changes.parts.length === 0;
    const checks = isPresent ? await reader.reconcile(changes.expected) : rehearsedChecks(changes.expected);
    return { ...found, checks };
  });
  if (answer.data !== undefined) requireWholeRecords(answer);
  return answer;
}

async function carryOut(
  context: Context,
  caller: Caller,
  source: StatusSource,
  job: Job,
  takeOverFile: StatusImportOptions['takeOverFile'],
): Promise<Answer<StatusImportReport>> {
  job.report({ phase: 'compare', done: 0, total: null });
  const found = await compare(context, source);
  job.counts({ not_understood: source.parsed.not_understood.length });
  if (found.data === undefined)
    return { ...found, data: describeImport(source, undefined, { dryRun: false }) };
  const { changes, checks, taken: taken_for, source: settled } = found.data;
  job.counts(countsOf(changes));
  if (changes.parts.length === 0) {
    // All is in the tracker: the file may have been left the last time.
    const isInPrimary = found.source === 'postgres' || found.source === 'sqlite';
    if (!isInPrimary || takeOverFile === undefined) {
      return {
        ...found,
        data: describeImport(settled, changes, { dryRun: false, checks, taken: taken_for }),
      };
    }
    const { backup } = await backUpImport(context, source, job, { withDatabase: false });
    const taken = await takeOver(source, takeOverFile);
    const report = describeImport(settled, changes, {
      ...{ dryRun: false, checks, backup, file_replaced: taken.replaced, taken: taken_for },
    });
    return { ...found, warnings: [...found.warnings, ...taken.warnings], data: report };
  }
  const { backup, warnings } = await backUpImport(context, source, job, { withDatabase: true });
  job.report({ phase: 'write', done: 0, total: changes.parts.length });
  const { answer, checks: compared } = await writeAll(context, caller, changes);
  job.report({ phase: 'write', done: changes.parts.length, total: changes.parts.length });
  const isInPrimary = answer.durability === 'postgres' || answer.durability === 'sqlite';
  const taken = isInPrimary ? await takeOver(source, takeOverFile) : { replaced: false, warnings: [] };
  const waits: Warning[] = isInPrimary ? [] : [{ code: 'import_waits', message: WAITS }];
  const report = describeImport(settled, changes, {
    ...{ dryRun: false, isWritten: true, backup, file_replaced: taken.replaced, taken: taken_for },
    // A write that waits for its database may not have been compared with anything yet.
    checks: compared.length > 0 ? compared : checks,
  });
  return {
    ...answer,
    warnings: [...answer.warnings, ...warnings, ...waits, ...taken.warnings],
    data: report,
  };
}

const WAITS =
  'The import waits for the database. It is checked when it gets there: then all of it is applied, or it is refused as a whole and listed by `worktrail conflicts`. The file stays as it is; import it again when the database is back to have it replaced by the generated one.';

function countsOf({ outcome }: StatusChanges): Counts {
  const sum = (what: keyof KindOutcome) => KINDS.reduce((total, kind) => total + outcome[kind][what], 0);
  return {
    ...{ created: sum('created'), updated: sum('updated') },
    ...{ unchanged: sum('unchanged'), kept_local: sum('kept_local') },
  };
}

/** A dry run where there is no tracker yet; none is made for it. */
export async function rehearseStatusImport(source: StatusSource): Promise<StatusImportReport> {
  if (isNothing(source, undefined)) return describeImport(source, undefined, { dryRun: true });
  const changes = await findChangesOnEmptyTracker(source);
  const checks = rehearsedChecks(changes.expected);
  const plans = [source.plan.items, ...(source.prompts === null ? [] : [source.prompts])];
  const taken: SourceTaken[] = [];
  for (const plan of plans) taken.push((await settleSource(plan, [], '')).taken);
  return describeImport(source, changes, { dryRun: true, checks, taken });
}

/** A file that this tracker wrote is no legacy; one without any record is not a status file at all. */
function isNothing({ parsed, generated_by }: StatusSource, project_id: string | undefined): boolean {
  return parsed.dialect === 'none' || (generated_by !== null && generated_by === project_id);
}

/** A generated file may lose its last line, and a person may copy lines of it: what is here must not be made again. */
async function namesItemsOfOurs(reader: Reader, { marked_ids }: StatusSource): Promise<boolean> {
  return (await reader.findWorkItems(marked_ids)).length > 0;
}

/** The records are saved: whatever happens to the file now takes nothing of that back. */
async function takeOver(
  source: StatusSource,
  takeOverFile: StatusImportOptions['takeOverFile'],
): Promise<{ replaced: boolean; warnings: Warning[] }> {
  if (takeOverFile === undefined) return { replaced: false, warnings: [] };
  try {
    await takeOverFile(source);
    return { replaced: true, warnings: [] };
  } catch (error) {
    const reason = describeFailure(error);
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
