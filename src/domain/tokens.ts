/**
 * Tokens of a text, estimated on the high side because a tokenizer would be larger than this program: four letters of a
 * Latin word share one, the signs between the values of JSON too; other scripts take up to one a character, and rare ones
 * several. Beside o200k it is 1.0 to 1.5 times as much.
 * @param enough counting ends once it is more: a text may be much longer than anybody wants to know
 */
export function estimateTokens(text: string, enough = Number.POSITIVE_INFINITY): number {
  let tokens = 1;
  for (const [part] of text.matchAll(/[{}[\]":,]+| ?[a-z]+|./gsu)) {
    const code = part.codePointAt(0) ?? 0;
    if (code >= 0x10000) tokens += 4;
    else if (code >= 0x800) tokens += 1;
    else if (code >= 0x80) tokens += 0.5;
    else if (SIGNS.test(part)) tokens += part.length <= 3 ? 1 : 2 * Math.ceil(part.length / 6);
    else tokens += Math.max(0.75, part.length / 4.5);
    if (tokens > enough) break;
  }
  return tokens;
}

const SIGNS = /^[{}[\]":,]/;

/**
 * At most so many tokens take a text that others wrote, in which no two letters need make a word: by what the signs of its
 * scripts take in o200k alone. Beside words it is up to three times as much.
 */
export function mostTokens(text: string): number {
  let tokens = 0;
  for (const character of text) tokens += tokensOf(character.codePointAt(0) ?? 0, character);
  return tokens;
}

function tokensOf(code: number, character: string): number {
  if (code < 0x80) return /[a-z ]/.test(character) ? 0.6 : /[A-Z]/.test(character) ? 0.8 : 1;
  const range = MOST_TOKENS.find(([from, to]) => from <= code && code <= to);
  return range?.[2] ?? (code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
}

/** Scripts and signs that take less than their bytes suggest: from, to, tokens. */
const MOST_TOKENS: readonly (readonly [number, number, number])[] = [
  [0xa0, 0x24f, 1.25],
  [0x391, 0x3ce, 1],
  [0x410, 0x44f, 1],
  [0x5d0, 0x5ea, 1],
  [0x620, 0x64a, 1],
  [0x2010, 0x2027, 1],
  [0x3040, 0x30ff, 1.5],
  [0x4e00, 0x9fff, 2.25],
  [0xac00, 0xd7a3, 2.5],
];

/** A list that is cut to a budget. */
export interface BudgetedList {
  length: number;
  /** Rows that it gets in each turn. */
  weight: number;
  /** What the row at this place costs. */
  tokensOf: (row: number) => number;
}

/**
 * How many rows of each list fit into so many tokens: in turns, each list in order takes its next rows until one does
 * not fit, so that none crowds out the others. The same lists and budget give the same result.
 */
export function takeInTurns(lists: readonly BudgetedList[], tokens: number): number[] {
  let room = tokens;
  const open = lists.map((list) => ({ list, taken: 0, isFull: false }));
  while (open.some(({ isFull }) => !isFull)) {
    for (const state of open) {
      const { length, weight, tokensOf } = state.list;
      for (let turn = 0; turn < weight && !state.isFull; turn += 1) {
        const cost = state.taken < length ? tokensOf(state.taken) : Number.POSITIVE_INFINITY;
        if (cost > room) state.isFull = true;
        else {
          state.taken += 1;
          room -= cost;
        }
      }
    }
  }
  return open.map(({ taken }) => taken);
}

/** Room for the line that says what was cut. */
const NOTICE_TOKENS = 24;

/** As many whole lines as cost at most so many tokens, at least one; says how many were left out. */
export function cutLines(text: string, maxTokens: number): string {
  const lines = text.split('\n');
  const costs = lines.map((line) => estimateTokens(line));
  if (costs.reduce((sum, cost) => sum + cost, 0) <= maxTokens) return text;
  let room = maxTokens - NOTICE_TOKENS;
  let kept = 0;
  for (const cost of costs) {
    room -= cost;
    if (room < 0 && kept > 0) break;
    kept += 1;
  }
  const left = lines.length - kept;
  if (left === 0) return text;
  return `${lines.slice(0, kept).join('\n')}\n(cut at ${maxTokens} tokens: ${left} more lines; a larger max_tokens shows them)`;
}
