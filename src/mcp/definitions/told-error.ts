/** An error as a model is told it: each problem once, and of long values as much as a decision needs. */
import { shortenText, type ErrorBody, type Problem, type TrackerError } from '../../domain/errors.ts';
import type { Cut } from '../../domain/budget.ts';
import { isPlainObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { settableOf, shortValue } from './shown.ts';
import { IN_CORE, callForEnhancement, callForItem, callForVendor, offeredCall } from './whole-item.ts';

/** Of a longer value. */
const VALUE_CHARACTERS = 200;
/** Whoever writes the beginning of a longer one back, without the words at its end, is refused: see `isCutOff`. */
const WHOLE_CHARACTERS = 400;

/** Of a call that is refused in many entries, `details.refused` names all. */
const MESSAGE_CHARACTERS = 600;
/** Fields, or entries of a call, that are told with their values. */
const FIELDS_TOLD = 20;

/** @param offers whether this server has a tool: no error says that another gives what it shows in part */
export function toldError(error: TrackerError, offers: (tool: string) => boolean = () => true): ErrorBody {
  const body = error.toBody();
  if (body.error === 'ValidationError') return { ...body, ...toldProblems(body) };
  if (body.error === 'VersionConflictError') {
    const message = shortenText(body.message, MESSAGE_CHARACTERS);
    return { ...body, message, details: toldConflict(body.details, offers) };
  }
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
function toldConflict(
  details: Record<string, unknown>,
  offers: (tool: string) => boolean,
): Record<string, unknown> {
  const told: Record<string, unknown> = Object.fromEntries(
    Object.entries(details).map(([name, value]) => {
      if (name === 'current' && isPlainObject(value)) return [name, shortenedRecord(settableOf(value))];
      if (!Array.isArray(value)) return [name, value];
      const records = value.map((one: unknown) => (isPlainObject(one) ? shortened(one) : one));
      if (name === 'refused') return [name, value.length > FIELDS_TOLD ? value.map(named) : records];
      return [name, records.slice(0, FIELDS_TOLD)];
    }),
  );
  const left = Object.entries(details)
    .filter(([name, value]) => name !== 'refused' && Array.isArray(value) && value.length > FIELDS_TOLD)
    .map(([name, value]) => [`${name}_left_out`, (value as unknown[]).length - FIELDS_TOLD] as const);
  const { current } = details;
  const cut = isPlainObject(current)
    ? cutOf(current as JsonObject, told['current'] as JsonObject, offers)
    : [];
  return { ...told, ...Object.fromEntries(left), ...(cut.length > 0 && { cut }) };
}

/** One of many entries that were refused: which, and why. */
function named(entry: unknown): unknown {
  const { index, id, error, current_version, mergeable, message } = entry as Record<string, unknown>;
  const reason = error === 'VersionConflictError' ? { current_version, mergeable } : { message };
  return { index, id, error, ...reason };
}

const shortened = (record: object): object =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, short(value as JsonValue)]));

/** Lists are told whole: whoever sets one sets all of it. */
const shortenedRecord = (record: object): object =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      Array.isArray(value) ? value : short(value as JsonValue),
    ]),
  );

const short = (value: JsonValue): JsonValue =>
  shortValue(value, WHOLE_CHARACTERS) === value ? value : shortValue(value, VALUE_CHARACTERS);

/** Fields of the record of which less is shown, with the call that gives them whole. */
function cutOf(
  current: JsonObject,
  shown: JsonObject,
  offers: (tool: string) => boolean,
): Omit<Cut, 'left'>[] {
  const fields = Object.keys(shown).filter((name) => shown[name] !== current[name]);
  return fields.map((field) => ({
    field: `current.${field}`,
    next: offeredCall(callFor(current, field), offers, IN_CORE),
  }));
}

function callFor(current: JsonObject, field: string): string {
  if (current['item_type'] !== undefined) return callForItem(current, { field });
  return current['name'] === undefined ? callForEnhancement(current) : callForVendor(current);
}
