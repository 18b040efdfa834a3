/**
 * The operational store: which long or background work ran, how far it is and how it ended, for every process of
 * a tracker folder. Best effort: what cannot be recorded is kept in memory and tried again, and the work goes on as
 * if nothing were; no failure of the store reaches it.
 *
 *     queued ──▶ running ──▶ succeeded | failed | cancelled
 *        └──────────┴──────▶ interrupted    its process ended; found by the next one that looks
 */
import { isUseless } from '../primary/side-file.ts';
import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  isOver,
  plainCounts,
  plainProgress,
  type Job,
  type JobFilter,
  type JobKind,
  type JobOptions,
  type JobRecord,
  type NewSnapshotEvent,
  type SnapshotEvent,
} from '../../domain/job.ts';
import { TrackerError } from '../../domain/errors.ts';
import { describeDriverError } from '../database/driver-errors.ts';
import { describeJobError, isAbort } from './job-error.ts';
import * as rows from './job-rows.ts';
import { OperationsUnavailable, type JobHistory, type Jobs } from './jobs.ts';
import { LiveJob } from './live-job.ts';
import {
  NewerOperations,
  openOperationsFile,
  readOperationsFile,
  replaceDamaged,
  type OperationsFile,
} from './operations-file.ts';
import { thisProcess } from './owner.ts';

export const OPERATIONS_FILE = 'operations.db';
/** A running job gives a sign of life this often; see `LEASE_MS`. */
const HEARTBEAT_MS = 15_000;
/** Progress is written at most this often. */
const PROGRESS_PAUSE_MS = 500;
/** After a failure nothing is tried for this long: each try on a locked file holds up the work a little. */
const RETRY_PAUSE_MS = 1_000;
/** Ended jobs and snapshot events that wait to be written, at most; the oldest are given up. */
const UNSAVED_MAX = 200;
/** How many jobs this process ends between two clearings. */
const ENDED_PER_PRUNING = 100;
const REFERENCE_MAX_CHARACTERS = 500;
const STOPPED = 'the program was stopped before the job was done';

/** Safe for any number of jobs at once, and of processes. */
export class Operations implements Jobs, JobHistory {
  readonly location: string;
  #file: OperationsFile | undefined;
  #closed = false;
  #failedAt = Number.NEGATIVE_INFINITY;
  #heartbeat: NodeJS.Timeout | undefined;
  #ended = 0;
  /** Abandoned jobs that were found and not told of yet. */
  #interrupted = 0;
  readonly #live = new Set<LiveJob>();
  /** What ended and is not written yet. */
  readonly #unsavedJobs = new Map<string, JobRecord>();
  #unsavedEvents: SnapshotEvent[] = [];

  /**
   * Opens nothing yet: that is left to the first job.
   * @param dataDir the tracker's folder; where it is missing nothing is recorded
   */
  constructor(
    private readonly dataDir: string,
    private readonly now: () => number = Date.now,
  ) {
    this.location = path.join(dataDir, OPERATIONS_FILE);
  }

