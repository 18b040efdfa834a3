/** Answers in few words, from what is shown of them. Ids are cut: prefixes are accepted wherever an id is taken. */
import type { Cut } from '../../domain/budget.ts';
import { joinLines, nameFirst, oneLine } from '../../domain/others-text.ts';
import { count, cut, shortId } from '../../domain/text.ts';
import { makerText } from '../../domain/worker.ts';
import type { ChangeRow, DeploymentRow, ItemRow, VendorRow } from './rows.ts';

export { shortId };

/** What somebody wrote, on one line of at most so many characters. */
export function cutLine(text: string, max: number): string {
  return cut(oneLine(text), max);
}

/** `3f2a9c1b v2 task active p1 Fix login [ui] for ada; held by bob until …; below 77ab01cd`. Priority 3 is not said. */
export function itemLine(item: ItemRow): string {
  const { id, version, item_type, title, status, priority = 3, labels = [], assignee, parent_id } = item;
  const { claimed_by, claim_expires_at, not_ready, open_conflicts } = item;
  const further = [
    ...(claimed_by ? [`held by ${oneLine(claimed_by)} until ${claim_expires_at ?? '?'}`] : []),
    ...(parent_id ? [`below ${shortId(parent_id)}`] : []),
    ...(not_ready === undefined ? [] : [`not ready: ${oneLine(not_ready)}`]),
    ...(open_conflicts === undefined ? [] : [count(open_conflicts, 'open conflict')]),
  ];
  return [
    shortId(id),
    ...(version === undefined ? [] : [`v${version}`]),
    ...(item_type === undefined ? [] : [item_type]),
    ...(status === undefined ? [] : [status]),
    ...(priority === 3 ? [] : [`p${priority}`]),
    oneLine(title),
    ...(labels.length === 0 ? [] : [`[${labels.map(oneLine).join(', ')}]`]),
    ...(assignee ? [`for ${oneLine(assignee)}`] : []),
  ]
    .join(' ')
    .concat(further.map((one) => `; ${one}`).join(''));
}

interface ShownPage<Row> {
  items: readonly Row[];
  total_count: number;
  next_cursor?: string | null;
}

/** How many there are and are shown, the cursor of the next ones, and a line for each. */
export function listText<Row>(
  { items, total_count, next_cursor = null }: ShownPage<Row>,
  noun: string,
  line: (row: Row) => string,
): string {
  const next = next_cursor === null ? '' : `; next_cursor ${next_cursor}`;
  if (items.length === 0) {
    const none = total_count === 0 ? `No ${noun}s.` : `${count(total_count, noun)}, none shown`;
    return none + next;
  }
  const shown = items.length < total_count ? `, ${items.length} shown` : '';
  return `${count(total_count, noun)}${shown}${next}\n${joinLines(items.map(line))}`;
}

/** How many rows a list had before it was cut to the budget. */
export function countWhole(shown: object, field: string): number {
  const { [field]: rows = [], cut = [] } = shown as { cut?: Cut[] } & Record<string, unknown>;
  const left = cut.find((one) => one.field === field)?.left ?? 0;
  return (rows as readonly unknown[]).length + left;
}

/** Of a write: whether it was done now. */
export const doneText = (verb: string, { repeated }: { repeated?: boolean }): string =>
  repeated === true ? `${verb} by an earlier call with this key:` : verb;

export function vendorLine({
  name,
  version,
  status,
  tests,
  formats = [],
  extractor_version,
  open_conflicts,
}: VendorRow): string {
  return [
    nameFirst(name),
    `v${version}`,
    `${status}${tests === undefined ? '' : ` ${tests} tests`}${extractor_version ? `, extractor ${oneLine(extractor_version)}` : ''}`,
    ...(formats.length === 0 ? [] : [`reads ${formats.map(oneLine).join(', ')}`]),
    ...(open_conflicts === undefined ? [] : [`(${count(open_conflicts, 'open conflict')})`]),
  ].join(' ');
}

export function deploymentLine({
  id,
  deployed_at,
  pr_number,
  pr_title,
  commit_hash,
  vendors,
}: DeploymentRow): string {
  // What a status file of somebody's own did not say is not known.
  const head = `${shortId(id)} ${deployed_at} PR #${oneLine(String(pr_number ?? '?'))} ${oneLine(String(pr_title ?? ''))}`;
  const at = commit_hash === undefined ? '' : ` at ${oneLine(commit_hash)}`;
  return `${head.trim()}${at}${vendors === undefined ? '' : ` [${vendors.map(oneLine).join(', ')}]`}`;
}

export function changeLine(change: ChangeRow): string {
  const { seq, at, kind, entity, entity_id, version, fields, more_fields = 0 } = change;
  const told = fields.map(
    ({ field, from, to }) =>
      `${oneLine(field)}: ${kind === 'create' ? '' : `${spokenValue(from)} → `}${spokenValue(to)}`,
  );
  const more = more_fields > 0 ? [`${more_fields} more`] : [];
  const to = version === undefined || version === null ? '' : ` v${version}`;
  return `#${seq} ${at.slice(0, 19)}Z ${makerText(change)} ${kind} ${entity} ${shortId(entity_id)}${to}: ${[...told, ...more].join('; ')}`;
}

/** A value of a record on one line; `∅` for nothing. */
export function spokenValue(value: unknown): string {
  if (value === null || value === undefined) return '∅';
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Fields by name, but for those that the line before them says. */
export function fieldsText(shown: object, said: readonly string[]): string {
  return Object.entries(shown)
    .filter(([name]) => !said.includes(name) && name !== 'unknown_fields')
    .map(([name, value]) => `; ${name} ${spokenValue(value)}`)
    .join('');
}
