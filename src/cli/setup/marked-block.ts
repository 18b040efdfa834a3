/** A block between two marks, at the end of a text whose format allows comments: Markdown, TOML. */
import { equalJson } from '../../domain/json.ts';
import { fencedLines } from '../../formats/fences.ts';
import { lineBreakOf, NotEditable, type Edit } from './edits.ts';

export interface Marks {
  begin: string;
  end: string;
  /** For every line, whether it only shows what is written there. */
  isShown: (lines: readonly string[]) => boolean[];
}

export const MARKDOWN: Marks = {
  begin: '<!-- worktrail: begin -->',
  end: '<!-- worktrail: end -->',
  isShown: (lines) => fencedLines(lines),
};
export const HASH: Marks = {
  begin: '# worktrail: begin',
  end: '# worktrail: end',
  isShown: (lines) => lines.map(() => false),
};

/** What a text says, in formats that say something: whether our entry is in it, and the rest. */
export interface Said {
  isThere: boolean;
  rest: unknown;
}

/** @param read throws NotEditable for a text that is broken */
export function markedBlock(
  { begin, end, isShown }: Marks,
  lines: readonly string[],
  read?: (text: string) => Said,
): Edit {
  const blockIn = (eol: string) => [begin, ...lines, end].join(eol);
  return {
    place: `the block "${begin}"`,
    state: (text) => {
      const found = find(text);
      if (found === undefined) return 'missing';
      return text.slice(found.from, found.to).replaceAll('\r\n', '\n') === blockIn('\n') ? 'ours' : 'old';
    },
    put: (text) => {
      const eol = lineBreakOf(text);
      const found = find(text);
      if (found === undefined && read?.(text).isThere === true) {
        throw new NotEditable('has an entry for it already, outside of the marks: it is yours to keep');
      }
      const put =
        found === undefined
          ? `${text}${gapAfter(text, eol)}${blockIn(eol)}${eol}`
          : text.slice(0, found.from) + blockIn(eol) + text.slice(found.to);
      if (find(put) === undefined) throw new NotEditable('ends within a block of code: close it first');
      return checked(text, put, true);
    },
    take: (text) => {
      const found = find(text);
      if (found === undefined) return text;
      const before = text.slice(0, found.from);
      const after = text.slice(found.to).replace(/^\r?\n/, '');
      // The empty line that set it off goes with it.
      const left = (after === '' ? before.replace(/(\r?\n)\r?\n$/, '$1') : before) + after;
      return checked(text, left, false);
    },
  };

  /** The marks count on lines of their own: a text may speak about them. */
  function find(text: string): { from: number; to: number } | undefined {
    const all = text.split('\n');
    const shown = isShown(all);
    const begins: number[] = [];
    const ends: number[] = [];
    let offset = 0;
    for (const [at, line] of all.entries()) {
      const indent = /^ {0,3}/.exec(line)?.[0].length ?? 0;
      const mark = shown[at] === true ? '' : line.slice(indent).trimEnd();
      if (mark === begin) begins.push(offset + indent);
      if (mark === end) ends.push(offset + indent);
      offset += line.length + 1;
    }
    const [from] = begins;
    const [to] = ends;
    if (from === undefined && to === undefined) return undefined;
    if (from === undefined || to === undefined || to < from || begins.length + ends.length > 2) {
      throw new NotEditable(
        `has the marks "${begin}" and "${end}" not exactly once each: put them right first`,
      );
    }
    return { from, to: to + end.length };
  }

  /** @throws NotEditable where anything but our entry would say something else than before */
  function checked(before: string, after: string, isThere: boolean): string {
    const [was, is] = [read?.(before), read?.(after)];
    if (is === undefined || (is.isThere === isThere && equalJson(was?.rest, is.rest))) return after;
    throw new NotEditable('goes on with what is between the marks after them: put it right by hand');
  }
}

function gapAfter(text: string, eol: string): string {
  if (text === '') return '';
  return text.endsWith('\n') ? eol : eol + eol;
}
