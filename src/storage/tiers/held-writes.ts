/**
 * Why waiting writes could not be applied, and when they are tried again. All processes of a folder share it through
 * the outbox, so that a write that cannot be applied yet is tried once for all of them. Best effort, as the rest of
 * what a folder remembers: without it writes are tried more often than they need be.
 */
import type { Failure, Outbox } from '../journals/outbox.ts';

/** The part of the outbox that this needs; any of it may fail. */
export type FailureBook = Pick<Outbox, 'get' | 'set' | 'noteFailure' | 'attempts' | 'clearFailures'>;

/** A write that fails so often for no reason that is known is put aside, so that others go on. */
export const ATTEMPTS_MAX = 5;
const RETRY_PAUSE_MIN_MS = 1_000;
const RETRY_PAUSE_MAX_MS = 60_000;
/** With this a pause is about half as long as what was waited for already: nothing waits much longer than a fault lasted. */
const RETRY_PAUSE_GROWTH = 1.5;
/** What is put aside is tried again this often. */
const PARKED_PAUSE_MS = 600_000;
/** Each pause is cut or stretched by up to a quarter, so that folders that met the same fault do not stay in step. */
const JITTER = 0.25;

/** A write whose answer was lost may still be on its way: so long it is asked about. */
const ARRIVES_WITHIN_MS = 120_000;

const RETRY = 'replay_retry';
const PARKED = 'replay_parked';

interface Schedule {
  /** When what failed is tried again, in milliseconds since 1970. */
  due: number;
  pauseMs: number;
}

/** Of what waits: why, for those who are told. */
export interface HeldSummary {
  /** Put aside after failing. */
  parked: number;
  /** Tried again by themselves. */
  failing: number;
  /** Behind a conflict, or behind something that is put aside. */
  behind: number;
  /** Why the failing and the parked ones failed, each reason once. */
  reasons: string[];
}

export class HeldWrites {
  /** The ids of what waited for a person when this process last went through what waits. */
  forPerson: ReadonlySet<string> = new Set();
  /** What `failures` answered last. */
  #lastSeen: ReadonlyMap<string, Failure> = new Map();
  /** Of writes that lie in another journal than the outbox, or while it cannot be written. */
  readonly #failures = new Map<string, Failure>();
  /** What was found not to be settled while these conflicts were open. */
  #unsettled: { conflicts: string; since: ReadonlyMap<string, number> } = { conflicts: '', since: new Map() };
  #schedule: Schedule | undefined;
  #parkedTriedAt: number | undefined;

  /** @param attempt runs what needs the outbox; undefined when that fails or there is none */
  constructor(private readonly attempt: <T>(work: (book: FailureBook) => T) => T | undefined) {}

