import type { Command } from 'commander';
import type { WorkItem } from '../../domain/work-item.ts';
import type { Page } from '../../storage/queries/paging.ts';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { count, shortId, spokenTime } from '../terminal/plain-text.ts';
import { renderTable, statusStyle } from '../terminal/table.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

const FIELDS = {
  type: 'item_type',
  status: 'status',
  parent: 'parent_id',
  assignee: 'assignee',
  label: 'label',
  ready: 'ready',
  text: 'text',
  deleted: 'include_deleted',
  archived: 'archived',
  sort: 'sort',
  limit: 'limit',
  offset: 'offset',
  cursor: 'cursor',
} as const;

/** `worktrail list`: work items by any combination of filters. */
export function addListCommand(program: Command): Command {
  return program
    .command('list')
    .description('list work items, newest change first')
    .option('--type <type>', 'only project, session, task or research')
    .option('--status <status>', 'only planned, active, blocked, completed or cancelled')
    .option('--parent <id>', 'only the children of an item; "root" for items without a parent')
    .option('--assignee <name>', 'only what is assigned to this name')
    .option('--label <label>', 'only what has this label')
    .option('--ready', 'only what could be started now')
    .option('--text <words>', 'only what has these words in its title or description')
    .option('--deleted', 'deleted items too')
    .option('--archived', 'the archive instead of the live items')
    .option(
      '--sort <order>',
      'updated, created, priority or title (default: updated; with --ready: most urgent first)',
    )
    .option('--limit <number>', 'items on a page, 1 to 100 (default: 50)', numberFrom)
    .option('--offset <number>', 'items to skip', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .addHelpText(
      'after',
      `
Examples:
  worktrail list --status active --assignee ada
  worktrail list --ready --limit 5
  worktrail list --parent root --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      const load = async () => (await import('../../use-cases/records/work-items.ts')).listWorkItems;
      await runUseCase(options, load, fieldsFrom(options, FIELDS), renderPage);
    });
}

function renderPage({ items, total_count, next_cursor }: Page<WorkItem>): string {
  if (items.length === 0) return total_count === 0 ? 'No work items match.' : 'No work items on this page.';
  const table = renderTable(items, [
    { title: 'ID', value: ({ id }) => shortId(id) },
    { title: 'TYPE', value: ({ item_type }) => item_type },
    {
      title: 'STATUS',
      value: ({ status, deleted_at }) => (deleted_at === null ? status : `${status}, deleted`),
      style: ({ status }) => statusStyle(status),
    },
    { title: 'P', value: ({ priority }) => String(priority), align: 'right' },
    { title: 'TITLE', value: ({ title }) => title, flexible: true },
    { title: 'ASSIGNEE', value: ({ assignee }) => assignee ?? '', max: 16 },
    { title: 'LABELS', value: ({ labels }) => labels.join(', '), max: 24 },
    { title: 'UPDATED (UTC)', value: ({ updated_at }) => spokenTime(updated_at) },
  ]);
  const total = `${items.length} of ${count(total_count, 'work item')}`;
  return `${table}\n\n${total}${next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`}`;
}
