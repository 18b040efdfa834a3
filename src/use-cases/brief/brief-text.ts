/** The brief as text, and cut to its budget: each section gives up its last lines first, all in turn. */
import { oneLine } from '../../domain/others-text.ts';
import { cut as cutText, shortId } from '../../domain/text.ts';
import { estimateTokens, takeInTurns, type BudgetedList } from '../../domain/tokens.ts';
import type { Brief, BriefItem, BriefSection } from '../../domain/brief.ts';

const TITLE_CHARACTERS = 80;
const VALUE_CHARACTERS = 40;
const FIELDS_SHOWN = 3;
const BLOCKERS_SHOWN = 3;

/** How a section reads, and how to get the rest of it. */
interface Part {
  title: string;
  /** Lines that a section gets in each turn. */
  weight: number;
  section: (brief: Brief) => BriefSection<never>;
  line: (item: never) => string;
  rest: string;
}

function part<Item>(
  title: string,
  weight: number,
  section: (brief: Brief) => BriefSection<Item>,
  line: (item: Item) => string,
  rest: string,
): Part {
  return { title, weight, section, line, rest } as unknown as Part;
}

/** In the order in which they are shown; what a client can act on comes first. */
const PARTS: readonly Part[] = [
  part(
    'You hold',
    1,
    (brief) => brief.claimed,
    (item) => `${itemLine(item)} until ${item.claim_expires_at}`,
    'list_work_items',
  ),
  part('Ready', 2, (brief) => brief.ready, itemLine, 'list_work_items ready:true'),
  part(
    'Blocked',
    1,
    (brief) => brief.blocked,
    (item) => `${itemLine(item)}${whyBlocked(item)}`,
    'list_work_items ready:false',
  ),
  part(
    'Broken vendors',
    1,
    (brief) => brief.broken_vendors,
    ({ name, passing, total }) => `${cut(name, TITLE_CHARACTERS)} ${passing}/${total} tests`,
    'list_vendors status:broken',
  ),
  part('Changed since you were here', 1, (brief) => brief.changed, changeLine, 'query_history with since'),
  part(
    'Last deployments',
    1,
    (brief) => brief.deployments,
    ({ id, deployed_at, pr_number, pr_title }) =>
      `${shortId(id)} ${deployed_at.slice(0, 10)} PR #${cut(String(pr_number ?? '?'), VALUE_CHARACTERS)} ${cut(pr_title, TITLE_CHARACTERS)}`,
    'list_deployments',
  ),
];

/** Room for the line that says what was left out of a section. */
const REST_TOKENS = 18;

/** The brief with as much of every section as fits into the budget: see `takeInTurns`. */
export function fitBrief(brief: Brief, maxTokens: number): Brief {
  let room = maxTokens - estimateTokens(headText(brief));
  const parts = PARTS.filter((one) => one.section(brief).total > 0);
  const lists = parts.map((one): BudgetedList => {
    room -= estimateTokens(heading(one, brief)) + REST_TOKENS;
    const items: readonly never[] = one.section(brief).items;
    const tokensOf = (row: number) => estimateTokens(one.line(items[row] as never)) + 1;
    return { length: items.length, weight: one.weight, tokensOf };
  });
  const fitted = structuredClone(brief);
  for (const [at, taken] of takeInTurns(lists, room).entries()) {
    const list = parts[at]?.section(fitted);
    if (list !== undefined) list.items.length = taken;
  }
  return fitted;
}

export function briefText(brief: Brief): string {
  const parts = PARTS.filter((one) => one.section(brief).total > 0).map((one) => {
    const { total, items } = one.section(brief);
    const left = total - items.length;
    return [
      heading(one, brief),
      ...items.map((item) => `- ${one.line(item)}`),
      ...(left > 0 ? [`  ${left} more: ${one.rest}`] : []),
    ].join('\n');
  });
  return [headText(brief), ...parts].join('\n');
}

function heading(one: Part, brief: Brief): string {
  return `${one.title} (${one.section(brief).total}):`;
}

function headText(brief: Brief): string {
  const { project, seq, active_context_type, git_branch, default_token_budget, counts } = brief;
  const kinds = Object.entries(counts).filter(([, items]) => items > 0);
  const lines = [
    `Project ${oneLine(project)}: ${active_context_type} work${git_branch === null ? '' : ` on ${cut(git_branch, TITLE_CHARACTERS)}`}, token budget ${default_token_budget}; position ${seq}`,
    kinds.length === 0
      ? 'No work items yet.'
      : `Items: ${kinds.map(([status, items]) => `${items} ${status}`).join(', ')}`,
    brief.current_session === null
      ? 'No current session.'
      : `Current session: ${itemLine(brief.current_session)}`,
  ];
  if (brief.open_conflicts > 0) {
    lines.push(`! ${brief.open_conflicts} changes could not be applied: list_conflicts, resolve_conflict`);
  }
  if (brief.pending > 0) lines.push(`! ${brief.pending} writes wait for the database`);
  return lines.join('\n');
}

function itemLine({ id, version, item_type, title, status, priority }: BriefItem): string {
  return `${shortId(id)} v${version} ${item_type} ${status} p${priority} ${cut(title, TITLE_CHARACTERS)}`;
}

function whyBlocked({ blockers, reason }: Brief['blocked']['items'][number]): string {
  const names = blockers
    .slice(0, BLOCKERS_SHOWN)
    .map(({ id, title }) => `${shortId(id)} ${cut(title, VALUE_CHARACTERS)}`)
    .join(', ');
  const more = blockers.length > BLOCKERS_SHOWN ? ` and ${blockers.length - BLOCKERS_SHOWN} more` : '';
  const waits = names === '' ? '' : ` ← waits for ${names}${more}`;
  return `${waits}${reason === null ? '' : ` (${cut(reason, TITLE_CHARACTERS)})`}`;
}

function changeLine(change: Brief['changed']['items'][number]): string {
  const { seq, actor, kind, entity, entity_id, title, fields, changes } = change;
  const shown = fields
    .slice(0, FIELDS_SHOWN)
    .map(({ field, to }) => `${cut(field, VALUE_CHARACTERS)} → ${value(to)}`)
    .join(', ');
  const name = title === null ? '' : ` ${cut(title, TITLE_CHARACTERS)}`;
  const what = kind === 'create' || shown === '' ? '' : `: ${shown}`;
  const times = changes > 1 ? ` (${changes} changes)` : '';
  return `#${seq} ${cut(actor, VALUE_CHARACTERS)} ${kind} ${entity} ${shortId(entity_id)}${name}${what}${times}`;
}

function value(entry: unknown): string {
  return entry === null
    ? '∅'
    : cut(typeof entry === 'string' ? entry : JSON.stringify(entry), VALUE_CHARACTERS);
}

/** The same on one line. */
function cut(text: string, max: number): string {
  return cutText(oneLine(text), max);
}
