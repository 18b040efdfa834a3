/** Reads a Backlog.md folder: one markdown file with YAML frontmatter per task (github.com/MrLesk/Backlog.md). */
import path from 'node:path';
import { PRIORITY_DEFAULT } from '../../domain/limits.ts';
import type { ItemStatus } from '../../domain/work-item.ts';
import { readMapping } from '../../formats/yaml-mapping.ts';
import { readAcceptanceCriteria, readComments, readTaskFile } from '../import/backlog-markdown.ts';
import { BacklogIds } from './backlog-ids.ts';
import { criteriaMetadata } from '../import/acceptance-criteria.ts';
import type { ImportOptions, ImportPlan } from '../import/plan.ts';
import { assemblePlan } from '../import/plan-assembly.ts';
import { PlanLog } from '../import/plan-log.ts';
import {
  insideFolder,
  isKind,
  isThere,
  listFolder,
  openSource,
  readSourceText,
  sourceError,
} from '../import/source-files.ts';
import {
  asText,
  homeless,
  makeKeysUnique,
  ownLabels,
  ownList,
  ownText,
  ownValue,
  sourceDate,
  type SourceItem,
  type SourceLink,
} from '../import/source-item.ts';
import { placeOf } from '../import/source-place.ts';
import { normalWord, readPriority, readStatus, type Vocabulary } from '../import/vocabulary.ts';

const EXPECTED = 'a Backlog.md folder (with tasks/, completed/, drafts/ or archive/ of task files)';

const USUAL_FOLDERS = ['backlog', '.backlog'];

/** Where tasks are, the most current first: it keeps the id when two files claim the same one. */
const TASK_FOLDERS = ['tasks', 'completed', 'drafts', 'archive/tasks', 'archive/drafts'];
const OTHER_FOLDERS = ['docs', 'decisions', 'milestones'];

const STATUSES: Vocabulary<ItemStatus> = new Map([
  ['to-do', 'planned'],
  ['in-progress', 'active'],
  ['done', 'completed'],
  ['draft', 'planned'],
]);
const PRIORITIES: Vocabulary<number> = new Map([
  ['high', 1],
  ['medium', PRIORITY_DEFAULT],
  ['low', 5],
]);

/** Fields with a home of their own; all others go to `metadata.imported`, and those with two meanings stay there too. */
const HOUSED_FIELDS = ['id', 'title', 'labels', 'created_date', 'updated_date', 'completed_date', 'reporter'];

interface TaskItem extends SourceItem {
  file: string;
  frontmatter: Record<string, unknown>;
}

/**
 * Plans the import of a Backlog.md folder (or of a project that holds one as `backlog/` or `.backlog/`).
 * "A has dependency B" becomes "A depends_on B"; the whole markdown body is the description. Files are read one
 * at a time; one that is not understood is in `skipped`, and so is one that a symbolic link leads out of the folder.
 * @throws ValidationError (field `path`) when there is no such folder or it holds no task
 */
export async function readBacklogMd(source: string, options: ImportOptions = {}): Promise<ImportPlan> {
  const log = new PlanLog();
  const root = await findRoot(source);
  const config = await readConfig(root, log);
  const place = await placeOf('backlog-md', root, USUAL_FOLDERS, options.projectDir);
  const ids = new BacklogIds(ownText(config, 'task_prefix'));

  const read: TaskItem[] = [];
  for (const folder of TASK_FOLDERS) {
    const names = await listFolder(root, path.join(root, folder));
    if (names === undefined && (await isThere(path.join(root, folder)))) {
      log.skip(`${folder}/`, 'is not a folder inside the imported one');
    }
    for (const name of names ?? []) {
      const task = await readTask(root, `${folder}/${name}`, config, ids, log);
      if (task !== undefined) read.push(task);
    }
  }
  if (read.length === 0) throw sourceError(source, `holds no task file; expected ${EXPECTED}`);
  for (const folder of OTHER_FOLDERS) {
    if (((await listFolder(root, path.join(root, folder))) ?? []).length > 0) {
      log.skip(`${folder}/`, 'holds no tasks; declare it as a document collection to have it indexed');
    }
  }

  const folderRank = ({ file }: TaskItem) => TASK_FOLDERS.indexOf(path.posix.dirname(file));
  const items = makeKeysUnique(
    read,
    log,
    ({ file }) => ({ file }),
    (a, b) => folderRank(a) - folderRank(b),
  );
  for (const item of items) ids.add(item.key);
  for (const item of items) item.parentKey = parentOf(item, ids, log);
  const links = items.flatMap((item) => dependenciesOf(item, ids, log));
  return await assemblePlan('backlog-md', { wanted: options.namespace, place }, items, links, log);
}

async function findRoot(source: string): Promise<string> {
  const { real, kind } = await openSource(source, EXPECTED);
  if (kind === 'file') throw sourceError(source, `is a file; expected ${EXPECTED}`);
  for (const name of ['', ...USUAL_FOLDERS]) {
    const root = await insideFolder(real, path.join(real, name));
    if (root === undefined) continue;
    for (const folder of TASK_FOLDERS) {
      if (await isKind(path.join(root, folder), 'folder')) return root;
    }
  }
  throw sourceError(source, `is a folder without tasks; expected ${EXPECTED}`);
}

async function readConfig(root: string, log: PlanLog): Promise<Record<string, unknown>> {
  for (const name of ['config.yml', 'config.yaml']) {
    const file = await insideFolder(root, path.join(root, name));
    if (file === undefined) continue;
    const content = await readSourceText(file);
    const config = 'reason' in content ? { ...content, line: undefined } : readMapping(content.text);
    if ('data' in config) return config.data;
    log.skip(name, `the configuration is not understood: ${config.reason}; defaults apply`, config.line);
  }
  return {};
}

