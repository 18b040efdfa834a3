/**
 * What a driver's error means, for both databases. Only failures of the layer itself (`unavailable`) may ever
 * be treated as an outage; everything else is a mistake in the settings, a bug, a race to retry, or a rule that the
 * data broke.
 */
import { WordedError } from '../../platform/worded-error.ts';
import { TrackerError } from '../../domain/errors.ts';
import { MISTAKES, SettingMistake, mistakeKind } from './postgres-mistakes.ts';

/**
 * - `unavailable`: the layer as a whole does not answer, or cannot be written
 * - `mistake`: it will not answer until a person changes a setting, here or on the server (`postgres-mistakes.ts`)
 * - `denied`: the same for what was asked only: the user lacks a right
 * - `contention`: others were in the way; the same call may succeed the next moment
 * - `partial`: one query, table or page fails; the rest of the layer works
 * - `duplicate`: the record is there already
 * - `other`: a rule that the data broke, or a bug
 */
export type DriverFailure =
  'unavailable' | 'mistake' | 'denied' | 'contention' | 'partial' | 'duplicate' | 'other';

/** Failures that are not the caller's doing. */
export type LayerFailure = Exclude<DriverFailure, 'duplicate' | 'other'>;

type Meanings = readonly [pattern: RegExp, failure: DriverFailure][];

/** SQLSTATE classes and codes of PostgreSQL (appendix A of its manual), the codes of its client, and ours. */
const POSTGRES: Meanings = [
  [/^(40001|40P01|55P03)$/, 'contention'],
  [/^23505$/, 'duplicate'],
  [/^(42P01|42703|XX00[12])$/, 'partial'],
  [/^(08...|53...|57P0[1-5]|57014|58...|25006|25P03)$/, 'unavailable'],
  [/^CONNECTION_(CLOSED|ENDED|DESTROYED|FAILED)$/, 'unavailable'],
  [/^(CONNECT|QUERY|POOL)_TIMEOUT$/, 'unavailable'],
];

/** Result codes of SQLite, extended codes included (sqlite.org/rescode.html). */
const SQLITE: Meanings = [
  [/^SQLITE_(BUSY|LOCKED)/, 'contention'],
  [/^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/, 'duplicate'],
  // Often one page of many; a file that is not a database at all has a code of its own.
  [/^SQLITE_CORRUPT/, 'partial'],
  [/^SQLITE_(IOERR|NOTADB|CANTOPEN|FULL|READONLY|NOMEM|PERM|PROTOCOL)/, 'unavailable'],
];

/** Codes of the operating system: the network's and the disk's. */
const SYSTEM: Meanings = [
  [/^E(CONNREFUSED|CONNRESET|CONNABORTED|TIMEDOUT|PIPE|AI_AGAIN)$/, 'unavailable'],
  [/^E(HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|ADDRNOTAVAIL|NOENT)$/, 'unavailable'],
  [/^(ERR_SSL_\w+|EPROTO)$/, 'unavailable'],
  [/^E(NOSPC|ROFS|ACCES|PERM|DQUOT|FBIG|IO|MFILE|NFILE)$/, 'unavailable'],
];

export function classifyDriverError(error: unknown): DriverFailure {
  const code = driverCode(error);
  if (code === undefined) return 'other';
  if (lacksTable(error)) return 'partial';
  if (code.startsWith('SQLITE_')) return meaning(SQLITE, code);
  const mistake = mistakeKind(code);
  if (mistake !== undefined) return mistake.isPartial === true ? 'denied' : 'mistake';
  return meaning([...POSTGRES, ...SYSTEM], code);
}

function meaning(table: Meanings, code: string): DriverFailure {
  return table.find(([pattern]) => pattern.test(code))?.[1] ?? 'other';
}

/**
 * How the layer failed, for an error of a driver or the DatabaseError made of one; undefined for a rule that
 * was broken, a duplicate, a store of a newer version, and a bug.
 */
export function layerFailure(error: unknown): LayerFailure | undefined {
  if (error instanceof TrackerError && error.code !== 'DatabaseError') return undefined;
  const failure = classifyDriverError(error);
  return failure === 'duplicate' || failure === 'other' ? undefined : failure;
}

/** The driver's own code, found through the wrappers around it (drizzle's, OutcomeUnknown, a TrackerError). */
export function driverCode(error: unknown): string | undefined {
  return driverError(error)?.code;
}

function driverError(error: unknown): { code: string; message: string } | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < WRAPPERS_MAX; depth += 1) {
    const { code, message } = current as { code?: unknown; message: string };
    if (typeof code === 'string' && !(current instanceof TrackerError)) return { code, message };
    current = current.cause;
  }
  return undefined;
}

/** Whether a SQLite file lacks a table or column that this program made: its log was lost. SQLite has no code for it. */
export function lacksTable(error: unknown): boolean {
  const { code, message = '' } = driverError(error) ?? {};
  return code === 'SQLITE_ERROR' && /^no such (table|column): /.test(message);
}

