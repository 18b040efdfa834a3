/**
 * The tracker's store: a primary, and below it the layers that answer and keep writes while it is away. There
 * is no way around it: every tool and command reads and writes here.
 *
 * A read goes to the primary, else to the first replica that can answer. A write goes to the primary, else it
 * is validated against a replica and saved in a journal, and replayed when the primary is back. See `state.ts`
 * for the states, `lower-layers.ts` for what is done without the primary, `replica.ts` and `journal.ts` for the
 * layers, `replayer.ts` for the way back.
 */
import { isError, type TrackerError } from '../../domain/errors.ts';
import { partsOf } from '../../domain/batch.ts';
import type { Change } from '../../domain/change.ts';
import { isProvisionalToken } from '../../domain/claim.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { footprintOf } from '../../domain/footprint.ts';
import { FeedWatch } from './feed-watch.ts';
import type { ReadOptions } from '../database/connection.ts';
import type { Reader } from '../queries/reader.ts';
import { IdentityMismatch } from '../database/feed-guard.ts';
import { isOutdated, type Primary } from '../primary/sql-store.ts';
import type {
  Answer,
  LayersReport,
  PendingWrite,
  StoreHealth,
  TrackerStore,
  WriteAnswer,
} from '../contract/store.ts';
import { Background } from './background.ts';
import { readBesideWaiting } from './beside-waiting.ts';
import { Breaker } from './breaker.ts';
import { describeLayers, primarySource } from './layers-report.ts';
import { LowerLayers } from './lower-layers.ts';
import { readByParts } from './partial-read.ts';
import { PrimaryFailures } from './primary-failures.ts';
import { tryPatiently } from '../../platform/try-patiently.ts';
import { asksPrimary, type TierState } from '../contract/state.ts';
import type { StoreIdentity } from '../contract/store-identity.ts';
import { unsealedWarning } from '../contract/unsealed.ts';
import { refuseVoidVersion } from './void-versions.ts';
import * as messages from './messages.ts';
import type { TieredParts } from './parts.ts';
import { reasonOf } from '../database/driver-errors.ts';

export class TieredStore implements TrackerStore {
  readonly #breaker: Breaker;
  readonly #failures: PrimaryFailures;
  readonly #background: Background;
  readonly #lower: LowerLayers;
  readonly #watch: FeedWatch;
  #primary: Primary | undefined;
  #listeners: ((state: TierState) => void)[] = [];

