/** Checking the entries of one call, each by the schema of a single call, so that one error names all problems. */
import type * as z from 'zod';
import { parseInput } from '../../domain/validate.ts';
import { TrackerError, type Problem } from '../../domain/errors.ts';

/** An entry with its position in the call. */
export interface Entry<T> {
  index: number;
  input: T;
}

/**
 * The entries that the schema takes; what is wrong with the others is added to `problems`.
 * @param list what the caller calls the list, as `items`
 * @param named how an entry is told apart, as `"login"`; undefined where nothing but its position does
 */
export function parseEntries<Schema extends z.ZodObject>(
  schema: Schema,
  list: string,
  entries: readonly Record<string, unknown>[],
  named: (entry: Record<string, unknown>) => string | undefined,
  problems: Problem[],
): Entry<z.output<Schema>>[] {
  return entries.flatMap((entry, index) => {
    try {
      return [{ index, input: parseInput(schema, entry) }];
    } catch (error) {
      problems.push(...problemsOf(error).map((problem) => inEntry(list, index, named(entry), problem)));
      return [];
    }
  });
}

/** The problems of a refusal, each as one of an entry: `items[3].title`. */
export function inEntry(list: string, index: number, name: string | undefined, problem: Problem): Problem {
  const { field, constraint, value } = problem;
  const of = name === undefined ? '' : `(of ${name}) `;
  return { field: `${list}[${index}]${field === '' ? '' : `.${field}`}`, constraint: of + constraint, value };
}

/** @throws the error itself when it is not a refusal of input */
export function problemsOf(error: unknown): Problem[] {
  if (!(error instanceof TrackerError) || error.code !== 'ValidationError') throw error;
  return error.details['problems'] as Problem[];
}
