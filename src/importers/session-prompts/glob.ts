/** File patterns with `*`, `**` and `?`. */
import { validationError } from '../../domain/errors.ts';

const PATTERN_MAX_CHARACTERS = 200;

/**
 * Whether a path (with `/`) matches: `*` is any part of a name, `**` any number of folders, `?` one character.
 * @throws ValidationError for an empty or very long pattern
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  if (pattern.trim() === '' || pattern.length > PATTERN_MAX_CHARACTERS) {
    const constraint = `must have 1 to ${PATTERN_MAX_CHARACTERS} characters, as **/*.md`;
    throw validationError({ field: 'glob', constraint, value: pattern });
  }
  const parts = pattern
    .replaceAll('\\', '/')
    .replace(/^(?:\.\/)+/, '')
    .split('/');
  return (path) => matchFolders(parts, path.split('/'));
}

/** One row of the table of what matches what at a time: its cost is the product of both lengths, whatever they hold. */
function matchFolders(parts: readonly string[], names: readonly string[]): boolean {
  let reached = [true, ...names.map(() => false)];
  for (const part of parts) {
    const next = reached.map(() => false);
    for (let at = 0; at <= names.length; at += 1) {
      if (part === '**') next[at] = reached[at] === true || (at > 0 && next[at - 1] === true);
      else if (at > 0) next[at] = reached[at - 1] === true && matchName(part, names[at - 1] ?? '');
    }
    reached = next;
  }
  return reached.at(-1) === true;
}

function matchName(pattern: string, name: string): boolean {
  let reached = [true, ...Array.from(name, () => false)];
  const characters = Array.from(name);
  for (const sign of pattern) {
    const next = reached.map(() => false);
    for (let at = 0; at <= characters.length; at += 1) {
      if (sign === '*') next[at] = reached[at] === true || (at > 0 && next[at - 1] === true);
      else if (at > 0) next[at] = reached[at - 1] === true && (sign === '?' || sign === characters[at - 1]);
    }
    reached = next;
  }
  return reached.at(-1) === true;
}
