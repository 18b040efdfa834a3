/** Work items of which answers show more than a row: their text, what of them gives way, and the calls for the rest. */
import type { Part } from '../../domain/budget.ts';
import { quoted } from '../../domain/others-text.ts';
import { shortId } from '../../domain/text.ts';
import type { ItemRow } from './rows.ts';
import { fieldsText, itemLine } from './text.ts';

export const callForItem = (item: { id?: unknown }, more: object): string =>
  `query_work_item ${JSON.stringify({ id: shortId(String(item.id)), ...more })}`;

export const callForVendor = ({ name }: { name?: unknown }): string =>
  `query_vendor_status ${JSON.stringify({ name, max_tokens: 20_000 })}`;

export const callForEnhancement = ({ id }: { id?: unknown }): string =>
  `list_enhancements ${JSON.stringify({ id, max_tokens: 20_000 })}`;

/** What a write shows in part, a read of `core` gives. */
export const IN_CORE = 'a server with --toolsets core shows it';

/** A call that gives the rest, or other words where its tool is not offered. */
export function offeredCall(call: string, offers: (tool: string) => boolean, otherwise: string): string {
  const [, name] = /^([a-z_]+) \{/.exec(call) ?? [];
  return name === undefined || offers(name) ? call : otherwise;
}

/** Labels are not among them: whoever sets labels sets all of them. */
export const LONG_FIELDS: readonly Part[] = [
  {
    at: 'description',
    isField: true,
    weight: 4,
    rest: (item, offset) => callForItem(item, { field: 'description', offset }),
  },
  { at: 'metadata', isField: true, rest: (item) => callForItem(item, { field: 'metadata' }) },
];

/** The description below the lines that tell the rest of an item; nothing where it has none. */
export const descriptionText = ({ description }: { description?: string | null }): string =>
  description ? ['', ...quoted(description)].join('\n') : '';

/** What `itemLine` or the description tells. */
const SAID = [
  ...['id', 'version', 'item_type', 'title', 'status', 'priority', 'labels', 'assignee', 'parent_id'],
  ...['claimed_by', 'claim_expires_at', 'description', 'cut'],
];

/** All that is shown of an item. */
export const wholeItemText = (item: ItemRow & { description?: string | null }): string =>
  itemLine(item) + fieldsText(item, SAID) + descriptionText(item);
