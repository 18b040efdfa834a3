/** The pieces that lines of a hand-kept `.project_status.md` are made of. Pure; each takes time in proportion to its line. */
import { quarter } from '../../domain/metadata.ts';
import { unescape } from '../../storage/status-file/status-lines.ts';
import { readDate } from '../import/dates.ts';

const SECTION_KINDS = [
  'vendors',
  'work_items',
  'deployments',
  'enhancements',
  'sessions',
  'pending',
] as const;
export type SectionKind = (typeof SECTION_KINDS)[number];

const SECTION_NAMES: Readonly<Record<SectionKind, RegExp>> = {
  vendors: /^(?:operational )?vendors?(?: status)?$/i,
  work_items: /^(?:active )?work items$/i,
  deployments: /^(?:recent )?deployments?$/i,
  enhancements: /^(?:future )?enhancements?$/i,
  sessions: /^session prompts?$/i,
  pending: /^pending offline changes$/i,
};

export interface SectionHeading {
  kind: SectionKind;
  /** What stands in the brackets at its end, as `4/5`; undefined without brackets. */
  said: string | undefined;
}

/** Which section with records a heading opens; undefined for every other heading. */
export function sectionOf(heading: string): SectionHeading | undefined {
  const [, name = '', said] = /^([A-Za-z ]{1,60}?)(?: *\(([^()]{0,60})\))?\+?:?$/.exec(heading) ?? [];
  const kind = SECTION_KINDS.find((one) => SECTION_NAMES[one].test(name.trim()));
  return kind === undefined ? undefined : { kind, said };
}

export interface Field {
  /** In small letters. */
  label: string;
  value: string;
}

/** `- **Commit**: abc`, `- **Commit:** abc` or `- Commit: abc`. */
export function fieldOf(line: string): Field | undefined {
  const [, label, value] =
    /^[ \t]*[-*+][ \t]+(?:\*\*)?([A-Za-z][A-Za-z ]{0,39})(?:\*\*:|:\*\*|:)(?:[ \t]+(.*))?$/.exec(line) ?? [];
  return label === undefined ? undefined : { label: label.trim().toLowerCase(), value: (value ?? '').trim() };
}

/** The text of a list entry that is not indented; undefined for other lines. */
export function bulletOf(line: string): string | undefined {
  return /^[-*+][ \t]+(\S.*)$/.exec(line)?.[1]?.trimEnd();
}

export interface WrittenTime {
  /** ISO 8601 UTC with milliseconds. */
  iso: string;
  written: string;
  /** Whether only a day is given. */
  isDay: boolean;
}

/** `2025-10-09 16:00:00 UTC`, ISO 8601, or a day; without an offset UTC is meant. */
export function timeOf(text: string): WrittenTime | undefined {
  const written = text.trim();
  const found = readDate(written.replace(/ ?UTC$/, 'Z'));
  return found === undefined || !/^\d{4}-/.test(written)
    ? undefined
    : { iso: found.iso, written, isDay: /^\d{4}-\d{2}-\d{2}$/.test(written) };
}

/** `unit: 150, integration: 30` or `45 passed, 0 failed`; undefined where one part is neither. */
export function testsOf(text: string): Record<string, number> | undefined {
  const tests = new Map<string, number>();
  for (const part of text.split(',').map((one) => one.trim())) {
    const named = /^([^:]{1,100}):[ \t]*(\d{1,15})$/.exec(part);
    const counted = /^(\d{1,15}) ([A-Za-z][^:]{0,99})$/.exec(part);
    const category = unescape(named?.[1] ?? counted?.[2] ?? '');
    if (category === '' || tests.has(category) || /\p{Cc}/u.test(category)) return undefined;
    tests.set(category, Number(named?.[2] ?? counted?.[1]));
  }
  return Object.fromEntries(tests);
}

const PRIORITIES: Readonly<Record<string, number>> = { high: 1, medium: 3, low: 5 };

/** High, Medium and Low are 1, 3 and 5. */
export function priorityOf(word: string): number | undefined {
  if (/^[1-5]$/.test(word)) return Number(word);
  const name = word.toLowerCase();
  return Object.hasOwn(PRIORITIES, name) ? PRIORITIES[name] : undefined;
}

/** `Q1 2026`, `Q1-2026` or `2026-Q1` as `2026-Q1`. */
export function quarterOf(text: string): string | undefined {
  return quarter.safeParse(text).data;
}

const YES = new Set(['✓', '✔', '✅', 'yes', 'true']);
const NO = new Set(['✗', '✘', '❌', 'no', 'false']);

export function yesOrNo(text: string): boolean | undefined {
  const word = text.toLowerCase().replace('\ufe0f', '');
  if (YES.has(word)) return true;
  return NO.has(word) ? false : undefined;
}
