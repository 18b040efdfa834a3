/** A store over one SQL database. */
import { TrackerError, databaseError, validationError } from '../../domain/errors.ts';
import type { Applied, Change } from '../../domain/change.ts';
import { QUOTAS_DEFAULT, type Quotas } from '../../domain/quotas.ts';
import type { ChangeHints } from '../database/hints.ts';
import type { Answer, Store, StoreHealth } from '../contract/store.ts';
import { applyChanges, findFirstResult } from '../apply/apply.ts';
import type { OfflineWrite } from '../apply/conflicts.ts';
import { keepAsConflict, replayWrite, type ReplayOutcome } from '../apply/replay.ts';
import {
  OutcomeUnknown,
  type Connection,
  type ReadOptions,
  type Session,
  type SourceName,
} from '../database/connection.ts';
import {
  classifyDriverError,
  describeDriverError,
  describeFailure,
  remedyOf,
} from '../database/driver-errors.ts';
import { FeedTurn, type RecordedRow, type Witness } from '../database/feed-guard.ts';
import { isNewerSchema, type SchemaState } from './migrate.ts';
import { PositionWatch } from './position-watch.ts';
import { QuotaCheck } from './quotas.ts';
import { readerOf, type Reader } from '../queries/reader.ts';
import { findRowsOfSettled } from '../queries/change-records.ts';
import { readHead } from '../queries/feed.ts';

/** Not an outage: a change that makes a record under the id of another one. */
function idTaken(changes: readonly Change[], cause: unknown): TrackerError {
  const created = changes.filter(({ kind }) => kind === 'create').map(({ entity_id }) => entity_id);
  const error = validationError(
    {
      field: 'id',
      constraint: 'a record with this id exists already',
      value: created.length === 1 ? created[0] : created,
    },
    'Make the new record under a new id; nothing was changed.',
  );
  error.cause = cause;
  return error;
}

/** A store that is the truth: where acknowledged writes end up. */
export interface Primary extends Store {
  readonly source: SourceName;
  /**
   * Resolves when the store can be read and written at this moment, and belongs to the project it did.
   * @throws DatabaseError when it can not
   */
  probe(): Promise<void>;
  /** Settles a write that was acknowledged while this store was away, exactly once whoever calls. */
  replay(write: OfflineWrite): Promise<ReplayOutcome>;
  /** All of `work` sees one moment of the store. For copying it. */
  inSnapshot<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** See `Session.hints`. */
  hints(onHint: () => void): ChangeHints;
}

export interface SqlStoreOptions {
  quotas?: Quotas | undefined;
  /** Remembers how far the database was seen, and what was written; without one nothing is compared. */
  witness?: Witness | undefined;
  /** See `PositionWatch`. */
  lookPauseMs?: number;
}

export class SqlStore implements Primary {
  readonly source: SourceName;
  readonly #quotas: QuotaCheck;
  readonly #witness: Witness | undefined;
  readonly #positions: PositionWatch;

  constructor(
    private readonly session: Session,
    private schema: SchemaState,
    private readonly location: string,
    { quotas = QUOTAS_DEFAULT, witness, lookPauseMs }: SqlStoreOptions = {},
  ) {
    this.source = session.source;
    this.#quotas = new QuotaCheck(quotas);
    this.#witness = witness;
    this.#positions = new PositionWatch(session, witness, lookPauseMs);
  }

