/** The brief as it is shown: short rows, cut to its budget section by section, and as text. */
import { fitted, type Cut, type Part, type Shown } from '../../domain/budget.ts';
import { joinLines, oneLine } from '../../domain/others-text.ts';
import { count, cut as cutText, shortId } from '../../domain/text.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { Brief, BriefItem, BriefSection } from '../../domain/brief.ts';
import { clientName, makerText, shortSession } from '../../domain/worker.ts';

const TITLE_CHARACTERS = 80;
const NAME_CHARACTERS = 40;
const BLOCKERS_SHOWN = 3;
const FIELDS_SHOWN = 6;

type ItemView = Omit<BriefItem, 'priority'> & { priority?: number };

interface ChangeView {
  seq: number;
  actor: string;
  client?: string;
  /** Where that is not the name it was signed with. */
  person?: string;
  /** As much of it as tells it from others. */
  session?: string;
  kind: string;
  entity: string;
  id: string;
  title?: string;
  /** Names of the fields that the newest change set. */
  fields?: string[];
  /** How many changes there were to the record, where there were several. */
  changes?: number;
}

type ClaimedView = ItemView & { claim_expires_at: string };
type HeldView = ClaimedView & { claim_token?: number; handed_over?: true };

/** A brief as clients get it. What is empty is left out. */
export interface BriefView extends Pick<
  Brief,
  'project' | 'seq' | 'active_context_type' | 'default_token_budget' | 'counts'
> {
  git_branch?: string;
  current_session?: ItemView;
  claimed?: BriefSection<HeldView>;
  claimed_elsewhere?: BriefSection<ClaimedView & { client?: string; session?: string }>;
  ready?: BriefSection<ItemView>;
  blocked?: BriefSection<ItemView & { waits_for?: string[]; below?: string; reason?: string }>;
  broken_vendors?: BriefSection<Brief['broken_vendors']['items'][number]>;
  changed: BriefSection<ChangeView> & { since: number; after?: 'this session' | 'another session' };
  deployments?: BriefSection<{ id: string; deployed_at: string; pr_number?: number; pr_title?: string }>;
  open_conflicts?: number;
  pending?: number;
  cut?: Cut[];
}

export function briefView(brief: Brief): BriefView {
  const { project, seq, active_context_type, default_token_budget, git_branch, current_session } = brief;
  const { open_conflicts, pending, changed } = brief;
  const counts = Object.fromEntries(Object.entries(brief.counts).filter(([, items]) => items > 0));
  return {
    ...{ project, seq, active_context_type, default_token_budget },
    ...(git_branch !== null && { git_branch }),
    counts: counts as Brief['counts'],
    ...(current_session !== null && { current_session: itemView(current_session) }),
    ...(open_conflicts > 0 && { open_conflicts }),
    ...(pending > 0 && { pending }),
    ...section('claimed', brief.claimed, ({ claim_expires_at, claim_token, handed_over, ...item }) => ({
      ...{ ...itemView(item), claim_expires_at },
      ...(claim_token !== null && { claim_token }),
      ...(handed_over && { handed_over }),
    })),
    ...section(
      'claimed_elsewhere',
      brief.claimed_elsewhere,
      ({ claim_expires_at, client, session, ...item }) => ({
        ...{ ...itemView(item), claim_expires_at },
        ...(client !== null && { client }),
        ...(session !== null && { session: shortSession(session) }),
      }),
    ),
    ...section('ready', brief.ready, itemView),
    ...section('blocked', brief.blocked, (item) => {
      const waits_for = item.blockers
        .slice(0, BLOCKERS_SHOWN)
        .map((one) => `${shortId(one.id)} ${cut(one.title, NAME_CHARACTERS)}`);
      const left = item.blockers.length - waits_for.length;
      if (left > 0) waits_for.push(`and ${left} more`);
      return {
        ...itemView(item),
        ...(waits_for.length > 0 && { waits_for }),
        ...(item.below !== null && {
          below: `${shortId(item.below.id)} ${cut(item.below.title, NAME_CHARACTERS)}`,
        }),
        ...(item.reason !== null && { reason: cut(item.reason, TITLE_CHARACTERS) }),
      };
    }),
    ...section('broken_vendors', brief.broken_vendors, (vendor) => vendor),
    changed: {
      since: changed.since,
      ...(changed.after !== null && { after: changed.after }),
      total: changed.total,
      items: changed.items.map(changeView),
    },
    ...section('deployments', brief.deployments, ({ id, deployed_at, pr_number, pr_title }) => ({
      id: shortId(id),
      deployed_at: deployed_at.slice(0, 10),
      ...(pr_number !== null && { pr_number }),
      ...(pr_title !== '' && { pr_title: cut(pr_title, TITLE_CHARACTERS) }),
    })),
  };
}

