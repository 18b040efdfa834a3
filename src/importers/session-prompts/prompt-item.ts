/** A session prompt as a session item: what its frontmatter says goes to the field it means, all of it to the metadata. */
import type { JsonObject } from '../../domain/json.ts';
import { TOKEN_BUDGET_MAX, TOKEN_BUDGET_MIN } from '../../domain/limits.ts';
import { ITEM_STATUSES, type ItemStatus } from '../../domain/work-item.ts';
import { isOneOf } from '../../storage/status-file/status-lines.ts';
import { readDate } from '../import/dates.ts';
import { cleanJson } from '../import/within-limits.ts';
import type { PlanLog } from '../import/plan-log.ts';
import { ownLabels, ownText, ownValue, type SourceDate, type SourceItem } from '../import/source-item.ts';
import { readPriority, type Vocabulary } from '../import/vocabulary.ts';
import { countPrompts } from './prompt-file.ts';

/** The status of a session whose file names none. */
const STATUS_DEFAULT: ItemStatus = 'active';

const PRIORITIES: Vocabulary<number> = new Map([
  ...['p0', 'p1', 'p2', 'p3'].map((word, index) => [word, index + 1] as const),
  ...[1, 2, 3, 4, 5].map((number) => [String(number), number] as const),
]);

export interface Prompt {
  /** Unique in the import: the file's path, or what a section calls its session. */
  key: string;
  frontmatter: Record<string, unknown> | null;
  body: string;
  /** Its title where the frontmatter gives none. */
  heading: string;
  /** A date that is said outside the frontmatter. */
  date: string | null;
  /** What the metadata says of where it comes from. */
  origin: Record<string, unknown>;
}

/** What deviates from the contract and is accepted is noted in `log`. */
export function promptItem(prompt: Prompt, log: PlanLog): SourceItem {
  const { key, body } = prompt;
  const frontmatter = prompt.frontmatter ?? {};
  const note = (code: string, message: string) => log.note(code, key, message);
  const version = ownText(frontmatter, 'schema_version');
  if (prompt.frontmatter === null) note('frontmatter_missing', 'has no frontmatter; its headings were read');
  else if (version === undefined) {
    note('schema_version_missing', 'its frontmatter has no schema_version; it was accepted without');
  }
  const title = ownText(frontmatter, 'title');
  if (prompt.frontmatter !== null && title === undefined) {
    note('title_missing_in_frontmatter', `its frontmatter has no title; it is called "${prompt.heading}"`);
  }
  const known: JsonObject = {
    ...wholeNumber(frontmatter, 'token_budget', TOKEN_BUDGET_MIN, TOKEN_BUDGET_MAX, note),
    prompts_count: countPrompts(body),
    ...wholeNumber(frontmatter, 'prompts_count', 0, Number.MAX_SAFE_INTEGER, note),
  };
  const fields: Record<string, unknown> = { ...prompt.origin };
  if (version !== undefined) {
    known['yaml_frontmatter'] = { ...jsonOf(frontmatter), schema_version: version };
  } else if (prompt.frontmatter !== null) {
    // The known key needs a schema_version, and none is invented.
    fields['frontmatter'] = frontmatter;
  }
  return {
    key,
    foreignId: key,
    said: { frontmatter: prompt.frontmatter, body, heading: prompt.heading, date: prompt.date },
    itemType: 'session',
    title: title ?? prompt.heading,
    description: body.trim() === '' ? null : body.replace(/^(?:[ \t]*\r?\n)+/, '').trimEnd(),
    status: statusOf(frontmatter, log),
    priority: readPriority(ownValue(frontmatter, 'priority'), key, PRIORITIES, log),
    labels: ownLabels(frontmatter, 'tags'),
    assignee: null,
    branch: ownText(frontmatter, 'branch') ?? null,
    author: null,
    parentKey: null,
    dates: { created: dateOf(prompt, frontmatter) },
    known,
    fields,
    comments: [],
  };
}

const jsonOf = (frontmatter: Record<string, unknown>) => cleanJson(frontmatter, new Set()) as JsonObject;

/** Free text says nothing about where the work stands here; it stays in the frontmatter. */
function statusOf(frontmatter: Record<string, unknown>, log: PlanLog): ItemStatus {
  const text = ownText(frontmatter, 'status');
  const word = text?.trim().toLowerCase();
  const status = isOneOf(ITEM_STATUSES, word) ? word : STATUS_DEFAULT;
  log.map('status', text ?? '(none)', status);
  return status;
}

function dateOf({ date }: Prompt, frontmatter: Record<string, unknown>): SourceDate | undefined {
  for (const field of ['date', 'session_date']) {
    const day = ownText(frontmatter, field);
    if (day === undefined) continue;
    const time = ownText(frontmatter, 'session_time');
    const both = `${day} ${time ?? ''}`.trim();
    return { field, value: readDate(both) === undefined ? day : both };
  }
  return date === null ? undefined : { field: 'date', value: date };
}

function wholeNumber(
  frontmatter: Record<string, unknown>,
  name: string,
  min: number,
  max: number,
  note: (code: string, message: string) => void,
): JsonObject {
  const value = ownValue(frontmatter, name);
  if (value === undefined) return {};
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) {
    return { [name]: Number(value) };
  }
  note(
    `${name}_unusable`,
    `${name} is not a whole number of ${min} to ${max}; it stays in the frontmatter only`,
  );
  return {};
}
