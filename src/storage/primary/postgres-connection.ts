/**
 * One connection to PostgreSQL, made once and never again by itself: connecting ──▶ usable ──▶ dead.
 *
 * It is dead as soon as it is cut, or silent for longer than a statement may take; its socket is destroyed then,
 * and what was asked of it fails at once. So a statement can neither hang nor run outside the transaction it
 * belongs to.
 */
import type net from 'node:net';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import { postgresKit, postgresSql } from '../database/columns.ts';
import { Connection, OutcomeUnknown, type Db, type StructureLock } from '../database/connection.ts';
import { classifyDriverError, codedError, driverCode } from '../database/driver-errors.ts';
import {
  addressesOf,
  clientOn,
  connectionClosed,
  dial,
  type Address,
  type ConnectionOptions,
} from './postgres-driver.ts';
import { connectionRefusal, endsConnection, waitedTooLong } from './postgres-errors.ts';
import {
  Countdown,
  NO_SERVER_LIMITS,
  serverLimits,
  type PostgresTimeouts,
  type ServerLimits,
} from './postgres-timeouts.ts';
import { defineTables } from '../database/schema.ts';

/** How long a connection has to take its leave of the server. */
const FAREWELL_TIMEOUT_MS = 200;

const pgTables = defineTables(postgresKit);

/** What the pool is told of its connections. */
export interface ConnectionEvents {
  /** The server answered something, were it an error. */
  answered(): void;
  died(connection: PostgresConnection, error: Error): void;
  /** The server passed on an announcement; only to a connection that listens. */
  notified?(): void;
}

export class PostgresConnection {
  readonly connection: Connection;
  /** For what the query builder cannot say; bounded, and refused after a loss, like everything else. */
  readonly client: Sql;
  readonly #driver: Sql;
  readonly #socket: net.Socket;
  readonly #timeouts: PostgresTimeouts;
  #death: Error | undefined;
  /** Statements of callers that the server answered, were it with an error; 0 while nobody has used it. */
  answers = 0;
  /** Refuses each statement that was sent and is not answered yet. */
  readonly #unanswered = new Set<(error: Error) => void>();
  /** What failed first in the transaction that runs, or ran last: the server refuses all that was sent behind it. */
  #firstFailure: unknown;
  #silence: Countdown | undefined;
  /** Sends what goes before the next statement. */
  #beforeFirst: (() => void) | undefined;
  /** Undefined while statements may take as long as they need. */
  #silenceLimitMs: number | undefined;

