/** Which table a failure of the store was about: a person has to grant a right on it, or to put it back. */
import { getTableName } from 'drizzle-orm';
import { postgresKit } from './columns.ts';
import { defineTables } from './schema.ts';

/** A missing right, table or column. */
const ABOUT_TABLE = /^(42501|42P01|42703)$/;
const CAUSES_MAX = 8;

let names: RegExp | undefined;

/** The reason with the table's name, where the driver gives one of ours: nothing else of its text is shown. */
export function nameFailedTable(reason: string, error: unknown): string {
  const table = failedTable(error);
  return table === undefined ? reason : `${reason} (table ${table})`;
}

function failedTable(error: unknown): string | undefined {
  names ??= new RegExp(`\\b(${Object.values(defineTables(postgresKit)).map(getTableName).join('|')})\\b`);
  for (let current = error, depth = 0; current instanceof Error && depth < CAUSES_MAX; depth += 1) {
    const { code, message, cause } = current as { code?: unknown } & Error;
    const found = typeof code === 'string' && ABOUT_TABLE.test(code) ? names.exec(message)?.[1] : undefined;
    if (found !== undefined) return found;
    current = cause;
  }
  return undefined;
}
