/** Reads a beads export: one JSON object per line (github.com/gastownhall/beads). */
import path from 'node:path';
import { isPlainObject, type JsonObject } from '../../domain/json.ts';
import { PRIORITY_DEFAULT } from '../../domain/limits.ts';
import type { ItemStatus, ItemType } from '../../domain/work-item.ts';
import { criteriaMetadata } from '../import/acceptance-criteria.ts';
import { readCheckboxes } from '../import/backlog-markdown.ts';
import { readBeadsDependencies } from './beads-dependencies.ts';
import { compareText } from '../import/natural-order.ts';
import type { ImportOptions, ImportPlan } from '../import/plan.ts';
import { assemblePlan } from '../import/plan-assembly.ts';
import { display, PlanLog } from '../import/plan-log.ts';
import { isNestedTooDeep, locateFile, readSourceText, sourceError } from '../import/source-files.ts';
import {
  homeless,
  makeKeysUnique,
  ownLabels,
  ownList,
  ownText,
  ownValue,
  sourceDate,
  withSections,
  type SourceComment,
} from '../import/source-item.ts';
import { placeOf } from '../import/source-place.ts';
import { readPriority, readStatus, type Vocabulary } from '../import/vocabulary.ts';
import type { BeadsIssue } from './beads-issue.ts';

const USUAL_FILES = ['issues.jsonl', '.beads/issues.jsonl', '.beads/beads.jsonl'];
const EXPECTED = 'a beads export (JSONL, one issue per line) or a folder that holds issues.jsonl';

const STATUSES: Vocabulary<ItemStatus> = new Map([
  ['open', 'planned'],
  ['in-progress', 'active'],
  ['blocked', 'blocked'],
  ['closed', 'completed'],
]);
const PRIORITIES: Vocabulary<number> = new Map([0, 1, 2, 3, 4].map((level) => [String(level), level + 1]));

/** Types that beads knows; all become tasks, except for epics that stand above others, and questions. */
const TASK_TYPES =
  'task bug feature chore epic story milestone decision message molecule gate agent role rig convoy event slot merge-request'.split(
    ' ',
  );
const RESEARCH_TYPES = ['spike', 'research', 'investigation'];

const HOUSED_FIELDS =
  'id title description design acceptance_criteria notes labels assignee created_by created_at updated_at closed_at'.split(
    ' ',
  );

/**
 * Plans the import of a beads JSONL file. "A has dependency B of type blocks" becomes "A depends_on B"; the
 * design, the acceptance criteria and the notes are sections of the description. A line that is not understood
 * is in `skipped`.
 * @param source the file, or a folder with `issues.jsonl` or `.beads/issues.jsonl`
 * @throws ValidationError (field `path`) when there is no such file, it is over 64 MiB or holds no issue
 */
export async function readBeads(source: string, options: ImportOptions = {}): Promise<ImportPlan> {
  const log = new PlanLog();
  const file = await locateFile(source, USUAL_FILES, EXPECTED);
  const place = await placeOf('beads', file, USUAL_FILES, options.projectDir);
  const content = await readSourceText(file);
  if ('reason' in content) throw sourceError(source, `${content.reason}; expected ${EXPECTED}`);
  const name = path.basename(file);
  if (content.damaged) log.note('text_cleaned', name, 'bytes that are not UTF-8 became U+FFFD');

  const read: BeadsIssue[] = [];
  let line = 0;
  for (const text of linesOf(content.text)) {
    line += 1;
    if (text.trim() === '') continue;
    const issue = readIssue(text, line, log);
    if (typeof issue === 'string') log.skip(name, issue, line);
    else read.push(issue);
  }
  if (read.length === 0) throw sourceError(source, `holds no issue; expected ${EXPECTED}`);

  const newest = ({ row }: BeadsIssue) => ownText(row, 'updated_at') ?? '';
  const items = makeKeysUnique(
    read,
    log,
    ({ line: at }) => ({ file: name, line: at }),
    (a, b) => compareText(newest(b), newest(a)),
  );
  const links = readBeadsDependencies(items, log);
  const parents = new Set(items.map(({ parentKey }) => parentKey));
  for (const item of items) item.itemType = typeOf(item, parents, log);
  return await assemblePlan('beads', { wanted: options.namespace, place }, items, links, log);
}

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    yield text.slice(start, end === -1 ? text.length : end);
    start = end === -1 ? text.length : end + 1;
  }
}

/** The issue of one line, or why it is none. */
function readIssue(text: string, line: number, log: PlanLog): BeadsIssue | string {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (!isPlainObject(row)) return 'is not a JSON object';
  if (isNestedTooDeep(row)) return 'is nested too deep';
  const kind = ownText(row, '_type') ?? 'issue';
  if (kind !== 'issue') return `is a ${display(kind)}, not an issue`;
  const foreignId = ownText(row, 'id');
  if (foreignId === undefined) return 'has no id';

  const status = readStatus(ownValue(row, 'status'), foreignId, STATUSES, log);
  const criteria = ownText(row, 'acceptance_criteria');
  return {
    key: foreignId,
    foreignId,
    said: row,
    itemType: 'task',
    title: ownText(row, 'title') ?? '',
    description: withSections(ownText(row, 'description'), [
      ['Design', ownText(row, 'design')],
      ['Acceptance criteria', criteria],
      ['Notes', ownText(row, 'notes')],
    ]),
    status,
    priority: readPriority(ownValue(row, 'priority'), foreignId, PRIORITIES, log, {
      priority: PRIORITY_DEFAULT,
      as: '(none)',
    }),
    labels: ownLabels(row, 'labels'),
    assignee: ownText(row, 'assignee') ?? null,
    author: ownText(row, 'created_by') ?? null,
    parentKey: null,
    dates: {
      created: sourceDate(row, 'created_at'),
      updated: sourceDate(row, 'updated_at'),
      completed: sourceDate(row, 'closed_at'),
    },
    known: { ...criteriaMetadata(readCheckboxes(criteria ?? ''), foreignId, log), ...estimateOf(row) },
    fields: homeless(row, HOUSED_FIELDS),
    comments: ownList(row, 'comments').flatMap(commentOf),
    line,
    row,
  };
}

/** The tracker allows estimates up to 1,000 hours; a larger one stays in `metadata.imported` only. */
function estimateOf(row: Record<string, unknown>): JsonObject {
  const minutes = row['estimated_minutes'];
  return typeof minutes === 'number' && minutes >= 0 && minutes <= 60_000
    ? { estimated_hours: minutes / 60 }
    : {};
}

function commentOf(entry: unknown): SourceComment[] {
  if (!isPlainObject(entry)) return [];
  const text = ownText(entry, 'text') ?? ownText(entry, 'body');
  if (text === undefined) return [];
  return [{ author: ownText(entry, 'author') ?? null, text, created: ownValue(entry, 'created_at') }];
}

function typeOf(item: BeadsIssue, parents: ReadonlySet<string | null>, log: PlanLog): ItemType {
  const word = ownText(item.row, 'issue_type')?.toLowerCase();
  if (word === 'epic') {
    const isProject = item.parentKey === null && parents.has(item.key);
    log.map('issue_type', isProject ? 'epic (a root with children)' : 'epic', isProject ? 'project' : 'task');
    return isProject ? 'project' : 'task';
  }
  const type = RESEARCH_TYPES.includes(word ?? '') ? 'research' : 'task';
  log.map('issue_type', word ?? '(none)', type);
  if (word !== undefined && type === 'task' && !TASK_TYPES.includes(word)) {
    log.note('type_unknown', item.foreignId, `type "${display(word)}" became "task"; the original is kept`);
  }
  return type;
}
