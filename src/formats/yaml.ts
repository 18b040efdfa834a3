/**
 * YAML that somebody else wrote, as plain data: the core schema, no tags that make anything, keys are texts and unique.
 * Nesting is bounded while the text is read and before anything recurses over it: where the stack is nearly used up,
 * V8 ends the whole process when it has to compile a regular expression, and nothing can catch that.
 */
import {
  Composer,
  Lexer,
  LineCounter,
  Parser,
  isAlias,
  isScalar,
  visit,
  type CST,
  type Document,
  type ErrorCode,
  type Pair,
  type YAMLError,
} from 'yaml';

/** Documents of people have five levels, generated ones ten. */
const NESTING_MAX = 100;
/** Of the syntax: names, values, spaces, line ends. A plan of 500 items with every field has 60,000; each costs. */
const LEXEMES_MAX = 100_000;
/** What aliases may unfold to. */
const VALUES_MAX = 100_000;
const LONGEST_DEFAULT_CHARACTERS = 1024 * 1024;

/** The text cannot be used. `reason` is in plain words and quotes nothing of it; `line` counts from 1. */
export class UnsuitableYaml extends Error {
  override readonly name = 'UnsuitableYaml';
  constructor(
    readonly reason: string,
    readonly line: number,
  ) {
    super(`${reason} (line ${line})`);
  }
}

export interface YamlLimits {
  maxCharacters?: number;
  /** Each alias, and what they unfold to together. None are allowed unless this says so. */
  maxAliases?: number;
  /** Leaves a number as text where its spelling would get lost: `1.10` is a version more often than 1.1. */
  keepSpelling?: boolean;
}

/**
 * The one document of a text; JSON is YAML too.
 * @throws UnsuitableYaml
 */
export function parseYaml(text: string, limits: YamlLimits = {}): unknown {
  const { maxCharacters = LONGEST_DEFAULT_CHARACTERS, maxAliases = 0, keepSpelling = false } = limits;
  if (text.length > maxCharacters) {
    throw new UnsuitableYaml(`it is longer than ${maxCharacters} characters`, 1);
  }
  const lines = new LineCounter();
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const document = withoutStacks(() => composeOne(text, lines, lineAt));
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new UnsuitableYaml(reasonOf(problem), lineAt(startOf(problem, document, text)));
  }
  const aliases = lookThrough(document, lineAt, keepSpelling);
  if (aliases.length > maxAliases) {
    const reason = maxAliases === 0 ? 'it has an alias' : `it has more than ${maxAliases} aliases`;
    throw new UnsuitableYaml(`${reason}; write out what it stands for`, lineAt(aliases[0] ?? 0));
  }
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: maxAliases });
  } catch {
    const reason =
      'an alias has no anchor before it, or aliases unfold to too much; write out what they stand for';
    throw new UnsuitableYaml(reason, lineAt(aliases[0] ?? 0));
  }
  if (aliases.length > 0 && !isModest(data)) {
    throw new UnsuitableYaml('its aliases unfold to too much', lineAt(aliases[0] ?? 0));
  }
  return data;
}

/** The composer makes an error of each of its remarks: a hundred thousand stacks that nobody reads take seconds. */
function withoutStacks<T>(work: () => T): T {
  const usual = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = usual;
  }
}

function composeOne(text: string, lines: LineCounter, lineAt: (offset: number) => number): Document {
  const composer = new Composer({ schema: 'core', stringKeys: true, uniqueKeys: false, prettyErrors: false });
  const documents = composer.compose(boundedTokens(text, lines, lineAt), true, text.length);
  const [first, second] = [documents.next(), documents.next()];
  if (first.done === true) throw new UnsuitableYaml('it is empty', 1);
  if (first.value.errors.length === 0 && second.done !== true) {
    throw new UnsuitableYaml('it holds more than one document', lineAt(second.value.range[0]));
  }
  return first.value;
}

