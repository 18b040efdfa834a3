import {
  createWorkItem,
  linkWorkItems,
  listWorkItems,
  queryWorkItem,
  updateWorkItem,
  type ListedItem,
  type WorkItemView,
} from '../../use-cases/records/work-items.ts';
import { reasonText } from '../../domain/readiness.ts';
import type { TreeNode } from '../../use-cases/records/work-item-tree.ts';
import { notesText } from './notes.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { joinLines, quoted } from '../../domain/others-text.ts';
import { cut } from '../../domain/text.ts';
import { cutLine, itemLine, listText, shortId } from '../definitions/text.ts';

const DESCRIPTION_IN_TEXT_CHARACTERS = 2_000;
const REASON_IN_LIST_CHARACTERS = 160;

export const createWorkItemTool = defineTool(createWorkItem, {
  toolset: 'core',
  title: 'Create a work item',
  description:
    'Track a new project, session, task or research item. Depth at most 5 below a root. An idempotency_key makes a retry safe. Example: {"item_type":"task","title":"Fix login","parent_id":"3f2a9c1b"}',
  parameters: {
    item_type: 'project, session, task or research',
    title: 'One line, at most 200 characters',
    parent_id: 'The item it lies below: an id or its first 6+ characters',
    status: 'planned, active, blocked, completed or cancelled; default active',
    priority: '1 (highest) to 5; default 3',
    description: 'Markdown, up to 64 KiB',
    labels: 'At most 32',
    assignee: 'Who is to do it',
    metadata: 'Keys of its type, as estimated_hours of a task; others are kept',
    branch_name: 'Its git branch',
    commit_hash: '40 hex characters',
    pr_number: 'Its pull request',
  },
  text: (item) => `Created ${itemLine(item)}`,
});

export const updateWorkItemTool = defineTool(updateWorkItem, {
  toolset: 'core',
  title: 'Update a work item',
  description:
    'Change fields of an item, based on the version you read; a stale version saves nothing and tells what others changed (on_conflict "merge" applies disjoint fields). metadata merges by key, null clears. deleted_at deletes softly, null restores; cascade takes the items below along. Example: {"id":"3f2a9c1b","version":2,"status":"completed"}',
  parameters: {
    id: 'An id or its first 6+ characters',
    title: 'One line, at most 200 characters',
    status: 'planned, active, blocked, completed or cancelled',
    metadata: 'Merged key by key; null removes a key',
    parent_id: 'The item it moves below; null: to the root',
    description: 'The whole new text',
    priority: '1 (highest) to 5',
    labels: 'All of its labels',
    assignee: 'Who is to do it',
    branch_name: 'Its git branch',
    commit_hash: '40 hex characters',
    pr_number: 'Its pull request',
    deleted_at: 'A time deletes it softly; null brings it back',
    cascade: 'With deleted_at: also what lies below it',
  },
  text: (item) =>
    `Saved ${itemLine(item)}${item.merged_with === undefined ? '' : ` (merged with v${item.merged_with.join(', v')})`}`,
});

export const queryWorkItemTool = defineTool(queryWorkItem, {
  toolset: 'core',
  title: 'Read a work item',
  description:
    'Read one item with its ancestors, the tree below it (at most 200 items) and its dependencies. id may be a prefix of 6+ characters. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'An id or its first 6+ characters',
    include_children: 'The tree below it; default true',
    include_dependencies: 'Its links; default true',
    max_depth: 'Levels of the tree, at most 5',
  },
  text: viewText,
});

export const listWorkItemsTool = defineTool(listWorkItems, {
  toolset: 'core',
  title: 'List work items',
  description:
    'List items, last updated first. parent_id "root" means without a parent; ready means startable now, most urgent first; explain says why others are not; text searches title and description. Page with cursor. Example: {"status":"active","limit":20}',
  parameters: {
    item_type: 'project, session, task or research',
    status: 'planned, active, blocked, completed or cancelled',
    parent_id: 'Directly below this item; "root": without a parent',
    assignee: 'Who is to do it',
    label: 'With this label',
    ready: 'true: work can start now; false: it cannot',
    explain: 'Say of each why it is not ready',
    text: 'In title or description',
    include_deleted: 'Deleted ones too',
    archived: 'Those in the archive instead',
    sort: 'updated (default), created, priority or title',
  },
  text: (page, maxTokens) => listText(page, 'work items', listedLine, maxTokens),
});

export const linkWorkItemsTool = defineTool(linkWorkItems, {
  toolset: 'links',
  title: 'Link work items',
  description:
    'Add a dependency between two items, or remove it with remove. "A blocks B" and "B depends_on A" are the same; blocking cycles are refused. Example: {"source_id":"3f2a9c1b","target_id":"77ab01cd","dependency_type":"blocks"}',
  parameters: {
    source_id: 'The item that blocks, depends, …',
    target_id: 'The other item',
    dependency_type: 'blocks, depends_on, relates_to or discovered_from',
    remove: 'Take the link away instead',
  },
  text: (link) =>
    `${link.removed ? 'Removed' : 'Linked'} ${shortId(link.source_id)} ${link.dependency_type} ${shortId(link.target_id)}`,
});

function listedLine(item: ListedItem): string {
  const why =
    item.not_ready === undefined
      ? ''
      : ` (${cutLine(reasonText(item.not_ready), REASON_IN_LIST_CHARACTERS)})`;
  return `${itemLine(item)}${why}`;
}

function viewText(item: WorkItemView): string {
  const lines = [itemLine(item)];
  if (item.deleted_at !== null) lines.push(`deleted at ${item.deleted_at}`);
  if (item.archived_at !== null) lines.push(`in the archive since ${item.archived_at}`);
  if (item.assignee !== null) lines.push(`assignee: ${item.assignee}`);
  if (item.labels.length > 0) lines.push(`labels: ${item.labels.join(', ')}`);
  if (item.ancestors.length > 0) {
    lines.push(`under: ${item.ancestors.map(({ id, title }) => `${title} (${shortId(id)})`).join(' > ')}`);
  }
  if (Object.keys(item.metadata).length > 0) {
    lines.push(`metadata: ${cutLine(JSON.stringify(item.metadata), DESCRIPTION_IN_TEXT_CHARACTERS)}`);
  }
  for (const { id, title } of item.enhancements ?? []) lines.push(`enhancement: ${title} (${shortId(id)})`);
  for (const { source_id, dependency_type, other } of item.dependencies ?? []) {
    const direction = source_id === item.id ? dependency_type : `is target of ${dependency_type} from`;
    lines.push(`${direction} ${shortId(other.id)} ${other.status} ${other.title}`);
  }
  if (item.children !== undefined && item.children.length > 0)
    lines.push('children:', ...treeLines(item.children, 1));
  if (item.children_cut !== undefined)
    lines.push(`cut: ${item.children_cut.reason}. ${item.children_cut.next}`);
  lines.push(...notesText(item));
  // Not in one go: within a quotation, spaces may mean something.
  const description =
    item.description === null ? [] : ['', ...quoted(cut(item.description, DESCRIPTION_IN_TEXT_CHARACTERS))];
  return [joinLines(lines), ...description].join('\n');
}

function treeLines(nodes: TreeNode[], level: number): string[] {
  return nodes.flatMap((node) => [
    `${'  '.repeat(level)}${itemLine(node)}`,
    ...treeLines(node.children, level + 1),
  ]);
}
