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
