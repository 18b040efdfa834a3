/** How a failed command ends: the exit code, and the error for a person (stderr) or a program (stdout). */
import type { CommanderError } from 'commander';
import { TrackerError, databaseError, validationError, type ErrorCode } from '../domain/errors.ts';
import { describeDriverError, driverCode } from '../storage/database/driver-errors.ts';
import { ExitCode } from './terminal/exit-codes.ts';
import { plainLine } from './terminal/plain-text.ts';
import { printJson, say } from './terminal/output.ts';

const EXIT_CODES: Readonly<Record<ErrorCode, ExitCode>> = {
  ValidationError: ExitCode.usage,
  NotFoundError: ExitCode.finding,
  VersionConflictError: ExitCode.finding,
  ClaimError: ExitCode.finding,
  NotSavedError: ExitCode.unavailable,
  DatabaseError: ExitCode.unavailable,
};

/** Tells what went wrong. @returns the exit code */
export function reportFailure(error: unknown, asJson: boolean): ExitCode {
  const told = error instanceof TrackerError ? error : unexpected(error);
  if (asJson) printJson(told.toBody());
  else say(`worktrail: ${plainLine(told.message)}\n  ${plainLine(told.next)}`);
  if (process.env['WORKTRAIL_DEBUG']) say(detailsOf(error));
  return error instanceof TrackerError ? EXIT_CODES[error.code] : ExitCode.finding;
}

/** What libraries and the engine say is for whoever mends it: it may quote records, addresses or files. */
function unexpected(error: unknown): TrackerError {
  const known = driverCode(error) === undefined ? '' : ` (${describeDriverError(error)})`;
  return databaseError(
    'worktrail',
    `an unexpected failure${known}, which is a fault of Worktrail; a change that was not confirmed may not have been saved`,
    'See `worktrail history` before you repeat the command. To report it, run it once more with WORKTRAIL_DEBUG=1, which prints the details to stderr, and read them through before you pass them on.',
    error,
  );
}

function detailsOf(error: unknown): string {
  const details: string[] = [];
  for (let one = error; one !== undefined && details.length < CAUSES_MAX; one = causeOf(one)) {
    details.push(one instanceof Error ? (one.stack ?? one.message) : String(one));
  }
  return details.join('\ncaused by: ');
}

const CAUSES_MAX = 8;
const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

/** A mistake in the arguments that commander found, as an error of ours. */
export function usageError({ code, message }: CommanderError): TrackerError {
  const constraint =
    code === 'commander.help' ? 'name a command' : plainLine(message.replace(/^error: /, ''));
  return validationError(
    { field: 'command line', constraint, value: null },
    'See `worktrail --help`, or --help after a command.',
  );
}