  constructor(readonly parts: TieredParts) {
    const { clock } = parts;
    this.#breaker = new Breaker(clock, (to, reason) => this.#onTransition(to, reason));
    this.#failures = new PrimaryFailures(parts, this.#breaker);
    this.#background = new Background({
      parts,
      failures: this.#failures,
      breaker: this.#breaker,
      connect: () => this.#connect(),
      reconnect: () => this.#reconnect(),
      known: () => this.#known(),
    });
    this.#lower = new LowerLayers({
      parts,
      breaker: this.#breaker,
      uncached: () => this.#background.uncached(),
      onSaved: () => this.#watch.wake(),
    });
    this.#watch = new FeedWatch({
      // While it replays, reads are answered by a copy: of what is not to be read yet nobody is told.
      primary: () => (this.#breaker.state === 'online' ? this.#primary : undefined),
      ask: (work) => this.latest(work, { oneStatement: true }),
      copyPosition: () => this.#copyPosition(),
      waiting: () => this.#waitingOrNone(),
      clock,
      log: parts.log,
    });
  }

  /**
   * Connects to the primary, or begins without it when it does not answer.
   * @throws DatabaseError when a setting is wrong, or when nothing is known of the project here, so that no lower
   *   layer could stand in
   */
  async open(): Promise<void> {
    const { memory, clock, address, patience } = this.parts;
    const hasCopy = await this.#hasCopy();
    if (hasCopy) patience?.end();
    const believed = hasCopy ? memory.believedOutage(address?.address ?? '', clock.now()) : undefined;
    if (believed !== undefined) this.#breaker.move('primaryFailed', believed);
    else await this.#contact();
    if (this.#breaker.state === 'online') {
      const { entries } = await this.parts.journals.waiting();
      if (entries.length > 0) this.#breaker.move('journaled', null);
    }
    this.#background.start();
  }

  async #contact(): Promise<void> {
    const { clock, patience } = this.parts;
    const triedAt = clock.now();
    try {
      await (patience?.isOver === false ? this.#firstContact() : this.#meet());
    } catch (error) {
      const failure = this.#failures.meaningOf(error);
      const isMistake = failure === 'mistake' || failure === 'denied';
      if (isMistake || this.parts.project().project_id === undefined) throw error;
      this.#failures.failed(error, triedAt);
      // A single slow answer may be chance; but what was not looked at is not used.
      if (this.#breaker.state === 'online') {
        this.#breaker.move('primaryFailed', reasonOf(error));
        this.#failures.note(error, triedAt);
      }
    }
  }

  async #meet(): Promise<void> {
    const primary = await this.#connect();
    await this.#background.checkIdentity(primary);
    this.#failures.reached();
  }

  /** Nothing can stand in yet: whoever starts waits for a primary that is starting too, or busy. */
  async #firstContact(): Promise<void> {
    const { clock, log, location, primaryLabel, patienceMs = 0 } = this.parts;
    await tryPatiently(() => this.#meet(), {
      clock,
      limitMs: patienceMs,
      isWorthwhile: (error) => /^(unavailable|contention)$/.test(this.#failures.meaningOf(error) ?? ''),
      onWaiting: () => log(messages.waiting(primaryLabel, location)),
    });
  }

  /** Whether something can answer in place of the primary. */
  async #hasCopy(): Promise<boolean> {
    if (this.parts.project().project_id === undefined) return false;
    for (const replica of this.parts.replicas) if ((await replica.age()) !== undefined) return true;
    return false;
  }

  async read<T>(work: (reader: Reader) => Promise<T>, options: ReadOptions = {}): Promise<Answer<T>> {
    return this.#withUnsealed(await this.#read(work, options));
  }

  async write(changes: readonly Change[]): Promise<WriteAnswer> {
    return this.#withUnsealed(await this.#write(changes));
  }

  /** Nothing while it replays: then reads are answered by a copy. */
  latest: TrackerStore['latest'] = async (work, options = {}) =>
    this.#breaker.state === 'online' ? (await this.#readPrimary(work, options))?.data : undefined;

  /** Told with every answer: whoever lost a key must learn of it, and so must whoever cloned more than they wanted. */
  #withUnsealed<T extends Answer<unknown>>(answer: T): T {
    const { unsealed } = this.parts.journals;
    if (unsealed.length > 0) answer.warnings.push(unsealedWarning(unsealed));
    return answer;
  }

  async #read<T>(work: (reader: Reader) => Promise<T>, options: ReadOptions): Promise<Answer<T>> {
    if (this.#breaker.state === 'replaying') {
      // A whole copy comes first because it shows what waits; without one, or where it is too old to know, the primary is there.
      const answer = await this.#lower.read(work, options, { wholeOnly: true }).catch(unlessNotThere);
      if (answer !== undefined) return answer;
    }
    // Asked again: the primary may have been refused while the copies were looked at.
    if (!asksPrimary(this.#breaker.state)) {
      this.#background.called();
      return await this.#lower.read(work, options);
    }
    try {
      return (await this.#readPrimary(work, options)) ?? (await this.#lower.read(work, options));
    } catch (error) {
      if (!isError(error, 'NotFoundError') || !this.parts.journals.mayHold) throw error;
      return await this.#readWaiting(error, work, options);
    }
  }

  /** What waits is not in the primary yet, and a lesser copy has it on top: without any, being missing proves nothing. */
  async #readWaiting<T>(
    missing: TrackerError,
    work: (reader: Reader) => Promise<T>,
    options: ReadOptions,
  ): Promise<Answer<T>> {
    try {
      return await this.#lower.read(work, options);
    } catch (error) {
      if (!isError(error, 'DatabaseError')) throw missing;
      const { entries } = await this.parts.journals.waiting();
      if (entries.length > 0) throw messages.mayWait(missing, entries.length, this.parts.primaryLabel);
      // It was applied while the copies were looked at.
      const answer = await this.#readPrimary(work, options);
      if (answer === undefined) throw error;
      return answer;
    }
  }

  /** Undefined when the primary fails. */
  async #readPrimary<T>(
    work: (reader: Reader) => Promise<T>,
    options: ReadOptions,
  ): Promise<Answer<T> | undefined> {
    const primary = this.#primary;
    if (primary === undefined) return undefined;
    const triedAt = this.parts.clock.now();
    try {
      const answer = await this.#besideWaiting(() => primary.read(work, options));
      if (answer !== undefined) this.#breaker.succeeded();
      return answer;
    } catch (error) {
      if (this.#failures.isLost(error, triedAt)) return undefined;
      const failure = this.#failures.meaningOf(error);
      if (failure === undefined || failure === 'contention') throw error;
      if (failure === 'partial' || failure === 'denied') {
        try {
          const answer = await this.#besideWaiting(() =>
            readByParts(primary, work, (part) => this.#lower.onReplica(part)),
          );
          if (answer !== undefined) return answer;
        } catch (later) {
          if (this.#failures.isLost(later, triedAt)) return undefined;
          throw later;
        }
        if (failure === 'denied') throw error;
      }
      this.#failures.failed(error, triedAt);
      return undefined;
    }
  }

  /** What the primary answers, as long as it is to be asked: it may have been refused while the journals were looked at. */
  async #besideWaiting<T>(ask: () => Promise<Answer<T> | undefined>): Promise<Answer<T> | undefined> {
    const { journals, memory, primaryLabel } = this.parts;
    return await readBesideWaiting(
      journals,
      async () => (asksPrimary(this.#breaker.state) ? await ask() : undefined),
      (lacking) =>
        messages.pendingWarning(lacking.length, false, {
          held: memory.held.summaryOf(lacking),
          primaryLabel,
        }),
    );
  }

  async #write(changes: readonly Change[]): Promise<WriteAnswer> {
    const asked = changes.map((change) => this.parts.memory.withOwnChanges(change));
    await refuseVoidVersion(this.parts.seen, asked, async (work) => (await this.#read(work, {})).data);
    const primary = this.#primary;
    let lost: unknown;
    // Asked twice: the primary may have been refused while the journals were looked at.
    const isAsked = () => asksPrimary(this.#breaker.state);
    if (!isAsked()) this.#background.called();
    const triedAt = this.parts.clock.now();
    if (primary !== undefined && isAsked() && !(await this.#mustWait(asked)) && isAsked()) {
      try {
        const answer = await primary.write(asked);
        this.#breaker.succeeded();
        this.#failures.wrote();
        this.#background.written(asked, answer.data);
        this.#watch.wake();
        return { ...answer, durability: primarySource(this.parts) };
      } catch (error) {
        const failure = this.#failures.meaningOf(error);
        const isMismatch = error instanceof IdentityMismatch;
        const isRefused = isMismatch || isOutdated(error);
        if (!isRefused && (failure === undefined || failure === 'contention')) throw error;
        if (failure === 'denied' && !this.#failures.mayWrite) throw error;
        if (failure !== 'partial' && failure !== 'denied') this.#failures.failed(error, triedAt);
        if (failure === 'mistake') throw error;
        // Of a database that is not the truth nothing was lost: it is told as one that is refused.
        if (!isMismatch) lost = error;
      }
    }
    if (this.#breaker.state === 'misconfigured' && lost === undefined) throw this.#failures.refusal();
    return await this.#lower.write(asked, lost);
  }

  async health(): Promise<StoreHealth> {
    const { project_id = null, project_slug = null } = this.parts.project();
    if (asksPrimary(this.#breaker.state) && this.#primary !== undefined) return await this.#primary.health();
    return {
      source: primarySource(this.parts),
      engine: this.parts.primaryLabel,
      location: this.parts.location,
      reachable: false,
      problem: this.#breaker.reason,
      project_slug,
      project_id,
      schema: 'current',
    };
  }

  async pending(): Promise<PendingWrite[]> {
    return [...(await this.parts.journals.waiting()).entries];
  }

  layers(): Promise<LayersReport> {
    return describeLayers(this.parts, this.#breaker);
  }

  watch: TrackerStore['watch'] = (listener) => this.#watch.listen(listener);

  async #copyPosition(): Promise<number | undefined> {
    const answer = await this.#lower.read((reader) => reader.findFeedPosition(), {}).catch(unlessNoLayer);
    return answer && answer.data.seq % PROVISIONAL_FEED_STEP;
  }

  /** While the primary takes everything nothing waits, and the journals are not asked. */
  async #waitingOrNone(): Promise<readonly PendingWrite[]> {
    if (this.#breaker.state === 'online' && !this.parts.journals.mayHold) return [];
    return (await this.parts.journals.waiting()).entries;
  }

  /** Called with every state that is entered, until the store is closed. */
  onState(listener: (state: TierState) => void): void {
    this.#listeners.push(listener);
  }

  get state(): TierState {
    return this.#breaker.state;
  }

  /** Waits until what is going on in the background has reached a rest, at most `ms`. */
  async settle(ms: number): Promise<void> {
    await this.#background.settle(ms);
  }

  async close(): Promise<void> {
    this.#listeners = [];
    this.#watch.close();
    this.#failures.close();
    await this.#background.stop();
    await this.#primary?.close();
    for (const replica of this.parts.replicas) await replica.close().catch(() => undefined);
    await this.parts.journals.close();
    this.parts.seen.close();
    this.parts.release?.();
  }

  async #connect(): Promise<Primary> {
    this.#primary ??= await this.parts.connect();
    return this.#primary;
  }

  async #reconnect(): Promise<Primary> {
    const old = this.parts.reopens === true ? this.#primary : undefined;
    if (old !== undefined) {
      this.#primary = undefined;
      await old.close();
    }
    return await this.#connect();
  }

  #known(): Partial<StoreIdentity> {
    const { project_id } = this.parts.project();
    const seen = this.parts.seen.seen();
    return { ...(project_id !== undefined && { project_id }), points: seen === undefined ? [] : [seen] };
  }

  #onTransition(to: TierState, reason: string | null): void {
    const { log, primaryLabel } = this.parts;
    log(messages.transition(primaryLabel, to, reason));
    if (asksPrimary(to)) this.#failures.reached();
    this.#background.wake();
    this.#watch.wake();
    for (const listener of this.#listeners) listener(to);
  }

  /** Whether an earlier write waits that this one must not overtake. */
  async #mustWait(changes: readonly Change[]): Promise<boolean> {
    const { footprint } = await this.parts.journals.waiting();
    // What an update is built on may lie in a journal that cannot be read at the moment.
    const isBuiltOnOwn = changes
      .flatMap(partsOf)
      .some(
        ({ own_changes, claim_token }) => own_changes !== undefined || isProvisionalToken(claim_token ?? 0),
      );
    if (isBuiltOnOwn && this.parts.journals.problems.size > 0) return true;
    return (
      !footprint.isEmpty && footprint.isInFrontOf(footprintOf(changes), this.parts.memory.held.forPerson)
    );
  }
}

function unlessNotThere(error: unknown): undefined {
  if (!isError(error, 'NotFoundError')) unlessNoLayer(error);
}

function unlessNoLayer(error: unknown): undefined {
  if (isError(error, 'DatabaseError')) return undefined;
  throw error;
}
