/** The sections of `.project_status.md` that hold records, line by line. */
import { ENHANCEMENT_STATUSES, type EnhancementStatus } from '../../domain/enhancement.ts';
import { VENDOR_STATUSES, type VendorStatus } from '../../domain/vendor.ts';
import { ITEM_STATUSES, ITEM_TYPES, type ItemStatus, type ItemType } from '../../domain/work-item.ts';
import {
  endOfBold,
  isOneOf,
  labelled,
  parseTests,
  spokenTime,
  takeMark,
  unescape,
  type Marked,
} from './status-lines.ts';

export interface ParsedVendor extends Marked {
  name: string;
  status: VendorStatus;
  extractor_version: string | null;
  tests: { passing: number; total: number; skipped: number } | null;
  /** As `excel`. */
  formats: string[];
}

export interface ParsedWorkItem extends Marked {
  title: string;
  item_type: ItemType;
  status: ItemStatus | null;
  created_at: string | null;
  branch_name: string | null;
  /** The place of its parent in `work_items`; null for a root, and when the parent is not in the file. */
  parent_index: number | null;
  /** What the file calls its parent, in the file or not. */
  parent_title: string | null;
}

export interface ParsedDeployment extends Marked {
  deployed_at: string;
  pr_number: number | null;
  pr_title: string | null;
  commit_hash: string | null;
  /** Number of tests by category. */
  tests: Record<string, number>;
  compliant: boolean | null;
  vendor_names: string[];
}

export interface ParsedEnhancement extends Marked {
  title: string;
  priority: number;
  status: EnhancementStatus;
  /** Whether a line says it; else it is planned. */
  has_status: boolean;
  /** As `2026-Q1`. */
  target_quarter: string | null;
  /** On one line, and only its beginning where it is long. */
  description: string | null;
}

/** Whether it understood the line, which has no space at its end. */
export type LineParser = (line: string) => boolean;

/** `- **vendor_abc**: operational (45/50 tests, 3 skipped) [excel, csv] v1.2.3` */
export function vendorParser(vendors: ParsedVendor[]): LineParser {
  const facts =
    /^: ([a-z]+)(?: \((\d{1,16})\/(\d{1,16}) tests(?:, (\d{1,16}) skipped)?\))?(?: \[([A-Za-z, ]*)\])?(?: v(.*))?$/;
  return (line) => {
    const { rest, mark } = takeMark(line);
    const end = rest.startsWith('- **') ? endOfBold(rest, 4) : -1;
    const name = unescape(rest.slice(4, end));
    const found = facts.exec(rest.slice(end + 2));
    const [, health, passing, total, skipped = '0', formats = '', version] = found ?? [];
    if (end === -1 || name === '' || !isOneOf(VENDOR_STATUSES, health)) return false;
    vendors.push({
      ...mark,
      name,
      status: health,
      extractor_version: version === undefined ? null : unescape(version) || null,
      tests:
        passing === undefined
          ? null
          : { passing: Number(passing), total: Number(total), skipped: Number(skipped) },
      formats: formats
        .toLowerCase()
        .split(', ')
        .filter((format) => format !== ''),
    });
    return true;
  };
}

/** `### Title (task)`, indented by two spaces a level, and below it what is known of the item. */
export function workItemParser(items: ParsedWorkItem[]): LineParser {
  let item: ParsedWorkItem | undefined;
  const placed = placer(items);
  return (full) => {
    const line = full.trimStart();
    const indent = full.length - line.length;
    if (line.startsWith('### ')) {
      item = parseItem(line);
      if (item !== undefined) placed(item, indent);
      return item !== undefined;
    }
    const [label = '', value = ''] = labelled(line) ?? [];
    if (item === undefined) return false;
    switch (label) {
      case 'Status':
        if (!isOneOf(ITEM_STATUSES, value)) return false;
        item.status = value;
        return true;
      case 'Created':
        item.created_at = spokenTime(value) ?? item.created_at;
        return spokenTime(value) !== undefined;
      case 'Branch':
        item.branch_name = unescape(value);
        return true;
      case 'Parent':
        item.parent_title = unescape(value);
        return true;
      default:
        return false;
    }
  };
}