function section<Name extends string, Item, Row>(
  name: Name,
  { total, items }: BriefSection<Item>,
  row: (item: Item) => Row,
): { [Key in Name]?: BriefSection<Row> } {
  return (total === 0 ? {} : { [name]: { total, items: items.map(row) } }) as never;
}

function itemView({ id, version, item_type, title, status, priority }: BriefItem): ItemView {
  return {
    id: shortId(id),
    ...{ version, item_type, status, title: cut(title, TITLE_CHARACTERS) },
    ...(priority !== 3 && { priority }),
  };
}

function changeView(change: Brief['changed']['items'][number]): ChangeView {
  const { seq, actor, client, person, session, kind, entity, entity_id, title, fields, changes } = change;
  const names = kind === 'create' ? [] : fields.map(({ field }) => field);
  const shown = names.slice(0, FIELDS_SHOWN).map((name) => cut(name, NAME_CHARACTERS));
  if (names.length > shown.length) shown.push(`and ${names.length - shown.length} more`);
  return {
    ...{ seq, actor: cut(actor, NAME_CHARACTERS) },
    ...(clientName(client) !== actor && { client: cut(clientName(client), NAME_CHARACTERS) }),
    ...(person !== null && person !== actor && { person: cut(person, NAME_CHARACTERS) }),
    ...(session !== null && { session: shortSession(session) }),
    ...{ kind, entity, id: shortId(entity_id) },
    ...(title !== null && { title: cut(title, TITLE_CHARACTERS) }),
    ...(shown.length > 0 && { fields: shown }),
    ...(changes > 1 && { changes }),
  };
}

/** What gives way to the budget; what a client can act on gets most. */
export const BRIEF_PARTS: readonly Part[] = [
  { at: 'claimed.items', rest: () => 'get_brief with a larger max_tokens' },
  { at: 'claimed_elsewhere.items', rest: () => 'get_brief with a larger max_tokens' },
  { at: 'ready.items', weight: 2, rest: () => 'list_work_items {"ready":true}' },
  { at: 'blocked.items', rest: () => 'list_work_items {"ready":false,"explain":true}' },
  { at: 'broken_vendors.items', rest: () => 'list_vendors {"status":"broken"}' },
  {
    at: 'changed.items',
    rest: (brief) => `query_history {"since":${(brief as unknown as BriefView).changed.since}}`,
  },
  { at: 'deployments.items', rest: () => 'list_deployments {}' },
];

/** A brief whose text keeps a budget, for readers who get nothing else of it. */
export function fitBrief(brief: Brief, maxTokens: number): BriefView {
  const costOf = (shown: Shown) => estimateTokens(briefText(shown as unknown as BriefView));
  const tokensOf = (row: unknown) => estimateTokens(JSON.stringify(row)) / 2;
  const view = briefView(brief) as unknown as Shown;
  return fitted(view, BRIEF_PARTS, maxTokens, costOf, tokensOf) as unknown as BriefView;
}

