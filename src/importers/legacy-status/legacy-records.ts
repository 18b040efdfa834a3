/** The records of a hand-kept `.project_status.md`, as it says them: what it does not say is null. */
import type { EnhancementStatus } from '../../domain/enhancement.ts';
import { ENHANCEMENT_STATUSES } from '../../domain/enhancement.ts';
import { line as lineSchema } from '../../domain/fields.ts';
import { NAME_MAX_CHARACTERS, TITLE_MAX_CHARACTERS } from '../../domain/limits.ts';
import { VENDOR_STATUSES, type VendorStatus } from '../../domain/vendor.ts';
import { ITEM_STATUSES, ITEM_TYPES, type ItemStatus, type ItemType } from '../../domain/work-item.ts';
import { isOneOf, takeMark, unescape } from '../../storage/status-file/status-lines.ts';
import {
  bulletOf,
  priorityOf,
  quarterOf,
  testsOf,
  timeOf,
  yesOrNo,
  type Field,
  type WrittenTime,
} from './legacy-lines.ts';

export const KINDS = ['vendors', 'work_items', 'sessions', 'deployments', 'enhancements'] as const;
export type RecordKind = (typeof KINDS)[number];

export interface LegacyVendor {
  /** Of its line, from 1; the same in every record. */
  line: number;
  name: string;
  status: VendorStatus;
  tests: { passing: number; total: number; skipped: number | null } | null;
  /** In small letters, in their order; null where the line has no brackets for them. */
  formats: string[] | null;
  /** Without the `v`. */
  extractor_version: string | null;
}

export interface LegacyItem {
  line: number;
  /** Levels of indentation and heading, to find the parent by. */
  indent: number;
  level: number;
  title: string;
  item_type: ItemType;
  status: ItemStatus | null;
  created: WrittenTime | null;
  branch: string | null;
  parent_title: string | null;
  /** The place of its parent in the list of items. */
  parent_index: number | null;
}

export interface LegacyDeployment {
  line: number;
  deployed: WrittenTime;
  pr_number: number | null;
  title: string | null;
  /** 7 to 40 hex characters, in small letters. */
  commit: string | null;
  commit_line: number;
  tests: Record<string, number> | null;
  compliant: boolean | null;
  /** The names as the line has them, separated by commas. */
  vendors: string[];
  vendors_line: number;
  /** As `#T001`. */
  work_items: string[];
  work_items_line: number;
}

export interface LegacyEnhancement {
  line: number;
  title: string;
  priority: number;
  status: EnhancementStatus | null;
  /** As `2026-Q1`. */
  target_quarter: string | null;
  description: string | null;
}

export interface LegacySession {
  line: number;
  heading: string;
  /** Null where it has none, or nothing in it. */
  frontmatter: Record<string, unknown> | null;
  body: string;
}

/** What became of a line that starts a record, or says something about one: undefined when it was understood. */
export type Refusal = string | undefined;

const fits = (text: string, max: number): boolean => lineSchema(max).safeParse(text).success;

const FACTS =
  /^:[ \t]*(operational|broken)(?:[ \t]*\((\d{1,15})\/(\d{1,15}) tests?(?: passed)?(?:, (\d{1,15}) skipped)?\))?(?:[ \t]*\[([^[\]]{0,200})\])?(?:[ \t]+v(\S.{0,60}))?$/i;

