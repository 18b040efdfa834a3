/** Looks at the store that the settings name without making, migrating or changing anything. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config.ts';
import { databaseError, type TrackerError } from '../errors.ts';
import { schemaName, SQLITE_FILE } from '../storage/open-store.ts';
import { describeDriverError } from '../storage/sql/driver-errors.ts';
import { MIGRATIONS_TABLE, readMigrations, schemaState, type SchemaState } from '../storage/sql/migrate.ts';

export interface StoreSighting {
  source: 'sqlite' | 'postgres';
  /** Where it is, without secrets. */
  location: string;
  /** Undefined when it could not be asked. */
  engine?: string;
  /** Whether the project's tables are there. */
  exists: boolean;
  /** Null without tables. */
  schema: SchemaState | null;
  /** Why it cannot be used, in our words; null when it can. */
  problem: string | null;
}

const CONNECT_TIMEOUT_S = 5;

export async function inspectStore(config: Config): Promise<StoreSighting> {
  const { databaseUrl } = config;
  return databaseUrl === undefined
    ? await inspectSqlite(path.join(config.dataDir, SQLITE_FILE))
    : await inspectPostgres(databaseUrl, schemaName(config.slug.value));
}

export function unavailableError({ source, problem }: StoreSighting): TrackerError {
  return databaseError(
    source,
    problem ?? 'it cannot be used',
    'Run `worktrail doctor` to see the state of the store.',
  );
}

export function outdatedError({ source }: StoreSighting): TrackerError {
  return databaseError(
    source,
    'its schema is older than this program, and a dry run does not change it',
    'Run `worktrail migrate`, then repeat the call.',
  );
}

async function inspectSqlite(file: string): Promise<StoreSighting> {
  const { default: Database } = await import('better-sqlite3');
  const sighting: StoreSighting = {
    source: 'sqlite',
    location: file,
    exists: false,
    schema: null,
    problem: null,
  };
  try {
    const there = existsSync(file);
    const database = there
      ? new Database(file, { readonly: true, fileMustExist: true })
      : new Database(':memory:');
    try {
      sighting.engine = `SQLite ${String(database.prepare('select sqlite_version()').pluck().get())}`;
      const tables = database.prepare("select name from sqlite_master where type = 'table'").pluck().all();
      // A file without any table is one that is just being made.
      if (tables.length > 0) sighting.exists = true;
      if (tables.includes(MIGRATIONS_TABLE)) {
        const applied = database.prepare(`select max(created_at) from ${MIGRATIONS_TABLE}`).pluck().get();
        sighting.schema = stateOf('sqlite', applied);
      } else if (sighting.exists) sighting.problem = `${file} is a database of another program`;
    } finally {
      database.close();
    }
  } catch (error) {
    sighting.exists = true;
    sighting.problem = `${file}: ${describeDriverError(error)}`;
  }
  return sighting;
}

async function inspectPostgres(url: string, schema: string): Promise<StoreSighting> {
  const { default: postgres } = await import('postgres');
  const { host, pathname } = new URL(url);
  const location = `${host}${pathname} (schema ${schema})`;
  const sighting: StoreSighting = {
    source: 'postgres',
    location,
    exists: false,
    schema: null,
    problem: null,
  };
  const client = postgres(url, {
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_S,
    fetch_types: false,
    onnotice: () => undefined,
  });
  try {
    const [server] = await client.unsafe<{ version: string }[]>(
      "select current_setting('server_version') as version",
    );
    sighting.engine = `PostgreSQL ${(server?.version ?? '').split(' ')[0]}`;
    const table = `"${schema}"."${MIGRATIONS_TABLE}"`;
    const [found] = await client.unsafe<{ name: string | null }[]>('select to_regclass($1)::text as name', [
      table,
    ]);
    if (found?.name != null) {
      sighting.exists = true;
      const [last] = await client.unsafe<{ time: string | null }[]>(
        `select max(created_at) as time from ${table}`,
      );
      sighting.schema = stateOf('postgres', last?.time);
    }
  } catch (error) {
    sighting.problem = describeDriverError(error);
  } finally {
    await client.end({ timeout: 1 });
  }
  return sighting;
}

function stateOf(dialect: 'sqlite' | 'postgres', applied: unknown): SchemaState {
  return schemaState(applied == null ? undefined : Number(applied), readMigrations(dialect));
}
