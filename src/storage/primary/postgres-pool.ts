/** Connections to PostgreSQL, made when first needed, handed out one caller at a time, and kept until they die. */
import { codedError } from '../database/driver-errors.ts';
import { PostgresConnection, type ConnectionEvents } from './postgres-connection.ts';
import { explained, type ConnectionOptions } from './postgres-driver.ts';
import type { Patience } from './patience.ts';
import { Countdown, patientTimeouts } from './postgres-timeouts.ts';

/** Connections per process: a client works serially, and sixteen processes must fit a default server's 100. */
const POOL_SIZE = 5;
/** How much longer than for a statement, or a new connection, a caller waits for a connection on which nothing is answered. */
const POOL_MARGIN_MS = 100;
/** How long `close` waits for work that runs. */
const CLOSE_TIMEOUT_MS = 700;

export class PostgresPool {
  /** Those that exist or are being made. */
  #size = 0;
  readonly #open = new Set<PostgresConnection>();
  readonly #idle: PostgresConnection[] = [];
  readonly #waiting: Waiter[] = [];
  #options: ConnectionOptions;
  #answeredAt = -Infinity;
  #closing: Promise<void> | undefined;
  #onEmpty: () => void = () => undefined;

  constructor(options: ConnectionOptions, patience?: Patience) {
    const isPatient = patience !== undefined && !patience.isOver;
    this.#options = isPatient ? { ...options, timeouts: patientTimeouts(options.timeouts) } : options;
    if (isPatient) patience.whenOver(() => this.#change(options));
  }

  get options(): ConnectionOptions {
    return this.#options;
  }

  /**
   * @throws an error with the code POOL_TIMEOUT when every connection is in use and the server has answered
   * nothing on any of them for longer than it may; while it answers, callers wait for their turn
   */
  async use<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    try {
      return await this.#use(work);
    } catch (error) {
      throw explained(error, this.options);
    }
  }

  async #use<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    for (;;) {
      const connection = await this.#acquire();
      const { answers } = connection;
      try {
        return await work(connection);
      } catch (error) {
        // Cut while it was idle, which is noticed only now: nothing was done, and another one may do.
        const wasCut = connection.isDead && !connection.fellSilent;
        const wasCutBefore = wasCut && answers > 0 && connection.answers === answers;
        if (!wasCutBefore || this.#closing !== undefined) throw error;
      } finally {
        this.#release(connection);
      }
    }
  }

  /** Ends every connection, after a second at the latest: a dead server must not hold up the end of the process. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** A caller on which nothing is answered waits for a connection this long. */
  get #patienceMs(): number {
    const { connectMs, queryMs } = this.#options.timeouts;
    return Math.max(connectMs, queryMs) + POOL_MARGIN_MS;
  }

  /** Connections that are in use end when they are given back. */
  #change(options: ConnectionOptions): void {
    this.#options = options;
    for (const idle of [...this.#idle]) idle.die(ended());
  }

  async #acquire(): Promise<PostgresConnection> {
    if (this.#closing !== undefined) throw ended();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const asked = performance.now();
    if (this.#size < POOL_SIZE) this.#size += 1;
    else {
      const given = await this.#turn();
      if (given !== undefined) return given;
    }
    // Who has waited without any sign of the server has less time left to find it.
    const waitedMs = performance.now() - Math.max(asked, this.#answeredAt);
    return await this.#connect(Math.min(this.options.timeouts.connectMs, this.#patienceMs - waitedMs));
  }

  #turn(): Promise<PostgresConnection | undefined> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        give: (connection) => {
          waiter.patience.stop();
          resolve(connection);
        },
        refuse: (error) => {
          waiter.patience.stop();
          reject(error);
        },
        patience: new Countdown(this.#patienceMs, () => {
          this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
          reject(codedError('POOL_TIMEOUT', 'no connection became free in time'));
        }),
      };
      this.#waiting.push(waiter);
    });
  }

  async #connect(limitMs: number): Promise<PostgresConnection> {
    try {
      const connection = await PostgresConnection.connect(this.options, this.#events, limitMs);
      this.#open.add(connection);
      return connection;
    } catch (error) {
      this.#freePlace();
      throw error;
    }
  }

  readonly #events: ConnectionEvents = {
    answered: () => {
      this.#answeredAt = performance.now();
      for (const { patience } of this.#waiting) patience.restart();
    },
    died: (connection, error) => {
      this.#open.delete(connection);
      const index = this.#idle.indexOf(connection);
      if (index >= 0) {
        this.#idle.splice(index, 1);
        this.#freePlace();
      }
      // Where one connection fell silent the idle ones have too; each would cost a caller the same wait.
      if (connection.fellSilent) for (const idle of [...this.#idle]) idle.die(error);
    },
  };

  #release(connection: PostgresConnection): void {
    if (connection.options !== this.#options) connection.die(ended());
    if (connection.isDead) return this.#freePlace();
    const next = this.#waiting.shift();
    if (next !== undefined) return next.give(connection);
    this.#idle.push(connection);
    if (this.#closing !== undefined) void connection.end().catch(() => undefined);
  }

  #freePlace(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.give(undefined);
    this.#size -= 1;
    if (this.#size === 0) this.#onEmpty();
  }

  async #close(): Promise<void> {
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(ended());
    for (const connection of this.#idle) void connection.end().catch(() => undefined);
    if (this.#size > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
        timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
      });
      clearTimeout(timer);
    }
    for (const connection of this.#open) connection.die(ended());
  }
}

interface Waiter {
  /** Hands over a connection, or with `undefined` the right to make one. */
  give(connection: PostgresConnection | undefined): void;
  refuse(error: Error): void;
  patience: Countdown;
}

function ended(): Error {
  return codedError('CONNECTION_ENDED', 'the store was closed');
}
