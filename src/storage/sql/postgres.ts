/**
 * PostgreSQL: a small pool of single connections, each with its own transaction and prepared statements.
 *
 * A connection is made once and never again by itself: connecting ──▶ usable ──▶ dead. It is dead as soon as it
 * is cut, or silent for longer than a statement may take; its socket is destroyed then, and what was asked of
 * it fails at once. So a statement can neither hang nor run outside the transaction it belongs to. The next
 * caller gets a new connection.
 */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import net from 'node:net';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Options, type Sql } from 'postgres';
import { databaseError } from '../../errors.ts';
import { postgresKit } from './columns.ts';
import {
  Connection,
  OutcomeUnknown,
  type Db,
  type QueryLog,
  type ReadOptions,
  type Session,
  type StructureLock,
} from './connection.ts';
import { classifyDriverError, codedError, describeDriverError, driverCode } from './driver-errors.ts';
import {
  MIGRATIONS_TABLE,
  readMigrations,
  schemaState,
  type Migrations,
  type SchemaState,
} from './migrate.ts';
import { retryContention } from './retry.ts';
import { defineTables } from './schema.ts';

/** Connections per process: a client works serially, and sixteen processes must fit a default server's 100. */
const POOL_SIZE = 5;

const CONNECT_TIMEOUT_MS = 400;
const QUERY_TIMEOUT_MS = 800;
const STATEMENT_TIMEOUT_MS = 700;
const LOCK_TIMEOUT_MS = 300;

export interface PostgresTimeouts {
  /** For a new connection to be usable: name resolution, TLS and signing in included. Default 400. */
  connectMs: number;
  /** For the server to answer a statement; then the connection is given up. Default 800. */
  queryMs: number;
  /** For a statement to run, as the server measures it; less than `queryMs`. Default 700; 0 is the server's own. */
  statementMs: number;
  /** For a lock of the server's; then the transaction is tried again. Default 300; 0 is the server's own. */
  lockMs: number;
}

const TIMEOUTS: Readonly<PostgresTimeouts> = {
  connectMs: CONNECT_TIMEOUT_MS,
  queryMs: QUERY_TIMEOUT_MS,
  statementMs: STATEMENT_TIMEOUT_MS,
  lockMs: LOCK_TIMEOUT_MS,
};

/** How much longer than for a statement a caller waits for a connection on which nothing is answered. */
const POOL_MARGIN_MS = 100;
/** The server ends a transaction whose client it hears nothing of, which would otherwise keep its locks. */
const IDLE_TRANSACTION_TIMEOUT_MS = 5_000;
/** Idle connections are tried this often, so that a dead network is found, and a firewall keeps them open. */
const KEEP_ALIVE_S = 10;
/** How long `close` waits for work that runs. */
const CLOSE_TIMEOUT_MS = 700;
/** How long a connection has to take its leave of the server. */
const FAREWELL_TIMEOUT_MS = 200;
const INSPECTION_TIMEOUT_MS = 5_000;

const pgTables = defineTables(postgresKit);

export interface PostgresOptions {
  url: string;
  /** The project's own schema, as `worktrail_my_project`. */
  schema: string;
  /** Where the migrations are; by default those shipped with the program. */
  migrationsFolder?: string;
  logQuery?: QueryLog | undefined;
  /** For tests, and for tools whose statements take longer than a caller would wait. */
  timeouts?: Partial<PostgresTimeouts>;
  /** Called when the schema is not there yet, before it is made; may throw to prevent that. */
  beforeFirst?: (client: Sql) => Promise<void>;
}

/**
 * Connects and, if need be, makes and migrates the project's schema.
 * @throws DatabaseError when the server cannot be reached or refuses; nothing was changed then
 */
export async function openPostgres(
  options: PostgresOptions,
): Promise<{ session: Session; state: SchemaState }> {
  const migrations = readMigrations('postgres', options.migrationsFolder);
  const pool = new Pool(options);
  try {
    const { engine, state } = await pool.use(async (pooled) => {
      const { client } = pooled;
      const applied = await lastApplied(client, options.schema);
      if (applied === undefined) await options.beforeFirst?.(client);
      const found = schemaState(applied, migrations);
      return {
        engine: await engineVersion(client),
        state: found === 'behind' ? await bringUpToDate(pooled, options.schema, migrations) : found,
      };
    });
    return { session: new PostgresSession(pool, engine), state };
  } catch (error) {
    await pool.close();
    if (error instanceof Error && error.name === 'DatabaseError') throw error;
    throw databaseError(
      'postgres',
      describeDriverError(error),
      'Check DATABASE_URL (or database.url in worktrail.config.json) and that the server runs, then try again.',
      error,
    );
  }
}

