/** What an error of PostgreSQL means for the connection on which it came. */
import postgres from 'postgres';
import {
  classifyDriverError,
  codedError,
  driverCode,
  type DriverFailure,
} from '../database/driver-errors.ts';

const QUERY_CANCELED = '57014';

/** The row that every writer takes. */
const TAKES_FEED = /^update "feed" /;

/**
 * Whether a statement's time was up while it waited for other writers. The server limits each single wait for a
 * lock; where many want the same row a statement waits several times. An error that tells where it came from came from
 * such a wait: our statements call no functions, of which an error would tell the same. It does not tell so while it
 * stands in the line for a row, where only the row that all want keeps anybody for long.
 */
export function waitedTooLong(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof postgres.PostgresError) {
      const isWaiting = current.where !== undefined || TAKES_FEED.test(current.query);
      return current.code === QUERY_CANCELED && isWaiting;
    }
  }
  return false;
}

/** What an error means that says something else, or nothing, once a connection is made. */
const REFUSALS: readonly [code: RegExp, refusal: string][] = [
  [/^42501$/, 'CONNECT_DENIED'],
  [/^55000$/, 'DATABASE_CLOSED'],
  [/^(08P01|0A000|42704|22023)$/, 'START_UP_REFUSED'],
  [/^(ERR_SSL_\w+|ERR_TLS_(?!CERT_ALTNAME)\w+|EPROTO)$/, 'TLS_FAILED'],
];
const INVALID_AUTHORIZATION = '28000';
/** The function of the server that looks for a line in pg_hba.conf. */
const ACCESS_RULES = 'ClientAuthentication';

/** Whatever keeps us from connecting is a failure of the layer or a mistake in its settings. */
export function connectionRefusal(error: unknown): Error {
  const code = driverCode(error) ?? '';
  const isByRule =
    code === INVALID_AUTHORIZATION &&
    error instanceof postgres.PostgresError &&
    error.routine === ACCESS_RULES;
  const refusal = isByRule ? 'NO_ACCESS_RULE' : REFUSALS.find(([pattern]) => pattern.test(code))?.[1];
  if (refusal !== undefined) return codedError(refusal, 'no connection was allowed', error);
  const failure = classifyDriverError(error);
  if (error instanceof Error && isWhole(failure)) return error;
  return codedError('CONNECTION_FAILED', 'no connection could be made', error);
}

/** Losses, and the errors with which a server announces that it hangs up. */
export function endsConnection(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (!(error instanceof postgres.PostgresError)) return isWhole(classifyDriverError(error));
  return /^(FATAL|PANIC)$/.test(error.severity);
}

function isWhole(failure: DriverFailure): boolean {
  return failure === 'unavailable' || failure === 'mistake';
}
