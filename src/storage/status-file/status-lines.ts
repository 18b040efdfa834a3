/** The pieces that lines of `.project_status.md` are made of. Every function takes time in proportion to its text. */

/** No line of a record is longer: 500 vendors' names, each character escaped. Of a longer one nothing is understood. */
export const LINE_MAX_CHARACTERS = 200_000;
/** No name of 100 characters has more parts between commas: one character each, and two for `, ` between them. */
const NAME_PARTS_MAX = 34;

export interface Marked {
  /** Null for what was written by hand; the version too then. */
  id: string | null;
  version: number | null;
}

/** The line without the comment that ends it, and what that says. A comment that somebody typed is escaped. */
export function takeMark(line: string): { rest: string; mark: Marked } {
  const none = { rest: line, mark: { id: null, version: null } };
  const start = line.endsWith(' -->') ? line.lastIndexOf(' <!-- ') : -1;
  if (start === -1) return none;
  const [, id, version] =
    /^ <!-- ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) v(\d{1,15}) -->$/.exec(line.slice(start)) ?? [];
  if (id === undefined) return none;
  return { rest: line.slice(0, start), mark: { id, version: Number(version) } };
}

/** What Markdown shows: a backslash before punctuation makes that plain text. */
export function unescape(text: string): string {
  return text.replaceAll(/\\([!-/:-@[-`{-~])/g, '$1').trim();
}

/** Where `**` ends a name that begins at `from`: not where a backslash makes it plain text. -1 without an end. */
export function endOfBold(line: string, from: number): number {
  for (let at = from; at < line.length - 1; at += 1) {
    if (line[at] === '\\') at += 1;
    else if (line.startsWith('**', at)) return at;
  }
  return -1;
}

/** `- **Status**: active` as `['Status', 'active']`; the value as it stands there. */
export function labelled(line: string): [label: string, value: string] | undefined {
  const end = line.startsWith('- **') ? line.indexOf('**:', 4) : -1;
  return end === -1 ? undefined : [line.slice(4, end), line.slice(end + 3).trim()];
}

export const isOneOf = <T extends string>(all: readonly T[], value: string | undefined): value is T =>
  (all as readonly (string | undefined)[]).includes(value);

/** ISO 8601 UTC with milliseconds; without an offset, UTC was meant. Undefined for what no tracker can hold. */
export function isoTime(written: string): string | undefined {
  const time = new Date(/T[\d:.]+$/.test(written) ? `${written}Z` : written);
  if (Number.isNaN(time.getTime())) return undefined;
  return /^\d{4}-/.test(time.toISOString()) ? time.toISOString() : undefined;
}

/** `2026-01-31 09:30:00 UTC` */
export function spokenTime(written: string): string | undefined {
  const [, day, time] = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(written) ?? [];
  return day === undefined ? undefined : isoTime(`${day}T${time}Z`);
}

/**
 * The names that parts between commas spell: a name may have a comma in it, so of the known ones the longest that fits
 * is meant. A part that begins no known name is a name by itself.
 * @param partsMax how many parts a known name has at most
 */
export function spelledNames(
  parts: readonly string[],
  isKnown: (name: string) => boolean,
  partsMax = NAME_PARTS_MAX,
): string[] {
  const names: string[] = [];
  for (let at = 0; at < parts.length;) {
    let length = Math.min(partsMax, NAME_PARTS_MAX, parts.length - at);
    const name = () => parts.slice(at, at + length).join(', ');
    while (length > 1 && !isKnown(name())) length -= 1;
    names.push(name());
    at += length;
  }
  return names;
}

/** `integration: 30, unit: 150`; a comma without a number before it belongs to the category. */
export function parseTests(text: string): Record<string, number> {
  const tests: [string, number][] = [];
  const pieces = text.split(', ');
  let first = 0;
  pieces.forEach((piece, last) => {
    const colon = piece.lastIndexOf(': ');
    const number = piece.slice(colon + 2);
    if (colon === -1 || !/^\d{1,16}$/.test(number)) return;
    const category = [...pieces.slice(first, last), piece.slice(0, colon)].join(', ');
    tests.push([category.trim(), Number(number)]);
    first = last + 1;
  });
  return Object.fromEntries(tests);
}
