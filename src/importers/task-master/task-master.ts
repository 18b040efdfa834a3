/** Reads the `tasks.json` of Task Master: tags, their tasks, and subtasks (github.com/eyaltoledano/claude-task-master). */
import path from 'node:path';
import { isPlainObject } from '../../domain/json.ts';
import { PRIORITY_DEFAULT } from '../../domain/limits.ts';
import type { ItemStatus } from '../../domain/work-item.ts';
import type { ImportOptions, ImportPlan } from '../import/plan.ts';
import { assemblePlan } from '../import/plan-assembly.ts';
import { PlanLog } from '../import/plan-log.ts';
import { isNestedTooDeep, locateFile, readSourceText, sourceError } from '../import/source-files.ts';
import {
  ownText,
  ownValue,
  sourceDate,
  without,
  type SourceItem,
  type SourceLink,
} from '../import/source-item.ts';
import { placeOf } from '../import/source-place.ts';
import { keyOfTask, readTagTasks, type TaskNode } from './task-master-tasks.ts';

const EXPECTED = "Task Master's tasks.json (tags with lists of tasks) or a folder that holds it";
const USUAL_FILES = ['tasks.json', 'tasks/tasks.json', '.taskmaster/tasks/tasks.json'];

/** The tag of files from before tags existed. */
const DEFAULT_TAG = 'master';

/**
 * Plans the import of a Task Master file. Each tag is a project above its tasks, subtasks are below their
 * tasks; details and test strategy are sections of the description. Subtasks without a priority have that of
 * their task, as Task Master itself treats them.
 * @param source the file, or a folder with `tasks.json`, `tasks/tasks.json` or `.taskmaster/tasks/tasks.json`
 * @throws ValidationError (field `path`) when there is no such file, it is over 64 MiB, not understood or without tasks
 */
export async function readTaskMaster(source: string, options: ImportOptions = {}): Promise<ImportPlan> {
  const log = new PlanLog();
  const file = await locateFile(source, USUAL_FILES, EXPECTED);
  const place = await placeOf('task-master', file, USUAL_FILES, options.projectDir);
  const content = await readSourceText(file);
  if ('reason' in content) throw sourceError(source, `${content.reason}; expected ${EXPECTED}`);
  const name = path.basename(file);
  if (content.damaged) log.note('text_cleaned', name, 'bytes that are not UTF-8 became U+FFFD');

  const items: SourceItem[] = [];
  const links: SourceLink[] = [];
  for (const [tag, section] of tagsOf(parseFile(content.text, source), name, log)) {
    const metadata = metadataOf(section);
    const nodes = readTagTasks(tag, section, metadata, name, log);
    items.push(tagItem(tag, metadata, section, nodes, log), ...nodes.map(({ item }) => item));
    links.push(...nodes.flatMap(({ links: own }) => own));
  }
  if (!items.some(({ itemType }) => itemType === 'task')) {
    throw sourceError(source, `holds no task; expected ${EXPECTED}`);
  }
  return await assemblePlan('task-master', { wanted: options.namespace, place }, items, links, log);
}

function parseFile(text: string, source: string): unknown {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw sourceError(source, `is not JSON; expected ${EXPECTED}`, error);
  }
  if (isNestedTooDeep(data)) throw sourceError(source, `is nested too deep; expected ${EXPECTED}`);
  return data;
}

/** A file without tags counts as the tag `master`; what is not a tag is reported. */
function tagsOf(
  data: unknown,
  file: string,
  log: PlanLog,
): [tag: string, section: Record<string, unknown>][] {
  if (Array.isArray(data)) return [[DEFAULT_TAG, { tasks: data }]];
  if (!isPlainObject(data)) return [];
  if (Array.isArray(data['tasks'])) return [[DEFAULT_TAG, data]];
  return Object.entries(data).flatMap(([tag, section]) => {
    if (isPlainObject(section) && Array.isArray(section['tasks'])) return [[tag, section]];
    log.skip(file, `"${tag}" is not a tag: it has no list of tasks`);
    return [];
  });
}

/** The metadata of a tag, with whatever else stands beside its tasks. */
function metadataOf(section: Record<string, unknown>): Record<string, unknown> {
  const beside = without(section, ['tasks', 'metadata']);
  return isPlainObject(section['metadata'])
    ? { ...beside, ...section['metadata'] }
    : { ...beside, ...withMetadata(section) };
}

function withMetadata(section: Record<string, unknown>): Record<string, unknown> {
  const metadata = ownValue(section, 'metadata');
  return metadata === undefined ? {} : { metadata };
}

function tagItem(
  tag: string,
  metadata: Record<string, unknown>,
  section: Record<string, unknown>,
  nodes: readonly TaskNode[],
  log: PlanLog,
): SourceItem {
  const { status, because } = tagStatus(nodes);
  log.map('status', `tag (${because})`, status);
  log.map('type', 'tag', 'project');
  const description = ownText(metadata, 'description');
  const dateFields = ['created', 'updated', 'lastModified'];
  // Both may be there: only the one that is used as the date of change has a home.
  const updated = sourceDate(metadata, 'updated', 'lastModified');
  const housed = dateFields.filter((field) => field === 'created' || field === updated?.field);
  if (description !== undefined) housed.push('description');
  return {
    key: keyOfTask(tag, []),
    foreignId: tag.trim() === '' ? DEFAULT_TAG : tag,
    said: { tag, section: without(section, ['tasks']) },
    itemType: 'project',
    title: tag,
    description: description ?? null,
    status,
    priority: PRIORITY_DEFAULT,
    labels: [],
    assignee: null,
    author: null,
    parentKey: null,
    dates: { created: sourceDate(metadata, 'created'), updated },
    known: {},
    fields: without(metadata, housed),
    comments: [],
  };
}

/** A tag has no status of its own: it is what its tasks together are. */
function tagStatus(nodes: readonly TaskNode[]): { status: ItemStatus; because: string } {
  const statuses = nodes.filter(({ isTask }) => isTask).map(({ item }) => item.status);
  if (statuses.length > 0 && statuses.every((status) => status === 'completed' || status === 'cancelled')) {
    return { status: 'completed', because: 'all tasks closed' };
  }
  return statuses.every((status) => status === 'planned')
    ? { status: 'planned', because: 'no task begun' }
    : { status: 'active', because: 'some tasks open' };
}
