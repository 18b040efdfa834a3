/** How long PostgreSQL is waited for: the limits, and the countdown by which this process measures its own. */

export interface PostgresTimeouts {
  /** For a new connection to be usable: name resolution, TLS and signing in included. Default 400. */
  connectMs: number;
  /** For the server to answer a statement; then the connection is given up. Default 800. */
  queryMs: number;
  /** For a statement to run, as the server measures it. Default `queryMs` less 100; 0 is no limit. */
  statementMs: number;
  /** For a lock of the server's; then the transaction is tried again. Default 3/8 of `queryMs`; 0 is no limit. */
  lockMs: number;
}

export const CONNECT_TIMEOUT_MS_DEFAULT = 400;
export const QUERY_TIMEOUT_MS_DEFAULT = 800;
/** The server gives a statement up before this process gives the connection up. */
const STATEMENT_MARGIN_MS = 100;
/** Leaves time to hear of it, and for the rest of the statement. */
const LOCK_SHARE = 3 / 8;
/** The server ends a transaction whose client it hears nothing of, which would otherwise keep its locks. */
const IDLE_TRANSACTION_TIMEOUT_MS = 5_000;

/** By default 400, 800, 700 and 300 ms; the server's own limits follow from `queryMs`. */
export function completeTimeouts({
  connectMs = CONNECT_TIMEOUT_MS_DEFAULT,
  queryMs = QUERY_TIMEOUT_MS_DEFAULT,
  statementMs = queryMs - STATEMENT_MARGIN_MS,
  lockMs = Math.round(queryMs * LOCK_SHARE),
}: Partial<PostgresTimeouts> = {}): PostgresTimeouts {
  return { connectMs, queryMs, statementMs, lockMs };
}

/**
 * While nothing can stand in: long enough for a busy machine, and for a server that is far away. A new connection is waited
 * for as long as an answer: who gives one up makes another, and waits at the end of the server's line again.
 */
const PATIENT_MS = 15_000;

/** The same or longer, for as long as nothing can stand in for the server. */
export function patientTimeouts({ connectMs, queryMs }: PostgresTimeouts): PostgresTimeouts {
  return completeTimeouts({
    connectMs: Math.max(connectMs, PATIENT_MS),
    queryMs: Math.max(queryMs, PATIENT_MS),
  });
}

/** The limits that the server keeps, by its own names; 0 is none. */
export interface ServerLimits {
  statement_timeout: number;
  lock_timeout: number;
  idle_in_transaction_session_timeout: number;
}

export function serverLimits({ statementMs, lockMs }: PostgresTimeouts): ServerLimits {
  return {
    statement_timeout: statementMs,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
  };
}

export const NO_SERVER_LIMITS: ServerLimits = {
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
};

const COUNTDOWN_STEPS = 8;

/**
 * Calls `onEnd` after `limitMs` of time in which this process could have heard of an answer: while it is busy
 * or suspended, answers lie unread, so that any such pause counts as one step only.
 */
export class Countdown {
  readonly #timer: NodeJS.Timeout;
  #stepsLeft = COUNTDOWN_STEPS;

  constructor(limitMs: number, onEnd: () => void) {
    this.#timer = setInterval(() => {
      this.#stepsLeft -= 1;
      if (this.#stepsLeft > 0) return;
      this.stop();
      onEnd();
    }, limitMs / COUNTDOWN_STEPS);
  }

  restart(): void {
    this.#stepsLeft = COUNTDOWN_STEPS;
    this.#timer.refresh();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
