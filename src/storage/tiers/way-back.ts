/**
 * When what waits is brought to the primary: at once what was just written, what failed for a while after growing
 * pauses, and what waits behind a conflict when that is settled, wherever. One process of a folder does it at a time.
 */
import { count } from '../../domain/text.ts';
import type { Job } from '../../domain/job.ts';
import { UNRECORDED } from '../operations/jobs.ts';
import type { Primary } from '../primary/sql-store.ts';
import { holdOf } from './held-writes.ts';
import { openConflictsOf, replayWaiting, type ReplayReport } from './replayer.ts';
import type { TieredParts } from './parts.ts';

/** What stays is looked at again this often, whatever is known of it: that costs one question. */
const LOOK_PAUSE_MS = 15_000;
/** Whether a conflict was settled elsewhere is asked this often while something waits behind one. */
const SETTLED_PAUSE_MS = 2_000;

export interface Pass {
  hasSettled: boolean;
  /** Nothing is left that could be done at the moment; undefined when another process is at it. */
  isAtRest: boolean | undefined;
}

export class WayBack {
  #lookedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** What stayed when this process looked last, with the reason if it failed. */
  #left: ReadonlyMap<string, string | undefined> = new Map();
  /** Conflicts behind which something may wait. */
  #conflicts: ReadonlySet<string> = new Set();
  readonly #tried = new Set<string>();
  #problem = '';

  constructor(private readonly parts: TieredParts) {}

  /** One pass over what waits. @throws DatabaseError when the primary fails; `onFailed` is told of it at once */
  async pass(primary: Primary, shouldStop: () => boolean, onFailed: (error: unknown) => void): Promise<Pass> {
    const { journals, memory, clock, elect, jobs = UNRECORDED } = this.parts;
    let hasSettled = false;
    const replay = async (job: Job) => {
      const report = await replayWaiting({
        primary,
        journals,
        memory,
        clock,
        tried: this.#tried,
        onSettled: () => (hasSettled = true),
        onFailed,
        shouldStop,
        onProgress: job.report,
      });
      const { applied, conflicts, rejected, held } = report;
      if (hasSettled) job.counts({ applied, conflicts, rejected, held: held.length });
      return report;
    };
    const turn = await elect('replay', () => jobs.run('replay', replay, { quiet: true }));
    const { entries } = await journals.waiting();
    if (!turn.ran) return { hasSettled, isAtRest: entries.length === 0 ? true : undefined };
    const { held, again, conflictsInTheWay } = turn.result;
    this.#log(turn.result);
    const failures = memory.held.failures();
    this.#lookedAt = again ? Number.NEGATIVE_INFINITY : clock.now();
    this.#askedAt = clock.now();
    this.#left = new Map(held.map((id) => [id, failures.get(id)?.reason]));
    this.#conflicts = new Set(conflictsInTheWay);
    return { hasSettled, isAtRest: !again && entries.every(({ id }) => this.#left.has(id)) };
  }

  /** Whether a pass would do something, as far as that can be told without one. */
  async isDue(primary: Primary): Promise<boolean> {
    const { journals, memory, clock } = this.parts;
    const { held } = memory;
    const { entries } = await journals.waiting();
    if (entries.length === 0) return false;
    const now = clock.now();
    const sinceLook = now - this.#lookedAt;
    if (sinceLook < 0 || sinceLook >= LOOK_PAUSE_MS) return true;
    const failures = held.failures();
    const isOther = (id: string) => !this.#left.has(id) || this.#left.get(id) !== failures.get(id)?.reason;
    if (entries.some(({ id }) => isOther(id))) return true;
    const isFailing = entries.some(({ id }) => failures.has(id) && !held.forPerson.has(id));
    if (isFailing && held.isRetryDue(now)) return true;
    if (entries.some((entry) => holdOf(entry, failures) === 'parked') && held.isParkedDue(now)) return true;
    const sinceAsked = now - this.#askedAt;
    if (this.#conflicts.size === 0 || (sinceAsked >= 0 && sinceAsked < SETTLED_PAUSE_MS)) return false;
    this.#askedAt = now;
    const open = new Set((await openConflictsOf(primary, entries)).map(({ id }) => id));
    return [...this.#conflicts].some((id) => !open.has(id));
  }

  /** A conflict was settled here: what waits behind it need not wait for the next look. */
  lookAgain(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** For how long nothing will be due; undefined while nothing waits. */
  pauseMs(waiting: number): number | undefined {
    if (waiting === 0) return undefined;
    const { memory, clock } = this.parts;
    const dueInMs = memory.held.dueInMs(clock.now());
    return dueInMs > 0 ? Math.min(SETTLED_PAUSE_MS, dueInMs) : SETTLED_PAUSE_MS;
  }

  #log({ applied, conflicts, rejected, held, problems }: ReplayReport): void {
    const { log, primaryLabel } = this.parts;
    const problem = problems.join('; ');
    if (problem !== '' && problem !== this.#problem) {
      log(
        `${primaryLabel} does not take some queued changes at the moment: ${problem}. They are tried again by themselves.`,
      );
    }
    if (held.length === 0 || problem !== '') this.#problem = problem;
    if (applied + conflicts + rejected === 0) return;
    const others = [
      ...(conflicts === 0 ? [] : [`${conflicts} in conflict`]),
      ...(rejected === 0 ? [] : [`${rejected} rejected`]),
      ...(held.length === 0 ? [] : [`${held.length} held back`]),
    ];
    log([`applied ${count(applied, 'queued change')}`, ...others].join(', '));
  }
}
