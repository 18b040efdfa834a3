/**
 * What of a hand-kept status file goes into the generated one: text that is people's, and lines that were not
 * understood, to the byte and in their order. Pure.
 */
import { STATUS_PARTS, type StatusPart } from '../../storage/status-file/status-layout.ts';
import type { KeptSection } from '../../use-cases/status/status-file.ts';
import { type SectionKind } from './legacy-lines.ts';
import type { LegacyStatus, RecordSection } from './parse-legacy-status.ts';
import { headingOf } from '../import/headings.ts';

export interface KeptText {
  kept: KeptSection[];
  /** Of the generated parts: as the file has its sections, the others where a new file has them. */
  order: StatusPart[];
  lineEnd: '\n' | '\r\n';
  hasByteOrderMark: boolean;
}

/** Sessions have no part of their own, and what waits is of another tracker: text behind them stays where it is. */
const PARTS: Readonly<Partial<Record<SectionKind, StatusPart>>> = {
  vendors: 'vendors',
  work_items: 'work_items',
  deployments: 'deployments',
  enhancements: 'enhancements',
};
const ENDING: readonly StatusPart[] = ['foot', 'mark'];
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');
const NEWLINE = 0x0a;

/**
 * @param parsed what reading the text of these bytes gave
 * @returns every line that is kept or not understood; of a section the heading goes before its first line that was
 *   not understood, and so does that of a record, so that one sees what such a line is about
 */
export function keptText(bytes: Buffer, parsed: LegacyStatus): KeptText {
  const hasByteOrderMark = bytes.subarray(0, 3).equals(BYTE_ORDER_MARK);
  const lines = linesOf(bytes.subarray(hasByteOrderMark ? 3 : 0));
  const lineEnd = lines[0]?.at(-2) === 0x0d ? '\r\n' : '\n';
  const walk = new Walk(lines, parsed, Buffer.from(lineEnd));
  return { ...walk.run(), lineEnd, hasByteOrderMark };
}

class Walk {
  readonly #kept: KeptSection[] = [];
  readonly #found: StatusPart[] = [];
  readonly #carried = new Set<number>();
  #behind: StatusPart | null = null;
  #run: Buffer[] = [];

  constructor(
    private readonly lines: readonly Buffer[],
    private readonly parsed: LegacyStatus,
    private readonly blank: Buffer,
  ) {}

  run(): Pick<KeptText, 'kept' | 'order'> {
    const { fates, sections } = this.parsed;
    let next = 0;
    let section: RecordSection | undefined;
    let record: number | undefined;
    this.lines.forEach((line, at) => {
      if (section !== undefined && at >= section.to_line) section = record = undefined;
      if (sections[next]?.from_line === at + 1) {
        section = sections[next];
        next += 1;
        const part = section === undefined ? undefined : PARTS[section.kind];
        if (part !== undefined) this.#enter(part);
        return;
      }
      const fate = fates[at];
      if (fate === 'understood') {
        const isHeading = headingOf(line.toString().trimEnd()) !== undefined;
        if (section === undefined && isHeading) this.#enter('title');
        else if (isHeading && section?.kind !== 'sessions') record = at;
        return;
      }
      if (fate === 'not_understood' && section !== undefined) {
        this.#carry(section.from_line - 1);
        this.#carry(record);
      }
      this.#run.push(line);
    });
    this.#close();
    return { kept: this.#kept, order: completed(this.#found) };
  }

  #enter(part: StatusPart): void {
    if (this.#found.includes(part)) return;
    this.#close();
    this.#found.push(part);
    this.#behind = part;
  }

  #carry(at: number | undefined): void {
    const line = at === undefined ? undefined : this.lines[at];
    if (at === undefined || line === undefined || this.#carried.has(at)) return;
    this.#carried.add(at);
    this.#run.push(line);
  }

  /** Set off by blank lines, so that no generated line is taken for part of it, and none of its own for generated. */
  #close(): void {
    const run = this.#run;
    this.#run = [];
    if (run.every(isBlank)) return;
    const isOpen = run.at(-1)?.at(-1) !== NEWLINE;
    const before = this.#behind === null || isBlank(run[0] ?? this.blank) ? [] : [this.blank];
    const after = isBlank(run.at(-1) ?? this.blank) && !isOpen ? [] : [this.blank];
    const bytes = Buffer.concat([...before, ...run, ...(isOpen ? [this.blank] : []), ...after]);
    this.#kept.push({ behind: this.#behind, bytes });
  }
}

/** The parts that the file lacks come behind the one that they follow in a new file. */
function completed(found: readonly StatusPart[]): StatusPart[] {
  const order = [...found];
  STATUS_PARTS.forEach((part, at) => {
    if (order.includes(part) || ENDING.includes(part)) return;
    const before = STATUS_PARTS.slice(0, at);
    order.splice(order.findLastIndex((one) => before.includes(one)) + 1, 0, part);
  });
  return [...order, ...ENDING];
}

/** Each with its newline. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
    lines.push(bytes.subarray(from, at + 1));
    from = at + 1;
  }
  return from === bytes.length ? lines : [...lines, bytes.subarray(from)];
}

const isBlank = (line: Buffer): boolean => line.toString('latin1').trim() === '';
