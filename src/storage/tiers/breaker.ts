/** Decides when the primary is no longer asked, and when it is looked for again. */
import type { Clock } from '../../platform/clock.ts';
import { TRANSITIONS, asksPrimary, type TierEvent, type TierState } from '../contract/state.ts';

/** One refusal is plain; a single slow answer may be chance. */
const TIMEOUTS_TO_OPEN = 2;
const GOOD_PROBES_TO_CLOSE = 2;
const PROBE_PAUSE_MIN_MS = 500;
const PROBE_PAUSE_MAX_MS = 15_000;
/** With this a pause is about half as long as the outage was until then. */
const PROBE_PAUSE_GROWTH = 1.5;
/** While somebody calls: the primary is to be used within seconds of its return. */
const CALLED_PAUSE_MAX_MS = 1_000;
/** A call counts for this long. */
const CALLED_MS = 5_000;
/** Between the probes that confirm each other. */
const CONFIRM_PAUSE_MS = 50;
/** Probes of many processes must not come in step: each pause is cut or stretched by up to a quarter. */
const JITTER = 0.25;

export class Breaker {
  #state: TierState = 'online';
  #reason: string | null = null;
  #since: string;
  #timeouts = 0;
  #goodProbes = 0;
  #badProbes = 0;
  #calledAt = Number.NEGATIVE_INFINITY;
  #kept = 0;

  constructor(
    private readonly clock: Clock,
    private readonly onTransition: (to: TierState, reason: string | null) => void = () => undefined,
  ) {
    this.#since = new Date(clock.now()).toISOString();
  }

  get state(): TierState {
    return this.#state;
  }

  /** Why the primary is not asked, in our words; null while it is. */
  get reason(): string | null {
    return this.#reason;
  }

  /** When the state was entered, ISO 8601. */
  get since(): string {
    return this.#since;
  }

  /** How many writes had to be kept so far: who looked for what waits before the last of them has not seen it. */
  get kept(): number {
    return this.#kept;
  }

  /** A call came in while the primary is not asked. @returns whether nobody had called for some time */
  called(): boolean {
    const wasIdle = !this.#isCalled;
    this.#calledAt = this.clock.now();
    return wasIdle;
  }

  get #isCalled(): boolean {
    return Math.abs(this.clock.now() - this.#calledAt) < CALLED_MS;
  }

  /** A call was answered. */
  succeeded(): void {
    this.#timeouts = 0;
  }

  /** A call failed for a reason of the layer's own. */
  failed(reason: string, { timedOut }: { timedOut: boolean }): void {
    this.#timeouts += 1;
    if (timedOut && this.#timeouts < TIMEOUTS_TO_OPEN && this.#state === 'online') return;
    this.#goodProbes = 0;
    this.move('primaryFailed', reason);
  }

  /** The primary could be read and written, and is the truth. */
  probeSucceeded(): void {
    this.#badProbes = 0;
    this.#goodProbes += 1;
    if (this.#goodProbes >= GOOD_PROBES_TO_CLOSE) this.move('recovered', null);
  }

  /** @param event what was found */
  probeFailed(reason: string, event: Extract<TierEvent, 'primaryFailed' | 'mismatch' | 'mistaken'>): void {
    this.#goodProbes = 0;
    this.#badProbes += 1;
    this.move(event, reason);
  }

  /** How long to wait before the next probe. */
  nextProbeMs(): number {
    if (this.#goodProbes > 0) return CONFIRM_PAUSE_MS;
    const max = this.#isCalled ? CALLED_PAUSE_MAX_MS : PROBE_PAUSE_MAX_MS;
    const pause = Math.min(PROBE_PAUSE_MIN_MS * PROBE_PAUSE_GROWTH ** this.#badProbes, max);
    return pause * (1 - JITTER + 2 * JITTER * this.clock.random());
  }

  move(event: TierEvent, reason: string | null): void {
    if (event === 'journaled') this.#kept += 1;
    const to = TRANSITIONS[this.#state][event];
    // In this state an outage, whose reason is another one, changes nothing.
    if (!(to === 'misconfigured' && event === 'primaryFailed')) {
      this.#reason = asReason(to, reason, this.#reason);
    }
    if (to === this.#state) return;
    this.#state = to;
    this.#since = new Date(this.clock.now()).toISOString();
    if (to === 'online' || to === 'replaying') {
      this.#timeouts = 0;
      this.#goodProbes = 0;
      this.#badProbes = 0;
    }
    this.onTransition(to, this.#reason);
  }
}

function asReason(state: TierState, reason: string | null, before: string | null): string | null {
  return asksPrimary(state) ? null : (reason ?? before);
}
