/**
 * The one error that the tracker raises on purpose. It is thrown where the problem is found and formatted
 * once at each surface (MCP result, HTTP status, exit code); `contracts/errors.json` has the shape.
 */
export const ERROR_CODES = [
  'ValidationError',
  'NotFoundError',
  'VersionConflictError',
  'ClaimError',
  'NotSavedError',
  'DatabaseError',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One wrong input: the field as the caller named it, the rule it broke, and the value (shortened). */
export interface Problem {
  field: string;
  constraint: string;
  value: unknown;
}

/** The wire form of an error: the text content of a failed tool call, and the body of an HTTP error. */
export interface ErrorBody {
  error: ErrorCode;
  message: string;
  details: Record<string, unknown>;
  next: string;
}

export class TrackerError extends Error {
  override readonly name: string;

  /**
   * @param code what kind of failure this is; it decides HTTP status and exit code
   * @param message what is wrong, for the caller
   * @param details the fields that `contracts/errors.json` promises for this code
   * @param next what the caller can do about it; never a destructive step
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Record<string, unknown>,
    readonly next: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = code;
  }

  toBody(): ErrorBody {
    return { error: this.code, message: this.message, details: this.details, next: this.next };
  }
}

/** Whether it is an error of ours with this code. */
export function isError(error: unknown, code: ErrorCode): error is TrackerError {
  return error instanceof TrackerError && error.code === code;
}

/** Wrong input. Nothing was changed. */
export function validationError(
  problems: Problem | Problem[],
  next = 'Correct the fields named here and call again; nothing was changed.',
): TrackerError {
  const found = Array.isArray(problems) ? problems : [problems];
  const all = found.slice(0, PROBLEMS_MAX).map(({ field, constraint, value }) => ({
    field: shortenText(field, FIELD_CHARACTERS),
    constraint,
    value: shorten(value),
  }));
  const left = found.length - all.length;
  const message = all.map(({ field, constraint }) => `${field}: ${constraint}`).join('; ');
  return new TrackerError(
    'ValidationError',
    left > 0 ? `${message}; and ${left} more` : message,
    { ...all[0], problems: all, ...(left > 0 && { problems_left_out: left }) },
    next,
  );
}

/** The record does not exist. `by` is the id or name that was looked for. */
export function notFound(
  entity: string,
  by: { id: string } | { name: string },
  didYouMean: string[] = [],
): TrackerError {
  const wanted = 'id' in by ? by.id : by.name;
  const hint = didYouMean.length > 0 ? ` Did you mean ${didYouMean.join(', ')}?` : '';
  return new TrackerError(
    'NotFoundError',
    `There is no ${entity} ${JSON.stringify(shorten(wanted))}.${hint}`,
    { entity, ...by, did_you_mean: didYouMean },
    didYouMean.length > 0
      ? `Call again with one of did_you_mean, or list the ${entity}s to find the right one.`
      : `List the ${entity}s to find the right one, then call again${entity === 'vendor' ? ' (list_vendors and register_vendor are offered with --toolsets all)' : ''}.`,
  );
}

/** The store could not answer or could not be opened. `reason` is in our words; driver text goes to `cause`. */
export function databaseError(layer: string, reason: string, next: string, cause?: unknown): TrackerError {
  return new TrackerError('DatabaseError', `${layer}: ${reason}`, { layer, reason }, next, { cause });
}

const SHORT_VALUE_CHARACTERS = 80;
/** A field's name may be a path through nested values. */
const FIELD_CHARACTERS = 250;
/** Problems that one error names; a hopeless call must not be answered at greater length than it was made. */
const PROBLEMS_MAX = 20;

/** A value as an error may echo it: long strings and large structures are cut. */
export function shorten(value: unknown): unknown {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === undefined) return null;
  let text: string;
  try {
    text = typeof value === 'string' ? value : (JSON.stringify(value) ?? typeof value);
  } catch {
    return `[${Array.isArray(value) ? 'array' : typeof value} that cannot be shown]`;
  }
  const short = shortenText(text);
  return short.length < text.length || typeof value === 'string' ? short : value;
}

/** The text, or its first `max` characters and an ellipsis; well-formed. */
export function shortenText(text: string, max = SHORT_VALUE_CHARACTERS): string {
  const characters = Array.from(text.slice(0, max * 2 + 2));
  if (characters.length <= max) return text.toWellFormed();
  return `${characters.slice(0, max).join('').toWellFormed()}…`;
}
