/** What prompts show of the tracker as it is at the moment. */
import type * as z from 'zod';
import { listVendorsInput } from '../../domain/vendor.ts';
import { listWorkItemsInput, type WorkItem } from '../../domain/work-item.ts';
import { getConfiguration } from '../../use-cases/records/configuration.ts';
import { PROGRAM, type Context } from '../../use-cases/support/context.ts';
import { listVendors } from '../../use-cases/records/vendors.ts';
import { listWorkItems, queryWorkItem, type WorkItemView } from '../../use-cases/records/work-items.ts';
import { warningLines } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { itemRow } from '../definitions/rows.ts';
import { itemLine, shortId } from '../definitions/text.ts';

const LISTED_MAX = 8;

type Filter = Partial<Pick<z.output<typeof listWorkItems.input>, 'status' | 'ready' | 'label' | 'sort'>>;

/** A heading with the number of items and the first few of them; empty without any. */
export async function itemList(context: Context, heading: string, filter: Filter): Promise<string> {
  const input = listWorkItemsInput.parse({ ...filter, limit: LISTED_MAX });
  const { data } = await listWorkItems.run(context, PROGRAM, input);
  if (data.total_count === 0) return '';
  const left = data.total_count - data.items.length;
  const lines = data.items.map((item) => `- ${itemLine(itemRow(item))}${reasonOf(item)}`);
  return [
    `${heading} (${data.total_count}):`,
    ...lines,
    ...(left > 0 ? [`- and ${left} more`] : []),
    '',
  ].join('\n');
}

function reasonOf({ metadata }: WorkItem): string {
  const reason = metadata['blocked_reason'];
  return typeof reason === 'string' && reason !== '' ? ` (${oneLine(reason)})` : '';
}

/** Where the project stands: its focus, branch and session, and what is wrong with the answer, if anything is. */
export async function situation(context: Context): Promise<string> {
  const { data, warnings } = await getConfiguration.run(context, PROGRAM, {});
  const { current_session_id } = data;
  const session = current_session_id === null ? undefined : await findItem(context, current_session_id);
  return [
    `Focus: ${data.active_context_type}. Branch: ${oneLine(data.git_branch ?? 'none')}.`,
    `Current session: ${session === undefined ? 'none' : itemLine(itemRow(session))}.`,
  ]
    .join('\n')
    .concat(warningLines(warnings), '\n');
}

/** Names of the broken vendors; empty without any. */
export async function brokenVendors(context: Context): Promise<string> {
  const { data } = await listVendors.run(
    context,
    PROGRAM,
    listVendorsInput.parse({ status: 'broken', limit: LISTED_MAX }),
  );
  if (data.total_count === 0) return '';
  const left = data.total_count - data.items.length;
  return `Broken vendors (${data.total_count}): ${data.items.map(({ name }) => oneLine(name)).join(', ')}${left > 0 ? ` and ${left} more` : ''}\n`;
}

/** The id of the session that is configured as the current one. */
export async function currentSession(context: Context): Promise<string | null> {
  return (await getConfiguration.run(context, PROGRAM, {})).data.current_session_id;
}

/** @throws NotFoundError */
export async function readItem(context: Context, id: string): Promise<WorkItemView> {
  const { data } = await queryWorkItem.run(context, PROGRAM, {
    id: id.replaceAll('-', ''),
    include_children: true,
    include_dependencies: true,
    max_depth: 1,
  });
  return data;
}

/** An item with what is open below it and what blocks it. */
export function itemWithSurroundings(item: WorkItemView): string {
  const open = (item.children ?? []).filter(({ status }) => status !== 'completed' && status !== 'cancelled');
  const blockers = (item.dependencies ?? []).filter(
    ({ source_id, dependency_type, other }) =>
      other.status !== 'completed' &&
      other.status !== 'cancelled' &&
      ((dependency_type === 'blocks' && source_id !== item.id) ||
        (dependency_type === 'depends_on' && source_id === item.id)),
  );
  return [
    itemLine(item),
    ...open.slice(0, LISTED_MAX).map((child) => `- open below it: ${itemLine(child)}`),
    ...(open.length > LISTED_MAX ? [`- and ${open.length - LISTED_MAX} more below it`] : []),
    ...blockers
      .slice(0, LISTED_MAX)
      .map(({ other }) => `- blocked by: ${shortId(other.id)} ${other.status} ${oneLine(other.title)}`),
    '',
  ].join('\n');
}

async function findItem(context: Context, id: string): Promise<WorkItem | undefined> {
  return (await context.store.read((reader) => reader.findWorkItem(id))).data;
}
