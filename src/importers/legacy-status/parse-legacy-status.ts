/**
 * Reads a hand-kept `.project_status.md`: dialect A, dialect B and any mixture, its sections in any
 * order and at any level. Every line is understood, or kept because it is somebody's own, or listed as not understood;
 * none is guessed.
 */
import { fencedLines } from '../../formats/fences.ts';
import { LINE_MAX_CHARACTERS } from '../../storage/status-file/status-lines.ts';
import {
  sectionOf,
  timeOf,
  type SectionHeading,
  type SectionKind,
  type WrittenTime,
} from './legacy-lines.ts';
import { noRecords, readerOfSection, type LegacyRecords, type SectionReader } from './legacy-sections.ts';
import { headingOf, type Heading } from '../import/headings.ts';

export type Fate = 'understood' | 'kept' | 'not_understood';

export interface LegacyStatus extends LegacyRecords {
  /** `none`: nothing in it is a record. */
  dialect: 'A' | 'B' | 'mixed' | 'none';
  /** When the file says that it was made. */
  generated_at: WrittenTime | null;
  wrong_counts: WrongCount[];
  /** What is nobody's but a person's, in the order of the file. */
  kept: KeptPart[];
  not_understood: NotUnderstood[];
  /** What became of each line. */
  fates: Fate[];
  /** Where records stand, in the order of the file. */
  sections: RecordSection[];
}

/** A heading that says another number than its section has. */
export interface WrongCount {
  line: number;
  section: string;
  /** As `5/5` or `8`. */
  said: string;
  found: string;
}

export interface RecordSection {
  kind: SectionKind;
  /** From 1, both inclusive; the first is its heading. */
  from_line: number;
  to_line: number;
}

export interface KeptPart {
  /** Of its first line, where that is one. */
  heading: string | null;
  /** From 1, both inclusive. */
  from_line: number;
  to_line: number;
}

export interface NotUnderstood {
  line: number;
  /** The line, cut where it is long. */
  text: string;
  reason: string;
}

const EXCERPT_MAX_CHARACTERS = 200;

interface OpenSection extends SectionHeading {
  heading: Heading;
  line: number;
  reader: SectionReader;
  /** What the file says it leaves out. */
  left: number;
}

/** Never throws, whatever the text; takes time in proportion to its length. */
export function parseLegacyStatus(text: string): LegacyStatus {
  return new Parser(text.replace(/^\uFEFF/, '').split('\n')).parse();
}

class Parser {
  readonly #lines: readonly string[];
  readonly #fenced: boolean[];
  readonly #fates: Fate[];
  readonly #reasons = new Map<number, string>();
  readonly #records = noRecords();
  readonly #forms = new Set<'A' | 'B'>();
  readonly #wrongCounts: WrongCount[] = [];
  readonly #sections: RecordSection[] = [];
  #section: OpenSection | undefined;
  /** Of the part that is kept now; 0 while no heading opened one. */
  #keptLevel = 0;
  #generatedAt: WrittenTime | null = null;

  constructor(raw: readonly string[]) {
    this.#lines = raw.map((line) => line.trimEnd());
    this.#fenced = fencedLines(this.#lines, { inLists: true });
    this.#fates = this.#lines.map(() => 'kept');
  }