/** `- **vendor_abc**: operational (45/50 tests) [excel, csv]`, or the same without `**` and with more said. */
export function readVendor(full: string, line: number): LegacyVendor | { reason: Refusal } {
  const text = bulletOf(takeMark(full.trim()).rest);
  if (text === undefined) return { reason: 'is not an entry of the list' };
  let end = text.startsWith('**') ? text.indexOf('**', 2) : -1;
  let found = end === -1 ? null : FACTS.exec(text.slice(end + 2));
  const written = end === -1 ? '' : text.slice(2, end);
  let name = written;
  // Without bold the name ends at the first colon after which everything is understood.
  for (
    end = text.indexOf(':');
    found === null && !text.startsWith('**') && end !== -1 && end <= 4 * NAME_MAX_CHARACTERS;
    end = text.indexOf(':', end + 1)
  ) {
    found = FACTS.exec(text.slice(end));
    name = text.slice(0, end);
  }
  if (found === null) return { reason: 'does not read as `- name: operational|broken (n/n tests …) […]`' };
  name = unescape(name);
  if (!fits(name, NAME_MAX_CHARACTERS))
    return { reason: `the name is not one line of 1 to ${NAME_MAX_CHARACTERS} characters` };
  const [, health = '', passing, total, skipped, formats, version] = found;
  const extractor_version = version === undefined ? null : unescape(version);
  if (extractor_version !== null && !fits(extractor_version, 50))
    return { reason: 'the version is not one line of 1 to 50 characters' };
  return {
    line,
    name,
    status: VENDOR_STATUSES.find((status) => status === health.toLowerCase()) ?? 'broken',
    tests:
      passing === undefined
        ? null
        : {
            passing: Number(passing),
            total: Number(total),
            skipped: skipped === undefined ? null : Number(skipped),
          },
    formats:
      formats === undefined
        ? null
        : formats
            .split(',')
            .map((format) => format.trim().toLowerCase())
            .filter((format) => format !== ''),
    extractor_version,
  };
}

/** `Title (task)`: the text of a heading. */
export function readItem(heading: string): Pick<LegacyItem, 'title' | 'item_type'> | undefined {
  const open = heading.endsWith(')') ? heading.lastIndexOf('(') : -1;
  const type = heading
    .slice(open + 1, -1)
    .trim()
    .toLowerCase();
  const title = open === -1 ? '' : unescape(heading.slice(0, open));
  return title !== '' && isOneOf(ITEM_TYPES, type) ? { title, item_type: type } : undefined;
}

