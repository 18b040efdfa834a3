/**
 * Which parts of `.project_status.md` are generated, and what stands between them. The generated parts are known by
 * their headings and by the form of their lines; all the rest is people's and is never altered by a byte:
 * whatever stands before, between and behind the parts, sections under headings of their own, and lines below the
 * records of a part that are no records. Files are read as bytes, since what people wrote need not be UTF-8.
 */
import { createHash } from 'node:crypto';
import { closesFence, openingFence } from '../../formats/fences.ts';
import { labelled, takeMark } from './status-lines.ts';
import {
  deploymentParser,
  enhancementParser,
  vendorParser,
  workItemParser,
  type LineParser,
} from './status-sections.ts';

/** In the order in which a new file has them. */
export const STATUS_PARTS = [
  'title',
  'vendors',
  'work_items',
  'deployments',
  'enhancements',
  'pending',
  'foot',
  'mark',
] as const;
export type StatusPart = (typeof STATUS_PARTS)[number];

export interface GeneratedPiece {
  part: StatusPart;
  /** Its lines, without spaces at their ends; blank ones are left out. */
  lines: { number: number; text: string }[];
  /** The same as it stands there. */
  text: string;
}

export interface KeptPiece {
  part: null;
  /** What people wrote, as it stands there. */
  bytes: Buffer;
}

export interface StatusLayout {
  hasByteOrderMark: boolean;
  /** How the generated lines end. */
  lineEnd: '\n' | '\r\n';
  pieces: (GeneratedPiece | KeptPiece)[];
}

