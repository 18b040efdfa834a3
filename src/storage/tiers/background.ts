/**
 * What a tiered store does by itself: it looks for a primary that is away, replays what waits, keeps the cache
 * fresh and takes snapshots. One loop per process; work that one process can do for all is elected for.
 */
import { isError } from '../../domain/errors.ts';
import type { Applied, Change } from '../../domain/change.ts';
import type { Job } from '../../domain/job.ts';
import { UNRECORDED, type Jobs } from '../operations/jobs.ts';
import type { Connection } from '../database/connection.ts';
import { describeFailure, layerFailure, type LayerFailure, reasonOf } from '../database/driver-errors.ts';
import { IdentityMismatch } from '../database/feed-guard.ts';
import type { Primary } from '../primary/sql-store.ts';
import type { Breaker } from './breaker.ts';
import type { CacheReplica } from '../replicas/cache.ts';
import { UncachedWrites } from './uncached-writes.ts';
import { isMismatch, type PrimaryFailures } from './primary-failures.ts';
import { countIdentity, mismatchOf, readIdentity, type StoreIdentity } from '../contract/store-identity.ts';
import { WayBack } from './way-back.ts';
import type { TieredParts } from './parts.ts';

/** The feed is asked this often for what others changed. */
const REFRESH_PAUSE_MS = 2_000;
const SNAPSHOT_PAUSE_MS = 60_000;
/** The pause between snapshots is at least this many times what one takes. */
const SNAPSHOT_SHARE = 20;
/** A process that lived shorter leaves the snapshot to others while the last one is fresh. */
const SHORT_LIFE_MS = 10_000;
/** How long an answer waits for the cache to learn of this process's own writes. */
const UNCACHED_PATIENCE_MS = 200;
/** Another process is replaying, or was in the way for a moment. */
const SHORT_PAUSE_MS = 100;
/** How long the end of the process waits for what is going on, */
const STOP_PATIENCE_MS = 300;
/** and for a snapshot that is long due: on a slow machine there would never be one where only commands are used. */
const SNAPSHOT_PATIENCE_MS = 3_000;
const SNAPSHOT_LONG_DUE_MS = 3_600_000;
/** What an idle loop sleeps; it is woken for everything that matters. */
const IDLE_PAUSE_MS = 60_000;

const NONE: ReadonlySet<string> = new Set();

export interface BackgroundOptions {
  parts: TieredParts;
  breaker: Breaker;
  connect: () => Promise<Primary>;
  /** The same, for a primary that failed. */
  reconnect: () => Promise<Primary>;
  known: () => Partial<StoreIdentity>;
  failures: PrimaryFailures;
}

export class Background {
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #wake: () => void = () => undefined;
  #isWoken = false;
  readonly #uncached: UncachedWrites | undefined;
  readonly #jobs: Jobs;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #snapshotAt = Number.NEGATIVE_INFINITY;
  #snapshotPauseMs = 0;
  #startedAt = 0;
  #snapshotDue = false;
  /** One is being taken after a long time, or for the first time. */
  #snapshotLongDue = false;
  #hasRefreshed = false;
  #refreshedTo: number | undefined;
  #refreshProblem: string | undefined;
  readonly #wayBack: WayBack;

  constructor(private readonly options: BackgroundOptions) {
    const { cache } = options.parts;
    this.#uncached = cache && new UncachedWrites(cache);
    this.#jobs = options.parts.jobs ?? UNRECORDED;
    this.#wayBack = new WayBack(options.parts);
  }

  start(): void {
    this.#startedAt = this.options.parts.clock.now();
    this.#running = this.#loop();
  }

  /** Ends the loop; what is due at the end of a process is done now, as far as there is time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#atMost(STOP_PATIENCE_MS, this.#running);
    const last = this.#lastWork().catch(() => undefined);
    await this.#atMost(STOP_PATIENCE_MS, last);
    // It may have been begun by the loop.
    const all = Promise.all([this.#running, last]).then(() => undefined);
    const { snapshotPatienceMs = SNAPSHOT_PATIENCE_MS } = this.options.parts;
    if (this.#snapshotLongDue) await this.#atMost(snapshotPatienceMs, all);
  }

  /** Looks at the state now instead of later. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Somebody called while the primary is not asked: it is looked for sooner, and the call does not wait for that. */
  called(): void {
    if (this.options.breaker.called()) this.wake();
  }

  /** The primary applied these; the cache learns of them by the feed, or when it is asked before. */
  written(changes: readonly Change[], applied: readonly Applied[]): void {
    this.#snapshotDue = true;
    if (this.#uncached?.note(changes, applied) === true) {
      this.#refreshedAt = Number.NEGATIVE_INFINITY;
      this.wake();
    }
    if (changes.some(({ kind }) => kind === 'resolve')) {
      this.#wayBack.lookAgain();
      this.wake();
    }
  }

