/** From the text of options to the values that the input schemas expect. */
import { validationError } from '../../domain/errors.ts';

/** A number where the text is one; anything else is left for the schema to refuse. */
export function numberFrom(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
}

/** Collects an option that may be given more than once. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** The given options under the names of the schema's fields. */
export function fieldsFrom(
  options: object,
  names: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([option, value]) => Object.hasOwn(names, option) && value !== undefined)
      .map(([option, value]): [string, unknown] => [names[option] ?? option, value]),
  );
}

/** @throws ValidationError for a key without a version: a repeated call must be based on the same one as the first */
export function requireVersionWithKey(options: {
  key?: string | undefined;
  ifVersion?: number | string | undefined;
}): void {
  if (options.key === undefined || options.ifVersion !== undefined) return;
  throw validationError(
    { field: 'version', constraint: 'is required beside an idempotency key', value: null },
    'Give --if-version too: a repeated call must be based on the same version as the first.',
  );
}