  private constructor(
    readonly options: ConnectionOptions,
    address: Address,
    private readonly events: ConnectionEvents,
  ) {
    this.#timeouts = options.timeouts;
    this.#socket = dial(address);
    this.#socket.on('error', (error) => this.die(error));
    this.#socket.on('close', () => this.die(connectionClosed()));
    this.#driver = clientOn(this.#socket, address, options, {
      onClose: (error) => this.die(error),
      onNotify: () => events.notified?.(),
    });
    this.client = this.#bounded();
    const { schema, logQuery } = options;
    this.connection = new Connection(
      drizzle(this.client, { logger: logQuery !== undefined && { logQuery } }) as unknown as Db,
      pgTables,
      (mode) => this.#lockStructure(schema, mode),
      postgresSql,
      false,
      (seq) => this.#announceFeed(schema, seq),
      options.schemaGuard,
    );
  }

  /**
   * Connects to the first of the URL's addresses that lets us.
   * @param limitMs for all of them together; the time that was needed is taken off the first statement's, up to half
   */
  static async connect(
    options: ConnectionOptions,
    events: ConnectionEvents,
    limitMs: number,
  ): Promise<PostgresConnection> {
    const started = performance.now();
    let failure: unknown = noConnection();
    for (const address of addressesOf(options.url)) {
      const leftMs = limitMs - (performance.now() - started);
      if (leftMs <= 0) break;
      const connection = new PostgresConnection(options, address, events);
      try {
        await connection.#open(leftMs);
        connection.answers = 0;
        const { queryMs } = connection.#timeouts;
        connection.#silenceLimitMs = Math.max(queryMs - (performance.now() - started), queryMs / 2);
        return connection;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  get isDead(): boolean {
    return this.#death !== undefined;
  }

  /** Whether it died of an answer that did not come, as opposed to being cut. */
  get fellSilent(): boolean {
    return this.#death !== undefined && driverCode(this.#death) === 'QUERY_TIMEOUT';
  }

  /** @throws what failed first, also where the work met the refusal of a later statement before */
  async transaction<T>(begin: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    await this.client.unsafe(begin);
    this.#firstFailure = undefined;
    let result: T;
    try {
      result = await work(this.connection);
    } catch (error) {
      await this.#rollBack();
      const first = this.#causeOf(error);
      throw waitedTooLong(first) ? codedError(LOCK_NOT_AVAILABLE, 'too long behind others', first) : first;
    }
    await this.#commit();
    return result;
  }

  /**
   * All statements of `work` see one moment. `begin` and `commit` travel with them, so that they cost no round trip, and
   * nothing where nothing is asked.
   * @throws what failed first, as `transaction` does
   */
  async snapshot<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    let begun = undefined as Promise<unknown> | undefined;
    this.#beforeFirst = () => {
      this.#firstFailure = undefined;
      begun = this.client.unsafe('begin isolation level repeatable read read only').then(() => undefined);
      begun.catch(() => undefined);
    };
    try {
      const result = await work(this.connection);
      await begun;
      // Nothing was changed, so that its answer is not waited for; who uses the connection next is answered after it.
      if (begun !== undefined) this.#commitUnwatched();
      return result;
    } catch (error) {
      if (begun === undefined) throw error;
      // What was asked after a refused `begin` is not the cause.
      const cause = await begun.then(
        () => this.#causeOf(error),
        (refusal: unknown) => refusal,
      );
      await this.#rollBack();
      throw cause;
    } finally {
      this.#beforeFirst = undefined;
    }
  }

  /** One round trip. Touches no row, so that it neither waits for writers nor leaves anything to clean up. */
  async probe(): Promise<void> {
    try {
      // A server that may only be read refuses the update although it finds nothing to alter.
      await this.client.unsafe(
        'begin; select 1 from meta limit 1; update feed set seq = seq where false; rollback',
      );
    } catch (error) {
      await this.#rollBack();
      throw error;
    }
  }

  /** Runs `work` with statements, waits for locks and pauses as long as they need. */
  async withoutLimits<T>(work: (client: Sql) => Promise<T>): Promise<T> {
    await this.#limitServer(NO_SERVER_LIMITS);
    this.#silenceLimitMs = undefined;
    try {
      return await work(this.client);
    } finally {
      this.#silenceLimitMs = this.#timeouts.queryMs;
      if (!this.isDead) await this.#limitServer(serverLimits(this.#timeouts));
    }
  }

  /** Takes leave of the server; for a connection that nobody uses. */
  async end(): Promise<void> {
    await this.#driver.end({ timeout: FAREWELL_TIMEOUT_MS / 1000 });
    this.die(codedError('CONNECTION_ENDED', 'the connection was ended'));
  }

  /** Lets go of the connection at once; what was asked of it fails with `error`. */
  die(error: Error): void {
    if (this.#death !== undefined) return;
    this.#death = error;
    this.#silence?.stop();
    this.#socket.destroy();
    for (const refuse of this.#unanswered) refuse(error);
    this.#unanswered.clear();
    this.events.died(this, error);
  }

  async #open(limitMs: number): Promise<void> {
    const countdown = new Countdown(limitMs, () => this.die(noConnection()));
    try {
      await this.client.unsafe('select 1');
    } catch (error) {
      const refusal = connectionRefusal(error);
      this.die(refusal);
      throw refusal;
    } finally {
      countdown.stop();
    }
  }

  #causeOf(error: unknown): unknown {
    return driverCode(error) === TRANSACTION_ABORTED ? this.#firstFailure : error;
  }

  async #commit(): Promise<void> {
    // Before it is sent, a loss is a plain one.
    if (this.#death !== undefined) throw this.#death;
    try {
      const { command } = await this.client.unsafe('commit');
      if (command === 'COMMIT') return;
    } catch (error) {
      if (classifyDriverError(error) !== 'unavailable') throw error;
      throw new OutcomeUnknown('the connection was lost while committing', { cause: error });
    }
    // A statement had failed, and the work took no notice.
    throw this.#firstFailure;
  }

  /** For what changed nothing. Its answer is not counted as one of the next caller's. */
  #commitUnwatched(): void {
    this.client.unsafe('commit').then(
      () => (this.answers -= 1),
      () => undefined,
    );
  }

  /** After a loss there is nothing to roll back: the server has done it. */
  async #rollBack(): Promise<void> {
    if (this.isDead) return;
    try {
      await this.client.unsafe('rollback');
    } catch (error) {
      this.die(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #lockStructure(schema: string, mode: StructureLock): Promise<void> {
    const call = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
    await this.client.unsafe(`select ${call}(hashtext(${quoteLiteral(`worktrail structure ${schema}`)}))`);
  }

  /** The server keeps it until the commit, and forgets it with a rollback. The channel has the schema's name. */
  async #announceFeed(schema: string, seq: number): Promise<void> {
    await this.client.unsafe('select pg_notify($1, $2)', [schema, String(seq)]);
  }

  async #limitServer(limits: ServerLimits): Promise<void> {
    const settings = Object.entries(limits).map(([name, value]) => `set ${name} = ${value}`);
    await this.client.unsafe(settings.join('; '));
  }

  /** The driver's client with every statement bounded. Statements with parameters are prepared by name on the server. */
  #bounded(): Sql {
    const unsafe = (query: string, parameters: unknown[] = []) => {
      const ask = () => this.#driver.unsafe(query, parameters as never[], { prepare: true });
      // Like the driver's own queries this is sent when it is first waited for, and not before.
      let answer: Promise<unknown> | undefined;
      const sent = () => (answer ??= this.#send(ask));
      return {
        then: (...handlers: Parameters<Promise<unknown>['then']>) => sent().then(...handlers),
        catch: (handler: (reason: unknown) => unknown) => sent().catch(handler),
        values: () => this.#send(() => ask().values()),
      };
    };
    // The driver's own way would send a rollback into a connection that was lost, which ends the process.
    const begin = async (work: (client: Sql) => Promise<unknown>) =>
      await this.transaction('begin', () => work(this.client));
    // The rest of the driver's client is not bounded, and nobody uses it.
    return Object.assign(Object.create(this.#driver) as Sql, {
      unsafe: unsafe as unknown as Sql['unsafe'],
      begin: begin as unknown as Sql['begin'],
      options: this.#driver.options,
    });
  }

  #send<T>(ask: () => PromiseLike<T>): Promise<T> {
    const before = this.#beforeFirst;
    this.#beforeFirst = undefined;
    before?.();
    return new Promise((resolve, reject) => {
      if (this.#death !== undefined) return reject(this.#death);
      this.#unanswered.add(reject);
      this.#watchSilence();
      ask().then(
        (answer) => {
          this.#answered(reject);
          resolve(answer);
        },
        (error: unknown) => {
          this.#firstFailure ??= error;
          if (endsConnection(error)) this.die(error);
          else this.#answered(reject);
          reject(error as Error);
        },
      );
    });
  }

  #answered(refuse: (error: Error) => void): void {
    this.#unanswered.delete(refuse);
    if (this.isDead) return;
    this.answers += 1;
    this.events.answered();
    if (this.#silenceLimitMs !== undefined) this.#silenceLimitMs = this.#timeouts.queryMs;
    this.#silence?.stop();
    this.#silence = undefined;
    if (this.#unanswered.size > 0) this.#watchSilence();
  }

  /** Statements sent together are answered one after the other: each answer gives the next one its full time. */
  #watchSilence(): void {
    if (this.#silence !== undefined || this.#silenceLimitMs === undefined) return;
    this.#silence = new Countdown(this.#silenceLimitMs, () =>
      this.die(codedError('QUERY_TIMEOUT', 'no answer in time')),
    );
  }
}

const LOCK_NOT_AVAILABLE = '55P03';
const TRANSACTION_ABORTED = '25P02';

function noConnection(): Error {
  return codedError('CONNECT_TIMEOUT', 'no connection in time');
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
