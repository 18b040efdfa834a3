/**
 * What people wrote, in the text of an answer: it never takes the shape of our own lines. A value goes on one line; a
 * text of several lines is quoted, each line behind a prefix that no line of ours has; characters that a reader does
 * not see, or that turn the order of what is seen, are shown by their number. Structured answers hold it as it is.
 */

/** Line breaks of any system: LF, CR, VT, FF, NEL and the two separators of Unicode. */
const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;
const SPACE = /[\s\u0085]+/g;

/** Nothing below is in it. Most texts end here. */
const PLAIN = /^[\t\n -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0481\u2010-\u2027\u2030-\u205e\u2190-\u2fff]*$/;

/**
 * Control characters; direction marks, overrides and isolates; what has no width and joins nothing; interlinear
 * annotations; tags and variation selectors where no emoji or ideograph calls for them, which carry text that only a
 * machine reads; halves of surrogate pairs. Joiners in emoji, and letters of every direction, are as they should be.
 */
const HIDDEN = new RegExp(
  // eslint-disable-next-line no-misleading-character-class -- combining characters are meant one by one
  [
    '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e]',
    '[\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\ufffe\\uffff]',
    '[\\u{e0000}-\\u{e007f}]',
    // After an ideograph, one chooses its form.
    '(?<!\\p{Script=Han})[\\u{e0080}-\\u{e0fff}]',
    // In a keycap, one follows a digit, # or *.
    '(?<=^|[\\u0000-\\u0022\\u0024-\\u0029\\u002b-\\u002f\\u003a-\\u007f\\ufe00-\\ufe0f\\u{e0000}-\\u{e0fff}])[\\ufe00-\\ufe0f]',
    '(?<=^|[\\u0000-\\u007f\\u200c\\u200d])[\\u200c\\u200d]',
    '\\u034f|\\p{Surrogate}',
  ].join('|'),
  'gu',
);
/** The flags of England, Scotland and Wales are spelled with tags. */
const FLAG =
  /\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}/gu;
/** Stand for the style of a text at a terminal, and for nothing else. */
const NONCHARACTERS = /[\ufdd0-\ufdef]/g;

const QUOTE = '> ';

/** The text with hidden characters as `\u{202e}`; line feeds and tabs stay. For a whole answer, right before it goes out. */
export function visible(text: string): string {
  return PLAIN.test(text) ? text : aroundFlags(text, (part) => part.replace(HIDDEN, spelled));
}

/** The same for JSON, in its own spelling: read as JSON it is what it was. */
export function visibleJson(json: string): string {
  return PLAIN.test(json) ? json : aroundFlags(json, (part) => part.replace(HIDDEN, spelledInJson));
}

/** A value on one line. */
export function oneLine(text: string): string {
  const line = text.replace(SPACE, ' ').trim();
  return PLAIN.test(line) ? line : visible(line.replace(NONCHARACTERS, spelled));
}

/** Our own lines with what others wrote in them: each stays one line. */
export function joinLines(lines: readonly string[]): string {
  return lines.map((line) => visible(line.replace(LINE_BREAK, ' '))).join('\n');
}

/** A name at the beginning of a line, where it might pass for a word of ours: in quotes unless it is plainly a name. */
export function nameFirst(name: string): string {
  const line = oneLine(name);
  return /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.@/+-]*$/u.test(line) ? line : JSON.stringify(line);
}

/** The lines of a text, each behind the prefix. */
export function quoted(text: string): string[] {
  return quotedPart(text.trim()).map((line) => line.trimEnd());
}

/** The same of a part of a text: what is at its ends matters to whoever joins it with the next. */
export function quotedPart(text: string): string[] {
  return text.split(LINE_BREAK).map((line) => `${QUOTE}${visible(line.replace(NONCHARACTERS, spelled))}`);
}

/** What goes between two flags, and is not one. */
function aroundFlags(text: string, change: (part: string) => string): string {
  const flags = text.match(FLAG);
  if (flags === null) return change(text);
  const [first = '', ...rest] = text.split(FLAG).map(change);
  return first + rest.map((part, at) => `${flags[at] ?? ''}${part}`).join('');
}

function spelled(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function spelledInJson(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}
