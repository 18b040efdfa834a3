/**
 * Compares the tables of a store that follow from others with what these say now, and makes again what differs: a
 * program of an earlier version that ran on beside a newer one may have kept them by rules of its own.
 */
import path from 'node:path';
import { databaseError } from '../../domain/errors.ts';
import { SQLITE_FILE, schemaName, slugOfFolder } from '../opening/open-primary.ts';
import type { MendOptions } from './mend-indexes.ts';
import { compareDerived, mendDerived, type Difference } from '../apply/derived.ts';
import type { Session } from '../database/connection.ts';
import type { SchemaState } from '../primary/migrate.ts';
import { openSqlite } from '../primary/sqlite.ts';

export type { Difference };

/** A person asked, and reading all of a large tracker takes its time. */
const TIMEOUTS = { queryMs: 600_000, statementMs: 0, lockMs: 5_000 };

/** @throws a driver's error, or DatabaseError, when the store cannot be used */
export function findDifferences(options: MendOptions): Promise<Difference[]> {
  return withSession(options, compareDerived);
}

/**
 * Writers wait meanwhile. @returns what was made again
 * @throws a driver's error, or DatabaseError, when the store cannot be used
 */
export function mendDifferences(options: MendOptions): Promise<Difference[]> {
  return withSession(options, mendDerived);
}

async function withSession<T>(options: MendOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const { session } = await open(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

async function open(options: MendOptions): Promise<{ session: Session; state: SchemaState }> {
  const { databaseUrl, dataDir } = options;
  if (databaseUrl === undefined) return await openSqlite({ file: path.join(dataDir, SQLITE_FILE) });
  const { openPostgres } = await import('../primary/postgres.ts');
  const gone = () => Promise.reject(databaseError('postgres', 'it was removed a moment ago', 'Look again.'));
  return await openPostgres({
    url: databaseUrl,
    schema: schemaName(slugOfFolder(options).value),
    timeouts: TIMEOUTS,
    beforeFirst: gone,
    beforeUpgrade: gone,
  });
}
