/**
 * Frontmatter of Markdown files that anybody may have written: YAML between two lines `---`, as data. gray-matter
 * divides the file and reads nothing of it: of the languages that it knows one is run as code, and it takes settings
 * out of what it has read.
 */
import matter from 'gray-matter';
import { readMapping } from './yaml-mapping.ts';

export type Frontmatter =
  | { state: 'none' }
  /** `language` stands behind the opening `---` and asks for something other than YAML. */
  | { state: 'foreign'; language: string }
  | { state: 'unclosed' }
  /** `reason` ends a sentence about the frontmatter; `line` is one of the text, from 1. */
  | { state: 'unreadable'; reason: string; line: number }
  | { state: 'empty'; reason: string; line: number; body: string }
  | { state: 'read'; data: Record<string, unknown>; body: string; isRepaired: boolean };

/**
 * Never throws; takes time in proportion to the text. The body is everything below the closing `---`, unaltered.
 * @param repair what may be meant by YAML that is none; tried once
 */
export function readFrontmatter(text: string, repair?: (yaml: string) => string): Frontmatter {
  const plain = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  if (!plain.startsWith(OPENING)) return { state: 'none' };
  const language = (plain.split('\n', 1)[0] ?? '').slice(OPENING.length).trim();
  if (language !== '') return { state: 'foreign', language };
  const closing = plain.indexOf(CLOSING, OPENING.length);
  if (closing === -1) return { state: 'unclosed' };
  if (takesLong(plain.slice(0, closing))) {
    return { state: 'unreadable', reason: 'it has too many blank lines in a row', line: FIRST_LINE };
  }
  const end = plain.indexOf('\n', closing + CLOSING.length);
  const body = end === -1 ? '' : plain.slice(end + 1);
  const { matter: block, content: rest } = matter(plain.slice(0, plain.length - body.length), OPTIONS);
  if (!/^[ \t]*\r?\n?$/.test(rest)) {
    const reason = 'a line begins with "---" and goes on, which only the closing "---" may begin with';
    return { state: 'unreadable', reason, line: block.split('\n').length + 1 };
  }
  // The block begins behind the opening `---`, on its line.
  const yaml = `${block.slice(block.indexOf('\n') + 1)}\n`;
  return { ...readBlock(yaml, repair), body };
}

const BYTE_ORDER_MARK = '\uFEFF';
const OPENING = '---';
const CLOSING = `\n${OPENING}`;
/** Of the YAML, in the text. */
const FIRST_LINE = 2;

/** Always given: without options gray-matter keeps what it read, and gives `{}` for a text that failed before. */
const OPTIONS = {
  delimiters: OPENING,
  language: 'yaml',
  engines: { yaml: () => ({}), json: refuse, javascript: refuse },
  excerpt: () => '',
};

function refuse(): never {
  throw new Error('frontmatter is read as YAML only');
}

type Block =
  | { state: 'read'; data: Record<string, unknown>; isRepaired: boolean }
  | { state: 'empty' | 'unreadable'; reason: string; line: number };

function readBlock(yaml: string, repair: ((yaml: string) => string) | undefined): Block {
  const exact = readMapping(yaml);
  if ('data' in exact) return { state: 'read', data: exact.data, isRepaired: false };
  const repaired = repair === undefined ? exact : readMapping(repair(yaml));
  if ('data' in repaired) return { state: 'read', data: repaired.data, isRepaired: true };
  const state = yaml.trim() === '' ? 'empty' : 'unreadable';
  return { state, reason: exact.reason, line: exact.line + FIRST_LINE - 1 };
}

/** More than anybody's blank lines take, and less than a tenth of a second. */
const STEPS_MAX = 10_000_000;

/** gray-matter looks for comments with a pattern that takes the square of a run of blank lines. */
function takesLong(head: string): boolean {
  let steps = 0;
  for (const [run] of head.matchAll(/\s{3,}/g)) {
    steps += run.length * (run.match(/[\n\r\u2028\u2029]/g)?.length ?? 0);
    if (steps > STEPS_MAX) return true;
  }
  return false;
}