  async read<T>(work: (reader: Reader) => Promise<T>, options?: ReadOptions): Promise<Answer<T>> {
    const data = await this.#positions.compared(() =>
      this.#run(() => this.session.read((c) => this.#positions.answer(c, () => work(readerOf(c))), options)),
    );
    return { data, source: this.session.source, warnings: [] };
  }

  async write(changes: readonly Change[]): Promise<Answer<Applied[]>> {
    this.#refuseNewerSchema();
    const data = await this.#positions.compared(() => this.#applyOnce(changes));
    return { data, source: this.session.source, warnings: data.flatMap(({ warnings }) => warnings) };
  }

  async health(): Promise<StoreHealth> {
    const { source, engine } = this.session;
    const known = { source, engine, location: this.location, schema: this.schema };
    try {
      const { data } = await this.read((reader) => reader.findProject(), { oneStatement: true });
      return {
        ...known,
        reachable: true,
        problem: null,
        project_slug: data?.project_slug ?? null,
        project_id: data?.project_id ?? null,
      };
    } catch (error) {
      const problem = describeFailure(error);
      return { ...known, reachable: false, problem, project_slug: null, project_id: null };
    }
  }

  async probe(): Promise<void> {
    this.#refuseNewerSchema();
    await this.#run(() => this.session.probe());
  }

  async replay(write: OfflineWrite): Promise<ReplayOutcome> {
    this.#refuseNewerSchema();
    try {
      return await this.#settle(write, (c) => replayWrite(c, write));
    } catch (error) {
      if (classifyDriverError(error) === 'duplicate') return await this.#afterDuplicate(write, error);
      if (!(error instanceof TrackerError) || error.code === 'DatabaseError') throw error;
      return await this.#settle(write, (c) => keepAsConflict(c, write, error));
    }
  }

  inSnapshot<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#run(() => this.session.read(work));
  }

  hints(onHint: () => void): ChangeHints {
    return this.session.hints(onHint);
  }

  async close(): Promise<void> {
    await this.#positions.close();
    await this.session.close();
  }

  /** Another process settled the same write, or made a record of the same name or id, at the same moment. */
  async #afterDuplicate(write: OfflineWrite, error: unknown): Promise<ReplayOutcome> {
    try {
      return await this.#settle(write, (c) => replayWrite(c, write));
    } catch (again) {
      const rule = again instanceof TrackerError && again.code !== 'DatabaseError';
      if (!rule && classifyDriverError(again) !== 'duplicate') throw again;
      const refusal = rule ? again : idTaken(write.changes, error);
      return await this.#settle(write, (c) => keepAsConflict(c, write, refusal));
    }
  }

  async #settle(
    write: OfflineWrite,
    work: (c: Connection) => Promise<ReplayOutcome>,
  ): Promise<ReplayOutcome> {
    const { result, rows } = await this.#inTurn(async (c) => {
      const outcome = await work(c);
      const isRepeated = this.#witness !== undefined && outcome.outcome === 'repeated';
      return { outcome, isRepeated, before: isRepeated ? await findRowsOfSettled(c, write.changes) : [] };
    });
    const { outcome, isRepeated, before } = result;
    const applied = outcome.outcome === 'applied' ? outcome.applied : [];
    // Whoever settled it before may have ended, or lost the connection, before it was noted.
    this.#witness?.settled({ changes: write.changes, applied, rows: [...before, ...rows], isRepeated });
    return outcome;
  }

  /** Runs `work` in a transaction that ends only in the database that was seen before. @throws IdentityMismatch */
  async #inTurn<T>(work: (c: Connection) => Promise<T>): Promise<{ result: T; rows: RecordedRow[] }> {
    const witness = this.#witness;
    return await this.#run(() =>
      this.session.write(async (c) => {
        if (witness === undefined) return { result: await work(c), rows: [] };
        const turn = new FeedTurn(witness);
        const result = await work(c.inTurn(turn));
        // Nothing was to be done: that is only true in the database that was seen.
        if (turn.rows.length === 0) await readHead(c, witness.seen());
        return { result, rows: turn.rows };
      }),
    );
  }

  async #applyOnce(changes: readonly Change[]): Promise<Applied[]> {
    const apply = async () => {
      const isNew = (answers: Applied[]) => (_change: Change, at: number) => answers[at]?.repeated === false;
      const { result, rows } = await this.#inTurn(async (c) => {
        const answers = await applyChanges(c, changes);
        await this.#quotas.check(c, changes.filter(isNew(answers)));
        return answers;
      });
      const applied = result.filter(({ repeated }) => !repeated);
      this.#witness?.settled({ changes: changes.filter(isNew(result)), applied, rows });
      return result;
    };
    try {
      return await apply();
    } catch (error) {
      // The same call may have been applied by another process while this one ran.
      const first = await this.#firstResults(changes, error);
      if (first !== undefined) return first;
      if (classifyDriverError(error) !== 'duplicate') throw error;
    }
    try {
      // Another writer made the same record first: now the rules see it and can say so.
      return await apply();
    } catch (error) {
      throw classifyDriverError(error) === 'duplicate' ? idTaken(changes, error) : error;
    }
  }

  #refuseNewerSchema(): void {
    if (this.schema !== 'newer') return;
    throw databaseError(
      this.session.source,
      'this store was made by a newer Worktrail; this version reads it but does not write to it',
      'Update Worktrail here to the version the others use, then repeat the call. Nothing was changed.',
    );
  }

  /** The program was right when it started, and another one has moved on. */
  #outdated(): TrackerError {
    this.schema = 'newer';
    return databaseError(
      this.session.source,
      'a newer Worktrail has changed the tracker: restart this program',
      'Update Worktrail here to the version the others use, and restart this program.',
      new Outdated(),
    );
  }

  async #firstResults(changes: readonly Change[], error: unknown): Promise<Applied[] | undefined> {
    // A change that was applied before often breaks a rule now: its version is gone, its name is taken.
    const brokeRule = error instanceof TrackerError && error.code !== 'DatabaseError';
    if (!brokeRule && classifyDriverError(error) !== 'duplicate') return undefined;
    return await this.#findResults(changes);
  }

  async #findResults(changes: readonly Change[]): Promise<Applied[] | undefined> {
    const found = await this.#run(() =>
      this.session.read(async (c: Connection) => {
        const results: (Applied | undefined)[] = [];
        for (const change of changes) results.push(await findFirstResult(c, change));
        return results;
      }),
    );
    const results = found.filter((result) => result !== undefined);
    return results.length === changes.length ? results : undefined;
  }

  /** Driver errors become errors of ours; a duplicate stays as it is for `write` to look at. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TrackerError) throw error;
      if (isNewerSchema(error)) throw this.#outdated();
      if (error instanceof OutcomeUnknown) throw outcomeUnknown(this.session.source, error);
      const failure = classifyDriverError(error);
      if (failure === 'other') throw error;
      const next = remedyOf(error) ?? NEXT[failure];
      throw databaseError(this.session.source, describeDriverError(error), next, error);
    }
  }
}

/** What to do about a failure; of a duplicate, `write` makes an error of its own. */
const NEXT = {
  unavailable: 'Run `worktrail doctor` to see the state of the store; repeat the call when it answers again.',
  mistake: 'Run `worktrail doctor`: it says what to change. Nothing was changed.',
  denied: 'Run `worktrail doctor` to see the state of the store. Calls that need other records still work.',
  partial: 'Run `worktrail doctor` to see the state of the store. Calls that need other records still work.',
  contention: 'Repeat the call.',
  duplicate: 'Repeat the call.',
} as const;

function outcomeUnknown(source: SourceName, cause: OutcomeUnknown): TrackerError {
  return databaseError(
    source,
    'the connection was lost while saving, and it is not known whether this was saved',
    'Read the record before you repeat the call; with an idempotency_key a repetition is always safe.',
    cause,
  );
}

/** A write found that a newer program has brought the store up to date since this one opened it. */
class Outdated extends Error {
  override readonly name = 'Outdated';
}

/** Whether a write was refused because this program has to be started again; it may be kept for a newer one. */
export function isOutdated(error: unknown): boolean {
  return error instanceof TrackerError && error.cause instanceof Outdated;
}

/** Whether a failed write may have been saved all the same: the connection was lost while committing. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof TrackerError && error.cause instanceof OutcomeUnknown;
}