async function readTask(
  root: string,
  file: string,
  config: Record<string, unknown>,
  ids: BacklogIds,
  log: PlanLog,
): Promise<TaskItem | undefined> {
  const name = path.posix.basename(file);
  if (name.startsWith('.')) return undefined;
  const real = await insideFolder(root, path.join(root, file));
  const skip = (reason: string, line?: number) => {
    log.skip(file, reason, line);
    return undefined;
  };
  if (real === undefined) return skip('leads out of the folder, or nowhere');
  if (!name.toLowerCase().endsWith('.md')) return skip('is not a markdown file');
  const content = await readSourceText(real);
  if ('reason' in content) return skip(content.reason);
  const task = readTaskFile(content.text);
  if ('reason' in task) return skip(task.reason, task.line);

  const { frontmatter } = task;
  const foreignId = ownText(frontmatter, 'id') ?? /^[\p{L}\w]+-\d+(?:\.\d+)*(?= - |\.md$)/iu.exec(name)?.[0];
  if (foreignId === undefined) return skip('has no id, neither in its frontmatter nor in its name', 2);
  const note = (code: string, message: string) => log.note(code, foreignId, message);
  if (task.repaired)
    note(
      'frontmatter_repaired',
      `${file}: the frontmatter is not YAML as it stands; bare values were read as text`,
    );
  if (content.damaged) note('text_cleaned', `${file}: bytes that are not UTF-8 became U+FFFD`);

  const assignees = ownList(frontmatter, 'assignee')
    .map((entry) => asText(entry))
    .filter((entry) => entry !== '');
  if (assignees.length > 1)
    note('assignee_several', `has ${assignees.length} assignees; the first is the assignee, all are kept`);
  const criteria = criteriaMetadata(readAcceptanceCriteria(task.body), foreignId, log);
  const housed = assignees.length > 1 ? HOUSED_FIELDS : [...HOUSED_FIELDS, 'assignee'];
  const type = ownText(frontmatter, 'type');
  log.map('type', type ?? '(none)', 'task');
  return {
    key: ids.keyOf(foreignId),
    foreignId,
    said: { frontmatter, body: task.body },
    itemType: 'task',
    title: ownText(frontmatter, 'title') ?? '',
    description: trimBlankLines(task.body),
    status: statusOf(frontmatter, file, foreignId, config, log),
    priority: readPriority(ownValue(frontmatter, 'priority'), foreignId, PRIORITIES, log),
    labels: ownLabels(frontmatter, 'labels'),
    assignee: assignees[0] ?? null,
    author: ownText(frontmatter, 'reporter') ?? null,
    parentKey: null,
    dates: {
      created: sourceDate(frontmatter, 'created_date', 'created'),
      updated: sourceDate(frontmatter, 'updated_date', 'updated'),
      completed: sourceDate(frontmatter, 'completed_date'),
    },
    known: criteria,
    fields: { file, ...withoutEmpty(homeless(frontmatter, housed)) },
    comments: readComments(task.body),
    file,
    frontmatter,
  };
}

/** A status that nothing knows follows its place in the configuration: first planned, last completed, else active. */
function statusOf(
  frontmatter: Record<string, unknown>,
  file: string,
  foreignId: string,
  config: Record<string, unknown>,
  log: PlanLog,
): ItemStatus {
  const configured = ownList(config, 'statuses').map((status) => normalWord(asText(status)));
  const status = readStatus(ownValue(frontmatter, 'status'), foreignId, STATUSES, log, (word) => {
    const index = configured.indexOf(word);
    if (index <= 0) return 'planned';
    return index === configured.length - 1 ? 'completed' : 'active';
  });
  if (!file.startsWith('archive/') || status === 'completed') return status;
  log.note('archived_task', foreignId, `is archived without being done; "${status}" became "cancelled"`);
  log.map('folder', 'archive', 'cancelled');
  return 'cancelled';
}

function parentOf(item: TaskItem, ids: BacklogIds, log: PlanLog): string | null {
  const field = ['parent_task_id', 'parent'].find((name) => ownText(item.frontmatter, name) !== undefined);
  const named = field === undefined ? undefined : ownText(item.frontmatter, field);
  if (named !== undefined && field !== undefined) {
    const key = ids.resolve(named);
    if (key === undefined) log.unresolved(item.foreignId, field, named, 'no task of this import has this id');
    return key ?? null;
  }
  // `BACK-41.5` is a subtask of `BACK-41` by its id alone.
  const implied = item.key.includes('~') ? undefined : ids.resolve(item.key.replace(/\.[^.]*$/, ''));
  if (implied === undefined || implied === item.key) return null;
  log.note('parent_from_id', item.foreignId, 'names no parent; the one that its id implies was taken');
  return implied;
}

function dependenciesOf(item: TaskItem, ids: BacklogIds, log: PlanLog): SourceLink[] {
  return ownList(item.frontmatter, 'dependencies')
    .flatMap((entry) => (typeof entry === 'string' ? entry.split(',') : [entry]))
    .map((entry) => asText(entry).trim())
    .filter((reference) => reference !== '')
    .flatMap((reference) => {
      const key = ids.resolve(reference);
      if (key !== undefined) return [{ from: item.key, to: key, type: 'depends_on' as const }];
      log.unresolved(item.foreignId, 'dependencies', reference, 'no task of this import has this id');
      return [];
    });
}

function withoutEmpty(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => !(Array.isArray(value) && value.length === 0)),
  );
}

function trimBlankLines(body: string): string {
  return body.replace(/^(?:[ \t]*\r?\n)+/, '').trimEnd();
}
