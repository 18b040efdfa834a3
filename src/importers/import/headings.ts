/** Headings in files that people keep. */
import { takeMark } from '../../storage/status-file/status-lines.ts';

export interface Heading {
  /** 1 to 6. */
  level: number;
  /** Spaces before it. */
  indent: number;
  /** Without a comment of Worktrail's at its end. */
  text: string;
}

export function headingOf(line: string): Heading | undefined {
  const [, indent = '', marks = '', text = ''] = /^([ \t]*)(#{1,6})[ \t]+(\S.*)$/.exec(line) ?? [];
  if (marks === '') return undefined;
  return { level: marks.length, indent: indent.length, text: takeMark(text.trimEnd()).rest.trimEnd() };
}
