/** Answers in few words. Ids are cut to 8 characters: prefixes are accepted wherever an id is taken. */
import type { RecordedChange } from '../../domain/change.ts';
import { joinLines, nameFirst, oneLine } from '../../domain/others-text.ts';
import { cut, shortId } from '../../domain/text.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { Vendor } from '../../domain/vendor.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';

/** What the lines of a list may cost, as `estimateTokens` counts; with its head a list stays below 1,000 tokens. */
const LIST_TEXT_MAX_TOKENS = 870;
const LIST_HEAD_TOKENS = 40;
const TITLE_IN_LIST_CHARACTERS = 60;
const VALUE_MAX_CHARACTERS = 60;
const VENDORS_IN_LINE_CHARACTERS = 120;

export { shortId };

/** What somebody wrote, on one line of at most so many characters. */
export function cutLine(text: string, max: number): string {
  return cut(oneLine(text), max);
}

export function itemLine(
  item: Pick<WorkItem, 'id' | 'item_type' | 'title' | 'status'> & Partial<WorkItem>,
): string {
  const priority = item.priority === undefined || item.priority === 3 ? '' : ` p${item.priority}`;
  const version = item.version === undefined ? '' : ` v${item.version}`;
  return `${shortId(item.id)}${version} ${item.item_type} ${item.status}${priority} ${cutLine(item.title, TITLE_IN_LIST_CHARACTERS)}`;
}

/** Lines up to the limit on text, at least one; says how many are left and how to get them. */
export function listText<T>(
  page: { items: T[]; total_count: number; next_cursor: string | null },
  noun: string,
  line: (item: T) => string,
  maxTokens = LIST_TEXT_MAX_TOKENS + LIST_HEAD_TOKENS,
): string {
  if (page.items.length === 0) return `No ${noun}${page.total_count > 0 ? ' on this page' : ''}.`;
  const lines: string[] = [];
  let room = maxTokens - LIST_HEAD_TOKENS;
  for (const item of page.items) {
    const next = joinLines([line(item)]);
    room -= estimateTokens(next);
    if (room < 0 && lines.length > 0) break;
    lines.push(next);
  }
  const hidden = page.items.length - lines.length;
  const head = `${page.total_count} ${noun}, ${lines.length} shown`;
  const left =
    hidden > 0
      ? ` (${hidden} more in structured content; a larger max_tokens shows them, a smaller limit pages through them)`
      : '';
  const more = page.next_cursor === null ? '' : '; more: pass next_cursor as cursor';
  return `${head}${left}${more}\n${lines.join('\n')}`;
}

export function vendorLine(vendor: Vendor): string {
  const { passing = 0, total = 0 } = (vendor.metadata['test_results'] ?? {}) as Record<string, number>;
  return `${nameFirst(vendor.name)} v${vendor.version} ${vendor.status} ${passing}/${total} tests, extractor ${oneLine(vendor.extractor_version)}`;
}

export function deploymentLine(deployment: LinkedDeployment): string {
  // What a status file of somebody's own did not say is not known.
  const { pr_number = '?', pr_title = '' } = deployment.metadata;
  const vendors = cutLine(
    deployment.affected_vendors.map(({ name }) => name).join(', '),
    VENDORS_IN_LINE_CHARACTERS,
  );
  return `${shortId(deployment.id)} ${deployment.deployed_at} PR #${oneLine(String(pr_number))} ${cutLine(String(pr_title), TITLE_IN_LIST_CHARACTERS)}${vendors === '' ? '' : ` [${vendors}]`}`;
}

export function changeLine(change: RecordedChange): string {
  const isNew = change.kind === 'create';
  // A place is told by its parent; of what is new, an id and where nothing was before say nothing.
  const told = change.fields.filter(({ field }) => !(isNew ? SILENT_WHEN_NEW : SILENT).has(field));
  const fields = told
    .slice(0, 4)
    .map(
      ({ field, from, to }) =>
        `${cutLine(field, VALUE_MAX_CHARACTERS)}: ${isNew ? '' : `${spokenValue(from)} → `}${spokenValue(to)}`,
    )
    .join('; ');
  const more = told.length > 4 ? `; ${told.length - 4} more` : '';
  return `#${change.seq} ${change.at.slice(0, 19)}Z ${oneLine(change.actor)} ${change.kind} ${change.entity} ${shortId(change.entity_id)}: ${fields}${more}`;
}

const SILENT = new Set(['path', 'depth']);
const SILENT_WHEN_NEW = new Set([...SILENT, 'id', 'created_at', 'created_by']);

/** A value of a record on one line, cut where it is long; `∅` for nothing. */
export function spokenValue(entry: unknown): string {
  return entry === null
    ? '∅'
    : cutLine(typeof entry === 'string' ? entry : JSON.stringify(entry), VALUE_MAX_CHARACTERS);
}
