/**
 * Hints that something was committed to a store, by whomever. They are what makes live updates quick, and nothing
 * depends on them: a hint may be missing, late or needless, so the feed is also asked without one.
 */
export interface ChangeHints {
  /** Milliseconds after which the feed should be asked although there was no hint. */
  readonly pauseMs: number;
  /** No hint comes after this. */
  stop(): void;
}

/** The feed is asked this often where hints come by themselves; also by the cache's refresh. */
export const HINTED_PAUSE_MS = 2_000;
/** The same while they cannot come. */
export const UNHINTED_PAUSE_MS = 500;

/** Of a store that nobody else can write to. */
export const NO_HINTS: ChangeHints = { pauseMs: HINTED_PAUSE_MS, stop: () => undefined };
