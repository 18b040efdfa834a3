import {
  createWorkItem,
  linkWorkItems,
  listWorkItems,
  readWorkItem,
  updateWorkItem,
  type TextPart,
  type WorkItemView,
} from '../../use-cases/records/work-items.ts';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { joinLines, quotedPart } from '../../domain/others-text.ts';
import { count } from '../../domain/text.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { TreeNode } from '../../use-cases/records/work-item-tree.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { itemRow, type ItemRow } from '../definitions/rows.ts';
import { changedOf, rowOf, withoutEmpty } from '../definitions/shown.ts';
import { doneText, itemLine, listText, shortId } from '../definitions/text.ts';
import { callForItem, descriptionText, LONG_FIELDS, wholeItemText } from '../definitions/whole-item.ts';
import { noteRow, noteLine, type NoteRow } from './notes.ts';

const OF_ITEM = ['id', 'version', 'item_type', 'title', 'status'] as const;

type WrittenItem = Partial<WorkItem> & ItemRow & { saved?: Record<string, number> };

const BARE = { include_children: false, include_dependencies: false, max_tokens: 20_000 };

export const createWorkItemTool = defineTool(createWorkItem, {
  toolset: 'core',
  title: 'Create a work item',
  isLoadedFirst: true,
  hint: 'add new todo, ticket, issue, bug, feature, subtask',
  description:
    'Track a new project, session, task or research item. Depth at most 5 below a root. Example: {"item_type":"task","title":"Fix login","parent_id":"3f2a9c1b"}',
  parameters: {
    item_type: 'A project has sessions, a session has tasks',
    title: 'One line, at most 200 characters',
    parent_id: 'The item it lies below: an id or its first 6+ characters',
    status: 'Default active',
    priority: '1 (highest) to 5; default 3',
    description: 'Markdown, up to 64 KiB',
    labels: 'At most 32',
    assignee: 'Who is to do it',
    metadata: 'Keys of its type, as estimated_hours; others are kept',
    branch_name: 'Its git branch',
    commit_hash: '40 hex characters',
    pr_number: 'Its pull request',
  },
  // A session has a budget that nobody gave, and the client's name is who made it.
  show: (item, input): WrittenItem =>
    changedOf(item, withoutEmpty(input), OF_ITEM, ['metadata', 'created_by']),
  text: (item) => `Created ${wholeItemText(item)}`,
});

export const updateWorkItemTool = defineTool(updateWorkItem, {
  toolset: 'core',
  title: 'Update a work item',
  isLoadedFirst: true,
  hint: 'complete, close, finish, delete, remove, restore, rename, move task, ticket or todo',
  description:
    'Change fields of an item, based on the version you read; a stale version saves nothing and tells what others changed. Example: {"id":"3f2a9c1b","version":2,"status":"completed"}',
  parameters: {
    id: 'An id or its first 6+ characters',
    title: 'One line, at most 200 characters',
    status: 'Its new status',
    metadata: 'Merged key by key; null removes a key',
    parent_id: 'The item it moves below',
    description: 'The whole new text; to add to it use append_description',
    append_description: 'Added at the end of the description as a paragraph',
    position: 'Before or after a sibling: its id',
    priority: '1 (highest) to 5',
    labels: 'All of them',
    assignee: 'Who is to do it',
    branch_name: 'Its git branch',
    commit_hash: '40 hex characters',
    pr_number: 'Its pull request',
    deleted_at: 'ISO 8601; deletes it softly',
    clear: 'Fields to empty; parent_id: to the root, deleted_at: bring back',
    cascade: 'With deleted_at: also what lies below it',
  },
  show: (item, input): WrittenItem => {
    const given = input['append_description'] === undefined ? input : { ...input, description: '' };
    return changedOf(item, given, OF_ITEM);
  },
  parts: LONG_FIELDS,
  text: (item) => `Saved ${wholeItemText(item)}`,
});

