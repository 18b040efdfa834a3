/** A session prompt as its file has it: frontmatter as data, and the markdown below it. Pure; nothing of it is run. */
import { fencedLines } from '../../formats/fences.ts';
import { readFrontmatter } from '../../formats/frontmatter.ts';
import { headingOf } from '../import/headings.ts';

export type PromptFile =
  | {
      /** Null where the file has none. */
      frontmatter: Record<string, unknown> | null;
      body: string;
      /** The text of its first heading. */
      heading: string | null;
      /** What a file without frontmatter says of its date. */
      date: string | null;
    }
  /** Why the file is no session prompt, and the line of the file where that shows. */
  | { reason: string; line: number };

/** Splits a prompt file; never throws. YAML is data of the core schema without aliases; `1.0` stays `"1.0"`. */
export function readPromptFile(text: string): PromptFile {
  const read = readFrontmatter(text);
  switch (read.state) {
    case 'none':
      return withoutFrontmatter(text);
    case 'foreign':
      return {
        reason: `its frontmatter begins with "---${read.language.slice(0, 20)}", which asks for something other than YAML; that is never run`,
        line: 1,
      };
    case 'unclosed':
      return { reason: 'its frontmatter has no closing "---"', line: 1 };
    case 'empty':
    case 'unreadable':
      return { reason: `its frontmatter is not understood: ${read.reason}`, line: read.line };
    case 'read':
      return { frontmatter: read.data, body: read.body, heading: firstHeading(read.body), date: null };
  }
}

function withoutFrontmatter(text: string): PromptFile {
  const heading = firstHeading(text);
  if (heading === null) return { reason: 'has neither frontmatter nor a heading', line: 1 };
  const date = /^[ \t]*\*\*Date(?::\*\*|\*\*:)[ \t]*(\S.{0,60})$/im.exec(text)?.[1]?.trim() ?? null;
  return { frontmatter: null, body: text, heading, date };
}

function firstHeading(markdown: string): string | null {
  const lines = markdown.split('\n').map((line) => line.trimEnd());
  const fenced = fencedLines(lines, { inLists: true });
  const found = lines.find((line, at) => !fenced[at] && headingOf(line) !== undefined);
  return found === undefined ? null : (headingOf(found)?.text ?? null);
}

/** Headings as `## Prompt 2: implementation`. */
export function countPrompts(markdown: string): number {
  const lines = markdown.split('\n').map((line) => line.trimEnd());
  const fenced = fencedLines(lines, { inLists: true });
  return lines.filter((line, at) => !fenced[at] && /^prompt\b/i.test(headingOf(line)?.text ?? '')).length;
}