  parse(): LegacyStatus {
    const footer = this.#readFooter();
    for (let at = 0; at < footer; at += 1) at = this.#take(at, footer);
    this.#endSection(footer);
    const not_understood = [...this.#reasons]
      .filter(([at]) => this.#fates[at] === 'not_understood')
      .sort(([a], [b]) => a - b)
      .map(([at, reason]) => ({ line: at + 1, text: this.#excerpt(at), reason }));
    const { byName: _names, ...records } = this.#records;
    const isEmpty = (Object.values(records) as unknown[][]).every(({ length }) => length === 0);
    const [only] = this.#forms.size === 1 ? [...this.#forms] : ['mixed' as const];
    return {
      ...records,
      dialect: isEmpty ? 'none' : (only ?? 'mixed'),
      generated_at: this.#generatedAt,
      wrong_counts: this.#wrongCounts,
      kept: this.#keptParts(),
      not_understood,
      fates: this.#fates,
      sections: this.#sections,
    };
  }

  /** Takes one line, or the block that begins with it. @returns the last line taken */
  #take(at: number, end: number): number {
    const full = this.#lines[at] ?? '';
    const heading = this.#fenced[at] === true ? undefined : headingOf(full);
    if (heading !== undefined) return this.#takeHeading(heading, full, at, end);
    if (this.#section === undefined) this.#takeOutside(full, at);
    else this.#takeInside(this.#section, full, at);
    return at;
  }

  #takeHeading(heading: Heading, full: string, at: number, end: number): number {
    const known = heading.indent <= 3 ? sectionOf(heading.text) : undefined;
    const section = this.#section;
    if (section !== undefined) {
      const isBelow = heading.level > section.heading.level;
      if (isBelow && section.reader.heading(heading, full, at + 1)) {
        this.#fates[at] = 'understood';
        return at;
      }
      if (isBelow && known === undefined) return this.#takeBlock(section, at, end);
      this.#endSection(at);
    }
    const isOwnPart = this.#keptLevel > 1 && heading.level > this.#keptLevel;
    if (known !== undefined && (!isOwnPart || this.#looksLike(known, at, end))) {
      this.#section = {
        ...known,
        heading,
        line: at,
        reader: readerOfSection(known.kind, this.#records, (form) => this.#forms.add(form)),
        left: 0,
      };
      this.#keptLevel = 0;
      this.#fates[at] = 'understood';
      return at;
    }
    const title = heading.level === 1 ? /^Project Status(?: - (.{1,60}))?$/i.exec(heading.text) : null;
    if (title !== null) {
      this.#fates[at] = 'understood';
      this.#generatedAt ??= timeOf(title[1] ?? '') ?? null;
      this.#keptLevel = 0;
    } else if (!isOwnPart) this.#keptLevel = heading.level;
    return at;
  }

  /**
   * A heading inside a section that is none of its records. With lines of the section's kind below it, it only groups
   * them; without any, it is somebody's own.
   */
  #takeBlock({ reader, kind }: OpenSection, from: number, end: number): number {
    let to = from + 1;
    while (to < end && (this.#fenced[to] === true || headingOf(this.#lines[to] ?? '') === undefined)) to += 1;
    const looks = (line: string) =>
      reader.isAlike(line) || /^\d{4}-\d{2}-\d{2}|PR #\d|\([A-Za-z]+\)$/.test(line);
    const block = this.#lines.slice(from, to);
    const isTheirs = block.some(
      (line, index) => !this.#fenced[from + index] && looks(line.replace(/^#+ /, '')),
    );
    if (!isTheirs) {
      for (let at = from; at < to; at += 1) this.#fates[at] = 'kept';
      return to - 1;
    }
    this.#refuse(from, `is a heading, and no ${NOUNS[kind]}`);
    return from;
  }

  #takeOutside(full: string, at: number): void {
    if (/^<!-- worktrail status:.*-->$/.test(full)) this.#fates[at] = 'understood';
  }

  #takeInside(section: OpenSection, full: string, at: number): void {
    const { reader } = section;
    const isSeparator = full === '' || /^(?:-{3,}|\*{3,}|_{3,})$/.test(full);
    if (!reader.takesAll() && isSeparator) this.#fates[at] = 'understood';
    else if (!reader.takesAll() && this.#fenced[at] === true) this.#refuse(at, 'stands in a block of code');
    else if (full.length > LINE_MAX_CHARACTERS) this.#refuse(at, 'is too long');
    else {
      const left = /^\*(\d{1,9}) more (?:active items|enhancements) are not listed here/.exec(full)?.[1];
      section.left += Number(left ?? 0);
      const reason = left === undefined ? reader.line(full, at + 1) : undefined;
      if (reason === undefined) this.#fates[at] = 'understood';
      else this.#refuse(at, reason);
    }
  }

  #refuse(at: number, reason: string): void {
    this.#fates[at] = 'not_understood';
    this.#reasons.set(at, reason);
  }

  #endSection(end: number): void {
    const section = this.#section;
    if (section === undefined) return;
    this.#section = undefined;
    for (const { from, to, reason } of section.reader.end(end + 1)) {
      for (let at = from - 1; at < to; at += 1) this.#refuse(at, reason);
    }
    const { total, operational } = section.reader.found();
    const own = this.#lines.slice(section.line + 1, end);
    const isProse = total === 0 && section.said === undefined && own.some((line) => line !== '');
    if (isProse && section.kind !== 'pending') {
      // A section of that name without a single record is somebody's text.
      for (let at = section.line; at < end; at += 1) this.#fates[at] = 'kept';
      return;
    }
    this.#sections.push({ kind: section.kind, from_line: section.line + 1, to_line: end });
    this.#compareCount(section, total + section.left, operational);
  }

  #compareCount({ kind, said, line, heading }: OpenSection, total: number, operational: number): void {
    const [, part, whole] = /^(?:(\d{1,15}) ?\/ ?)?(\d{1,15})(?: total)?$/.exec(said?.trim() ?? '') ?? [];
    if (whole === undefined || kind === 'pending') return;
    const isTrue = Number(whole) === total && (part === undefined || Number(part) === operational);
    if (isTrue) return;
    this.#wrongCounts.push({
      line: line + 1,
      section: heading.text,
      said: part === undefined ? whole : `${part}/${whole}`,
      found: part === undefined ? String(total) : `${operational}/${total}`,
    });
  }