/** The syntax of the text, as long as it nests within bounds: the parser's stack is what is open at that place. */
function* boundedTokens(
  text: string,
  lines: LineCounter,
  lineAt: (offset: number) => number,
): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    if (count > LEXEMES_MAX) {
      throw new UnsuitableYaml('it has more keys, values and lines than are read', lineAt(parser.offset));
    }
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') throw new UnsuitableYaml(UNEXPECTED, lineAt(token.offset));
      yield token;
    }
    if (parser.stack.length > NESTING_MAX) {
      throw new UnsuitableYaml(`it is nested more than ${NESTING_MAX} levels deep`, lineAt(parser.offset));
    }
  }
  yield* parser.end();
}

/** Refuses a repeated key, mends numbers if wanted, and names the places of aliases. */
function lookThrough(
  document: Document,
  lineAt: (offset: number) => number,
  keepSpelling: boolean,
): number[] {
  const aliases: number[] = [];
  visit(document, {
    Alias: (_key, node) => void aliases.push(node.range?.[0] ?? 0),
    Map: (_key, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items as Pair[]) {
        const name = isScalar(key) ? key.value : isAlias(key) ? `*${key.source}` : key;
        if (seen.has(name)) {
          const at = isScalar(key) ? key.range?.[0] : undefined;
          throw new UnsuitableYaml('a key is given twice', lineAt(at ?? 0));
        }
        seen.add(name);
      }
    },
    Scalar: (_key, node) => {
      if (!keepSpelling || typeof node.value !== 'number' || node.source === undefined) return;
      if (String(node.value) !== node.source) node.value = node.source;
    },
  });
  return aliases;
}

/** An alias may put what is nested into what is nested. */
function isModest(data: unknown): boolean {
  const open = [{ value: data, depth: 0 }];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    count += 1;
    if (count > VALUES_MAX || depth > NESTING_MAX) return false;
    if (typeof value !== 'object' || value === null) continue;
    for (const inner of Object.values(value)) open.push({ value: inner, depth: depth + 1 });
  }
  return true;
}

/** Where a quote that is never closed is noticed at the end only, what matters is where it was opened. */
function startOf({ code, pos }: YAMLError, document: Document, text: string): number {
  let start = pos[0];
  if (code !== 'MISSING_CHAR') return start;
  visit(document, {
    Scalar: (_key, { range }) => {
      if (range == null || range[0] >= start || range[2] < start) return;
      if (text[range[0]] === '"' || text[range[0]] === "'") start = range[0];
    },
  });
  return start;
}

const UNEXPECTED =
  'something stands where YAML allows no such thing; a quote or bracket may be missing before it';

const REASONS: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias has a tag or an anchor',
  BAD_ALIAS: 'an alias or an anchor has no proper name',
  BAD_COLLECTION_TYPE: 'a tag ("!…") does not fit what follows it',
  BAD_DIRECTIVE: 'a line that begins with "%" is not understood',
  BAD_DQ_ESCAPE: 'a backslash in double quotes stands before something it cannot escape; write it twice',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_PROP_ORDER: 'a tag or an anchor stands before "-", "?" or ":"',
  BAD_SCALAR_START: 'a value begins with a character that must be in quotes, such as @ or `',
  BLOCK_AS_IMPLICIT_KEY:
    'a value holds ": " or begins with "- " where only one value can stand; put it in quotes',
  BLOCK_IN_FLOW: 'an indented list or mapping stands inside of brackets',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a quote, a bracket, a ":" or a space is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; a ":", a quote or a bracket may be missing',
  MULTIPLE_ANCHORS: 'a value has two anchors',
  MULTIPLE_TAGS: 'a value has two tags',
  NON_STRING_KEY: 'a key is no text',
  TAB_AS_INDENT: 'a line is indented with a tab; use spaces',
  TAG_RESOLVE_FAILED: 'a tag ("!…") does not fit its value',
};

function reasonOf({ code }: YAMLError): string {
  return REASONS[code] ?? UNEXPECTED;
}
