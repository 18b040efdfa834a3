/**
 * Hints from PostgreSQL: a connection of its own on which the server says that somebody committed (`announceFeed`
 * in `postgres-connection.ts`). connecting ──▶ listening ──▶ lost ──▶ connecting …, until it is stopped.
 */
import { PostgresConnection } from './postgres-connection.ts';
import { quoteIdentifier, type ConnectionOptions } from './postgres-driver.ts';
import { HINTED_PAUSE_MS, UNHINTED_PAUSE_MS, type ChangeHints } from '../database/hints.ts';

const RECONNECT_FIRST_PAUSE_MS = 100;
const RECONNECT_MAX_PAUSE_MS = 2_000;
/** A connection that says nothing may be dead: it is asked this often whether it still hears. */
const CHECK_PAUSE_MS = 2_000;

export class PostgresHints implements ChangeHints {
  #connection: PostgresConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly onHint: () => void,
  ) {
    void this.#connect();
  }

  get pauseMs(): number {
    return this.#connection === undefined ? UNHINTED_PAUSE_MS : HINTED_PAUSE_MS;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    void this.#connection?.end().catch(() => undefined);
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    let connection: PostgresConnection | undefined;
    try {
      const events = {
        answered: () => undefined,
        died: (dead: PostgresConnection) => this.#lost(dead),
        notified: () => this.#hint(),
      };
      connection = await PostgresConnection.connect(this.options, events, this.options.timeouts.connectMs);
      await connection.client.unsafe(`listen ${quoteIdentifier(this.options.schema)}`);
      if (this.#isStopped) return void connection.end().catch(() => undefined);
      this.#connection = connection;
      this.#failures = 0;
      // What was committed before this moment was not announced here.
      this.#hint();
      this.#in(CHECK_PAUSE_MS, () => this.#check());
    } catch (error) {
      connection?.die(error instanceof Error ? error : new Error(String(error)));
      this.#connectLater();
    }
  }

  /** A connection that is being ended may still bring one. */
  #hint(): void {
    if (!this.#isStopped) this.onHint();
  }

  /** It dies by itself when the answer does not come in time. */
  async #check(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    try {
      await connection.client.unsafe('select 1');
      if (connection === this.#connection) this.#in(CHECK_PAUSE_MS, () => this.#check());
    } catch (error) {
      connection.die(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #lost(dead: PostgresConnection): void {
    if (dead !== this.#connection) return;
    this.#connection = undefined;
    this.#connectLater();
  }

  #connectLater(): void {
    const pauseMs = Math.min(RECONNECT_MAX_PAUSE_MS, RECONNECT_FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#in(pauseMs, () => this.#connect());
  }

  #in(ms: number, work: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void work(), ms);
    this.#timer.unref();
  }
}
