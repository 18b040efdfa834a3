/** From unknown input to typed values, with every problem named. */
import type * as z from 'zod';
import { shorten, validationError, type Problem } from './errors.ts';
import { isAskedText } from './fields.ts';
import { findUnstorable, isPlainObject } from './json.ts';
import { nearestName } from './warnings.ts';
import { distance } from 'fastest-levenshtein';

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
    .map((name) => ({ field: name, constraint: unknownArgument(name, known), value: raw[name] }));
  const { arguments_, contradicted } = cleared(schema, takenAsMeant(schema, raw));
  problems.push(...contradicted);
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

/**
 * Arguments as strict and as careless clients send them, taken for what they mean: null for one that is not set, numbers and
 * booleans as text, objects and arrays as JSON text. Anything else is left for the schema to judge.
 */
function takenAsMeant(schema: z.ZodObject, raw: Record<string, unknown>): Record<string, unknown> {
  const taken: Record<string, unknown> = { ...raw };
  for (const [name, value] of Object.entries(raw)) {
    if (!Object.hasOwn(schema.shape, name)) continue;
    const field = schema.shape[name] as z.ZodType;
    if (value === null && isUnset(field)) delete taken[name];
    else if (typeof value === 'string') taken[name] = decoded(field, value, name);
  }
  return taken;
}

/** Fields named by `clear` are null; names that it does not take are left for the schema to judge. */
function cleared(schema: z.ZodObject, taken: Record<string, unknown>) {
  const contradicted: Problem[] = [];
  const field = schema.shape['clear'] as z.ZodType<string[] | undefined> | undefined;
  const names = field?.safeParse(taken['clear']).data;
  if (names === undefined) return { arguments_: taken, contradicted };
  const { clear: _clear, ...arguments_ } = taken;
  for (const name of names) {
    if (arguments_[name] == null) arguments_[name] = null;
    else {
      const constraint = `empties ${name}, for which a value is given`;
      contradicted.push({ field: 'clear', constraint, value: name });
    }
  }
  return { arguments_, contradicted };
}

/** Whether null has no meaning of its own for it. */
const isUnset = (field: z.ZodType): boolean =>
  !field.safeParse(null).success && field.safeParse(undefined).success;

function decoded(field: z.ZodType, text: string, name: string): unknown {
  const type = typeOf(field);
  if (type === 'number') return EXACT_NUMBER.test(text) ? Number(text) : text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (!STRUCTURES.has(type)) return text;
  try {
    const structure: unknown = JSON.parse(text);
    if (typeof structure !== 'object') return text;
    refuseUnstorable(structure, ARGUMENTS_MAX_DEPTH, name);
    return structure;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** A fraction of more digits could become another number, and a whole one. */
const EXACT_NUMBER = /^-?(\d{1,16}|\d{1,9}\.\d{1,6})$/;

const STRUCTURES: ReadonlySet<string> = new Set(['object', 'array', 'record']);

/** What a field is below its defaults and rules. */
function typeOf(field: z.ZodType): string {
  const definition = field.def as { type: string; innerType?: z.ZodType; in?: z.ZodType };
  const inner = definition.innerType ?? definition.in;
  return inner === undefined ? definition.type : typeOf(inner);
}

/** Words of other trackers for what has another name here, the likeliest first. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  type: ['item_type', 'dependency_type', 'kind'],
  kind: ['item_type', 'entity'],
  body: ['description', 'text'],
  content: ['description', 'text'],
  text: ['description'],
  comment: ['text'],
  note: ['text'],
  name: ['title'],
  summary: ['title'],
  subject: ['title'],
  parent: ['parent_id'],
  project: ['parent_id'],
  tags: ['labels'],
  tag: ['label', 'labels'],
  label: ['labels'],
  owner: ['assignee'],
  assigned_to: ['assignee'],
  user: ['actor', 'assignee'],
  state: ['status'],
  branch: ['branch_name'],
  commit: ['commit_hash'],
  pr: ['pr_number'],
  pull_request: ['pr_number'],
  vendor: ['name', 'affected_vendors'],
  vendors: ['affected_vendors'],
  items: ['updates', 'related_work_item_ids'],
  q: ['query', 'text'],
  search: ['query', 'text'],
  query: ['text'],
  item_id: ['id'],
  work_item_id: ['id'],
  task_id: ['id'],
  page_size: ['limit'],
  max_results: ['limit'],
  count: ['limit'],
  page: ['cursor', 'offset'],
  after: ['cursor'],
  token: ['claim_token'],
  minutes: ['lease_minutes'],
  author: ['actor', 'created_by'],
  actor: ['claimed_by', 'resolved_by', 'updated_by', 'created_by'],
  created_by: ['updated_by', 'claimed_by', 'resolved_by'],
  updated_by: ['created_by', 'claimed_by', 'resolved_by'],
  expected_version: ['version'],
  base_version: ['version'],
  date: ['deployed_at', 'from'],
};

function unknownArgument(name: string, known: readonly string[]): string {
  const word = name.toLowerCase().replaceAll('-', '_');
  const synonym = Object.hasOwn(SYNONYMS, word)
    ? SYNONYMS[word]?.find((candidate) => known.includes(candidate))
    : undefined;
  const near = synonym ?? closeName(word, known);
  return near === undefined
    ? `is not an argument here; there are ${known.join(', ')}`
    : `is not an argument here; it is called "${near}"`;
}

function closeName(name: string, known: readonly string[]): string | undefined {
  const whole = known.filter((one) => one.startsWith(name) || one.split('_').includes(name));
  if (whole.length === 1 && name.length >= NAME_PART_MIN) return whole[0];
  const near = nearestName(name, known);
  return near !== undefined && isTypoOf(near, name.slice(0, 2 * near.length)) ? near : undefined;
}

/** A shorter part of a name may be of any. */
const NAME_PART_MIN = 3;
/** More characters that differ than this, and than one, are another word: session is not version. */
const TYPOS_MAX_SHARE = 0.25;

function isTypoOf(near: string, name: string): boolean {
  const letters = (word: string) => [...word].sort().join('');
  return (
    distance(near, name) <= Math.max(1, near.length * TYPOS_MAX_SHARE) || letters(near) === letters(name)
  );
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
