import { updateWorkItems, type BulkUpdate, type UpdatedItem } from '../../use-cases/records/bulk-updates.ts';
import { applyPlan, type AppliedPlan } from '../../use-cases/records/plans.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { nameFirst } from '../../domain/others-text.ts';
import { itemLine, shortId } from '../definitions/text.ts';

/** Beyond this many, ids are in the structured content only. */
const IDS_IN_TEXT = 100;

export const applyPlanTool = defineTool(applyPlan, {
  toolset: 'plan',
  title: 'Apply a plan',
  description:
    'Create up to 500 items with hierarchy and dependencies in one call, all or nothing. Items name each other by key; parent, depends_on and blocks take keys or ids of existing items. Each item also takes the other fields of create_work_item. Example: {"items":[{"key":"p","item_type":"project","title":"Shop"},{"key":"a","item_type":"task","title":"API","parent":"p"},{"key":"u","item_type":"task","title":"UI","parent":"p","depends_on":["a"]}]}',
  parameters: {
    items: 'The items, each with a key of its own',
    dry_run: 'Check it only',
  },
  text: planText,
});

export const updateWorkItemsTool = defineTool(updateWorkItems, {
  toolset: 'plan',
  title: 'Update many work items',
  description:
    'Update up to 100 items in one call, all or nothing; each entry takes the arguments of update_work_item. Conflicts are all listed in details.refused. Example: {"updates":[{"id":"3f2a9c1b","version":2,"status":"completed"}]}',
  parameters: {
    updates: 'One entry for each item',
  },
  text: bulkText,
});

function planText({ ids, items_created, links_created, version, dry_run, repeated }: AppliedPlan): string {
  const counts = `${items_created} items and ${links_created} links`;
  if (dry_run === true) return `The plan is sound: it would create ${counts}. Nothing was created.`;
  const head = `${repeated === true ? 'Created by an earlier call with this key: ' : 'Created '}${counts}${version === undefined ? '' : `, all v${version}`}`;
  const pairs = Object.entries(ids).map(([key, id]) => `${nameFirst(key)}=${shortId(id)}`);
  const left = pairs.length - IDS_IN_TEXT;
  return `${head}\n${pairs.slice(0, IDS_IN_TEXT).join(' ')}${left > 0 ? ` (${left} more in structured content)` : ''}`;
}

function bulkText({ items, repeated }: BulkUpdate): string {
  const head = `${repeated === true ? 'Saved by an earlier call with this key: ' : 'Saved '}${items.length} items`;
  return [head, ...items.map(updatedLine)].join('\n');
}

function updatedLine(item: UpdatedItem): string {
  const { id, version, item_type, title, status } = item;
  if (item_type === undefined || title === undefined || status === undefined)
    return `${shortId(id)} v${version}`;
  return itemLine({ ...item, item_type, title, status });
}
