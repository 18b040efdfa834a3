/**
 * Compares the indexes of a store with those of its schema, and makes again what is missing: without one everything is
 * still right, but slow, and a unique one keeps a rule. Only for a store that is as new as the program.
 */
import path from 'node:path';
import { SQLITE_FILE, schemaName, slugOfFolder } from '../opening/open-primary.ts';
import { openDatabaseFile } from '../primary/database-file.ts';
import { classifyDriverError, describeDriverError } from '../database/driver-errors.ts';
import { retryContention } from '../database/retry.ts';
import { BUSY_TIMEOUT_MS, openPatiently, openToLook } from '../primary/open-in-place.ts';
import { schemaIndexes, type SchemaIndex } from '../primary/schema-indexes.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

/** Making an index takes as long as it takes; a store that is in use gets its turn, and whoever waits for it is told. */
const TIMEOUTS = { queryMs: 1_800_000, statementMs: 0, lockMs: 5_000 };

/** The folder, and the store that its settings name. */
export type MendOptions = Pick<PrimaryOptions, 'dataDir' | 'databaseUrl' | 'slug'>;

export interface Mended {
  name: string;
  table: string;
  /** Why it could not be made, in our words; null when it was. */
  problem: string | null;
}

/** @throws a driver's error when the store cannot be read */
export async function findMissingIndexes(options: MendOptions): Promise<SchemaIndex[]> {
  return await withStore(options, { readonly: true }, async (store) => missingFrom(store));
}

/**
 * Makes the missing indexes, one after the other; writers wait while one is made.
 * @throws a driver's error when the store cannot be used
 */
export async function createMissingIndexes(options: MendOptions): Promise<Mended[]> {
  return await withStore(options, { readonly: false }, async (store) => {
    const mended: Mended[] = [];
    for (const { name, table, sql } of await missingFrom(store)) {
      const problem = await store.run(sql).then(() => null, whyNot);
      mended.push({ name, table, problem });
    }
    return mended;
  });
}

function whyNot(error: unknown): string {
  const isDuplicate = classifyDriverError(error) === 'duplicate';
  return isDuplicate ? 'records in it are the same where they must differ' : describeDriverError(error);
}

interface OpenedStore {
  dialect: 'postgres' | 'sqlite';
  names(): Promise<string[]>;
  run(sql: string): Promise<unknown>;
}

async function missingFrom(store: OpenedStore): Promise<SchemaIndex[]> {
  const present = new Set(await store.names());
  return schemaIndexes(store.dialect).filter(({ name }) => !present.has(name));
}

async function withStore<T>(
  { databaseUrl, dataDir, slug }: MendOptions,
  { readonly }: { readonly: boolean },
  work: (store: OpenedStore) => Promise<T>,
): Promise<T> {
  if (databaseUrl !== undefined) {
    return await withPostgres(databaseUrl, schemaName(slugOfFolder({ dataDir, slug }).value), work);
  }
  const file = path.join(dataDir, SQLITE_FILE);
  const options = { fileMustExist: true, timeout: BUSY_TIMEOUT_MS };
  const database = readonly
    ? await openToLook(file)
    : await openPatiently(file, () => openDatabaseFile(file, options));
  try {
    return await work({
      dialect: 'sqlite',
      names: () =>
        retryContention(
          () =>
            database.prepare("select name from sqlite_master where type = 'index'").pluck().all() as string[],
        ),
      run: (sql) => retryContention(() => database.exec(sql)),
    });
  } finally {
    database.close();
  }
}

async function withPostgres<T>(
  url: string,
  schema: string,
  work: (store: OpenedStore) => Promise<T>,
): Promise<T> {
  const { withServer } = await import('../primary/postgres.ts');
  return await withServer({ url, schema, timeouts: TIMEOUTS }, (client) =>
    work({
      dialect: 'postgres',
      names: async () => {
        const rows = await client.unsafe<{ name: string }[]>(
          `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
            join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and i.indisvalid`,
          [schema],
        );
        return rows.map(({ name }) => name);
      },
      run: (sql) => client.unsafe(sql),
    }),
  );
}