export async function engineVersion(client: Sql): Promise<string> {
  const rows = await client.unsafe<{ server_version: string }[]>('show server_version');
  return `PostgreSQL ${(rows[0]?.server_version ?? '').split(' ')[0]}`;
}

/**
 * For looking at a server with a client of one's own, which by itself tries for ever when something accepts
 * connections and then hangs up.
 * @throws an error with the code CONNECT_TIMEOUT when `first`, the first query of a client, takes over 5 s
 */
export async function withinConnectTimeout<T>(first: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const late = codedError('CONNECT_TIMEOUT', 'no connection in time');
    timer = setTimeout(() => reject(late), INSPECTION_TIMEOUT_MS);
  });
  try {
    return await Promise.race([first, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** When the newest applied migration was made, in Unix milliseconds; undefined without any. */
export async function lastApplied(client: Sql, schema: string): Promise<number | undefined> {
  const table = `${quote(schema)}.${quote(MIGRATIONS_TABLE)}`;
  const exists = await client.unsafe<{ found: string | null }[]>('select to_regclass($1)::text as found', [
    table,
  ]);
  if (exists[0]?.found === null) return undefined;
  const rows = await client.unsafe<{ time: string | null }[]>(`select max(created_at) as time from ${table}`);
  const time = rows[0]?.time ?? null;
  return time === null ? undefined : Number(time);
}

/** The projects that have a schema of their own in this database. */
export async function findProjects(
  client: Sql,
): Promise<{ project_slug: string; root_commit: string | null }[]> {
  const schemas = await client.unsafe<{ name: string }[]>(
    "select table_schema as name from information_schema.tables where table_name = 'meta' and table_schema like 'worktrail\\_%' order by 1",
  );
  const projects: { project_slug: string; root_commit: string | null }[] = [];
  for (const { name } of schemas) {
    projects.push(
      ...(await client.unsafe<{ project_slug: string; root_commit: string | null }[]>(
        `select project_slug, root_commit from ${quote(name)}.meta`,
      )),
    );
  }
  return projects;
}

function bringUpToDate(
  pooled: PooledConnection,
  schema: string,
  migrations: Migrations,
): Promise<SchemaState> {
  // Waiting for other starters and building indexes may both take longer than an ordinary statement.
  return pooled.withoutLimits(async (client) => {
    await client.unsafe('select pg_advisory_lock(hashtext($1))', [`worktrail migrate ${schema}`]);
    try {
      if (schemaState(await lastApplied(client, schema), migrations) === 'behind') {
        await migrate(drizzle(client), {
          migrationsFolder: migrations.folder,
          migrationsSchema: schema,
          migrationsTable: MIGRATIONS_TABLE,
        });
      }
      return schemaState(await lastApplied(client, schema), migrations);
    } finally {
      await client.unsafe('select pg_advisory_unlock(hashtext($1))', [`worktrail migrate ${schema}`]);
    }
  });
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

class PostgresSession implements Session {
  readonly source = 'postgres';

  constructor(
    private readonly pool: Pool,
    readonly engine: string,
  ) {}

  read<T>(work: (connection: Connection) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return this.#inTurns((pooled) =>
      options.snapshot === true
        ? pooled.transaction('begin isolation level repeatable read read only', work)
        : work(pooled.connection),
    );
  }

  write<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#inTurns((pooled) => pooled.transaction('begin', work));
  }

  probe(): Promise<void> {
    return this.pool.use((pooled) => pooled.probe());
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  /** Whoever finds others in the way gives the connection back until the next attempt. */
  #inTurns<T>(work: (pooled: PooledConnection) => Promise<T>): Promise<T> {
    return retryContention(() => this.pool.use(work));
  }
}

/** What the pool is told of its connections. */
interface ConnectionEvents {
  /** The server answered something, were it an error. */
  answered(): void;
  died(connection: PooledConnection, error: Error): void;
}

/** One connection of the pool, from its first packet to its death. */
class PooledConnection {
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
  #silence: Countdown | undefined;
  /** Undefined while statements may take as long as they need. */
  #silenceLimitMs: number | undefined;

  private constructor(
    options: PostgresOptions,
    address: Address,
    private readonly events: ConnectionEvents,
  ) {
    this.#timeouts = { ...TIMEOUTS, ...options.timeouts };
    this.#socket = dial(address);
    this.#socket.on('error', (error) => this.die(error));
    this.#socket.on('close', () => this.die(codedError('CONNECTION_CLOSED', 'the connection was closed')));
    this.#driver = postgres(options.url, this.#driverOptions(options, address));
    this.client = this.#bounded();
    const { logQuery } = options;
    const lock = quoteLiteral(`worktrail structure ${options.schema}`);
    this.connection = new Connection(
      drizzle(this.client, { logger: logQuery !== undefined && { logQuery } }) as unknown as Db,
      pgTables,
      async (mode: StructureLock) => {
        const call = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
        await this.client.unsafe(`select ${call}(hashtext(${lock}))`);
      },
    );
  }

  /**
   * Connects to the first of the URL's addresses that lets us.
   * @param limitMs for all of them together; the time that was needed is taken off the first statement's, up to half
   */
  static async connect(
    options: PostgresOptions,
    events: ConnectionEvents,
    limitMs: number,
  ): Promise<PooledConnection> {
    const started = performance.now();
    let failure: unknown;
    for (const address of addressesOf(options.url)) {
      const leftMs = limitMs - (performance.now() - started);
      if (leftMs <= 0) break;
      const connection = new PooledConnection(options, address, events);
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
    throw failure ?? codedError('CONNECT_TIMEOUT', 'no connection in time');
  }

  get isDead(): boolean {
    return this.#death !== undefined;
  }

  /** Whether the other side ended it, as opposed to falling silent. */
  get isCut(): boolean {
    return this.#death !== undefined && !isSilence(this.#death);
  }

  async transaction<T>(begin: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    await this.client.unsafe(begin);
    let result: T;
    try {
      result = await work(this.connection);
    } catch (error) {
      await this.#rollBack();
      throw waitedTooLong(error) ? codedError(LOCK_NOT_AVAILABLE, 'too long behind others', error) : error;
    }
    await this.#commit();
    return result;
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
    await this.#limitServer({ statementMs: 0, lockMs: 0 }, 0);
    this.#silenceLimitMs = undefined;
    try {
      return await work(this.client);
    } finally {
      this.#silenceLimitMs = this.#timeouts.queryMs;
      if (!this.isDead) await this.#limitServer(this.#timeouts, IDLE_TRANSACTION_TIMEOUT_MS);
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
    const late = () => this.die(codedError('CONNECT_TIMEOUT', 'no connection in time'));
    const countdown = new Countdown(limitMs, late);
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
    throw new Error('a statement of the transaction had failed, so that it was rolled back');
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

  async #limitServer({ statementMs, lockMs }: Limits, idleTransactionMs: number): Promise<void> {
    const settings = Object.entries(serverLimits({ statementMs, lockMs }, idleTransactionMs));
    await this.client.unsafe(settings.map(([name, value]) => `set ${name} = ${value}`).join('; '));
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

  #driverOptions({ schema }: PostgresOptions, address: Address): Options<Record<string, never>> {
    const connected = untilConnected(this.#socket);
    let isTaken = false;
    const settings: Options<Record<string, never>> & { socket: () => Promise<net.Socket> } = {
      max: 1,
      ...(address.path === undefined && { host: address.host, port: address.port }),
      // Asked for again when the first one failed: there is no second.
      socket: () => {
        if (isTaken) return Promise.reject(codedError('CONNECTION_CLOSED', 'the connection was closed'));
        isTaken = true;
        return connected;
      },
      onclose: () => this.die(codedError('CONNECTION_CLOSED', 'the connection was closed')),
      // Measured here.
      connect_timeout: 0,
      keep_alive: KEEP_ALIVE_S,
      idle_timeout: 0,
      max_lifetime: null,
      fetch_types: false,
      // The default prints notices to stdout, which belongs to the protocol.
      onnotice: () => undefined,
      connection: {
        application_name: 'worktrail',
        search_path: quote(schema),
        TimeZone: 'UTC',
        ...serverLimits(this.#timeouts, IDLE_TRANSACTION_TIMEOUT_MS),
      },
    };
    return settings;
  }
}

const LOCK_NOT_AVAILABLE = '55P03';
const QUERY_CANCELED = '57014';

/**
 * Whether a statement's time was up while it waited for other writers. The server limits each single wait for a
 * lock; where many want the same row a statement waits several times. Only such an error tells where it came
 * from: our statements call no functions, of which an error would tell the same.
 */
function waitedTooLong(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof postgres.PostgresError) {
      return current.code === QUERY_CANCELED && current.where !== undefined;
    }
  }
  return false;
}

type Limits = Pick<PostgresTimeouts, 'statementMs' | 'lockMs'>;

function serverLimits({ statementMs, lockMs }: Limits, idleTransactionMs: number) {
  return {
    statement_timeout: statementMs,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: idleTransactionMs,
  };
}

/** Whatever keeps us from connecting is a failure of the layer, were it a certificate or an unknown protocol. */
function connectionRefusal(error: unknown): Error {
  if (error instanceof Error && classifyDriverError(error) === 'unavailable') return error;
  return codedError('CONNECTION_FAILED', 'no connection could be made', error);
}

/** Losses, and the errors with which a server announces that it hangs up. */
function endsConnection(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (!(error instanceof postgres.PostgresError)) return classifyDriverError(error) === 'unavailable';
  return /^(FATAL|PANIC)$/.test(error.severity);
}

type Address = { host: string; port: number; path?: undefined } | { path: string };

/** Where the URL, and the environment variables that complete it, say that servers are. */
function addressesOf(url: string): Address[] {
  const { host, port, path } = postgres(url).options;
  if (path) return [{ path }];
  return host.map((name, index) => ({ host: name, port: port[index] ?? 5432 }));
}

function dial(address: Address): net.Socket {
  if (address.path !== undefined) return net.connect({ path: address.path });
  const { host, port } = address;
  // The driver reads the name of the server that a certificate must be for from the socket.
  return Object.assign(net.connect({ host, port, lookup: lookUpOnce }), { host });
}

function untilConnected(socket: net.Socket): Promise<net.Socket> {
  const connected = new Promise<net.Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(codedError('CONNECTION_CLOSED', 'the connection was closed')));
  });
  // The driver may never ask for it.
  connected.catch(() => undefined);
  return connected;
}

type LookUpDone = (
  error: NodeJS.ErrnoException | null,
  found: LookupAddress[] | string,
  family?: number,
) => void;
const lookingUp = new Map<string, LookUpDone[]>();

/**
 * A look-up that hangs cannot be ended and takes one of the few threads that also read and write files:
 * callers that want the same name share one.
 */
function lookUpOnce(host: string, options: LookupOptions, done: LookUpDone): void {
  const key = `${host} ${JSON.stringify(options)}`;
  const waiting = lookingUp.get(key);
  if (waiting !== undefined) return void waiting.push(done);
  const all = [done];
  lookingUp.set(key, all);
  lookup(host, options, (...result: Parameters<LookUpDone>) => {
    lookingUp.delete(key);
    for (const each of all) each(...result);
  });
}

const COUNTDOWN_STEPS = 8;

/**
 * Calls `onEnd` after `limitMs` of time in which this process could have heard of an answer: while it is busy
 * or suspended, answers lie unread, so that any such pause counts as one step only.
 */
class Countdown {
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

interface Waiter {
  /** Hands over a connection, or with `undefined` the right to make one. */
  give(connection: PooledConnection | undefined): void;
  refuse(error: Error): void;
  patience: Countdown;
}

/** Connections are made when first needed, handed out one caller at a time, and kept until they die. */
class Pool {
  /** Those that exist or are being made. */
  #size = 0;
  readonly #open = new Set<PooledConnection>();
  readonly #idle: PooledConnection[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #timeouts: PostgresTimeouts;
  readonly #patienceMs: number;
  #answeredAt = -Infinity;
  #closing: Promise<void> | undefined;
  #onEmpty: () => void = () => undefined;

  constructor(private readonly options: PostgresOptions) {
    this.#timeouts = { ...TIMEOUTS, ...options.timeouts };
    this.#patienceMs = this.#timeouts.queryMs + POOL_MARGIN_MS;
  }

  /**
   * @throws an error with the code POOL_TIMEOUT when every connection is in use and the server has answered
   * nothing on any of them for `queryMs` and a little; while it answers, callers wait for their turn
   */
  async use<T>(work: (connection: PooledConnection) => Promise<T>): Promise<T> {
    for (;;) {
      const connection = await this.#acquire();
      const { answers } = connection;
      try {
        return await work(connection);
      } catch (error) {
        // Cut while it was idle, which is noticed only now: nothing was done, and another one may do.
        const wasCutBefore = connection.isCut && answers > 0 && connection.answers === answers;
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

  async #acquire(): Promise<PooledConnection> {
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
    return await this.#connect(Math.min(this.#timeouts.connectMs, this.#patienceMs - waitedMs));
  }

  #turn(): Promise<PooledConnection | undefined> {
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

  async #connect(limitMs: number): Promise<PooledConnection> {
    try {
      const connection = await PooledConnection.connect(this.options, this.#events, limitMs);
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
      if (isSilence(error)) for (const idle of [...this.#idle]) idle.die(error);
    },
  };

  #release(connection: PooledConnection): void {
    if (connection.isDead) return this.#freePlace();
    const next = this.#waiting.shift();
    if (next !== undefined) return next.give(connection);
    this.#idle.push(connection);
    if (this.#closing !== undefined) void connection.end();
  }

  #freePlace(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.give(undefined);
    this.#size -= 1;
    if (this.#size === 0) this.#onEmpty();
  }

  async #close(): Promise<void> {
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(ended());
    for (const connection of this.#idle) void connection.end();
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

function ended(): Error {
  return codedError('CONNECTION_ENDED', 'the store was closed');
}

function isSilence(error: Error): boolean {
  return driverCode(error) === 'QUERY_TIMEOUT';
}