export const queryWorkItemTool = defineTool(readWorkItem, {
  toolset: 'core',
  title: 'Read a work item',
  hint: 'show, get task, ticket or issue details',
  description:
    'Read one item whole, with its ancestors, the tree below it, its links and newest notes. Of a long text the rest: field and offset. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'An id or its first 6+ characters',
    include_children: 'The tree below it; default true',
    include_dependencies: 'Its links; default true',
    max_depth: 'Levels of the tree, at most 5',
    field: 'Only one long text: description, metadata, or "note" and the id of a note',
    offset: 'Characters of that text to skip',
  },
  show: shownItem,
  parts: [
    ...LONG_FIELDS,
    {
      at: 'text',
      advances: true,
      rest: (part, kept) =>
        callForItem(part, { field: part['field'], offset: Number(part['offset']) + kept }),
    },
    {
      at: 'children',
      isField: true,
      weight: 2,
      rest: (item) => `list_work_items ${JSON.stringify({ parent_id: shortId(String(item['id'])) })}`,
    },
    {
      at: 'dependencies',
      isField: true,
      rest: (item) => callForItem(item, { include_children: false, max_tokens: 20_000 }),
    },
    {
      at: 'notes',
      isField: true,
      rest: (item) => `list_notes ${JSON.stringify({ id: shortId(String(item['id'])) })}`,
    },
    { at: 'labels', isField: true, rest: (item) => callForItem(item, BARE) },
    { at: 'ancestors', isField: true, rest: (item) => callForItem(item, BARE) },
  ],
  text: (shown) => ('characters' in shown ? partText(shown) : viewText(shown)),
});