/** `2025-10-09 16:00:00 UTC - PR #100`, or only a day, or without the PR. */
export function readDeployment(
  heading: string,
): Pick<LegacyDeployment, 'deployed' | 'pr_number'> | undefined {
  const [, time = '', pr] = /^(\d{4}-[^#]{0,60}?)(?:[ \t]+-[ \t]+PR[ \t]*#(\d{1,9}))?$/i.exec(heading) ?? [];
  const deployed = timeOf(time);
  if (deployed === undefined || Number(pr ?? 1) < 1) return undefined;
  return { deployed, pr_number: pr === undefined ? null : Number(pr) };
}

/** `Title (Priority: 1)` or `Title (Priority: High, Q1 2026)`. */
export function readEnhancement(
  text: string,
): Pick<LegacyEnhancement, 'title' | 'priority' | 'target_quarter'> | undefined {
  const open = text.endsWith(')') ? text.toLowerCase().lastIndexOf('(priority:') : -1;
  if (open === -1) return undefined;
  const [word = '', quarter, ...rest] = text.slice(open + '(priority:'.length, -1).split(',');
  const priority = priorityOf(word.trim());
  const target = quarter === undefined ? null : quarterOf(quarter.trim());
  const title = unescape(text.slice(0, open));
  const isWhole = priority !== undefined && target !== undefined && rest.length === 0;
  return isWhole && fits(title, TITLE_MAX_CHARACTERS)
    ? { title, priority, target_quarter: target }
    : undefined;
}

const TWICE = 'says again what a line above said';

export function setItemField(item: LegacyItem, { label, value }: Field): Refusal {
  const text = unescape(value);
  switch (label) {
    case 'status': {
      const word = text.toLowerCase();
      if (!isOneOf(ITEM_STATUSES, word)) return `is none of the statuses ${ITEM_STATUSES.join(', ')}`;
      if (item.status !== null) return TWICE;
      item.status = word;
      return undefined;
    }
    case 'created': {
      const time = timeOf(text);
      if (time === undefined) return 'is not a time that is understood';
      if (item.created !== null) return TWICE;
      item.created = time;
      return undefined;
    }
    case 'branch':
      if (item.branch !== null) return TWICE;
      if (!fits(text, NAME_MAX_CHARACTERS))
        return `is not one line of 1 to ${NAME_MAX_CHARACTERS} characters`;
      item.branch = text;
      return undefined;
    case 'parent':
      if (item.parent_title !== null) return TWICE;
      if (text === '') return 'says nothing';
      item.parent_title = text;
      return undefined;
    default:
      return 'is not a field of a work item in this file';
  }
}

export const ITEM_LABELS = ['status', 'created', 'branch', 'parent'];
export const DEPLOYMENT_LABELS = [
  'title',
  'commit',
  'tests',
  'constitutional compliance',
  'vendors',
  'work items',
];
export const ENHANCEMENT_LABELS = ['target', 'description', 'status', 'priority'];

export function setDeploymentField(
  deployment: LegacyDeployment,
  { label, value }: Field,
  line: number,
): Refusal {
  const list = () =>
    value
      .split(',')
      .map((one) => unescape(one))
      .filter((one) => one !== '');
  switch (label) {
    case 'title': {
      const title = unescape(value);
      if (deployment.title !== null) return TWICE;
      if (!fits(title, TITLE_MAX_CHARACTERS))
        return `is not one line of 1 to ${TITLE_MAX_CHARACTERS} characters`;
      deployment.title = title;
      return undefined;
    }
    case 'commit': {
      const commit = /^`?([0-9a-f]{7,40})`?$/i.exec(value)?.[1]?.toLowerCase();
      if (commit === undefined) return 'is not a commit of 7 to 40 hex characters';
      if (deployment.commit !== null) return TWICE;
      Object.assign(deployment, { commit, commit_line: line });
      return undefined;
    }
    case 'tests': {
      const tests = testsOf(value);
      if (tests === undefined)
        return 'is not a list as `unit: 150, integration: 30` or `45 passed, 0 failed`';
      if (deployment.tests !== null) return TWICE;
      deployment.tests = tests;
      return undefined;
    }
    case 'constitutional compliance': {
      const compliant = yesOrNo(value);
      if (compliant === undefined) return 'is neither ✓ nor ✗';
      if (deployment.compliant !== null) return TWICE;
      deployment.compliant = compliant;
      return undefined;
    }
    case 'vendors':
      if (deployment.vendors.length > 0) return TWICE;
      if (list().length === 0) return 'says nothing';
      Object.assign(deployment, { vendors: list(), vendors_line: line });
      return undefined;
    case 'work items':
      if (deployment.work_items.length > 0) return TWICE;
      if (list().length === 0) return 'says nothing';
      Object.assign(deployment, { work_items: list(), work_items_line: line });
      return undefined;
    default:
      return 'is not a field of a deployment in this file';
  }
}

export function setEnhancementField(enhancement: LegacyEnhancement, { label, value }: Field): Refusal {
  switch (label) {
    case 'target': {
      const target_quarter = quarterOf(value);
      if (target_quarter === undefined) return 'is not a quarter as `Q1 2026`';
      if (enhancement.target_quarter !== null) return TWICE;
      enhancement.target_quarter = target_quarter;
      return undefined;
    }
    case 'description':
      if (enhancement.description !== null) return TWICE;
      if (value === '') return 'says nothing';
      enhancement.description = unescape(value);
      return undefined;
    case 'status': {
      const word = value.toLowerCase();
      if (!isOneOf(ENHANCEMENT_STATUSES, word)) return `is none of ${ENHANCEMENT_STATUSES.join(', ')}`;
      if (enhancement.status !== null) return TWICE;
      enhancement.status = word;
      return undefined;
    }
    default:
      return 'is not a field of an enhancement in this file';
  }
}