const WRAPPERS_MAX = 8;

/** An error of our own that is classified like a driver's. `message` is for the log. */
export function codedError(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

const REASONS: readonly [pattern: RegExp, reason: string][] = [
  ...MISTAKES.map(({ code, reason }): [RegExp, string] => [code, reason]),
  [/^ECONNREFUSED$/, 'nothing accepts connections at its address'],
  [
    /^(ECONNRESET|ECONNABORTED|EPIPE|EPROTO|ERR_SSL_\w+|CONNECTION_(CLOSED|ENDED|DESTROYED)|08...)$/,
    'the connection was cut',
  ],
  [/^CONNECTION_FAILED$/, 'no connection could be made to it'],
  [/^E(HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|ADDRNOTAVAIL)$/, 'the network does not reach it'],
  [/^EAI_AGAIN$/, 'its host name cannot be resolved at the moment'],
  [/^((CONNECT|QUERY|POOL)_TIMEOUT|ETIMEDOUT)$/, 'it did not answer in time'],
  [/^57014$/, 'the query took too long'],
  [/^57P0/, 'it is shutting down or starting up'],
  [/^53/, 'it is out of resources (connections, memory or disk)'],
  [/^58/, 'its disk failed to read or write'],
  [/^25006$/, 'it is read-only at the moment'],
  [/^25P03$/, 'it ended a transaction that this process did not go on with in time'],
  [/^(40001|40P01|55P03)$/, 'other writers were in the way for too long'],
  [/^42P01$/, 'one of its tables is missing'],
  [/^42703$/, 'one of its tables lacks a column'],
  [/^XX00[12]$/, 'some of its data is damaged'],
  [/^SQLITE_FULL/, 'the disk is full'],
  [/^SQLITE_READONLY_DBMOVED$/, 'its file was moved, deleted or replaced'],
  [/^SQLITE_READONLY/, 'the file or its folder is read-only'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'the file is damaged or not a database'],
  [/^SQLITE_CANTOPEN/, 'the file cannot be opened'],
  [/^SQLITE_(BUSY|LOCKED)/, 'other processes kept it locked'],
  [/^SQLITE_IOERR/, 'the disk failed to read or write'],
  [/^(ENOSPC|EDQUOT)$/, 'the disk is full'],
  [/^EROFS$/, 'the disk is read-only'],
  [/^(EACCES|EPERM)$/, 'this user may not read or write there'],
  [/^EFBIG$/, 'a file there has reached its greatest size'],
  [/^EIO$/, 'the disk failed to read or write'],
  [/^(EMFILE|ENFILE)$/, 'too many files are open'],
];

/** What people may read of any failure: our own words as they are, of everything else what its code means. */
export function describeFailure(error: unknown): string {
  if (error instanceof TrackerError) return error.message;
  // Before the driver's error that may be its cause.
  if (error instanceof WordedError) return error.message;
  return describeDriverError(error);
}

/** Why a layer failed, in our words: driver text may hold addresses, SQL or values and stays in `cause`. */
export function describeDriverError(error: unknown): string {
  if (error instanceof ForeignObject) return error.message;
  const lost = lostFiles(error);
  if (lost !== undefined) return lost.message;
  const code = driverCode(error);
  const known = code === undefined ? undefined : REASONS.find(([pattern]) => pattern.test(code))?.[1];
  if (known !== undefined) return known;
  // Worded where it was found: the native module that is missing or not for this Node.js.
  const worded = error instanceof TrackerError ? error.details['reason'] : undefined;
  return typeof worded === 'string' ? worded : 'it failed in an unexpected way';
}

/** What a person has to change, where the error is a mistake in the settings; undefined for any other. */
export function remedyOf(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < WRAPPERS_MAX; depth += 1) {
    if (current instanceof SettingMistake) return current.remedy;
    current = current.cause;
  }
  return undefined;
}

/** Files of an open database are gone or replaced. The message tells what became of what they held. */
export class LostFiles extends Error {
  override readonly name = 'LostFiles';
  readonly code = 'SQLITE_READONLY_DBMOVED';
}

/** The same where it is why something else failed. */
export function lostFiles(error: unknown): LostFiles | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < WRAPPERS_MAX; depth += 1) {
    if (current instanceof LostFiles) return current;
    current = current.cause;
  }
  return undefined;
}

/** A database file has something that this program did not make. The message goes after "the file:". */
export class ForeignObject extends Error {
  override readonly name = 'ForeignObject';
  constructor(
    message: string,
    /** It has the name of one of ours: it may be damaged instead. */
    readonly isAltered: boolean,
  ) {
    super(message);
  }
}

/** A database file is another program's as a whole. */
export class ForeignFile extends Error {
  override readonly name = 'ForeignFile';
}

/** Why a layer failed, in our words. */
export function reasonOf(error: unknown): string {
  if (error instanceof TrackerError) return String(error.details['reason'] ?? error.message);
  return describeFailure(error);
}