  /**
   * Resolves when the cache has what this process wrote, or soon: filling the cache may hold that up.
   * @returns the changes that it does not have
   */
  async uncached(): Promise<ReadonlySet<string>> {
    if (this.#uncached === undefined) return NONE;
    await this.#atMost(UNCACHED_PATIENCE_MS, this.#uncached.apply());
    return this.#uncached.lacking;
  }

  /** @throws IdentityMismatch */
  async checkIdentity(primary: Primary, read = readIdentity): Promise<void> {
    const { cache, seen } = this.options.parts;
    const cached = (await cache?.known().catch(() => undefined)) ?? {};
    const { identity, known } = await this.#readIdentity(primary, async (c) => {
      // Just before the primary is read: what others note later may be newer than what is read, and a connection may take long.
      const known = this.options.known();
      return { known, identity: await read(c, [...(known.points ?? []), ...(cached.points ?? [])]) };
    });
    const mismatch = mismatchOf(identity, known) ?? mismatchOf(identity, cached);
    if (mismatch !== null) throw new IdentityMismatch(mismatch);
    seen.saw(identity, known.points?.[0]);
  }

  /** Waits until nothing is left to do for now, at most `ms`. */
  async settle(ms: number): Promise<void> {
    const { clock } = this.options.parts;
    const until = clock.now() + ms;
    while (this.options.breaker.state !== 'online' && clock.now() < until) await clock.sleep(20);
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#step();
      } catch (error) {
        this.#failed(error);
        await this.#rest(SHORT_PAUSE_MS);
      }
    }
  }

  async #step(): Promise<void> {
    const { breaker } = this.options;
    switch (breaker.state) {
      case 'offline':
      case 'refused':
      case 'misconfigured':
        await this.#rest(breaker.nextProbeMs());
        if (!this.#stopped) await this.#probe();
        return;
      case 'replaying':
        return await this.#replay();
      case 'online':
        return await this.#keepFresh();
    }
  }

  async #probe(): Promise<void> {
    const { breaker, parts } = this.options;
    const triedAt = parts.clock.now();
    try {
      const primary = await this.options.reconnect();
      await primary.probe();
      await this.checkIdentity(primary, countIdentity);
      breaker.probeSucceeded();
      // What failed may have been the outage itself.
      if (breaker.state === 'replaying') parts.memory.held.forgive();
    } catch (error) {
      if (!this.#stopped) this.options.failures.probeFailed(error, triedAt);
    }
  }

  async #replay(): Promise<void> {
    const { breaker } = this.options;
    const primary = await this.options.connect();
    // A write that is kept from here on may have been missed by the pass.
    const { kept } = breaker;
    const isAtRest = await this.#pass(primary);
    if (breaker.state !== 'replaying') return;
    if (isAtRest === true && breaker.kept === kept) breaker.move('drained', null);
    // What was settled and cannot be let go of must not be tried again without a pause.
    else await this.#rest(SHORT_PAUSE_MS);
  }

  /** @returns whether nothing is left to do; undefined when another process is at it */
  async #pass(primary: Primary): Promise<boolean | undefined> {
    const { breaker } = this.options;
    const { state } = breaker;
    // A primary that failed meanwhile may be another when it answers again: it is looked at first.
    const shouldStop = () => this.#stopped || breaker.state !== state;
    const { hasSettled, isAtRest } = await this.#wayBack.pass(primary, shouldStop, (error) =>
      this.#failed(error),
    );
    if (hasSettled) {
      this.#snapshotDue = true;
      await this.#refresh(primary);
    }
    return isAtRest;
  }

  async #keepFresh(): Promise<void> {
    const { parts, breaker } = this.options;
    const primary = await this.options.connect();
    if (parts.cache !== undefined && this.#isOver(REFRESH_PAUSE_MS, this.#refreshedAt)) {
      await this.#refresh(primary);
    }
    if (breaker.state !== 'online' || this.#stopped) return;
    // What failed before is tried beside the work that goes on: nobody is told of another state for it.
    if (await this.#wayBack.isDue(primary)) {
      if ((await this.#pass(primary)) !== true) await this.#rest(SHORT_PAUSE_MS);
      return;
    }
    await this.#snapshot(primary);
    const { entries } = await parts.journals.waiting();
    const idleMs = this.#snapshotDue ? SNAPSHOT_PAUSE_MS : IDLE_PAUSE_MS;
    const pauseMs = parts.cache === undefined ? idleMs : REFRESH_PAUSE_MS;
    await this.#rest(Math.min(pauseMs, this.#wayBack.pauseMs(entries.length) ?? pauseMs));
  }

  /** Copies what is new; a primary that is not the truth is not used any further. */
  async #refresh(primary: Primary): Promise<void> {
    const { parts, breaker } = this.options;
    const { cache } = parts;
    if (cache === undefined) return;
    this.#refreshedAt = parts.clock.now();
    try {
      const forget = this.#uncached?.mark();
      let known = this.options.known();
      const before = known.points?.[0]?.seq ?? 0;
      const findKnown = () => (known = this.options.known());
      const refresh = async (job: Job) =>
        cache.refresh(primary, () => parts.journals.waiting(), findKnown, job.report);
      const turn = await parts.elect('refresh', () =>
        this.#jobs.run('cache_refresh', refresh, { quiet: true }),
      );
      this.#hasRefreshed = true;
      this.#refreshProblem = undefined;
      await this.#endPatience(cache);
      if (!turn.ran) return;
      forget?.();
      if (turn.result.seq > (this.#refreshedTo ?? before)) this.#snapshotDue = true;
      this.#refreshedTo = turn.result.seq;
      parts.seen.saw(turn.result, known.points?.[0]);
    } catch (error) {
      if (error instanceof IdentityMismatch) breaker.move('mismatch', error.message);
      else if (layerFailure(error) === 'partial') await this.checkIdentity(primary);
      else if (isWhole(this.options.failures.meaningOf(error)) && !isOwnTrouble(error)) this.#failed(error);
      else this.#noteRefreshProblem(error);
    }
  }

  /** A copy can stand in for the primary from now on. */
  async #endPatience(cache: CacheReplica): Promise<void> {
    const { patience } = this.options.parts;
    if (patience?.isOver === false && (await cache.age()) !== undefined) patience.end();
  }

  #noteRefreshProblem(error: unknown): void {
    const problem = reasonOf(error);
    if (problem !== this.#refreshProblem)
      this.options.parts.log(`the local cache is not kept fresh: ${problem}`);
    this.#refreshProblem = problem;
  }

  async #readIdentity<T>(primary: Primary, read: (c: Connection) => Promise<T>): Promise<T> {
    try {
      return await primary.inSnapshot(read);
    } catch (error) {
      if (layerFailure(error) !== 'partial') throw error;
      throw new IdentityMismatch('it does not have the tables of this project', { cause: error });
    }
  }

  async #snapshot(primary: Primary): Promise<void> {
    if (!this.#snapshotDue) return;
    if (!this.#isOver(this.#snapshotPauseMs, this.#snapshotAt)) return;
    await this.#takeSnapshot(primary, 0);
  }

  async #takeSnapshot(primary: Primary, minAgeMs: number): Promise<void> {
    const { snapshot, cache, clock, elect } = this.options.parts;
    if (snapshot === undefined) return;
    const started = clock.now();
    this.#snapshotDue = false;
    await elect('snapshot', async () => {
      const age = (await snapshot.age()) ?? Number.POSITIVE_INFINITY;
      // A clock that was set back says nothing.
      if (age >= 0 && age < minAgeMs) return;
      this.#snapshotLongDue = Math.abs(age) > SNAPSHOT_LONG_DUE_MS;
      // The last refresh may be long ago, or have failed for a reason of the cache. An embedded file is compared by itself.
      if (cache !== undefined) await this.checkIdentity(primary);
      await snapshot.take(primary);
      this.#snapshotLongDue = false;
    });
    // A large tracker takes seconds: most of the time must be left for others.
    this.#snapshotAt = started;
    this.#snapshotPauseMs = Math.max(SNAPSHOT_PAUSE_MS, SNAPSHOT_SHARE * (clock.now() - started));
  }

  async #lastWork(): Promise<void> {
    const { parts, breaker } = this.options;
    if (breaker.state !== 'online') return;
    await this.#uncached?.apply();
    const primary = await this.options.connect();
    if (!this.#hasRefreshed) await this.#refresh(primary);
    if (!this.#snapshotDue) return;
    const isShortLived = parts.clock.now() - this.#startedAt < SHORT_LIFE_MS;
    await this.#takeSnapshot(primary, isShortLived ? SNAPSHOT_PAUSE_MS : 0);
  }

  #failed(error: unknown): void {
    // The store closes under what it could not wait for: that says nothing of the primary.
    if (this.#stopped) return;
    const { parts, failures } = this.options;
    const failure = failures.meaningOf(error);
    if (isMismatch(error) || isWhole(failure)) failures.failed(error, parts.clock.now());
    else if (failure === undefined) {
      parts.log(`background work failed: ${describeFailure(error)}`);
    }
  }

  /** Whether a pause is over; so it is when the clock was set back since it began. */
  #isOver(pauseMs: number, since: number): boolean {
    const age = this.options.parts.clock.now() - since;
    return age < 0 || age >= pauseMs;
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isWoken || this.#stopped) {
      this.#isWoken = false;
      await this.options.parts.clock.sleep(0);
      return;
    }
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([this.options.parts.clock.sleep(ms), woken]);
    this.#isWoken = false;
  }

  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    await Promise.race([work, this.options.parts.clock.sleep(ms)]);
  }
}

function isWhole(failure: LayerFailure | undefined): boolean {
  return failure === 'unavailable' || failure === 'mistake';
}

/** Errors of the primary are worded already; a raw one is the cache's. */
function isOwnTrouble(error: unknown): boolean {
  return !isError(error, 'DatabaseError');
}
