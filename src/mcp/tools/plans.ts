import { READ_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { count } from '../../domain/text.ts';
import { updateWorkItems, type BulkUpdate, type UpdatedItem } from '../../use-cases/records/bulk-updates.ts';
import { applyPlan, type AppliedPlan } from '../../use-cases/records/plans.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { nameFirst } from '../../domain/others-text.ts';
import { rowOf, seenOf } from '../definitions/shown.ts';
import { wholeItemText } from '../definitions/whole-item.ts';
import { countWhole, doneText, itemLine, shortId } from '../definitions/text.ts';

export const applyPlanTool = defineTool(applyPlan, {
  toolset: 'plan',
  title: 'Apply a plan',
  inCore: true,
  hint: 'many tasks at once, break down, subtasks, epic',
  description:
    'Create up to 500 items with hierarchy and dependencies in one call, all or nothing. Items name each other by key; parent, depends_on and blocks take keys or ids of existing items. Each also takes the other fields of create_work_item. Example: {"items":[{"key":"p","item_type":"project","title":"Shop"},{"key":"a","item_type":"task","title":"API","parent":"p"},{"key":"u","item_type":"task","title":"UI","depends_on":["a"]}]}',
  parameters: {
    items: 'The items, each with a key of its own',
    dry_run: 'Check it only',
  },
  // Who made many items needs the ids of all of them.
  budget: READ_TOKENS_DEFAULT,
  show: (plan) => ({
    ...plan,
    ids: Object.fromEntries(Object.entries(plan.ids).map(([key, id]) => [key, shortId(id)])),
  }),
  parts: [{ at: 'ids', rest: () => 'list_work_items {"sort":"created"}' }],
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
  budget: READ_TOKENS_DEFAULT,
  show: ({ items, ...outcome }) => ({
    ...outcome,
    items: items.map((item) =>
      item.merged_with === undefined
        ? rowOf(item, ['id', 'version', 'item_type', 'title', 'status', 'priority'])
        : { ...seenOf(item), id: shortId(item.id) },
    ),
  }),
  parts: [{ at: 'items', rest: () => 'list_work_items {}' }],
  text: bulkText,
});

function planText({ ids, items_created, links_created, version, dry_run, ...outcome }: AppliedPlan): string {
  const counts = `${count(items_created, 'item')} and ${count(links_created, 'link')}`;
  if (dry_run === true) return `The plan is sound: it would create ${counts}. Nothing was created.`;
  const head = `${doneText('Created', outcome)} ${counts}${version === undefined ? '' : `, all v${version}`}`;
  const pairs = Object.entries(ids).map(([key, id]) => `${nameFirst(key)}=${id}`);
  return `${head}\n${pairs.join(' ')}`;
}

function bulkText(shown: BulkUpdate): string {
  const { items } = shown;
  const head = `${doneText('Saved', shown)} ${count(countWhole(shown, 'items'), 'item')}`;
  return [head, ...items.map(updatedLine)].join('\n');
}

function updatedLine({ title, ...item }: UpdatedItem): string {
  if (title === undefined) return `${item.id} v${item.version}`;
  return item.merged_with === undefined ? itemLine({ ...item, title }) : wholeItemText({ ...item, title });
}