  async run<T>(kind: JobKind, work: (job: Job) => Promise<T>, options: JobOptions = {}): Promise<T> {
    const { onProgress, quiet = false, turn } = options;
    const live = new LiveJob(kind, this.#time());
    const job: Job = {
      id: live.record.id,
      report: (progress) => {
        Object.assign(live.record, plainProgress(progress));
        this.#progressed(live);
        try {
          onProgress?.(progress);
        } catch {
          // Whoever watches does not stop the work.
        }
      },
      counts: (counts) => {
        live.record.counts = plainCounts({ ...live.record.counts, ...counts });
        this.#progressed(live);
      },
      snapshot: (event) => this.snapshot(event, live),
      cancelled: () => (live.isCancelled = true),
    };
    const start = () => Object.assign(live.record, { state: 'running', started_at: this.#time() });
    if (turn === undefined) start();
    if (!quiet) this.#begin(live);
    try {
      if (turn !== undefined) {
        await turn();
        start();
        if (live.isRecorded) this.#save(live);
      }
      const result = await work(job);
      this.#end(live, live.isCancelled ? 'cancelled' : 'succeeded', null);
      return result;
    } catch (error) {
      if (isAbort(error)) this.#end(live, 'cancelled', null);
      else this.#end(live, 'failed', describeJobError(error));
      throw error;
    }
  }

  snapshot(event: NewSnapshotEvent, live?: LiveJob): void {
    if (live !== undefined && !live.isRecorded) this.#begin(live);
    this.#unsavedEvents.push({
      kind: event.kind,
      at: this.#time(),
      reference: event.reference.slice(0, REFERENCE_MAX_CHARACTERS),
      bytes: event.bytes ?? null,
      counts: plainCounts(event.counts ?? {}),
      job_id: live?.record.id ?? null,
    });
    this.#unsavedEvents = this.#unsavedEvents.slice(-UNSAVED_MAX);
    this.#flush();
    this.#beat();
  }

  list(filter: JobFilter): rows.JobPage {
    return this.#read((file) => rows.listJobs(file, filter), {
      items: [],
      total_count: 0,
      next_cursor: null,
    });
  }

  find(id: string): JobRecord | undefined {
    return this.#read((file) => rows.findJob(file, id), undefined);
  }

  findIds(range: { from: string; to: string }): { id: string; title: string }[] {
    return this.#read((file) => rows.findJobIds(file, range), []);
  }

  snapshots(of: { job_id?: string; limit: number }): SnapshotEvent[] {
    return this.#read((file) => rows.listSnapshots(file, of), []);
  }

  /**
   * Notes as `interrupted` what a process left behind that is gone. Never throws.
   * @returns how many jobs that were
   */
  interruptAbandoned(): number {
    if (!existsSync(this.location)) return 0;
    this.#attempt((file) => {
      this.#interrupted += rows.interruptAbandoned(file, this.now());
    });
    const found = this.#interrupted;
    this.#interrupted = 0;
    return found;
  }

  /** Writes what is not written yet; jobs that still run are `interrupted`. Safe to call more than once. */
  close(): void {
    if (this.#closed) return;
    clearInterval(this.#heartbeat);
    for (const live of [...this.#live]) this.#end(live, 'interrupted', STOPPED);
    this.#failedAt = Number.NEGATIVE_INFINITY;
    this.#flush();
    this.#closed = true;
    this.#drop();
  }

  #begin(live: LiveJob): void {
    live.isRecorded = true;
    this.#live.add(live);
    this.#save(live);
    this.#beat();
  }

  #progressed(live: LiveJob): void {
    if (isOver(live.record.state)) return;
    const isFirst = live.savedPhase === null && live.record.phase !== null;
    if (!live.isRecorded) this.#begin(live);
    else if (isFirst || this.#isOver(PROGRESS_PAUSE_MS, live.savedAt)) this.#save(live);
    else live.saveLater ??= setTimeout(() => this.#save(live), PROGRESS_PAUSE_MS).unref();
  }

  #end(live: LiveJob, state: JobRecord['state'], error: string | null): void {
    const { record } = live;
    if (!live.isRecorded || isOver(record.state)) return;
    clearTimeout(live.saveLater);
    Object.assign(record, { state, error, ended_at: this.#time(), updated_at: this.#time() });
    this.#live.delete(live);
    this.#unsavedJobs.set(record.id, record);
    const [oldest] = this.#unsavedJobs.keys();
    if (this.#unsavedJobs.size > UNSAVED_MAX && oldest !== undefined) this.#unsavedJobs.delete(oldest);
    this.#flush();
    if (this.#isIdle()) clearInterval(this.#heartbeat);
    this.#ended += 1;
    if (this.#ended % ENDED_PER_PRUNING === 0) this.#attempt((file) => rows.prune(file, this.now()));
  }

  #save(live: LiveJob): void {
    clearTimeout(live.saveLater);
    live.saveLater = undefined;
    live.record.updated_at = this.#time();
    live.savedAt = this.now();
    live.savedPhase = live.record.phase;
    this.#attempt((file) => rows.saveJob(file, live.record, thisProcess()));
  }

  #flush(): void {
    if (this.#unsavedJobs.size === 0 && this.#unsavedEvents.length === 0) return;
    this.#attempt((file) => {
      file.transaction(() => {
        const owner = thisProcess();
        for (const job of this.#unsavedJobs.values()) rows.saveJob(file, job, owner);
        for (const event of this.#unsavedEvents) rows.addSnapshot(file, event);
      });
      this.#unsavedJobs.clear();
      this.#unsavedEvents = [];
    });
  }

  /** Runs only while something runs or waits to be written; it keeps no process alive. */
  #beat(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      for (const live of this.#live) this.#save(live);
      this.#flush();
      if (this.#isIdle()) clearInterval(this.#heartbeat);
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  #isIdle(): boolean {
    return this.#live.size === 0 && this.#unsavedJobs.size === 0 && this.#unsavedEvents.length === 0;
  }

  /** Never throws. A damaged file is put aside and made again at once; after any other failure there is a pause. */
  #attempt(work: (file: OperationsFile) => void): void {
    if (this.#closed || !this.#isOver(RETRY_PAUSE_MS, this.#failedAt) || !existsSync(this.dataDir)) return;
    for (let attempt = 1; ; attempt += 1) {
      try {
        work(this.#current());
        this.#failedAt = Number.NEGATIVE_INFINITY;
        return;
      } catch (error) {
        if (attempt === 1 && isUseless(error) && this.#replace()) continue;
        this.#failedAt = this.now();
        this.#drop();
        return;
      }
    }
  }

  #replace(): boolean {
    const damaged = this.#file;
    this.#file = undefined;
    try {
      if (damaged !== undefined) replaceDamaged(damaged);
      return true;
    } catch {
      return false;
    } finally {
      close(damaged);
    }
  }

  #current(): OperationsFile {
    if (this.#file?.isCurrent() === false) this.#drop();
    if (this.#file === undefined) {
      this.#file = openOperationsFile(this.location);
      this.#interrupted += rows.interruptAbandoned(this.#file, this.now());
      rows.prune(this.#file, this.now());
    }
    return this.#file;
  }

  #drop(): void {
    close(this.#file);
    this.#file = undefined;
  }

  /** Tells the truth about abandoned jobs first, as far as it can be written. */
  #read<T>(work: (file: OperationsFile) => T, none: T): T {
    if (!existsSync(this.location)) return none;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const file = this.#current();
        rows.interruptAbandoned(file, this.now());
        return work(file);
      } catch (error) {
        // What was asked is wrong, not the file.
        if (error instanceof TrackerError) throw error;
        if (attempt === 1 && isUseless(error) && this.#replace()) continue;
        this.#drop();
        return this.#readCopy(work, none, error);
      }
    }
  }

  /** A file that cannot be written may still be readable. */
  #readCopy<T>(work: (file: OperationsFile) => T, none: T, why: unknown): T {
    let file: OperationsFile | undefined;
    try {
      file = readOperationsFile(this.location);
      if (file === undefined) return none;
      rows.interruptAbandoned(file, this.now());
      return work(file);
    } catch {
      const reason =
        why instanceof NewerOperations ? 'it was made by a newer Worktrail' : describeDriverError(why);
      throw new OperationsUnavailable(reason, { cause: why });
    } finally {
      close(file);
    }
  }

  #time(): string {
    return new Date(this.now()).toISOString();
  }

  /** Whether a pause is over; so it is when the clock was set back since it began. */
  #isOver(pauseMs: number, since: number): boolean {
    const age = this.now() - since;
    return age < 0 || age >= pauseMs;
  }
}

function close(file: OperationsFile | undefined): void {
  try {
    file?.close();
  } catch {
    // Nothing of it is needed any more.
  }
}
