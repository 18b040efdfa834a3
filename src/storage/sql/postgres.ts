/** PostgreSQL: a small pool of single connections, each with its own transaction and prepared statements. */
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
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
import { classifyDriverError, describeDriverError } from './driver-errors.ts';
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
const CONNECT_TIMEOUT_S = 5;
const RECONNECT_PAUSE_S = 0.25;
const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 20_000;

const pgTables = defineTables(postgresKit);

export interface PostgresOptions {
  url: string;
  /** The project's own schema, as `worktrail_my_project`. */
  schema: string;
  /** Where the migrations are; by default those shipped with the program. */
  migrationsFolder?: string;
  logQuery?: QueryLog | undefined;
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
    const { engine, state } = await pool.use(async ({ client }) => {
      const applied = await lastApplied(client, options.schema);
      if (applied === undefined) await options.beforeFirst?.(client);
      const found = schemaState(applied, migrations);
      return {
        engine: await engineVersion(client),
        state: found === 'behind' ? await bringUpToDate(client, options.schema, migrations) : found,
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

/** @throws an error with the code CONNECT_TIMEOUT when `first`, the first query of a connection, takes too long */
export async function withinConnectTimeout<T>(first: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const late = Object.assign(new Error('no connection in time'), { code: 'CONNECT_TIMEOUT' });
    timer = setTimeout(() => reject(late), CONNECT_TIMEOUT_S * 1000);
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

async function bringUpToDate(client: Sql, schema: string, migrations: Migrations): Promise<SchemaState> {
  // Waiting for other starters and building indexes may both take longer than an ordinary statement.
  await client.unsafe('set statement_timeout = 0; set lock_timeout = 0');
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
    await client.unsafe(
      `set statement_timeout = ${STATEMENT_TIMEOUT_MS}; set lock_timeout = ${LOCK_TIMEOUT_MS}`,
    );
  }
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

class PostgresSession implements Session {
  readonly source = 'postgres';

  constructor(
    private readonly pool: Pool,
    readonly engine: string,
  ) {}

  read<T>(work: (connection: Connection) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return this.pool.use((pooled) =>
      options.snapshot === true
        ? pooled.transaction('begin isolation level repeatable read read only', work)
        : work(pooled.connection),
    );
  }

  write<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.pool.use((pooled) => retryContention(() => pooled.transaction('begin', work)));
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

/** One connection of the pool. */
class PooledConnection {
  readonly client: Sql;
  readonly connection: Connection;
  #connected = false;
  /** Set when connecting took too long; such a connection is not used again. */
  isDead = false;
  /** Grows when the server or the network ended the connection. */
  #losses = 0;
  #lossesAtBegin: number | undefined;

  constructor(options: PostgresOptions) {
    this.client = postgres(options.url, {
      max: 1,
      connect_timeout: CONNECT_TIMEOUT_S,
      idle_timeout: 0,
      max_lifetime: null,
      // The default waits up to 20 s between attempts, and every call would wait with it.
      backoff: () => RECONNECT_PAUSE_S,
      fetch_types: false,
      // The default prints notices to stdout, which belongs to the protocol.
      onnotice: () => undefined,
      onclose: () => {
        this.#connected = false;
        this.#losses += 1;
      },
      connection: {
        application_name: 'worktrail',
        search_path: quote(options.schema),
        TimeZone: 'UTC',
        statement_timeout: STATEMENT_TIMEOUT_MS,
        lock_timeout: LOCK_TIMEOUT_MS,
      },
    });
    const { logQuery } = options;
    const lock = quoteLiteral(`worktrail structure ${options.schema}`);
    this.connection = new Connection(
      drizzle(this.#guarded(), { logger: logQuery !== undefined && { logQuery } }) as unknown as Db,
      pgTables,
      async (mode: StructureLock) => {
        const call = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
        await this.#run(`select ${call}(hashtext(${lock}))`);
      },
    );
  }

  /**
   * Connects where that has not happened yet, within the limit: the driver by itself tries for ever when
   * something accepts connections and then hangs up.
   */
  async open(): Promise<void> {
    if (this.#connected) return;
    try {
      await withinConnectTimeout(this.client.unsafe('select 1'));
      this.#connected = true;
    } catch (error) {
      this.isDead = true;
      void this.client.end({ timeout: 0 });
      throw error;
    }
  }

  async transaction<T>(begin: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    await this.client.unsafe(begin);
    this.#lossesAtBegin = this.#losses;
    try {
      const result = await work(this.connection);
      await this.#commit();
      return result;
    } catch (error) {
      // After a loss there is nothing left to roll back: the server has done it.
      if (this.#lossesAtBegin === this.#losses) await this.client.unsafe('rollback').catch(() => undefined);
      throw error;
    } finally {
      this.#lossesAtBegin = undefined;
    }
  }

  async #commit(): Promise<void> {
    this.#checkTransaction();
    try {
      await this.client.unsafe('commit');
    } catch (error) {
      if (classifyDriverError(error) !== 'unavailable') throw error;
      throw new OutcomeUnknown('the connection was lost while committing', { cause: error });
    }
  }

  #run(statement: string) {
    this.#checkTransaction();
    return this.client.unsafe(statement);
  }

  /**
   * The client as drizzle sees it. It reconnects by itself, so a statement sent after a lost connection would
   * run outside the transaction it belongs to: that is refused. Statements are prepared by name on the server.
   */
  #guarded(): Sql {
    const unsafe = (query: string, parameters?: unknown[]) => {
      this.#checkTransaction();
      return this.client.unsafe(query, parameters as never[], { prepare: true });
    };
    return Object.assign(Object.create(this.client) as Sql, {
      unsafe: unsafe as Sql['unsafe'],
      options: this.client.options,
    });
  }

  #checkTransaction(): void {
    if (this.#lossesAtBegin !== undefined && this.#lossesAtBegin !== this.#losses) {
      throw Object.assign(new Error('the connection was lost during a transaction'), {
        code: 'CONNECTION_CLOSED',
      });
    }
  }
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Connections are made when first needed, handed out one caller at a time, and kept. */
class Pool {
  readonly #all: PooledConnection[] = [];
  readonly #idle: PooledConnection[] = [];
  readonly #waiting: ((connection: PooledConnection) => void)[] = [];

  constructor(private readonly options: PostgresOptions) {}

  async use<T>(work: (connection: PooledConnection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire();
    try {
      await connection.open();
      return await work(connection);
    } finally {
      this.#release(connection);
    }
  }

  #release(connection: PooledConnection): void {
    const usable = connection.isDead ? this.#replace(connection) : connection;
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(usable);
    else next(usable);
  }

  #replace(dead: PooledConnection): PooledConnection {
    const fresh = new PooledConnection(this.options);
    this.#all.splice(this.#all.indexOf(dead), 1, fresh);
    return fresh;
  }

  #acquire(): Promise<PooledConnection> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return Promise.resolve(idle);
    if (this.#all.length < POOL_SIZE) {
      const connection = new PooledConnection(this.options);
      this.#all.push(connection);
      return Promise.resolve(connection);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends every connection, at once after a second: a dead server must not hold up the end of the process. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map(({ client }) => client.end({ timeout: 1 })));
  }
}
