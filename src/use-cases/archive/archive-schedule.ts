/**
 * Archiving once a day, by whichever server runs. One process of a tracker folder does it; where several machines
 * share a database they may all do it, because every transaction looks again at what it moves, and what another
 * archived is simply not due any more.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { FILE_MODE } from '../../platform/file-modes.ts';
import type { Elected } from '../../storage/tiers/election.ts';
import type { Clock } from '../../platform/clock.ts';
import { archiveDue, type ArchiveOutcome } from './archive.ts';
import { PROGRAM, type Context } from '../support/context.ts';
import { describeFailure } from '../../storage/database/driver-errors.ts';

const DAY_MS = 86_400_000;
/** What a client asks for first has its turn before. */
const FIRST_LOOK_MS = 5_000;
/** How often it is looked whether a day is over, and a run is tried again that could not be made. */
const LOOK_PAUSE_MS = 15 * 60_000;
/** Holds the time of the last run. */
const LAST_RUN_FILE = 'last-archive-run';

export interface ArchiveScheduleOptions {
  context: Context;
  dataDir: string;
  clock: Clock;
  /** Lets one process of the folder do it at a time. */
  elect: (role: string, work: () => Promise<void>) => Promise<Elected<void>>;
  /** For what a person should know; one line. */
  log: (message: string) => void;
  /** Told of every run that moved something. */
  onRun?: (outcome: ArchiveOutcome) => void;
}

/** Looks for what is due from its start until it is stopped; keeps no work going on after that. */
export class ArchiveSchedule {
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  #stop: () => void = () => undefined;
  readonly #end = new Promise<void>((resolve) => (this.#stop = resolve));

  constructor(private readonly options: ArchiveScheduleOptions) {}

  start(): void {
    this.#running = this.#loop();
  }

  /** Resolves when the transaction that runs is over; what is left is due at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stop();
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { clock } = this.options;
    await Promise.race([clock.sleep(FIRST_LOOK_MS), this.#end]);
    while (!this.#stopped) {
      await this.runIfDue();
      if (!this.#stopped) await Promise.race([clock.sleep(LOOK_PAUSE_MS), this.#end]);
    }
  }

  /** Archives what is due unless that was done within a day. Never throws: another look comes. */
  async runIfDue(): Promise<void> {
    try {
      if (!(await this.#isDue())) return;
      await this.options.elect('archive', async () => {
        // Another process may have done it meanwhile.
        if (await this.#isDue()) await this.#run();
      });
    } catch (error) {
      this.options.log(`archiving was put off: ${describeFailure(error)}`);
    }
  }

  async #isDue(): Promise<boolean> {
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    const age = this.options.clock.now() - Date.parse(text.trim());
    // Not a time, or one that lies ahead because a clock was set back.
    return !(age >= 0 && age < DAY_MS);
  }

  async #run(): Promise<void> {
    const { context, clock, log, onRun } = this.options;
    // While the primary is away, nothing is archived: nobody waits for it.
    const { as_of } = await context.store.read((reader) => reader.findFeedPosition());
    if (as_of !== undefined || (await context.store.pending()).length > 0) return;
    const started = new Date(clock.now()).toISOString();
    const { data } = await archiveDue({ ...context, now: () => new Date(clock.now()) }, PROGRAM, {
      itemsMax: Number.MAX_SAFE_INTEGER,
      sparesRestored: true,
      shouldStop: () => this.#stopped,
    });
    if (data.more_due !== true) await this.#note(started);
    if (data.items_total === 0) return;
    log(`${data.items_total} items in ${data.subtrees_total} closed subtrees were moved to the archive`);
    onRun?.(data);
  }

  async #note(time: string): Promise<void> {
    const temporary = `${this.#file}.${randomUUID()}.tmp`;
    try {
      await writeFile(temporary, `${time}\n`, { flag: 'wx', mode: FILE_MODE });
      await rename(temporary, this.#file);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  get #file(): string {
    return path.join(this.options.dataDir, LAST_RUN_FILE);
  }
}
