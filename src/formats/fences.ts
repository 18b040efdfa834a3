/** Fenced blocks of code in Markdown, by the rules of CommonMark. */

/** Of spaces before a fence; more of them make a block of code without fences, unless they belong to a list. */
const INDENT_MAX = 3;

export interface FenceOptions {
  /** Whether fences inside of lists count too, however deep: their spaces are those of the list. */
  inLists?: boolean;
}

/** What a fence is made of, such as "```"; undefined where the line opens none. */
export function openingFence(line: string, { inLists = false }: FenceOptions = {}): string | undefined {
  const [, indent = '', fence, info = ''] = /^([ \t]*)(`{3,}|~{3,})(.*)$/s.exec(line) ?? [];
  if (fence === undefined || !isWithin(indent, inLists)) return undefined;
  // A line with more backticks behind them is code within a line.
  return fence.startsWith('`') && info.includes('`') ? undefined : fence;
}

/** Whether the line closes what `fence` opened: the same character, at least as often, and nothing behind it. */
export function closesFence(line: string, fence: string, { inLists = false }: FenceOptions = {}): boolean {
  const [, indent = '', found] = /^([ \t]*)(`{3,}|~{3,})[ \t]*\r?$/.exec(line) ?? [];
  return found !== undefined && found.startsWith(fence) && isWithin(indent, inLists);
}

/** For every line, whether it belongs to a fenced block, its fences included. One never closed goes on to the end. */
export function fencedLines(lines: readonly string[], options: FenceOptions = {}): boolean[] {
  let fence: string | undefined;
  return lines.map((line) => {
    if (fence === undefined) {
      fence = openingFence(line, options);
      return fence !== undefined;
    }
    if (closesFence(line, fence, options)) fence = undefined;
    return true;
  });
}

const isWithin = (indent: string, inLists: boolean): boolean =>
  inLists || (indent.length <= INDENT_MAX && !indent.includes('\t'));
