/**
 * PostgreSQL as a store: opening it, bringing its schema up to date, and the session that the queries run in.
 *
 * A session has a small pool (`postgres-pool.ts`) of single connections (`postgres-connection.ts`), each with its
 * own transaction and prepared statements. Whatever fails does so within the limits of `postgres-timeouts.ts`, and
 * the next caller gets a new connection.
 */
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { databaseError, isError } from '../../domain/errors.ts';
import type { ChangeHints } from '../database/hints.ts';
import { PostgresHints } from './postgres-hints.ts';
import type { Connection, ReadOptions, SchemaGuard, Session } from '../database/connection.ts';
import { codedError, describeDriverError, driverCode, remedyOf } from '../database/driver-errors.ts';
import {
  MIGRATIONS_TABLE,
  readMigrations,
  refuseNewer,
  schemaState,
  type Migrations,
  type SchemaState,
} from './migrate.ts';
import type { Patience } from './patience.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { quoteIdentifier, type Client, type ConnectionOptions } from './postgres-driver.ts';
import { PostgresPool } from './postgres-pool.ts';
import { completeTimeouts, type PostgresTimeouts } from './postgres-timeouts.ts';
import { checkPlaceForSchema, checkServer } from './postgres-server.ts';
import { retryContention } from '../database/retry.ts';

export type { PostgresTimeouts } from './postgres-timeouts.ts';

const LOOK_TIMEOUT_MS = 5_000;
const INSUFFICIENT_PRIVILEGE = '42501';

export interface PostgresOptions extends Omit<ConnectionOptions, 'timeouts'> {
  /** Where the migrations are; by default those shipped with the program. */
  migrationsFolder?: string;
  /** For servers far away, tools whose statements take longer than a caller would wait, and tests. */
  timeouts?: Partial<PostgresTimeouts>;
  /** By default the server has to answer within the timeouts. */
  patience?: Patience;
  /** Called when the schema is not there yet, before it is made; may throw to prevent that. */
  beforeFirst?: (client: Client) => Promise<void>;
  /** Called before a schema that is there is brought up to date; may throw to prevent that. */
  beforeUpgrade?: (client: Client) => Promise<void>;
}

/**
 * Connects and, if need be, makes and migrates the project's schema.
 * @throws DatabaseError when the server cannot be reached or refuses; nothing was changed then
 */
export async function openPostgres(
  options: PostgresOptions,
): Promise<{ session: Session; state: SchemaState }> {
  const migrations = readMigrations('postgres', options.migrationsFolder);
  const pool = new PostgresPool(
    { ...options, timeouts: completeTimeouts(options.timeouts), schemaGuard: guardOf(migrations) },
    options.patience,
  );
  try {
    const { engine, state } = await pool.use(async (pooled) => {
      const { client } = pooled;
      const { engine } = await checkServer(client);
      const applied = await lastApplied(client, options.schema);
      if (applied === undefined) {
        await checkPlaceForSchema(client, options.schema);
        await options.beforeFirst?.(client);
      }
      const found = schemaState(applied, migrations);
      if (found === 'behind' && applied !== undefined) await options.beforeUpgrade?.(client);
      return {
        engine,
        state: found === 'behind' ? await bringUpToDate(pooled, options.schema, migrations) : found,
      };
    });
    return { session: new PostgresSession(pool, engine), state };
  } catch (error) {
    await pool.close();
    if (isError(error, 'DatabaseError')) throw error;
    throw databaseError(
      'postgres',
      describeDriverError(error),
      remedyOf(error) ??
        'Check DATABASE_URL (or database.url in worktrail.config.json) and that the server runs, then try again.',
      error,
    );
  }
}

function guardOf(migrations: Migrations): SchemaGuard {
  return {
    applied: sql`(select max(created_at) from ${sql.identifier(MIGRATIONS_TABLE)})`,
    check: (applied) => refuseNewer(Number(applied ?? 0), migrations),
  };
}

