/** Metadata: known keys are validated per kind of record; unknown keys are kept and warned about. */
import * as z from 'zod';
import { shortenText, validationError } from './errors.ts';
import { isPlainObject, jsonBytes, type JsonObject } from './json.ts';
import { METADATA_MAX_BYTES, METADATA_MAX_DEPTH } from './limits.ts';
import { problemsOf, refuseUnstorable } from './validate.ts';
import { nearestName, type Warning } from './warnings.ts';

const looseSchemas = new WeakMap<z.ZodObject, z.ZodObject>();

/** The schema with unknown keys let through; made once, because making it compiles it. */
function loose(known: z.ZodObject): z.ZodObject {
  let schema = looseSchemas.get(known);
  if (schema === undefined) looseSchemas.set(known, (schema = known.loose()));
  return schema;
}

/**
 * Checks a whole metadata object against the schema of its known keys.
 * @param given the keys that the caller sent now: only those are warned about
 * @returns the object with known values normalised, and a warning per unknown key
 * @throws ValidationError naming each key as `metadata.<key>`
 */
export function checkMetadata(
  metadata: Record<string, unknown>,
  known: z.ZodObject,
  kind: string,
  given: readonly string[] = Object.keys(metadata),
): { metadata: JsonObject; warnings: Warning[] } {
  refuseUnstorable(metadata, METADATA_MAX_DEPTH, 'metadata');
  const bytes = jsonBytes(metadata);
  if (bytes > METADATA_MAX_BYTES) {
    throw validationError({
      field: 'metadata',
      constraint: `must have at most ${METADATA_MAX_BYTES} bytes as JSON in UTF-8 (it has ${bytes})`,
      value: metadata,
    });
  }
  const parsed = loose(known).safeParse(metadata);
  if (!parsed.success) throw validationError(problemsOf(parsed.error, metadata, 'metadata'));

  const knownKeys = Object.keys(known.shape);
  const unknown = Object.keys(metadata)
    .filter((key) => given.includes(key) && !knownKeys.includes(key))
    .sort();
  const warnings = unknown.slice(0, WARNINGS_MAX).map((key) => unknownKeyWarning(key, knownKeys, kind));
  const left = unknown.length - warnings.length;
  if (left > 0) {
    warnings.push({
      code: 'unknown_metadata_key',
      message: `${left} more unknown keys were kept as they are.`,
    });
  }
  return { metadata: parsed.data as JsonObject, warnings };
}

/** Unknown keys named one by one; more are counted. */
const WARNINGS_MAX = 10;

function unknownKeyWarning(key: string, knownKeys: string[], kind: string): Warning {
  const nearest = nearestName(key, knownKeys);
  const hint = nearest === undefined ? '' : ` The nearest known key is "${nearest}".`;
  return {
    code: 'unknown_metadata_key',
    message: `"${shortenText(key)}" is not a known metadata key of a ${kind}; it was kept as it is.${hint}`,
  };
}

/**
 * A partial metadata object laid over the current one, key by key; `null` removes a key. The keys in
 * `nested` (objects such as `format_support`) are merged one level deeper.
 */
export function mergeMetadata(
  current: JsonObject,
  patch: Record<string, unknown>,
  nested: readonly string[] = [],
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...current };
  for (const [key, value] of Object.entries(patch)) {
    const present = merged[key];
    if (value === null) delete merged[key];
    else if (nested.includes(key) && isPlainObject(value) && isPlainObject(present)) {
      merged[key] = mergeMetadata(present as JsonObject, value);
    } else merged[key] = value;
  }
  return merged;
}

const QUARTER = /^(\d{4})-Q([1-4])$/;
const QUARTER_SPOKEN = /^Q([1-4])[ -](\d{4})$/i;

/** `YYYY-Qn`; `Qn YYYY` is accepted and becomes `YYYY-Qn`. */
export const quarter = z.string().transform((value, context) => {
  const text = value.trim();
  if (QUARTER.test(text)) return text;
  const spoken = QUARTER_SPOKEN.exec(text);
  if (spoken !== null) return `${spoken[2]}-Q${spoken[1]}`;
  context.addIssue({ code: 'custom', message: 'must be a quarter written as 2026-Q1 (or "Q1 2026")' });
  return z.NEVER;
});

/** A quarter as it is stored. */
export const storedQuarter = z.string().regex(QUARTER, 'must be a quarter written as 2026-Q1');
