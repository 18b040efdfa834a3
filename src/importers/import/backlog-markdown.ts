/** The parts of a Backlog.md task file: frontmatter as data, and what its markdown body says in a fixed form. */
import { fencedLines } from '../../formats/fences.ts';
import { readFrontmatter } from '../../formats/frontmatter.ts';
import type { SourceComment } from './source-item.ts';

export type TaskFile =
  | { frontmatter: Record<string, unknown>; body: string; repaired: boolean }
  /** Why the file is not a task, and the line of the file where that shows. */
  | { reason: string; line: number };

/** Splits a task file; never throws. YAML is read as data of the core schema, aliases and repeated keys are refused. */
export function readTaskFile(text: string): TaskFile {
  const read = readFrontmatter(text, quoteScalars);
  switch (read.state) {
    case 'none':
    case 'foreign':
      return { reason: 'has no frontmatter: the first line is not "---"', line: 1 };
    case 'unclosed':
      return { reason: 'has frontmatter without its closing "---"', line: 1 };
    case 'empty':
    case 'unreadable':
      return { reason: `has frontmatter that is not understood: ${read.reason}`, line: read.line };
    case 'read':
      return { frontmatter: read.data, body: read.body, repaired: read.isRepaired };
  }
}

/**
 * Quotes what early versions of Backlog.md, and people, write bare although YAML forbids it: `assignee: @name`,
 * `[@one, @two]`, `- @name`, and a title with `: ` in it.
 */
function quoteScalars(yaml: string): string {
  return yaml
    .split('\n')
    .map((line) => {
      const entry = /^([ \t]*(?:-|[\w-]+:)[ \t]+)(\S.*)$/.exec(line.trimEnd());
      if (entry === null) return line;
      const [, start = '', value = ''] = entry;
      if (/^[@`]/.test(value) || (/: | #|:$/.test(value) && /^[^\s'"[{|>&*!]/.test(value))) {
        return start + JSON.stringify(value);
      }
      if (!value.startsWith('[')) return line;
      return (
        start +
        value.replace(
          /([[,]\s*)([@`][^,\]]*)/g,
          (_, before: string, name: string) => before + JSON.stringify(name.trim()),
        )
      );
    })
    .join('\n');
}

export interface AcceptanceCriterion {
  text: string;
  done: boolean;
}

/** Checkboxes of the acceptance criteria section, without their `#1` numbers; text in code blocks does not count. */
export function readAcceptanceCriteria(markdown: string): AcceptanceCriterion[] {
  const criteria: AcceptanceCriterion[] = [];
  let isInside = false;
  for (const line of linesOutsideCode(markdown)) {
    const heading = /^#{1,2}\s+(\S.*)$/.exec(line);
    if (heading !== null) isInside = /^acceptance criteria\b/i.test(heading[1] ?? '');
    else if (/^<!-- AC:END -->/.test(line)) isInside = false;
    if (!isInside) continue;
    const box = CHECKBOX.exec(line);
    const last = criteria.at(-1);
    if (box !== null) criteria.push({ text: (box[2] ?? '').trim(), done: box[1] !== ' ' });
    // An indented line belongs to the criterion above it.
    else if (last !== undefined && /^\s+\S/.test(line)) last.text = `${last.text} ${line.trim()}`;
  }
  return criteria.filter(({ text }) => text !== '');
}

/** Every checkbox of a text that is nothing but criteria. */
export function readCheckboxes(markdown: string): AcceptanceCriterion[] {
  return readAcceptanceCriteria(`## Acceptance Criteria\n${markdown}`);
}

const CHECKBOX = /^\s{0,3}[-*+]\s+\[([ xX])\]\s+(?:#\d+\s+)?(.*)$/;

function linesOutsideCode(markdown: string): string[] {
  const lines = markdown.split(/\r?\n/);
  const fenced = fencedLines(lines);
  return lines.filter((_, at) => fenced[at] !== true);
}

/**
 * The comments of a task: between their markers, each with `author:` and `created:` above a `---` and one below.
 * A `---` ends a comment only before the next one or the end, so that a comment may hold a ruler. Reads line by
 * line: a pattern over the whole block could take quadratic time.
 */
export function readComments(body: string): SourceComment[] {
  const lines = commentLines(body);
  const comments: SourceComment[] = [];
  let head: Map<string, string> | undefined;
  let text: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (head === undefined) {
      if (!COMMENT_FIELD.test(line)) continue;
      head = new Map();
      text = [];
    }
    const field = COMMENT_FIELD.exec(line);
    if (text.length === 0 && field !== null) head.set(field[1] ?? '', (field[2] ?? '').trim());
    else if (line.trimEnd() === RULER && text.length > 0 && isEndOfComment(lines, index)) {
      // The ruler below the head is the first line.
      const content = (text[0]?.trimEnd() === RULER ? text.slice(1) : text).join('\n').trim();
      const author = head.get('author') || null;
      if (content !== '') comments.push({ author, text: content, created: head.get('created') });
      head = undefined;
    } else text.push(line);
  }
  return comments;
}

const RULER = '---';
const COMMENT_FIELD = /^(author|created|updated):(.*)$/;

function commentLines(body: string): string[] {
  const lines = body.split(/\r?\n/);
  const begin = lines.indexOf('<!-- COMMENTS:BEGIN -->');
  const end = lines.indexOf('<!-- COMMENTS:END -->', begin + 1);
  return begin === -1 || end === -1 ? [] : lines.slice(begin + 1, end);
}

/** Whether only blank lines stand between this line and the next comment, or the end. */
function isEndOfComment(lines: readonly string[], index: number): boolean {
  let next = index + 1;
  while (lines[next]?.trim() === '') next += 1;
  const line = lines[next];
  return line === undefined || COMMENT_FIELD.test(line);
}
