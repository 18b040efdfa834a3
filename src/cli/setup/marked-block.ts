/** A block between two marks, at the end of a text whose format allows comments: Markdown, TOML. */
import { lineBreakOf, NotEditable, type Edit } from './edits.ts';

export interface Marks {
  begin: string;
  end: string;
}

export const MARKDOWN: Marks = { begin: '<!-- worktrail: begin -->', end: '<!-- worktrail: end -->' };
export const HASH: Marks = { begin: '# worktrail: begin', end: '# worktrail: end' };

/** @param check throws for a text that is broken without the block or with it */
export function markedBlock(
  { begin, end }: Marks,
  lines: readonly string[],
  check: (text: string) => void = () => undefined,
): Edit {
  const blockIn = (eol: string) => [begin, ...lines, end].join(eol);
  return {
    place: `the block "${begin}"`,
    state: (text) => {
      const found = find(text);
      if (found === undefined) return 'missing';
      return text.slice(found.from, found.to) === blockIn(lineBreakOf(text)) ? 'ours' : 'old';
    },
    put: (text) => {
      check(text);
      const eol = lineBreakOf(text);
      const found = find(text);
      const put =
        found === undefined
          ? `${text}${gapAfter(text, eol)}${blockIn(eol)}${eol}`
          : text.slice(0, found.from) + blockIn(eol) + text.slice(found.to);
      check(put);
      return put;
    },
    take: (text) => {
      const found = find(text);
      if (found === undefined) return text;
      const before = text.slice(0, found.from);
      const after = text.slice(found.to).replace(/^\r?\n/, '');
      // The empty line that set it off goes with it.
      return (after === '' ? before.replace(/(\r?\n)\r?\n$/, '$1') : before) + after;
    },
  };

  function find(text: string): { from: number; to: number } | undefined {
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 && to === -1) return undefined;
    const isOnce = from === text.lastIndexOf(begin) && to === text.lastIndexOf(end);
    if (from === -1 || to < from || !isOnce) {
      throw new NotEditable(
        `has the marks "${begin}" and "${end}" not exactly once each: put them right first`,
      );
    }
    return { from, to: to + end.length };
  }
}

function gapAfter(text: string, eol: string): string {
  if (text === '') return '';
  return text.endsWith('\n') ? eol : eol + eol;
}
