/** What an answer tells beside its data, and the nearest name for one that is not known. */
import { closest } from 'fastest-levenshtein';

/** Something the caller should know about an answer that is otherwise good. */
export interface Warning {
  code: string;
  message: string;
}

/** The cost of comparing grows with the length; no name is longer. */
const COMPARED_CHARACTERS = 100;

/** The known name most like `name` without regard to case, for "did you mean". */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const compared = known.map((candidate) => candidate.toLowerCase());
  return known[compared.indexOf(closest(name.slice(0, COMPARED_CHARACTERS).toLowerCase(), compared))];
}
