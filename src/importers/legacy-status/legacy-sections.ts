/** How each kind of section of a hand-kept `.project_status.md` is read, line by line. */
import { DESCRIPTION_MAX_BYTES } from '../../domain/limits.ts';
import { vendorNameKey } from '../../domain/vendor.ts';
import { readFrontmatter } from '../../formats/frontmatter.ts';
import { bulletOf, fieldOf, type SectionKind } from './legacy-lines.ts';
import {
  DEPLOYMENT_LABELS,
  ENHANCEMENT_LABELS,
  ITEM_LABELS,
  readDeployment,
  readEnhancement,
  readItem,
  readVendor,
  setDeploymentField,
  setEnhancementField,
  setItemField,
  type LegacyDeployment,
  type LegacyEnhancement,
  type LegacyItem,
  type LegacySession,
  type LegacyVendor,
  type Refusal,
} from './legacy-records.ts';
import type { Heading } from '../import/headings.ts';

export interface LegacyRecords {
  vendors: LegacyVendor[];
  items: LegacyItem[];
  deployments: LegacyDeployment[];
  enhancements: LegacyEnhancement[];
  sessions: LegacySession[];
}

/** While they are read: with the vendors by name, of which a file may hold each once. */
export interface ReadRecords extends LegacyRecords {
  byName: Map<string, LegacyVendor>;
}

export const noRecords = (): ReadRecords => ({
  ...{ vendors: [], items: [], deployments: [], enhancements: [], sessions: [] },
  byName: new Map(),
});

/** Which of the two ways of writing was met. */
export type Form = (dialect: 'A' | 'B') => void;

/** Reads the lines of one section. Line numbers count from 1. */
export interface SectionReader {
  /** Whether a heading below that of the section was taken, as a record or as part of one. */
  heading(heading: Heading, full: string, line: number): boolean;
  /** Undefined when the line was understood, else why not. Blank lines and rulers come here too where `takesAll`. */
  line(full: string, line: number): Refusal;
  /** Whether a line without context reads like one of this section's. */
  isAlike(full: string): boolean;
  /** Whether every line belongs to the record that is open now, whatever it looks like. */
  takesAll(): boolean;
  /** The section ends before this line. @returns lines that turn out not to be understood, with the reason */
  end(line: number): { from: number; to: number; reason: string }[];
  /** Records read so far; of vendors also those that are operational. */
  found(): { total: number; operational: number };
}

const NOTHING_LEFT = { takesAll: () => false, end: () => [] };

export function readerOfSection(kind: SectionKind, records: ReadRecords, form: Form): SectionReader {
  switch (kind) {
    case 'vendors':
      return vendorReader(records, form);
    case 'work_items':
      return itemReader(records.items, form);
    case 'deployments':
      return deploymentReader(records.deployments, form);
    case 'enhancements':
      return enhancementReader(records.enhancements, form);
    case 'sessions':
      return sessionReader(records.sessions, form);
    case 'pending':
      return pendingReader();
  }
}

function counter(records: readonly unknown[]): SectionReader['found'] {
  const before = records.length;
  return () => ({ total: records.length - before, operational: 0 });
}

function vendorReader(records: ReadRecords, form: Form): SectionReader {
  const { vendors } = records;
  const before = vendors.length;
  return {
    ...NOTHING_LEFT,
    heading: () => false,
    line: (full, line) => {
      const vendor = readVendor(full, line);
      if ('reason' in vendor) return vendor.reason;
      const key = vendorNameKey(vendor.name);
      const earlier = records.byName.get(key);
      if (earlier !== undefined)
        return `names "${earlier.name}" again: line ${earlier.line} tells of it, and names do not differ by case`;
      form(isBoldField(full) ? 'A' : 'B');
      vendors.push(vendor);
      records.byName.set(key, vendor);
      return undefined;
    },
    isAlike: (full) => !('reason' in readVendor(full, 0)),
    found: () => {
      const own = vendors.slice(before);
      return { total: own.length, operational: own.filter(({ status }) => status === 'operational').length };
    },
  };
}

/** Dialect A writes what an entry is about in bold. */
const isBoldField = (full: string): boolean => /^[ \t]*[-*+][ \t]+\*\*/.test(full);
const isField = (full: string, labels: readonly string[]): boolean =>
  labels.includes(fieldOf(full)?.label ?? '');

function itemReader(items: LegacyItem[], form: Form): SectionReader {
  /** The items that a next one may stand below, the deepest last. */
  const above: number[] = [];
  let open: LegacyItem | undefined;
  return {
    ...NOTHING_LEFT,
    heading: ({ text, indent, level }, _full, line) => {
      const read = readItem(text);
      open = undefined;
      if (read === undefined) return false;
      const rest = { status: null, created: null, branch: null, parent_title: null };
      open = {
        line,
        indent,
        level,
        ...read,
        ...rest,
        parent_index: parentByPlace(items, above, { indent, level }),
      };
      above.push(items.length);
      items.push(open);
      form('A');
      return true;
    },
    line: (full) => {
      const field = fieldOf(full);
      if (field === undefined) return 'does not read as `- **Label**: value`';
      return open === undefined ? 'belongs to no work item' : setItemField(open, field);
    },
    isAlike: (full) => isField(full, ITEM_LABELS),
    found: counter(items),
  };
}

/** The nearest earlier item of the section that is less deep, by the level of its heading or else by its indentation. */
function parentByPlace(
  items: readonly LegacyItem[],
  above: number[],
  { level, indent }: Pick<LegacyItem, 'level' | 'indent'>,
): number | null {
  for (let at = above.at(-1); at !== undefined; at = above.at(-1)) {
    const earlier = items[at];
    const isLessDeep =
      earlier !== undefined &&
      (earlier.level < level || (earlier.level === level && earlier.indent < indent));
    if (isLessDeep) return at;
    above.pop();
  }
  return null;
}

