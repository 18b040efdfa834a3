/** Building blocks of the schemas: strings with the tracker's rules, each visible in the JSON Schema too. */
import * as z from 'zod';
import { isPlainObject, type JsonObject } from './json.ts';
import {
  CURSOR_MAX_CHARACTERS,
  IDEMPOTENCY_KEY_MAX_CHARACTERS,
  NAME_MAX_CHARACTERS,
  PAGE_DEFAULT,
  PAGE_MAX,
} from './limits.ts';

/** Unicode code points, which is what JSON Schema's `maxLength` counts. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** One line of 1 to `max` characters: not blank, no control characters, no line breaks of any kind. */
export function line(max: number) {
  return z
    .string()
    .superRefine((value, context) => {
      const length = countCharacters(value);
      const refuse = (message: string) => context.addIssue({ code: 'custom', message });
      if (value.trim() === '') refuse('must not be empty or blank');
      else if (length > max) refuse(`must have 1 to ${max} characters (it has ${length})`);
      else if (/[\p{Cc}\u2028\u2029]/u.test(value)) {
        refuse('must be one line without control characters');
      }
    })
    .meta({ minLength: 1, maxLength: max });
}

/** Text of any form up to `maxBytes` of UTF-8. */
export function longText(maxBytes: number) {
  return z.string().refine((value) => Buffer.byteLength(value, 'utf8') <= maxBytes, {
    error: (issue) =>
      `must have at most ${maxBytes} bytes in UTF-8 (it has ${Buffer.byteLength(String(issue.input), 'utf8')})`,
  });
}

/** Text of up to `max` characters, counted as code points. */
export function shortText(max: number) {
  return z
    .string()
    .refine((value) => countCharacters(value) <= max, {
      error: (issue) =>
        `must have at most ${max} characters (it has ${countCharacters(String(issue.input))})`,
    })
    .meta({ maxLength: max });
}

const neverStored = new WeakSet<z.ZodType>();

/** Text of any form at all, also what no database takes: it is only read, and never stored or compared as it is. */
export function askedText() {
  const schema = z.string();
  neverStored.add(schema);
  return schema;
}

export const isAskedText = (schema: z.ZodType | undefined): boolean =>
  schema !== undefined && neverStored.has(schema);

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return z.number().int().min(min).max(max);
}

/** A UUID or an unambiguous prefix of at least 6 hex characters, in any case; becomes lowercase hex. */
export const idOrPrefix = z
  .string()
  .transform((value) => value.trim().toLowerCase().replaceAll('-', ''))
  .refine((hex) => /^[0-9a-f]{6,32}$/.test(hex), {
    message: 'must be an id (UUID) or a prefix of one with at least 6 hex characters',
  });

export const actorName = line(NAME_MAX_CHARACTERS);
export const idempotencyKey = line(IDEMPOTENCY_KEY_MAX_CHARACTERS);
export const version = integer(1);
export const commitHash = z.string().regex(/^[0-9a-f]{40}$/, 'must be 40 lowercase hex characters');

/** ISO 8601 with an offset; becomes UTC with milliseconds. */
export const timestampInput = z.iso
  .datetime({
    offset: true,
    error: 'must be a time in ISO 8601 with an offset, as 2026-01-31T09:30:00+02:00',
  })
  .transform((value) => new Date(value).toISOString())
  .refine((time) => /^(?!0000)\d{4}-/.test(time), { message: 'must lie in the years 0001 to 9999 (UTC)' });

/** Makes something at its first use, once: what only some calls need costs no start anything. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/**
 * What is stored, whoever wrote it: tools, imports, and the versions before. Where these allow more than a tool's
 * input does, so does this; it judges, and never alters what it is given.
 */
export function storedLine(max: number) {
  return (
    z
      .string()
      .refine((value) => value.trim() !== '' && value.length <= 2 * max && countCharacters(value) <= max, {
        message: `must be text of 1 to ${max} characters`,
      })
      // Earlier imports kept the line separators U+2028 and U+2029.
      .refine((value) => !/\p{Cc}/u.test(value), {
        message: 'must be one line without control characters',
      })
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The id of a record or change: a UUID in lowercase, of whatever version. */
export const storedId = z.string().regex(UUID, 'must be an id (a UUID in lowercase)');

const TIME = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** ISO 8601 UTC with milliseconds, of the years 1 to 9999: sources of imports have any. */
export const storedTime = z.string().refine((value) => TIME.test(value) && isRealTime(value), {
  message: 'must be a time in ISO 8601 UTC with milliseconds, as 2026-01-31T09:30:00.000Z',
});

/** 30 February is parsed as a day of March. */
function isRealTime(value: string): boolean {
  const time = Date.parse(value);
  return !Number.isNaN(time) && (Number(value.slice(8, 10)) <= 28 || new Date(time).toISOString() === value);
}

/** A JSON object of any content; how deep it is and what its texts hold is checked with what holds it. */
export const storedJson = z.custom<JsonObject>(isPlainObject, { error: 'must be an object' });

export const pageInput = {
  limit: integer(1, PAGE_MAX).default(PAGE_DEFAULT),
  offset: integer(0).optional(),
  cursor: z.string().max(CURSOR_MAX_CHARACTERS).optional(),
};

/**
 * Names of fields to empty. As a value of them null says the same; but strict clients send null for all that is not set, so
 * that only this is advertised.
 */
export const clearOf = <Name extends string>(...names: [Name, ...Name[]]) =>
  z.array(z.enum(names)).optional();

/** Free-form JSON object; its rules are checked where its owner is known. */
export const jsonObject = z.record(z.string(), z.unknown()).meta({ additionalProperties: true });
