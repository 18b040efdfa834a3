/**
 * Reads `.project_status.md` (dialect A, as `status.hbs` renders it) back into records. Generated lines carry id
 * and version in a comment; the same lines written by hand do not, and are records without an id.
 */
import { LINE_MAX_CHARACTERS, isoTime, spelledNames } from './status-lines.ts';
import {
  deploymentParser,
  enhancementParser,
  vendorParser,
  workItemParser,
  type LineParser,
  type ParsedDeployment,
  type ParsedEnhancement,
  type ParsedVendor,
  type ParsedWorkItem,
} from './status-sections.ts';
import { readLayout, type StatusLayout } from './status-layout.ts';
import { markOf } from './status-mark.ts';

/** Times are ISO 8601 UTC with milliseconds; the file itself tells seconds. */
export interface ParsedStatus {
  /** The state of the tracker that the file shows; null when it does not say. */
  generated_at: string | null;
  /**
   * `intact`: its generated lines are as Worktrail wrote them; `edited`: by hand since then; `absent`: it has no
   * mark of Worktrail's. Line ends do not count: git may change them.
   */
  mark: 'intact' | 'edited' | 'absent';
  /** The project that it is of; null when it does not say. */
  project_id: string | null;
  vendors: ParsedVendor[];
  /** Parents before children. */
  work_items: ParsedWorkItem[];
  /** Active items that the file says it leaves out. */
  work_items_left: number;
  deployments: ParsedDeployment[];
  enhancements: ParsedEnhancement[];
  /** Enhancements that the file says it leaves out. */
  enhancements_left: number;
  /** Headings of sections that hold no records. */
  other_sections: string[];
  /** Lines of the sections with records that say nothing known: the first 1,000, each cut at 200 characters. */
  not_understood: { line: number; text: string }[];
}

const NOT_UNDERSTOOD_MAX = 1_000;
const EXCERPT_MAX_CHARACTERS = 200;

/**
 * In a file of ours only the generated lines count; in any other, every line below a heading that is known.
 * Never throws, whatever the text; takes time in proportion to its length.
 */
export function parseStatusFile(text: string | Buffer): ParsedStatus {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const layout = readLayout(bytes);
  const status: ParsedStatus = {
    generated_at: null,
    ...markIn(layout, bytes),
    vendors: [],
    work_items: [],
    work_items_left: 0,
    deployments: [],
    enhancements: [],
    enhancements_left: 0,
    other_sections: [],
    not_understood: [],
  };
  if (status.mark === 'absent') readLines(status, linesOf(bytes.toString()));
  else {
    const pieces = layout.pieces.flatMap((piece) => (piece.part === null ? [] : [piece]));
    readLines(
      status,
      pieces.flatMap(({ lines }) => lines),
    );
    const kept = layout.pieces.flatMap((piece) =>
      piece.part === null ? linesOf(piece.bytes.toString()) : [],
    );
    status.other_sections.push(...kept.flatMap(({ text: line }) => headingOf(line) ?? []));
  }
  findParents(status);
  nameVendors(status);
  return status;
}

interface NumberedLine {
  /** From 1. */
  number: number;
  /** Without space at its end. */
  text: string;
}

function linesOf(text: string): NumberedLine[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  return lines.map((line, index) => ({ number: index + 1, text: line.trimEnd() }));
}

const headingOf = (line: string): string | undefined =>
  line.startsWith('## ') ? line.slice(3, 3 + EXCERPT_MAX_CHARACTERS) : undefined;

function readLines(status: ParsedStatus, lines: readonly NumberedLine[]): void {
  const sections: { heading: string; parse: LineParser }[] = [
    { heading: '## Operational Vendors', parse: vendorParser(status.vendors) },
    { heading: '## Active Work Items', parse: workItemParser(status.work_items) },
    { heading: '## Recent Deployments', parse: deploymentParser(status.deployments) },
    { heading: '## Future Enhancements', parse: enhancementParser(status.enhancements) },
  ];
  let parse: LineParser = () => true;
  for (const { number, text: line } of lines) {
    const heading = headingOf(line);
    if (heading !== undefined) {
      const known = sections.find((section) => line.startsWith(section.heading));
      parse = known?.parse ?? (() => true);
      if (known === undefined) status.other_sections.push(heading);
      continue;
    }
    const time = timeOfFile(line);
    const left = /^\*(\d{1,9}) more active items are not listed here/.exec(line)?.[1];
    const later = /^\*(\d{1,9}) more enhancements are not listed here/.exec(line)?.[1];
    if (time !== undefined) status.generated_at = time;
    if (left !== undefined) status.work_items_left = Number(left);
    if (later !== undefined) status.enhancements_left = Number(later);
    if (time !== undefined || left !== undefined || later !== undefined) continue;
    const blank = line === '' || line === '---' || line.startsWith('<!-- worktrail status:');
    if (blank || (line.length <= LINE_MAX_CHARACTERS && parse(line))) continue;
    if (status.not_understood.length < NOT_UNDERSTOOD_MAX) {
      status.not_understood.push({ line: number, text: line.slice(0, EXCERPT_MAX_CHARACTERS) });
    }
  }
}

/** Both the title and the last line tell it; the last one counts. */
function timeOfFile(line: string): string | undefined {
  const written = /^(?:# Project Status - |\*Generated at )([\d:T+.Z-]{1,40})\*?$/.exec(line)?.[1];
  return written === undefined ? undefined : isoTime(written);
}

function markIn(layout: StatusLayout, bytes: Buffer): Pick<ParsedStatus, 'mark' | 'project_id'> {
  const found = markOf(layout, bytes);
  if (found === undefined) return { mark: 'absent', project_id: null };
  return { mark: found.isIntact ? 'intact' : 'edited', project_id: found.project_id };
}

/** What is written by hand need not be indented: there the title of an earlier item tells the parent too. */
function findParents({ work_items }: ParsedStatus): void {
  const byTitle = new Map<string, number | null>();
  work_items.forEach((item, index) => {
    if (item.id === null && item.parent_index === null && item.parent_title !== null) {
      item.parent_index = byTitle.get(item.parent_title) ?? null;
    }
    byTitle.set(item.title, byTitle.has(item.title) ? null : index);
  });
}

/** A name may have a comma in it: of the vendors in the file, the longest name that fits is meant. */
function nameVendors({ vendors, deployments }: ParsedStatus): void {
  const known = new Set(vendors.map(({ name }) => name));
  const partsMax = [...known].reduce((most, name) => Math.max(most, name.split(', ').length), 1);
  for (const deployment of deployments) {
    const names = spelledNames(deployment.vendor_names, (name) => known.has(name), partsMax);
    deployment.vendor_names = names.filter((name) => name !== '');
  }
}