const HEADINGS: readonly [part: StatusPart, heading: RegExp][] = [
  ['title', /^# Project Status - [\d:T+.Z-]{1,40}$/],
  ['vendors', /^## Operational Vendors(?: \([^)]*\))?$/],
  ['work_items', /^## Active Work Items(?: \([^)]*\))?$/],
  ['deployments', /^## Recent Deployments(?: \([^)]*\))?$/],
  ['enhancements', /^## Future Enhancements(?: \([^)]*\))?$/],
  ['pending', /^## Pending Offline Changes(?: \([^)]*\))?$/],
  ['foot', /^\*Generated at [\d:T+.Z-]{1,40}\*$/],
  ['mark', /^<!-- worktrail status:/],
];
const MARKED = / <!-- [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} v\d{1,15} -->$/;
const MORE = /^(?:\*\d{1,9} more (?:active items|enhancements) are not listed here|- and \d{1,9} more$)/;
const PENDING = /^- \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC /;
/** Longer lines are nobody's record. */
const LINE_MAX_BYTES = 800_000;

/** Never throws, whatever the bytes; takes time in proportion to their number. */
export function readLayout(file: Buffer): StatusLayout {
  const hasByteOrderMark = file.subarray(0, 3).equals(BYTE_ORDER_MARK);
  const lines = linesOf(file.subarray(hasByteOrderMark ? 3 : 0));
  const fenced = linesInFences(lines);
  const starts = findParts(lines, fenced);
  const pieces: StatusLayout['pieces'] = [];
  let at = 0;
  for (const [index, { part, start }] of starts.entries()) {
    keep(pieces, lines.slice(at, start));
    const boundary = starts[index + 1]?.start ?? lines.length;
    const owned = ownedLines(part, lines, { start, boundary, fenced });
    const end = (owned.at(-1) ?? start) + 1;
    const { own, others } = divided(lines.slice(start, end), owned, start);
    pieces.push({
      part,
      lines: owned.map((line) => ({ number: line + 1, text: decoded(lines[line] as Line) })),
      text: bytesOf(own).toString(),
    });
    keep(pieces, others);
    at = end;
  }
  keep(pieces, lines.slice(at));
  const first = starts[0] === undefined ? undefined : lines[starts[0].start];
  const isWindows = first !== undefined && bytesOf([first]).subarray(-2).equals(CARRIAGE_RETURN);
  return { hasByteOrderMark, lineEnd: isWindows ? '\r\n' : '\n', pieces };
}

/**
 * The file with these texts as its generated parts, and all that people wrote where it was. A part that was not
 * there comes behind the part that it follows in a new file; one without a text goes.
 * @param parts each a text that ends with a newline
 */
export function layOut(layout: StatusLayout, parts: ReadonlyMap<StatusPart, string>): Buffer {
  const blank = Buffer.from(layout.lineEnd);
  const written = (part: StatusPart) => Buffer.from((parts.get(part) ?? '').replaceAll('\n', layout.lineEnd));
  const out: { part: StatusPart | null; bytes: Buffer }[] = [];
  for (const piece of layout.pieces) {
    if (piece.part === null) out.push(piece);
    else if (parts.has(piece.part)) out.push({ part: piece.part, bytes: written(piece.part) });
    else if (out.at(-1)?.part === null && out.at(-1)?.bytes.equals(blank)) out.pop();
  }
  STATUS_PARTS.forEach((part, order) => {
    if (!parts.has(part) || out.some((piece) => piece.part === part)) return;
    const before = STATUS_PARTS.slice(0, order);
    const behind = out.findLastIndex((piece) => piece.part !== null && before.includes(piece.part));
    const added = { part, bytes: written(part) };
    const gap = { part: null, bytes: blank };
    const isAlone = behind === -1 && out.length === 0;
    out.splice(behind + 1, 0, ...(isAlone ? [added] : behind === -1 ? [added, gap] : [gap, added]));
  });
  const chunks = out.flatMap(({ bytes }, index): Buffer[] => {
    const isOpen = bytes.length > 0 && bytes.at(-1) !== NEWLINE && index < out.length - 1;
    return isOpen ? [bytes, blank] : [bytes];
  });
  return Buffer.concat([...(layout.hasByteOrderMark ? [BYTE_ORDER_MARK] : []), ...chunks]);
}

export const EMPTY_LAYOUT: StatusLayout = { hasByteOrderMark: false, lineEnd: '\n', pieces: [] };

/** The generated parts of a text in which nobody else wrote, each with its newline at the end. */
export function partsOfText(text: string): Map<StatusPart, string> {
  const { pieces } = readLayout(Buffer.from(text));
  return new Map(pieces.flatMap((piece) => (piece.part === null ? [] : [[piece.part, piece.text]])));
}

/** SHA-256 over the lines of all generated parts but the mark; where they stand in the file does not count. */
export function hashOfParts({ pieces }: StatusLayout): string {
  const hash = createHash('sha256');
  for (const part of STATUS_PARTS) {
    if (part === 'mark') continue;
    const found = pieces.find((piece) => piece.part === part);
    for (const { text } of found?.part == null ? [] : found.lines) hash.update(`${text}\n`);
  }
  return hash.digest('hex');
}

/** Whether a line of it carries the id of a record: then Worktrail wrote it, whatever happened to its mark. */
export function holdsRecordsOfOurs({ pieces }: StatusLayout): boolean {
  return pieces.some((piece) => piece.part !== null && piece.lines.some(({ text }) => isMarked(text)));
}

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');
const CARRIAGE_RETURN = Buffer.from('\r\n');
const NEWLINE = 0x0a;

interface Line {
  file: Buffer;
  /** Its place in the file, with what ends it. */
  from: number;
  to: number;
  /** As Latin-1, without space at its end: enough to know headings. */
  plain: string;
}

function linesOf(file: Buffer): Line[] {
  const text = file.toString('latin1');
  const lines: Line[] = [];
  for (let from = 0; from < text.length;) {
    const newline = text.indexOf('\n', from);
    const to = newline === -1 ? text.length : newline + 1;
    let end = to;
    while (end > from && SPACES.has(text.charCodeAt(end - 1))) end -= 1;
    lines.push({ file, from, to, plain: end - from > LINE_MAX_BYTES ? '?' : text.slice(from, end) });
    from = to;
  }
  return lines;
}

const SPACES: ReadonlySet<number> = new Set(Buffer.from(' \t\r\n'));

function decoded({ file, from, to }: Line): string {
  return file.toString('utf8', from, to).trimEnd();
}

/** The bytes of lines that follow each other. */
function bytesOf(lines: readonly Line[]): Buffer {
  const runs: Buffer[] = [];
  for (let first = 0; first < lines.length;) {
    let last = first;
    while (lines[last + 1] !== undefined && lines[last + 1]?.from === lines[last]?.to) last += 1;
    runs.push((lines[first] as Line).file.subarray(lines[first]?.from, lines[last]?.to));
    first = last + 1;
  }
  return runs.length === 1 ? (runs[0] as Buffer) : Buffer.concat(runs);
}

const isMarked = (plain: string): boolean => plain.endsWith(' -->') && MARKED.test(plain);

/** Where the generated parts begin, in the order of the file. */
function findParts(
  lines: readonly Line[],
  fenced: ReadonlySet<number>,
): { part: StatusPart; start: number }[] {
  const candidates = new Map<StatusPart, { start: number; isMarked: boolean }[]>();
  let section: { start: number; isMarked: boolean } | undefined;
  lines.forEach(({ plain }, index) => {
    if (fenced.has(index)) return;
    if (section !== undefined && isMarked(plain)) section.isMarked = true;
    if (!/^[#*<]/.test(plain)) return;
    const isHeading = HEADING.test(plain);
    if (isHeading) section = undefined;
    const part = HEADINGS.find(([, heading]) => heading.test(plain))?.[0];
    if (part === undefined) return;
    const candidate = { start: index, isMarked: false };
    if (isHeading) section = candidate;
    const others = candidates.get(part);
    if (others === undefined) candidates.set(part, [candidate]);
    else others.push(candidate);
  });
  const end = candidates.get('mark')?.[0]?.start ?? lines.length;
  return [...candidates]
    .map(([part, all]) => {
      // The first that holds records of ours; of the times, the last one before the mark.
      const foot = all.findLast(({ start }) => start < end) ?? all.at(-1);
      const chosen = part === 'foot' ? foot : (all.find(({ isMarked }) => isMarked) ?? all[0]);
      const start = chosen?.start ?? 0;
      const isRuled = part === 'foot' && lines[start - 1]?.plain === '---';
      return { part, start: isRuled ? start - 1 : start };
    })
    .sort((a, b) => a.start - b.start);
}

const HEADING = /^##? /;

/**
 * Lines inside of code fences: what looks like a heading there is none. A fence that is never closed is no fence,
 * and neither is one with records of ours between its ends: then they belong to two fences.
 */
function linesInFences(lines: readonly Line[]): Set<number> {
  const fenced = new Set<number>();
  let open: { start: number; fence: string } | undefined;
  lines.forEach(({ plain }, index) => {
    if (isMarked(plain)) open = undefined;
    if (open === undefined) {
      const fence = openingFence(plain);
      if (fence !== undefined) open = { start: index, fence };
    } else if (closesFence(plain, open.fence)) {
      for (let line = open.start; line <= index; line += 1) fenced.add(line);
      open = undefined;
    }
  });
  return fenced;
}

/** The lines of a part that are generated, or meant to be: its heading, and records with their lines. */
function ownedLines(
  part: StatusPart,
  lines: readonly Line[],
  { start, boundary, fenced }: { start: number; boundary: number; fenced: ReadonlySet<number> },
): number[] {
  const owned = [start];
  if (part === 'title' || part === 'mark') return owned;
  if (part === 'foot') return lines[start]?.plain === '---' ? [start, start + 1] : owned;
  const isOwned = ownership(part);
  for (let index = start + 1; index < boundary; index += 1) {
    const line = lines[index];
    if (line === undefined || HEADING.test(line.plain)) break;
    const text = fenced.has(index) || line.plain === '' || line.plain === '?' ? '' : decoded(line);
    if (isOwned(text)) owned.push(index);
  }
  return owned;
}

/** Asked of each line in turn; an empty one ends a record. */
function ownership(part: StatusPart): (line: string) => boolean {
  const parse = PARSERS[part]?.();
  if (parse === undefined) return (line) => line !== '' && (PENDING.test(line) || MORE.test(line));
  let isInRecord = false;
  return (line) => {
    if (line === '') return (isInRecord = false);
    const trimmed = line.trimStart();
    if (isInRecord && labelled(trimmed) !== undefined) {
      parse(line);
      return true;
    }
    const isRecord =
      takeMark(line).mark.id !== null ||
      (labelled(trimmed) === undefined || part === 'vendors' ? parse(line) : false);
    isInRecord = isRecord && part !== 'vendors';
    return isRecord || MORE.test(line);
  };
}

const PARSERS: Partial<Record<StatusPart, () => LineParser>> = {
  vendors: () => vendorParser([]),
  work_items: () => workItemParser([]),
  deployments: () => deploymentParser([]),
  enhancements: () => enhancementParser([]),
};

/** Runs of lines between those of a part are people's unless all of them are blank. */
function divided(
  lines: readonly Line[],
  owned: readonly number[],
  start: number,
): { own: Line[]; others: Line[] } {
  const isOwned = new Set(owned);
  const own: Line[] = [];
  const others: Line[] = [];
  let run: Line[] = [];
  lines.forEach((line, index) => {
    run.push(line);
    if (!isOwned.has(start + index)) return;
    run.pop();
    (run.some(({ plain }) => plain !== '') ? others : own).push(...run);
    own.push(line);
    run = [];
  });
  return { own, others };
}

function keep(pieces: StatusLayout['pieces'], lines: readonly Line[]): void {
  if (lines.length === 0) return;
  const last = pieces.at(-1);
  const bytes = bytesOf(lines);
  if (last?.part === null) last.bytes = Buffer.concat([last.bytes, bytes]);
  else pieces.push({ part: null, bytes });
}
