/** Why a job failed, in words that can be kept: kinds and codes only, because a message may quote a record. */
import { TrackerError } from '../../domain/errors.ts';
import { describeDriverError, driverCode } from '../database/driver-errors.ts';

const CODE = /^([A-Z][A-Z0-9_]{2,39}|[0-9A-Z]{5})$/;
const NAME = /^[A-Z][A-Za-z]{0,30}Error$/;
const LAYERS: readonly unknown[] = ['sqlite', 'sqlite_cache', 'postgres', 'outbox', 'git', 'markdown'];

/** Never quotes the message of an error. */
export function describeJobError(error: unknown): string {
  if (!(error instanceof Error)) return 'an unexpected failure';
  const code = driverCode(error);
  const known = code !== undefined && CODE.test(code) ? ` (${code}: ${describeDriverError(error)})` : '';
  if (!(error instanceof TrackerError)) {
    return `an unexpected failure: ${NAME.test(error.name) ? error.name : 'Error'}${known}`;
  }
  const layer = error.details['layer'];
  return `${error.code}${LAYERS.includes(layer) ? ` in ${String(layer)}` : ''}${known}`;
}

/** What ended because it was asked to. */
export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
