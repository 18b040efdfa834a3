/** What a server and a database have to be, looked at when they are opened. */
import { codedError } from '../database/driver-errors.ts';
import type { Client } from './postgres-driver.ts';
import { MIGRATIONS_TABLE } from './migrate.ts';

/** Of the server's `server_version_num`. */
const VERSION_MIN = 140_000;
/** Where a setting of the user, or of the user in this database, comes from (`pg_settings.source`). */
const OF_THE_USER = ['user', 'database user'];

interface ServerRow {
  version: string;
  number: string;
  is_standby: boolean;
  read_only_by: string | null;
}

interface PlaceRow {
  encoding: string;
  may_make: boolean;
  has_tables: boolean;
  is_ours: boolean;
}

/**
 * Changes nothing.
 * @throws an error with a code of `MISTAKES` when the server is not one that a tracker can be on
 */
export async function checkServer(client: Client): Promise<{ engine: string }> {
  // The view of all settings is only asked when there is something to learn from it.
  const [row] = await client.unsafe<ServerRow[]>(
    `select current_setting('server_version') as version, current_setting('server_version_num') as number,
      pg_is_in_recovery() as is_standby, case when current_setting('default_transaction_read_only') = 'on'
        then (select source from pg_settings where name = 'default_transaction_read_only') end as read_only_by`,
  );
  if (row === undefined) throw new Error('the server did not say what it is');
  if (Number(row.number) < VERSION_MIN) throw codedError('SERVER_TOO_OLD', `the server is ${row.version}`);
  if (row.is_standby) throw codedError('STANDBY', 'the server is in recovery');
  if (OF_THE_USER.includes(row.read_only_by ?? '')) {
    throw codedError('READ_ONLY_ROLE', 'the user has default_transaction_read_only');
  }
  return { engine: `PostgreSQL ${row.version.split(' ')[0] ?? ''}` };
}

/**
 * Before a project's schema is made. Changes nothing.
 * @throws an error with a code of `MISTAKES` when the database cannot hold it
 */
export async function checkPlaceForSchema(client: Client, schema: string): Promise<void> {
  // In one statement, which sees one moment: others may be making the schema.
  const [row] = await client.unsafe<PlaceRow[]>(
    `select current_setting('server_encoding') as encoding,
      has_database_privilege(current_database(), 'CREATE') as may_make,
      exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')) as has_tables,
      exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = $2) as is_ours`,
    [schema, MIGRATIONS_TABLE],
  );
  if (row === undefined || row.is_ours) return;
  if (row.encoding !== 'UTF8') throw codedError('ENCODING', 'the database is not in UTF-8');
  if (row.has_tables) throw codedError('FOREIGN_SCHEMA', 'the schema has tables, and none of our migrations');
  if (!row.may_make) throw codedError('CREATE_DENIED', 'the user may not make a schema');
}

/** Whether the user may read and write every table of a project's schema. Changes nothing. */
export async function hasAllRights(client: Client, schema: string): Promise<boolean> {
  const [row] = await client.unsafe<{ lacking: string }[]>(
    `select count(*) as lacking from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'r' and c.relname <> $2 and not (
        has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT') and
        has_table_privilege(c.oid, 'UPDATE') and has_table_privilege(c.oid, 'DELETE'))`,
    [schema, MIGRATIONS_TABLE],
  );
  return Number(row?.lacking) === 0;
}