export const listWorkItemsTool = defineTool(listWorkItems, {
  toolset: 'core',
  title: 'List work items',
  isLoadedFirst: true,
  hint: 'tasks, todos, tickets, backlog, open, ready, next',
  description:
    'List items, last updated first, in short rows. ready means startable now, most urgent first; explain says why others are not; text searches title and description. Page with cursor. Example: {"status":"active","limit":20}',
  parameters: {
    item_type: 'Of this type',
    status: 'Of this status',
    parent_id: 'Directly below this item; "root": without a parent',
    assignee: 'Who is to do it',
    label: 'With this label',
    ready: 'true: work can start now; false: it cannot',
    explain: 'Say of each why it is not ready',
    text: 'In title or description',
    include_deleted: 'Deleted ones too',
    archived: 'Those in the archive instead',
    sort: 'Default updated',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: (page, input) => pageOf(page, input, itemRow),
  parts: [{ at: 'items' }],
  text: (page) => listText(page, 'work item', itemLine),
});

export const linkWorkItemsTool = defineTool(linkWorkItems, {
  toolset: 'links',
  title: 'Link work items',
  inCore: true,
  hint: 'dependency, blocked by, relation of tasks',
  description:
    'Add a dependency between two items, or remove it with remove. "A blocks B" and "B depends_on A" are the same; blocking cycles are refused. Example: {"source_id":"3f2a9c1b","target_id":"77ab01cd","dependency_type":"blocks"}',
  parameters: {
    source_id: 'The item that blocks, depends, …',
    target_id: 'The other item',
    dependency_type: 'What source_id does to target_id',
    remove: 'Take the link away instead',
  },
  text: (link) =>
    `${doneText(link.removed ? 'Removed' : 'Linked', link)} ${shortId(link.source_id)} ${link.dependency_type} ${shortId(link.target_id)}`,
});

interface NodeRow extends ItemRow {
  children?: NodeRow[];
  children_total?: number;
}

type ShownItem = Omit<WorkItemView, 'children' | 'dependencies' | 'notes' | 'ancestors' | 'position'> & {
  ancestors?: ItemRow[];
  children?: NodeRow[];
  dependencies?: NonNullable<WorkItemView['dependencies']>;
  notes?: NoteRow[];
};

function shownItem(view: WorkItemView | TextPart): ShownItem | TextPart {
  if ('characters' in view) return view;
  // Its position says nothing by itself: lists and trees are in its order.
  const { ancestors, children, dependencies, notes, position: _position, ...item } = view;
  return withoutEmpty({
    ...item,
    ancestors: ancestors.map((one) => rowOf(one, ['id', 'version', 'item_type', 'title', 'status'])),
    ...(children !== undefined && { children: children.map(nodeRow) }),
    ...(dependencies !== undefined && {
      dependencies: dependencies.map(({ other, ...link }) => ({
        ...link,
        source_id: shortId(link.source_id),
        target_id: shortId(link.target_id),
        other: { ...other, id: shortId(other.id) },
      })),
    }),
    ...(notes !== undefined && { notes: notes.map((note) => noteRow(note, item.id)) }),
  });
}

function nodeRow({ children, children_total, ...node }: TreeNode): NodeRow {
  return {
    ...rowOf(node, ['id', 'version', 'item_type', 'title', 'status', 'priority']),
    ...(children.length > 0 && { children: children.map(nodeRow) }),
    ...(children_total !== undefined && { children_total }),
  };
}

function partText({ id, version, field, offset, text, characters }: TextPart): string {
  const until = offset + Array.from(text).length;
  return [
    `${field} of ${shortId(id)} v${version}, characters ${offset} to ${until} of ${characters}:`,
    ...quotedPart(text),
  ].join('\n');
}

/** Said by the first line, or below. */
const OF_VIEW = new Set([
  ...['id', 'version', 'item_type', 'title', 'status', 'priority', 'labels', 'assignee', 'parent_id'],
  ...['claimed_by', 'claim_expires_at', 'open_conflicts', 'path', 'depth', 'description', 'metadata'],
  ...['ancestors', 'children', 'children_cut', 'dependencies', 'dependencies_cut', 'notes', 'notes_total'],
  ...['enhancements', 'cut', 'unknown_fields'],
]);

function viewText(item: ShownItem): string {
  const { id, ancestors = [], children = [], dependencies = [], notes = [], enhancements = [] } = item;
  const { description, metadata = {}, children_cut, dependencies_cut, notes_total } = item;
  const facts = Object.entries(item).filter(([name]) => !OF_VIEW.has(name));
  const lines = [
    itemLine(item),
    `id ${id}`,
    facts.map(([name, value]) => `${name} ${String(value)}`).join('; '),
    ...(ancestors.length > 0 ? [`under: ${ancestors.map(itemLine).join(' > ')}`] : []),
    ...(Object.keys(metadata).length > 0 ? [`metadata: ${JSON.stringify(metadata)}`] : []),
    ...enhancements.map((one) => `enhancement: ${one.title} (${shortId(one.id)})`),
    ...dependencies.map(({ source_id, dependency_type, other }) => {
      const direction = id.startsWith(source_id) ? dependency_type : `is target of ${dependency_type} from`;
      return `${direction} ${shortId(other.id)} ${other.status} ${other.title}`;
    }),
    ...(children.length > 0 ? ['children:', ...treeLines(children, 1)] : []),
    ...[children_cut, dependencies_cut].flatMap((cut) =>
      cut === undefined ? [] : [`${cut.reason}. ${cut.next}`],
    ),
    ...(notes.length > 0 ? [`${count(notes_total ?? notes.length, 'note')}, ${notes.length} shown:`] : []),
    ...notes.map((note) => `  ${noteLine(note)}`),
  ];
  // Not in one go: within a quotation, spaces may mean something.
  return joinLines(lines) + (description ? `\n${descriptionText(item)}` : '');
}

function treeLines(nodes: readonly NodeRow[], level: number): string[] {
  return nodes.flatMap(({ children = [], children_total, ...node }) => [
    `${'  '.repeat(level)}${itemLine(node)}${children_total === undefined ? '' : ` (${children_total} below it)`}`,
    ...treeLines(children, level + 1),
  ]);
}