function deploymentReader(deployments: LegacyDeployment[], form: Form): SectionReader {
  let open: LegacyDeployment | undefined;
  return {
    ...NOTHING_LEFT,
    heading: ({ text }, _full, line) => {
      const read = readDeployment(text);
      open = undefined;
      if (read === undefined) return false;
      open = {
        ...{ line, ...read, title: null, commit: null, commit_line: line, tests: null, compliant: null },
        ...{ vendors: [], vendors_line: line, work_items: [], work_items_line: line },
      };
      deployments.push(open);
      return true;
    },
    line: (full, line) => {
      const field = fieldOf(full);
      if (field === undefined) return 'does not read as `- **Label**: value`';
      if (open === undefined) return 'belongs to no deployment';
      const refusal = setDeploymentField(open, field, line);
      if (refusal === undefined) form(isBoldField(full) ? 'A' : 'B');
      return refusal;
    },
    isAlike: (full) => isField(full, DEPLOYMENT_LABELS),
    found: counter(deployments),
  };
}

function enhancementReader(enhancements: LegacyEnhancement[], form: Form): SectionReader {
  let open: LegacyEnhancement | undefined;
  let isDescribing = false;
  const start = (text: string, line: number, dialect: 'A' | 'B'): boolean => {
    const read = readEnhancement(text);
    open = undefined;
    isDescribing = false;
    if (read === undefined) return false;
    open = { line, ...read, status: null, description: null };
    enhancements.push(open);
    form(dialect);
    return true;
  };
  return {
    ...NOTHING_LEFT,
    heading: ({ text }, _full, line) => start(text, line, 'A'),
    line: (full, line) => {
      const bullet = bulletOf(full);
      const field = fieldOf(full);
      const isOwn = field !== undefined && ENHANCEMENT_LABELS.includes(field.label);
      if (
        open !== undefined &&
        isOwn &&
        (bullet === undefined || isBoldField(full) || readEnhancement(bullet) === undefined)
      ) {
        const refusal = setEnhancementField(open, field);
        isDescribing = refusal === undefined && field.label === 'description';
        return refusal;
      }
      if (open !== undefined && isDescribing && bullet === undefined && /^[ \t]{2,}[^-*+ \t]/.test(full)) {
        const longer = `${open.description ?? ''}\n${full.trim()}`;
        if (Buffer.byteLength(longer) > DESCRIPTION_MAX_BYTES) return 'makes the description too long';
        open.description = longer;
        return undefined;
      }
      if (bullet === undefined) return 'does not read as `- title (Priority: High, Q1 2026)`';
      return start(bullet, line, 'B') ? undefined : 'does not read as `title (Priority: High, Q1 2026)`';
    },
    isAlike: (full) => {
      const bullet = bulletOf(full);
      return bullet !== undefined && readEnhancement(bullet) !== undefined;
    },
    found: counter(enhancements),
  };
}

interface OpenSession {
  line: number;
  heading: string;
  level: number;
  /** All below its heading. */
  lines: string[];
}

/** `### Session …`, frontmatter between `---`, and all that follows until the next heading that is not below it. */
function sessionReader(sessions: LegacySession[], form: Form): SectionReader {
  let open: OpenSession | undefined;
  let damaged: { from: number; to: number; reason: string }[] = [];
  const refuse = (session: OpenSession, reason: string, at: number, to: number) => {
    const rest = `belongs to the session of line ${session.line}, which is skipped: see line ${at}`;
    damaged.push({ from: at, to: at, reason });
    if (session.line < at) damaged.push({ from: session.line, to: at - 1, reason: rest });
    if (to > at) damaged.push({ from: at + 1, to, reason: rest });
  };
  const close = (before: number) => {
    if (open === undefined) return;
    const session = open;
    open = undefined;
    const { line, heading, lines } = session;
    const blank = Math.max(
      lines.findIndex((one) => one !== ''),
      0,
    );
    const first = line + 1 + blank;
    const text = lines.slice(blank).join('\n');
    const read = readFrontmatter(text);
    if (read.state === 'unclosed') {
      refuse(session, 'is frontmatter without its closing "---"', first, before - 1);
      return;
    }
    if (read.state === 'unreadable') {
      const at = Math.min(first + read.line - 1, before - 1);
      refuse(session, `is frontmatter that is not understood: ${read.reason}`, at, before - 1);
      return;
    }
    const frontmatter = read.state === 'read' ? read.data : null;
    const body = 'body' in read ? read.body : text;
    sessions.push({ line, heading, frontmatter, body: body.trim() });
    form('B');
  };
  const found = counter(sessions);
  return {
    heading: ({ text, level }, full, line) => {
      if (open !== undefined && level > open.level) {
        open.lines.push(full);
        return true;
      }
      close(line);
      if (!/^session\b/i.test(text)) return false;
      open = { line, heading: text, level, lines: [] };
      return true;
    },
    line: (full) => {
      if (open === undefined) return 'belongs to no session';
      open.lines.push(full);
      return undefined;
    },
    isAlike: () => false,
    takesAll: () => open !== undefined,
    end: (line) => {
      close(line);
      const result = damaged;
      damaged = [];
      return result;
    },
    found: () => ({ ...found(), total: found().total + (open === undefined ? 0 : 1) }),
  };
}

/** What waited to be replayed in another tracker is its own affair: nothing here is a record. */
function pendingReader(): SectionReader {
  return {
    ...NOTHING_LEFT,
    heading: () => false,
    line: (full) => (bulletOf(full) === undefined ? 'is not an entry of the list' : undefined),
    isAlike: () => false,
    found: () => ({ total: 0, operational: 0 }),
  };
}
