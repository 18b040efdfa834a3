import type { Command } from 'commander';
import type { DependencyView } from '../../domain/dependency.ts';
import type { TreeNode } from '../../use-cases/records/work-item-tree.ts';
import type { WorkItemView } from '../../use-cases/records/work-items.ts';
import { numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { outputWidth, paint } from '../terminal/output.ts';
import { count, cutLine, plainLine, quoted, shortId, spokenTime } from '../terminal/plain-text.ts';
import { paintStatus } from '../terminal/table.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

/** `worktrail show ID`: one item with everything around it. */
export function addShowCommand(program: Command): Command {
  return program
    .command('show')
    .description('show one work item with its ancestors, children, dependencies and description')
    .argument('<id>', 'its id, or the first 6 or more characters of it')
    .option('--depth <number>', 'levels of children, 0 to 5 (default: 5)', numberFrom)
    .addHelpText(
      'after',
      `
Examples:
  worktrail show 3f2a9c1e
  worktrail show 3f2a9c1e --depth 1 --json`,
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = optionsOf<{ depth?: number | string }>(command);
      const { depth } = options;
      const load = async () => (await import('../../use-cases/records/work-items.ts')).queryWorkItem;
      await runUseCase(options, load, { id, ...(depth !== undefined && { max_depth: depth }) }, renderItem);
    });
}

function renderItem(item: WorkItemView): string {
  const sections = [
    heading(item),
    facts(item),
    section('Metadata', metadataLines(item)),
    section('Description', item.description === null ? [] : quoted(item.description)),
    section(
      'Dependencies',
      (item.dependencies ?? []).map((link) => dependencyLine(link, item.id)),
    ),
    section('Children', childrenLines(item)),
    section('Notes', noteLines(item)),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

function heading(item: WorkItemView): string {
  const { id, item_type, title, status, priority, version, ancestors, deleted_at } = item;
  const path = ancestors
    .map((ancestor) => `${shortId(ancestor.id)} ${plainLine(ancestor.title)}`)
    .join(' > ');
  return [
    ...(path === '' ? [] : [paint('dim', `${path} >`)]),
    `${shortId(id)}  ${paint('bold', plainLine(title))}`,
    `${item_type}, ${paintStatus(status)}, priority ${priority}, version ${version}, ${id}`,
    ...(deleted_at === null ? [] : [paint('red', `Deleted ${spokenTime(deleted_at)} UTC`)]),
  ].join('\n');
}

function facts(item: WorkItemView): string {
  const moment = (time: string, by?: string) =>
    `${spokenTime(time)} UTC${by === undefined ? '' : ` by ${plainLine(by)}`}`;
  const known: [name: string, value: string | null][] = [
    ['Assignee', item.assignee],
    ['Labels', item.labels.join(', ') || null],
    ['Branch', item.branch_name],
    ['Commit', item.commit_hash],
    ['Pull request', item.pr_number === null ? null : `#${item.pr_number}`],
    ['Claimed', claimOf(item)],
    ['Created', moment(item.created_at, item.created_by)],
    ['Updated', moment(item.updated_at, item.updated_by)],
    ['Completed', item.completed_at === null ? null : moment(item.completed_at)],
  ];
  return known
    .flatMap(([name, value]) => (value === null ? [] : [`${`${name}:`.padEnd(14)}${plainLine(value)}`]))
    .join('\n');
}

function claimOf({ claimed_by, claim_expires_at }: WorkItemView): string | null {
  if (claimed_by === null || claim_expires_at === null) return claimed_by;
  return `${claimed_by} until ${spokenTime(claim_expires_at)} UTC`;
}

function metadataLines({ metadata }: WorkItemView): string[] {
  return Object.entries(metadata).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return cutLine(`${plainLine(key)}: ${plainLine(text)}`, outputWidth() - INDENT.length);
  });
}

const INDENT = '  ';

function section(title: string, lines: string[]): string {
  return lines.length === 0 ? '' : [paint('bold', title), ...lines.map((line) => INDENT + line)].join('\n');
}

/** How a link reads from its source, and from its target. */
const WORDS: Readonly<Record<DependencyView['dependency_type'], [forwards: string, backwards: string]>> = {
  blocks: ['blocks', 'blocked by'],
  depends_on: ['depends on', 'needed by'],
  relates_to: ['relates to', 'relates to'],
  discovered_from: ['discovered from', 'led to'],
};

function dependencyLine({ source_id, dependency_type, other }: DependencyView, ownId: string): string {
  const [forwards, backwards] = WORDS[dependency_type];
  const said = source_id === ownId ? forwards : backwards;
  return `${said.padEnd(15)}  ${shortId(other.id)}  ${paintStatus(other.status)}  ${plainLine(other.title)}`;
}

function noteLines({ id, notes = [], notes_total = 0 }: WorkItemView): string[] {
  const lines = notes.flatMap(({ text, created_at, created_by, characters }) => [
    paint('dim', `${spokenTime(created_at)} UTC by ${plainLine(created_by)}`),
    ...quoted(text),
    ...(characters === undefined
      ? []
      : [`(the first ${Array.from(text).length} of ${characters} characters)`]),
  ]);
  if (notes_total > notes.length)
    lines.push(`(${count(notes_total - notes.length, 'older note')}: worktrail note ${shortId(id)} --list)`);
  return lines;
}

function childrenLines({ children = [], children_cut }: WorkItemView): string[] {
  const lines = children.flatMap((child) => treeLines(child, 0));
  if (children_cut === undefined) return lines;
  const { reason, children_total } = children_cut;
  return [
    ...lines,
    `(${children_total === null ? '' : `${count(children_total, 'child', 'children')} in all; `}${reason})`,
  ];
}

function treeLines(
  { id, item_type, title, status, children, children_total }: TreeNode,
  level: number,
): string[] {
  const hidden = (children_total ?? 0) - children.length;
  const own = `${INDENT.repeat(level)}${shortId(id)}  ${item_type}  ${paintStatus(status)}  ${plainLine(title)}`;
  return [
    hidden > 0 ? `${own} (${hidden} more below)` : own,
    ...children.flatMap((child) => treeLines(child, level + 1)),
  ];
}
