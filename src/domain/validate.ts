/** From unknown input to typed values, with every problem named. */
import type * as z from 'zod';
import { shorten, validationError, type Problem } from './errors.ts';
import { isAskedText } from './fields.ts';
import { findUnstorable, isPlainObject } from './json.ts';
import { nearestName } from './warnings.ts';

/** Arguments nested deeper than this are refused before any schema sees them. */
const ARGUMENTS_MAX_DEPTH = 64;

/**
 * Parses the arguments of a tool or command. Objects and arrays may arrive as JSON text; an unknown argument
 * is refused with the nearest known name.
 * @throws ValidationError with one entry per problem; nothing has been changed then
 */
export function parseInput<Schema extends z.ZodObject>(schema: Schema, input: unknown): z.output<Schema> {
  const raw = input ?? {};
  if (!isPlainObject(raw)) {
    throw validationError({ field: 'arguments', constraint: 'must be an object', value: input });
  }
  const stored = Object.entries(raw).filter(
    ([name, value]) => typeof value !== 'string' || !isAskedText(schema.shape[name] as z.ZodType | undefined),
  );
  refuseUnstorable(Object.fromEntries(stored), ARGUMENTS_MAX_DEPTH);
  const known = Object.keys(schema.shape);
  const problems: Problem[] = Object.keys(raw)
    .filter((name) => !Object.hasOwn(schema.shape, name))
    .map((name) => ({
      field: name,
      constraint: `is not an argument here; the nearest is "${nearestName(name, known) ?? '(none)'}"`,
      value: raw[name],
    }));
  const arguments_ = decodeJsonText(schema, raw);
  const parsed = schema.safeParse(arguments_);
  if (!parsed.success) problems.push(...problemsOf(parsed.error, arguments_));
  if (problems.length > 0) throw validationError(problems);
  return parsed.data as z.output<Schema>;
}

/** @throws ValidationError for the first value that no store can keep: see `findUnstorable` */
export function refuseUnstorable(value: unknown, maxDepth: number, name?: string): void {
  const found = findUnstorable(value, maxDepth, name);
  if (found === undefined) return;
  throw validationError({ field: found.path, constraint: found.constraint, value: found.value });
}

/** Objects and arrays that a client sent as JSON text, decoded; anything else is left for the schema to judge. */
function decodeJsonText(schema: z.ZodObject, raw: Record<string, unknown>): Record<string, unknown> {
  let decoded: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(raw)) {
    const field = schema.shape[name] as z.ZodType | undefined;
    if (typeof value !== 'string' || field === undefined || !takesStructure(field)) continue;
    try {
      const structure: unknown = JSON.parse(value);
      if (typeof structure === 'object') {
        refuseUnstorable(structure, ARGUMENTS_MAX_DEPTH, name);
        decoded ??= { ...raw };
        decoded[name] = structure;
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return decoded ?? raw;
}

function takesStructure(field: z.ZodType): boolean {
  const definition = field.def as { type: string; innerType?: z.ZodType; in?: z.ZodType };
  const inner = definition.innerType ?? definition.in;
  if (inner !== undefined) return takesStructure(inner);
  return definition.type === 'object' || definition.type === 'array' || definition.type === 'record';
}

/** Zod's issues as problems; `prefix` names the object that was parsed when it is itself a field. */
export function problemsOf(error: z.ZodError, input: unknown, prefix = ''): Problem[] {
  return error.issues.map((issue) => ({
    field: fieldName(prefix, issue.path),
    constraint: describe(issue, valueAt(input, issue.path)),
    value: valueAt(input, issue.path),
  }));
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined && issue.code === 'invalid_type') return 'is required';
  if (issue.code === 'invalid_type' && Number.isNaN(value)) return `must be ${article(issue.expected)}`;
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}, not ${kindOf(value)}`;
  if (issue.code === 'invalid_value') {
    const required = value === undefined ? 'is required; it ' : '';
    return `${required}must be one of ${issue.values.map((allowed) => JSON.stringify(allowed)).join(', ')}`;
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
    if (issue.origin === 'array') return `must have ${bound} entries`;
    if (issue.origin === 'string') return `must have ${bound} characters`;
    return `must be ${bound}`;
  }
  if (issue.code === 'invalid_key') return `its name ${issue.issues[0]?.message ?? 'is not allowed'}`;
  if (issue.code === 'unrecognized_keys')
    return `has unknown names: ${issue.keys.map((key) => JSON.stringify(shorten(key))).join(', ')}`;
  // A rule of ours has words of its own; those of zod are for programmers.
  return /^(Invalid|Unrecognized|Too |Expected)/.test(issue.message)
    ? 'is not what can stand here'
    : issue.message;
}

function article(expected: string): string {
  const name = expected === 'int' ? 'integer' : expected === 'record' ? 'object' : expected;
  return /^[aeio]/.test(name) ? `an ${name}` : `a ${name}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return article(typeof value);
}

function fieldName(prefix: string, path: PropertyKey[]): string {
  const name = path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    prefix,
  );
  return name === '' ? 'arguments' : name;
}

function valueAt(input: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  );
}
