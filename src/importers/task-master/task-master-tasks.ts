/** The tasks of one Task Master tag with their subtasks, as a flat list, parents first. */
import { isPlainObject } from '../../domain/json.ts';
import { PRIORITY_DEFAULT } from '../../domain/limits.ts';
import type { ItemStatus } from '../../domain/work-item.ts';
import { display, type PlanLog } from '../import/plan-log.ts';
import {
  asText,
  homeless,
  ownLabels,
  ownList,
  ownText,
  ownValue,
  sourceDate,
  withSections,
  without,
  type SourceItem,
  type SourceLink,
} from '../import/source-item.ts';
import { readPriority, readStatus, type Vocabulary } from '../import/vocabulary.ts';

const STATUSES: Vocabulary<ItemStatus> = new Map([
  ['pending', 'planned'],
  ['in-progress', 'active'],
  ['review', 'active'],
  ['done', 'completed'],
  ['deferred', 'planned'],
  ['cancelled', 'cancelled'],
  ['blocked', 'blocked'],
]);
const PRIORITIES: Vocabulary<number> = new Map([
  ['high', 1],
  ['medium', PRIORITY_DEFAULT],
  ['low', 5],
]);

const HOUSED_FIELDS =
  'id title description details testStrategy labels assignee createdAt updatedAt completedAt'.split(' ');

export interface TaskNode {
  item: SourceItem;
  /** Directly below the tag. */
  isTask: boolean;
  links: SourceLink[];
}

interface Branch {
  tag: string;
  /** Ids from the task down; empty for the tag itself. */
  ids: string[];
  key: string;
  priority: { priority: number; as: string };
}

interface OpenNode extends TaskNode {
  branch: Branch;
  record: Record<string, unknown>;
}

/** Unambiguous for any tag and id; the foreign id that people see is `<tag>/<id>.<subid>`. */
export const keyOfTask = (tag: string, ids: readonly string[]): string => JSON.stringify([tag, ...ids]);

const foreignIdOf = (tag: string, ids: readonly string[]): string => `${tag}/${ids.join('.')}`;

/**
 * @param section holds `tasks`
 * @param metadata of the tag: its dates serve tasks that have none
 */
export function readTagTasks(
  tag: string,
  section: Record<string, unknown>,
  metadata: Record<string, unknown>,
  file: string,
  log: PlanLog,
): TaskNode[] {
  const fileDates = {
    created: metadata['created'],
    updated: metadata['updated'] ?? metadata['lastModified'],
  };
  const nodes: OpenNode[] = [];
  const read = (list: unknown[], parent: Branch, where: string) => {
    const taken = new Map<string, number>();
    for (const [index, record] of list.entries()) {
      const at = `${where}[${index}]`;
      const id = isPlainObject(record) ? ownText(record, 'id')?.trim() : undefined;
      if (!isPlainObject(record) || id === undefined) {
        log.skip(file, `${at} is not a task with an id`);
        continue;
      }
      const repetition = (taken.get(id) ?? 0) + 1;
      taken.set(id, repetition);
      const ids = [...parent.ids, repetition === 1 ? id : `${id}~${repetition}`];
      if (repetition > 1) {
        log.note(
          'duplicate_id',
          foreignIdOf(tag, [...parent.ids, id]),
          `is there more than once; ${at} is imported as "${foreignIdOf(tag, ids)}"`,
        );
      }
      const branch = branchOf(record, ids, parent, log);
      const item = itemOf(record, branch, parent, fileDates, log);
      nodes.push({ item, isTask: parent.ids.length === 0, links: [], branch, record });
      read(ownList(record, 'subtasks'), branch, `${at}.subtasks`);
    }
  };
  const root = {
    tag,
    ids: [],
    key: keyOfTask(tag, []),
    priority: { priority: PRIORITY_DEFAULT, as: '(none)' },
  };
  read(ownList(section, 'tasks'), root, `${tag}.tasks`);
  const keys = new Set(nodes.map(({ item }) => item.key));
  return nodes.map((node) => ({ item: node.item, isTask: node.isTask, links: linksOf(node, keys, log) }));
}

function branchOf(record: Record<string, unknown>, ids: string[], parent: Branch, log: PlanLog): Branch {
  const { tag } = parent;
  const priority = readPriority(
    ownValue(record, 'priority'),
    foreignIdOf(tag, ids),
    PRIORITIES,
    log,
    parent.priority,
  );
  return { tag, ids, key: keyOfTask(tag, ids), priority: { priority, as: '(none, as its task)' } };
}

function itemOf(
  record: Record<string, unknown>,
  branch: Branch,
  parent: Branch,
  fileDates: { created?: unknown; updated?: unknown },
  log: PlanLog,
): SourceItem {
  const foreignId = foreignIdOf(branch.tag, branch.ids);
  if (parent.ids.length > 0) log.map('type', 'subtask', 'task');
  else log.map('type', 'task', 'task');
  return {
    key: branch.key,
    foreignId,
    said: without(record, ['subtasks']),
    itemType: 'task',
    title: ownText(record, 'title') ?? '',
    description: withSections(ownText(record, 'description'), [
      ['Details', ownText(record, 'details')],
      ['Test strategy', ownText(record, 'testStrategy')],
    ]),
    status: readStatus(ownValue(record, 'status'), foreignId, STATUSES, log),
    priority: branch.priority.priority,
    labels: ownLabels(record, 'labels'),
    assignee: ownText(record, 'assignee') ?? null,
    author: null,
    parentKey: parent.key,
    dates: {
      created: sourceDate(record, 'createdAt'),
      updated: sourceDate(record, 'updatedAt'),
      completed: sourceDate(record, 'completedAt'),
    },
    fileDates,
    known: {},
    fields: Object.fromEntries(
      Object.entries(homeless(without(record, ['subtasks']), HOUSED_FIELDS)).filter(
        ([, value]) => !isEmpty(value),
      ),
    ),
    comments: [],
  };
}

const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.length === 0);

/** `"3.2"` names subtask 2 of task 3; a bare number names a sibling, and above all siblings a task of the tag. */
function linksOf({ item, branch, record }: OpenNode, keys: ReadonlySet<string>, log: PlanLog): SourceLink[] {
  const { tag, ids } = branch;
  return ownList(record, 'dependencies').flatMap((entry) => {
    const reference = asText(entry).trim();
    const path = reference.split('.');
    const choices = path.length > 1 ? [path] : [[...ids.slice(0, -1), reference], [reference]];
    const key = choices.map((choice) => keyOfTask(tag, choice)).find((choice) => keys.has(choice));
    if (key !== undefined) return [{ from: item.key, to: key, type: 'depends_on' as const }];
    log.unresolved(
      item.foreignId,
      'dependencies',
      reference,
      `the tag "${display(tag)}" has no task or subtask with this id`,
    );
    return [];
  });
}
