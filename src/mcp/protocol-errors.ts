/** The tracker's errors where the protocol has no error results: as errors of the protocol itself. */
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  ProtocolError,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { TrackerError } from '../domain/errors.ts';
import { driverCode } from '../storage/database/driver-errors.ts';

/** @param uri the resource that was asked for, if it was one: what is not there is then the protocol's "not found" */
export function protocolError(error: unknown, log: (message: string) => void, uri?: string): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (!(error instanceof TrackerError)) {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return new ProtocolError(
      INTERNAL_ERROR,
      "An unexpected failure; its details are in the server's log. Repeat the request once; if it fails again, run `worktrail doctor`.",
    );
  }
  if (error.cause !== undefined) log(`${error.message} (${driverCode(error.cause) ?? 'no code'})`);
  const end = /[.?!]$/.test(error.message) ? '' : '.';
  const text = `${error.message}${end} ${error.next}`;
  if (error.code === 'NotFoundError' && uri !== undefined) return new ResourceNotFoundError(uri, text);
  const isOurs = error.code === 'DatabaseError' || error.code === 'NotSavedError';
  return new ProtocolError(isOurs ? INTERNAL_ERROR : INVALID_PARAMS, text, error.toBody());
}