/**
 * Uses a server outside of a store, patiently, because a person asked. Alters nothing by itself.
 * @throws a driver's error, or a `SettingMistake`
 */
export async function withServer<T>(
  { url, schema, timeouts }: Pick<PostgresOptions, 'url' | 'schema' | 'timeouts'>,
  work: (client: Client, server: { engine: string }) => Promise<T>,
): Promise<T> {
  const patient = completeTimeouts({ connectMs: LOOK_TIMEOUT_MS, queryMs: LOOK_TIMEOUT_MS, ...timeouts });
  const pool = new PostgresPool({ url, schema, timeouts: patient });
  try {
    return await pool.use(async ({ client }) => await work(client, await checkServer(client)));
  } finally {
    await pool.close();
  }
}

/** When the newest applied migration was made, in Unix milliseconds; undefined without any. */
export async function lastApplied(client: Client, schema: string): Promise<number | undefined> {
  const table = `${quoteIdentifier(schema)}.${quoteIdentifier(MIGRATIONS_TABLE)}`;
  const look = client.unsafe<{ found: string | null }[]>('select to_regclass($1)::text as found', [table]);
  const exists = await look.catch(async (error: unknown) => {
    // Who may not look into the schema can still be told that it is another program's.
    if (driverCode(error) === INSUFFICIENT_PRIVILEGE) await checkPlaceForSchema(client, schema);
    throw error;
  });
  if (exists[0]?.found === null) return undefined;
  const rows = await client.unsafe<{ time: string | null }[]>(`select max(created_at) as time from ${table}`);
  const time = rows[0]?.time ?? null;
  return time === null ? undefined : Number(time);
}

/** The projects that have a schema of their own in this database. */
export async function findProjects(
  client: Client,
): Promise<{ project_slug: string; root_commit: string | null }[]> {
  const schemas = await client.unsafe<{ name: string }[]>(
    "select table_schema as name from information_schema.tables where table_name = 'meta' and table_schema like 'worktrail\\_%' order by 1",
  );
  const projects: { project_slug: string; root_commit: string | null }[] = [];
  for (const { name } of schemas) {
    projects.push(
      ...(await client.unsafe<{ project_slug: string; root_commit: string | null }[]>(
        `select project_slug, root_commit from ${quoteIdentifier(name)}.meta`,
      )),
    );
  }
  return projects;
}

function bringUpToDate(
  pooled: PostgresConnection,
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
        }).catch(async (error: unknown) => {
          if (driverCode(error) !== INSUFFICIENT_PRIVILEGE) throw error;
          const isNew = (await lastApplied(client, schema)) === undefined;
          throw codedError(
            isNew ? 'CREATE_DENIED' : 'UPGRADE_DENIED',
            'the schema may not be altered',
            error,
          );
        });
      }
      return schemaState(await lastApplied(client, schema), migrations);
    } finally {
      await client.unsafe('select pg_advisory_unlock(hashtext($1))', [`worktrail migrate ${schema}`]);
    }
  });
}

class PostgresSession implements Session {
  readonly source = 'postgres';

  constructor(
    private readonly pool: PostgresPool,
    readonly engine: string,
  ) {}

  read<T>(work: (connection: Connection) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    return this.#inTurns((pooled) =>
      options.oneStatement === true ? work(pooled.connection) : pooled.snapshot(work),
    );
  }

  write<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#inTurns((pooled) => pooled.transaction('begin', work));
  }

  probe(): Promise<void> {
    return this.pool.use((pooled) => pooled.probe());
  }

  /** On a connection beside the pool: it is held for as long as somebody watches. */
  hints(onHint: () => void): ChangeHints {
    return new PostgresHints(this.pool.options, onHint);
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  /** Whoever finds others in the way gives the connection back until the next attempt. */
  #inTurns<T>(work: (pooled: PostgresConnection) => Promise<T>): Promise<T> {
    return retryContention(() => this.pool.use(work));
  }
}
