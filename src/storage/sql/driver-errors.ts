/**
 * What a driver's error means, for both databases. Only failures of the layer itself (`unavailable`) may ever
 * be treated as an outage; everything else is a bug, a race to retry, or a rule that the data broke.
 */
import { TrackerError } from '../../errors.ts';

export type DriverFailure = 'unavailable' | 'contention' | 'duplicate' | 'other';

/** SQLSTATE classes and codes of PostgreSQL (appendix A of its manual) and the codes of its client. */
const POSTGRES: readonly [pattern: RegExp, failure: DriverFailure][] = [
  [/^(40001|40P01|55P03)$/, 'contention'],
  [/^23505$/, 'duplicate'],
  [/^(08...|53...|57P0[1-5]|57014|58...|XX00[12]|3D000|28...)$/, 'unavailable'],
  [/^(CONNECT_TIMEOUT|CONNECTION_(CLOSED|ENDED|DESTROYED))$/, 'unavailable'],
  [
    /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/,
    'unavailable',
  ],
];

/** Result codes of SQLite, extended codes included (sqlite.org/rescode.html). */
const SQLITE: readonly [pattern: RegExp, failure: DriverFailure][] = [
  [/^SQLITE_(BUSY|LOCKED)/, 'contention'],
  [/^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/, 'duplicate'],
  [/^SQLITE_(IOERR|CORRUPT|NOTADB|CANTOPEN|FULL|READONLY|NOMEM|PERM|PROTOCOL)/, 'unavailable'],
];

export function classifyDriverError(error: unknown): DriverFailure {
  const code = driverCode(error);
  if (code === undefined) return 'other';
  const table = code.startsWith('SQLITE_') ? SQLITE : POSTGRES;
  return table.find(([pattern]) => pattern.test(code))?.[1] ?? 'other';
}

/** The driver's own code, found through the wrappers around it (drizzle wraps driver errors). */
export function driverCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; depth += 1) {
    const { code } = current as { code?: unknown };
    if (typeof code === 'string' && !(current instanceof TrackerError)) return code;
    current = current.cause;
  }
  return undefined;
}

const REASONS: readonly [pattern: RegExp, reason: string][] = [
  [/^ECONNREFUSED$/, 'nothing accepts connections at its address'],
  [/^(ECONNRESET|EPIPE|CONNECTION_CLOSED|CONNECTION_ENDED)$/, 'the connection was cut'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'its host name cannot be resolved'],
  [/^(CONNECT_TIMEOUT|ETIMEDOUT)$/, 'it did not answer in time'],
  [/^28/, 'it refused the user name or password'],
  [/^3D000$/, 'the database named in the URL does not exist'],
  [/^57014$/, 'the query took too long'],
  [/^57P0/, 'it is shutting down or starting up'],
  [/^53/, 'it is out of resources (connections, memory or disk)'],
  [/^42501$/, 'the user may not do this there'],
  [/^SQLITE_FULL/, 'the disk is full'],
  [/^SQLITE_READONLY/, 'the file or its folder is read-only'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'the file is damaged or not a database'],
  [/^SQLITE_CANTOPEN/, 'the file cannot be opened'],
  [/^SQLITE_(BUSY|LOCKED)/, 'other processes kept it locked'],
  [/^SQLITE_IOERR/, 'the disk failed to read or write'],
];

/** Why a layer failed, in our words: driver text may hold addresses, SQL or values and stays in `cause`. */
export function describeDriverError(error: unknown): string {
  const code = driverCode(error);
  if (code === undefined) return 'it failed in an unexpected way';
  return REASONS.find(([pattern]) => pattern.test(code))?.[1] ?? 'it failed in an unexpected way';
}
