import { closest } from 'fastest-levenshtein';

/** Something the caller should know about an answer that is otherwise good. */
export interface Warning {
  code: string;
  message: string;
}

/** The known name most like `name`, for "did you mean". */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  return closest(name.toLowerCase(), known as string[]);
}
