/** How a failed command ends: the exit code, and the error for a person (stderr) or a program (stdout). */
import type { CommanderError } from 'commander';
import { TrackerError, validationError, type ErrorCode } from '../errors.ts';
import { ExitCode } from './exit-codes.ts';
import { plainLine } from './plain-text.ts';
import { printJson, say } from './output.ts';

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
  if (!(error instanceof TrackerError)) {
    say(`worktrail: unexpected error: ${error instanceof Error ? error.message : String(error)}`);
    return ExitCode.finding;
  }
  if (asJson) printJson(error.toBody());
  else say(`worktrail: ${plainLine(error.message)}\n  ${plainLine(error.next)}`);
  return EXIT_CODES[error.code];
}

/** A mistake in the arguments that commander found, as an error of ours. */
export function usageError({ code, message }: CommanderError): TrackerError {
  const constraint =
    code === 'commander.help' ? 'name a command' : plainLine(message.replace(/^error: /, ''));
  return validationError(
    { field: 'command line', constraint, value: null },
    'See `worktrail --help`, or --help after a command.',
  );
}
