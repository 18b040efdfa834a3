/** What every use case works with, and the one way in which they write. */
import { mapInTurns } from '../../platform/in-turns.ts';
import { partsOf, withParts } from '../../domain/batch.ts';
import { CHANGE_SCHEMA_VERSION, type Change } from '../../domain/change.ts';
import { validationError } from '../../domain/errors.ts';
import { newChangeId } from '../../domain/ids.ts';
import { positionOf } from '../../domain/position.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Worker } from '../../domain/worker.ts';
import type { JobHistory, Jobs } from '../../storage/operations/jobs.ts';
import type { Answer, TrackerStore, WriteAnswer } from '../../storage/contract/store.ts';

/** A project's records, wherever the program runs. */
export interface Tracker {
  store: TrackerStore;
  /** The time, as a function so that tests can hold it still. */
  now: () => Date;
  /** Called after every write that changed something. */
  onChange: () => void;
  /** Runs long work as jobs, which are recorded, and answers what ran: `jobs.run('import', (job) => …)`. */
  jobs: Jobs & JobHistory;
  /**
   * Keeps the state of this moment as a checked file that `worktrail restore` takes.
   * @param options `to`: its folder; `keep`: how many of them stay there
   * @throws DatabaseError when the primary does not answer, or the disk does not take it
   */
  backUp: (options: { to: string; keep: number; onProgress?: ReportProgress }) => Promise<TakenBackup>;
}

/** The project's folder on this machine. */
export interface Workspace {
  projectDir: string;
  /** The tracker's folder, `.worktrail`. */
  dataDir: string;
  /** Whether the project's status file is generated (`status_file.enabled`). */
  keepsStatusFile: boolean;
  /** Where the current git branch is read: the work tree the program was started in. */
  workTree: string;
  /** The id of the tracker's folder: every change made in it carries it. */
  device: string;
  /** Who works here, for callers that do not say it themselves. */
  person: () => Promise<string>;
  /** The one session of all commands that no client runs: each is a process of its own, and a claim has to outlive it. */
  session: string;
}

/** What every use case works with: made once by `app.ts`, shared by all calls. Few need the workspace, and say so by its name. */
export interface Context extends Tracker {
  workspace: Workspace;
}

/** A backup that is whole. */
export interface TakenBackup {
  file: string;
  bytes: number;
  rows: number;
  /** Older backups of that folder that were removed. */
  removed: string[];
  warnings: string[];
}

/** Who calls, and through which program. */
export interface Caller extends Pick<Worker, 'client'> {
  /** The default for `created_by` and `updated_by`; the person when left out. */
  actor?: string;
  /** Who works in the folder when left out. */
  person?: string;
  /** The workspace's when left out. */
  session?: string;
}

/** What the program does on its own, and reads that record nobody. */
export const PROGRAM: Caller = {
  actor: 'worktrail',
  client: 'worktrail',
  person: 'worktrail',
  session: 'worktrail',
};

/** The caller as its changes record it. */
export async function workerOf(
  { workspace }: Context,
  caller: Caller,
): Promise<Worker & Pick<Change, 'actor'>> {
  const { device } = workspace;
  const { client, person = await workspace.person(), session = workspace.session } = caller;
  return { actor: caller.actor ?? person, person, client, device, session };
}

/** What a use case asks for; who, through which program and when are filled in where they are left out. */
export type ChangeRequest = Pick<Change, 'entity' | 'entity_id' | 'kind' | 'patch'> &
  Partial<Pick<Change, 'at' | 'base_version' | 'on_conflict' | 'cascade' | 'claim_token'>> & {
    actor?: string | undefined;
    idempotency_key?: string | undefined;
  };

/**
 * Applies changes, all of them or none, and tells those who watch. Safe for concurrent callers; a key that was used
 * before answers the first result. Every use case that writes does it here, and throws what this throws beside its own.
 * @throws ValidationError, NotFoundError, VersionConflictError or ClaimError when a rule is broken: nothing was changed
 * @throws NotSavedError when no layer could keep them, with what was asked
 */
export async function write(
  context: Context,
  caller: Caller,
  requests: readonly ChangeRequest[],
): Promise<WriteAnswer> {
  const at = context.now().toISOString();
  const worker = await workerOf(context, caller);
  const changes = await mapInTurns(requests, (request): Change =>
    placed({
      base_version: null,
      on_conflict: 'reject',
      cascade: false,
      claim_token: null,
      at,
      ...request,
      ...worker,
      id: newChangeId(),
      actor: request.actor ?? worker.actor,
      idempotency_key: request.idempotency_key ?? null,
      schema_version: CHANGE_SCHEMA_VERSION,
    }),
  );
  const answer = await context.store.write(changes);
  if (answer.data.some(({ repeated }) => !repeated)) context.onChange();
  return answer;
}

/** Items that come to be get their positions in the order in which they were written: that of the parts, unless a part has a number. */
function placed(change: Change): Change {
  let next = 0;
  const withPosition = (part: Change): Change => {
    if (part.kind !== 'create' || part.entity !== 'work_item') return part;
    const number = typeof part.patch['position'] === 'number' ? part.patch['position'] : next++;
    return { ...part, patch: { ...part.patch, position: positionOf(change.id, number) } };
  };
  return change.kind === 'batch'
    ? withParts(change, partsOf(change).map(withPosition))
    : withPosition(change);
}

/** Applies one change and answers the record as it is after it. */
export async function writeOne<T>(
  context: Context,
  caller: Caller,
  request: ChangeRequest,
): Promise<Answer<T & WriteOutcome>> {
  const answer = await write(context, caller, [request]);
  const [applied] = answer.data;
  if (applied === undefined) throw new Error('a write was answered without a result');
  const record = applied.record as T;
  const outcome: WriteOutcome = {
    ...(applied.merged_with.length > 0 && { merged_with: applied.merged_with }),
    ...(applied.repeated && { repeated: true }),
  };
  return { ...answer, data: { ...record, ...outcome } };
}

/** What a write says beside the record. */
export interface WriteOutcome {
  /** The versions this update was merged with. */
  merged_with?: number[];
  /** True when this is the first result of an earlier call with the same idempotency key. */
  repeated?: boolean;
}

/** @param fields those that may be given, for people @throws ValidationError for a patch that sets nothing */
export function refuseEmptyPatch(patch: JsonObject, fields: string): void {
  if (Object.keys(patch).length > 0) return;
  throw validationError(
    { field: 'arguments', constraint: 'name at least one field to change', value: null },
    `Give at least one of ${fields}.`,
  );
}

/** The given fields as a patch: absent ones are left out, `null` stays. */
export function patchOf(fields: Record<string, unknown>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;
}