  /** The writes that could not be applied, by id. */
  failures(): ReadonlyMap<string, Failure> {
    const all = new Map(this.#failures);
    for (const [id, failure] of this.attempt((book) => book.attempts()) ?? []) all.set(id, failure);
    this.#lastSeen = all;
    return all;
  }

  /**
   * Of writes that are behind open conflicts, those that may have been settled, when their answers were lost.
   * @param conflicts ids of all that are open
   * @param now milliseconds since 1970
   */
  maybeSettled<Write extends { id: string }>(
    behind: readonly Write[],
    conflicts: readonly string[],
    now: number,
  ): Write[] {
    const key = conflicts.toSorted().join();
    if (this.#unsettled.conflicts !== key) this.#unsettled = { conflicts: key, since: new Map() };
    return behind.filter(
      ({ id }) => Math.abs(now - (this.#unsettled.since.get(id) ?? now)) < ARRIVES_WITHIN_MS,
    );
  }

  /** These were asked about and are not settled. */
  noteUnsettled(writes: readonly { id: string }[], now: number): void {
    const { conflicts, since } = this.#unsettled;
    this.#unsettled = {
      conflicts,
      since: new Map([...writes.map(({ id }) => [id, now] as const), ...since]),
    };
  }

  /** As it was last looked at: costs nothing, for every answer has it while something waits. */
  summaryOf(waiting: readonly { id: string }[]): HeldSummary {
    const summary: HeldSummary = { parked: 0, failing: 0, behind: 0, reasons: [] };
    const reasons = new Set<string>();
    for (const entry of waiting) {
      const failure = this.#lastSeen.get(entry.id);
      if (failure !== undefined) reasons.add(failure.reason);
      if (holdOf(entry, this.#lastSeen) === 'parked') summary.parked += 1;
      else if (failure !== undefined) summary.failing += 1;
      else if (this.forPerson.has(entry.id)) summary.behind += 1;
    }
    return { ...summary, reasons: [...reasons] };
  }

  /** An attempt counts unless the reason is known: one that passes, or that a person can mend. */
  noteFailure(
    id: string,
    { reason, isKnown, before }: { reason: string; isKnown: boolean; before: Failure | undefined },
  ): void {
    if (isKnown && before?.reason === reason) return;
    const attempts = (before?.attempts ?? 0) + (isKnown ? 0 : 1);
    if (this.attempt((book) => book.noteFailure(id, reason, isKnown)) === true) this.#failures.delete(id);
    else this.#failures.set(id, { attempts, reason });
  }

  /** Everything is tried again, as if for the first time. */
  forgive(): void {
    const ids = [...this.failures().keys()];
    this.#failures.clear();
    // What was on its way when the primary went may have arrived.
    this.#unsettled = { conflicts: '', since: new Map() };
    if (ids.length > 0) this.attempt((book) => book.clearFailures(ids));
    this.#setSchedule(undefined);
  }

  isRetryDue(now: number): boolean {
    const { due, pauseMs } = this.#readSchedule() ?? { due: 0, pauseMs: 0 };
    // A clock that was set back must not put it off.
    return now >= due || due - now > pauseMs * (1 + JITTER);
  }

  /** In how many milliseconds what failed is tried again. */
  dueInMs(now: number): number {
    return this.isRetryDue(now) ? 0 : (this.#readSchedule()?.due ?? now) - now;
  }

  /** After everything that was due was tried. @param hasProgressed whether something was applied that had failed */
  planRetry(now: number, random: number, hasProgressed: boolean): void {
    const before = hasProgressed ? undefined : this.#readSchedule();
    const pauseMs =
      before === undefined
        ? RETRY_PAUSE_MIN_MS
        : Math.min(before.pauseMs * RETRY_PAUSE_GROWTH, RETRY_PAUSE_MAX_MS);
    this.#setSchedule({ pauseMs, due: Math.round(now + pauseMs * (1 - JITTER + 2 * JITTER * random)) });
  }

  /** Nothing fails any more. */
  endRetries(): void {
    if (this.#readSchedule() !== undefined) this.#setSchedule(undefined);
  }

  isParkedDue(now: number): boolean {
    const triedAt = this.#readNumber(PARKED) ?? this.#parkedTriedAt;
    if (triedAt === undefined) this.noteParkedTried(now);
    return triedAt !== undefined && Math.abs(now - triedAt) >= PARKED_PAUSE_MS;
  }

  noteParkedTried(now: number): void {
    this.#parkedTriedAt = now;
    this.attempt((book) => book.set(PARKED, String(now)));
  }

  #readSchedule(): Schedule | undefined {
    const text = this.attempt((book) => book.get(RETRY));
    if (text === undefined) return this.#schedule;
    try {
      const { due, pauseMs } = JSON.parse(text) as Partial<Schedule>;
      return typeof due === 'number' && typeof pauseMs === 'number' ? { due, pauseMs } : undefined;
    } catch {
      return undefined;
    }
  }

  #setSchedule(schedule: Schedule | undefined): void {
    this.#schedule = schedule;
    this.attempt((book) => book.set(RETRY, schedule === undefined ? '' : JSON.stringify(schedule)));
  }

  #readNumber(name: string): number | undefined {
    const text = this.attempt((book) => book.get(name));
    const number = Number(text);
    return text === undefined || text === '' || Number.isNaN(number) ? undefined : number;
  }
}

/** Why a write is not even tried; undefined for one that is. */
export type Hold = 'parked' | 'newer_version';

export function holdOf(
  { id, newer }: { id: string; newer?: unknown },
  failures: ReadonlyMap<string, Pick<Failure, 'attempts'>>,
): Hold | undefined {
  if (newer !== undefined) return 'newer_version';
  return (failures.get(id)?.attempts ?? 0) >= ATTEMPTS_MAX ? 'parked' : undefined;
}