function parseItem(line: string): ParsedWorkItem | undefined {
  const { rest, mark } = takeMark(line);
  const open = rest.endsWith(')') ? rest.lastIndexOf(' (') : -1;
  const title = unescape(rest.slice(4, open));
  const type = rest.slice(open + 2, -1);
  if (open === -1 || title === '' || !isOneOf(ITEM_TYPES, type)) return undefined;
  // Named, not spread: with seven more fields the copy would cost more than all the rest.
  return {
    id: mark.id,
    version: mark.version,
    title,
    item_type: type,
    status: null,
    created_at: null,
    branch_name: null,
    parent_index: null,
    parent_title: null,
  };
}

/** Adds items, each below the last one that is indented less. */
function placer(items: ParsedWorkItem[]): (item: ParsedWorkItem, indent: number) => void {
  const above: { index: number; indent: number }[] = [];
  return (item, indent) => {
    while (above.length > 0 && (above.at(-1)?.indent ?? 0) >= indent) above.pop();
    item.parent_index = above.at(-1)?.index ?? null;
    above.push({ index: items.length, indent });
    items.push(item);
  };
}

/** `### 2026-01-31 09:30:00 UTC - PR #100`, or without the PR, and below it what is known of the deployment. */
export function deploymentParser(deployments: ParsedDeployment[]): LineParser {
  let deployment: ParsedDeployment | undefined;
  return (line) => {
    if (line.startsWith('### ')) {
      deployment = parseDeployment(line);
      if (deployment !== undefined) deployments.push(deployment);
      return deployment !== undefined;
    }
    const [label = '', value = ''] = labelled(line) ?? [];
    if (deployment === undefined) return false;
    switch (label) {
      case 'Title':
        deployment.pr_title = unescape(value);
        return true;
      case 'Commit':
        deployment.commit_hash = /^`?([0-9a-f]{7,64})`?$/.exec(value)?.[1] ?? deployment.commit_hash;
        return /^`?[0-9a-f]{7,64}`?$/.test(value);
      case 'Tests':
        deployment.tests = parseTests(unescape(value));
        return true;
      case 'Constitutional Compliance':
        if (value !== '✓' && value !== '✗') return false;
        deployment.compliant = value === '✓';
        return true;
      case 'Vendors':
        deployment.vendor_names = unescape(value).split(', ');
        return true;
      default:
        return false;
    }
  };
}

function parseDeployment(line: string): ParsedDeployment | undefined {
  const { rest, mark } = takeMark(line);
  const [, time = '', pr = ''] = /^### ([\d: UTC-]{1,30}?)(?: - PR #(\d{0,10}))?$/.exec(rest) ?? [];
  const deployed_at = spokenTime(time);
  if (deployed_at === undefined) return undefined;
  return {
    ...mark,
    deployed_at,
    pr_number: pr === '' ? null : Number(pr),
    pr_title: null,
    commit_hash: null,
    tests: {},
    compliant: null,
    vendor_names: [],
  };
}

/** `### Title (Priority: 1)`, and below it what is known of the enhancement. */
export function enhancementParser(enhancements: ParsedEnhancement[]): LineParser {
  let enhancement: ParsedEnhancement | undefined;
  return (line) => {
    if (line.startsWith('### ')) {
      enhancement = parseEnhancement(line);
      if (enhancement !== undefined) enhancements.push(enhancement);
      return enhancement !== undefined;
    }
    const [label = '', value = ''] = labelled(line) ?? [];
    if (enhancement === undefined) return false;
    switch (label) {
      case 'Status':
        if (!isOneOf(ENHANCEMENT_STATUSES, value)) return false;
        enhancement.status = value;
        enhancement.has_status = true;
        return true;
      case 'Target': {
        const [, quarter, year] = /^Q([1-4]) (\d{4})$/.exec(value) ?? [];
        if (year === undefined) return false;
        enhancement.target_quarter = `${year}-Q${quarter}`;
        return true;
      }
      case 'Description':
        enhancement.description = unescape(value);
        return true;
      default:
        return false;
    }
  };
}

function parseEnhancement(line: string): ParsedEnhancement | undefined {
  const { rest, mark } = takeMark(line);
  const open = rest.lastIndexOf(' (Priority: ');
  const priority = / \(Priority: ([1-5])\)$/.exec(rest.slice(open))?.[1];
  const title = unescape(rest.slice(4, open));
  if (open === -1 || title === '' || priority === undefined) return undefined;
  return {
    ...mark,
    title,
    priority: Number(priority),
    status: 'planned',
    has_status: false,
    target_quarter: null,
    description: null,
  };
}