/** In the order in which they are shown; what a client can act on comes first. */
export function briefText(brief: BriefView): string {
  const parts = [
    linesOf('You hold', brief.claimed, (item) => `${heldLine(item)}${tokenText(item)}`),
    linesOf(
      'Other sessions of yours hold',
      brief.claimed_elsewhere,
      (item) => `${heldLine(item)}, ${oneLine(item.client ?? '?')} session ${oneLine(item.session ?? '?')}`,
    ),
    linesOf('Ready', brief.ready, itemLine),
    linesOf('Blocked', brief.blocked, (item) => `${itemLine(item)}${whyBlocked(item)}`),
    linesOf(
      'Broken vendors',
      brief.broken_vendors,
      ({ name, passing, total }) => `${oneLine(name)} ${passing}/${total} tests`,
    ),
    linesOf(changedTitle(brief.changed), brief.changed, changeLine),
    linesOf(
      'Last deployments',
      brief.deployments,
      ({ id, deployed_at, pr_number = '?', pr_title = '' }) =>
        `${id} ${deployed_at} PR #${pr_number} ${oneLine(pr_title)}`,
    ),
  ];
  return [headText(brief), ...parts.flat()].join('\n');
}

function linesOf<Item>(
  title: string,
  part: BriefSection<Item> | undefined,
  line: (item: Item) => string,
): string[] {
  if (part === undefined || part.total === 0) return [];
  return [`${title} (${part.total}):`, joinLines(part.items.map((item) => `- ${line(item)}`))].filter(
    Boolean,
  );
}

function headText(brief: BriefView): string {
  const { project, seq, active_context_type, git_branch, default_token_budget, counts } = brief;
  const kinds = Object.entries(counts);
  const lines = [
    `Project ${oneLine(project)}: ${active_context_type} work${git_branch === undefined ? '' : ` on ${cut(git_branch, TITLE_CHARACTERS)}`}, token budget ${default_token_budget}; position ${seq}`,
    kinds.length === 0
      ? 'No work items yet.'
      : `Items: ${kinds.map(([status, items]) => `${items} ${status}`).join(', ')}`,
    brief.current_session === undefined
      ? 'No current session.'
      : `Current session: ${itemLine(brief.current_session)}`,
  ];
  const { open_conflicts = 0, pending = 0 } = brief;
  if (open_conflicts > 0) {
    const where = '`worktrail conflicts` or the conflict tools show what waits for a decision';
    lines.push(`! ${count(open_conflicts, 'change')} could not be applied: ${where}`);
  }
  if (pending > 0)
    lines.push(`! ${count(pending, 'write')} wait${pending === 1 ? 's' : ''} for the database`);
  return lines.join('\n');
}

function itemLine({ id, version, item_type, title, status, priority = 3 }: ItemView): string {
  return `${id} v${version} ${item_type} ${status} p${priority} ${oneLine(title)}`;
}

function heldLine(item: ClaimedView): string {
  return `${itemLine(item)} until ${item.claim_expires_at}`;
}

function tokenText({ claim_token, handed_over }: HeldView): string {
  if (claim_token !== undefined) return `, claim_token ${claim_token}`;
  return handed_over === true
    ? ', handed over to you: claim it to take it'
    : ', claimed in your name by an earlier version: only its claim_token renews or releases it';
}

function changedTitle({ since, after }: BriefView['changed']): string {
  if (after === undefined) return `Changed since ${since}`;
  return after === 'this session'
    ? `Changed since your last change, #${since}`
    : `Changed since the last change of another session of yours, #${since}`;
}

interface Reasons {
  waits_for?: string[];
  below?: string;
  reason?: string;
}

function whyBlocked({ waits_for = [], below, reason }: Reasons): string {
  const waits = waits_for.length === 0 ? '' : ` ← waits for ${waits_for.join(', ')}`;
  const held = below === undefined ? '' : ` ← stopped by ${below}`;
  return `${waits}${held}${reason === undefined ? '' : ` (${reason})`}`;
}

function changeLine({
  seq,
  actor,
  client = actor,
  person,
  session,
  kind,
  entity,
  id,
  title,
  fields = [],
  changes = 1,
}: ChangeView): string {
  const name = title === undefined ? '' : ` ${title}`;
  const what = fields.length === 0 ? '' : `: ${fields.join(', ')}`;
  const by = makerText({
    actor,
    client,
    ...(person !== undefined && { person }),
    ...(session !== undefined && { session }),
  });
  return `#${seq} ${by} ${kind} ${entity} ${id}${name}${what}${changes > 1 ? ` (${changes} changes)` : ''}`;
}

/** The same on one line. */
function cut(text: string, max: number): string {
  return cutText(oneLine(text), max);
}
