/**
 * Tokens of a text, estimated on the high side because a tokenizer would be larger than this program: four
 * letters of a Latin word share one, other scripts take up to one a character, and rare ones several.
 */
export function estimateTokens(text: string): number {
  let tokens = 1;
  for (const [part] of text.matchAll(/ ?[a-z]+|./gu)) {
    const code = part.codePointAt(0) ?? 0;
    if (code >= 0x10000) tokens += 4;
    else if (code >= 0x800) tokens += 1;
    else if (code >= 0x80) tokens += 0.5;
    else tokens += Math.max(0.7, part.length / 4);
  }
  return tokens;
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
