/** An error as a model is told it: each problem once, and of long values as much as a decision needs. */
import type { ErrorBody, Problem, TrackerError } from '../../domain/errors.ts';
import { isPlainObject, type JsonValue } from '../../domain/json.ts';
import { settableOf, shortValue } from './shown.ts';

const VALUE_CHARACTERS = 200;

export function toldError(error: TrackerError): ErrorBody {
  const body = error.toBody();
  if (body.error === 'ValidationError') return { ...body, ...toldProblems(body) };
  if (body.error === 'VersionConflictError') return { ...body, details: toldConflict(body.details) };
  return body;
}

/** `details` says it all: one problem stands there itself, several as `problems`. */
function toldProblems({ details }: ErrorBody): Pick<ErrorBody, 'message' | 'details'> {
  const {
    problems = [],
    problems_left_out,
    ...further
  } = details as { problems?: Problem[] } & {
    problems_left_out?: number;
  };
  const { field: _field, constraint: _constraint, value: _value, ...others } = further as Partial<Problem>;
  const [only, ...more] = problems;
  if (only === undefined || more.length > 0 || problems_left_out !== undefined) {
    const left = problems_left_out === undefined ? {} : { problems_left_out };
    const message = `${problems.length + (problems_left_out ?? 0)} arguments are not as they should be.`;
    return { message, details: { problems, ...left, ...others } };
  }
  return { message: `${only.field} is not as it should be.`, details: { ...only, ...others } };
}

/** What others changed, what was asked, and the record as it is now, without what is empty. */
function toldConflict(details: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => {
      if (name === 'current' && isPlainObject(value)) return [name, shortened(settableOf(value))];
      if (!Array.isArray(value)) return [name, value];
      return [name, value.map((one: unknown) => (isPlainObject(one) ? shortened(one) : one))];
    }),
  );
}

const shortened = (record: object): object =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, shortValue(value as JsonValue, VALUE_CHARACTERS)]),
  );