  /** Whether what follows a heading is what its name promises: it stands inside somebody's own part. */
  #looksLike({ kind }: SectionHeading, at: number, end: number): boolean {
    let next = at + 1;
    while (next < end && this.#lines[next] === '') next += 1;
    const line = this.#lines[next] ?? '';
    const reader = readerOfSection(kind, noRecords(), () => undefined);
    const heading = headingOf(line);
    if (next >= end || this.#fenced[next] === true) return false;
    return heading === undefined
      ? kind !== 'pending' && reader.line(line, 0) === undefined
      : reader.heading(heading, line, 0);
  }

  /** What Worktrail's format ends with belongs to no section. @returns the line where it begins */
  #readFooter(): number {
    const lines = this.#lines;
    let at = lines.length - 1;
    const skipBlank = () => {
      while (at >= 0 && lines[at] === '') at -= 1;
    };
    skipBlank();
    if (/^<!-- worktrail status:.*-->$/.test(lines[at] ?? '')) at -= 1;
    skipBlank();
    const [, time] = /^\*Generated at (.{1,60})\*$/.exec(lines[at] ?? '') ?? [];
    if (time === undefined || this.#fenced[at] === true) return lines.length;
    this.#generatedAt = timeOf(time) ?? null;
    at -= 1;
    skipBlank();
    const start = lines[at] === '---' ? at : at + 1;
    for (let line = start; line < lines.length; line += 1) this.#fates[line] = 'understood';
    return start;
  }

  #keptParts(): KeptPart[] {
    const parts: KeptPart[] = [];
    const fates = this.#fates;
    for (let at = 0; at < fates.length; at += 1) {
      if (fates[at] !== 'kept') continue;
      const from = at;
      const isNext = (line: number) =>
        fates[line] === 'kept' &&
        (this.#fenced[line] === true || (headingOf(this.#lines[line] ?? '')?.level ?? 7) > 2);
      while (isNext(at + 1)) at += 1;
      if (this.#lines.slice(from, at + 1).every((line) => line === '')) continue;
      const heading = headingOf(this.#lines[from] ?? '')?.text ?? null;
      parts.push({ heading, from_line: from + 1, to_line: at + 1 });
    }
    return parts;
  }

  #excerpt(at: number): string {
    return (this.#lines[at] ?? '').slice(0, EXCERPT_MAX_CHARACTERS).toWellFormed();
  }
}

const NOUNS = {
  vendors: 'vendor',
  work_items: 'work item',
  deployments: 'deployment',
  enhancements: 'enhancement',
  sessions: 'session',
  pending: 'waiting change',
} as const;
