/** An error as a model is told it: each problem once, and of long values as much as a decision needs. */
import type { ErrorBody, Problem, TrackerError } from '../../domain/errors.ts';
import type { Cut } from '../../domain/budget.ts';
import { isPlainObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { settableOf, shortValue } from './shown.ts';
import { callForItem } from './whole-item.ts';

const VALUE_CHARACTERS = 200;

export function toldError(error: TrackerError): ErrorBody {
  const body = error.toBody();
  if (body.error === 'ValidationError') return { ...body, ...toldProblems(body) };
  if (body.error === 'VersionConflictError') return { ...body, details: toldConflict(body.details) };
  return body;
}

interface ValidationDetails extends Partial<Problem> {
  problems?: Problem[];
  problems_left_out?: number;
}

/** `details` says it all: one problem stands there itself, several as `problems`. */
function toldProblems({ details }: ErrorBody): Pick<ErrorBody, 'message' | 'details'> {
  const { field: _field, constraint: _constraint, value: _value, ...more } = details as ValidationDetails;
  const { problems = [], problems_left_out = 0, ...further } = more;
  const [only, ...others] = problems;
  if (only !== undefined && others.length === 0)
    return { message: `${only.field} is not as it should be.`, details: { ...only, ...further } };
  return {
    message: `${problems.length + problems_left_out} arguments are not as they should be.`,
    details: { problems, ...further, ...(problems_left_out > 0 && { problems_left_out }) },
  };
}

/** What others changed, what was asked, and the record as it is now, without what is empty. */
function toldConflict(details: Record<string, unknown>): Record<string, unknown> {
  const told = Object.fromEntries(
    Object.entries(details).map(([name, value]) => {
      if (name === 'current' && isPlainObject(value)) return [name, shortened(settableOf(value))];
      if (!Array.isArray(value)) return [name, value];
      return [name, value.map((one: unknown) => (isPlainObject(one) ? shortened(one) : one))];
    }),
  );
  const { current } = details;
  const cut = isPlainObject(current) ? cutOf(current as JsonObject, told['current'] as JsonObject) : [];
  return { ...told, ...(cut.length > 0 && { cut }) };
}

const shortened = (record: object): object =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, shortValue(value as JsonValue, VALUE_CHARACTERS)]),
  );

/** Fields of the record of which less is shown, with the call that gives them whole. */
function cutOf(current: JsonObject, shown: JsonObject): Omit<Cut, 'left'>[] {
  const fields = Object.keys(shown).filter((name) => shown[name] !== current[name]);
  return fields.map((field) => ({ field: `current.${field}`, next: callFor(current, field) }));
}

function callFor(current: JsonObject, field: string): string {
  const { id, name, item_type } = current;
  if (item_type !== undefined) return callForItem({ id }, { field });
  if (name !== undefined) return `query_vendor_status ${JSON.stringify({ name, max_tokens: 20_000 })}`;
  return `list_enhancements ${JSON.stringify({ id, max_tokens: 20_000 })}`;
}
