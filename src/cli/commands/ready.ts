import type { Command } from 'commander';
import { reasonText, type WaitingItem } from '../../domain/readiness.ts';
import type { ReadyWork } from '../../use-cases/records/ready.ts';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { paint, printAnswer } from '../terminal/output.ts';
import { count, shortId, spokenTime } from '../terminal/plain-text.ts';
import { renderTable, statusStyle } from '../terminal/table.ts';
import { withApp } from '../terminal/with-app.ts';

const FIELDS = {
  type: 'item_type',
  label: 'label',
  parent: 'parent_id',
  limit: 'limit',
  cursor: 'cursor',
} as const;

/** `worktrail ready`: what could be started now, and why the rest cannot. */
export function addReadyCommand(program: Command): Command {
  return program
    .command('ready')
    .description('list what could be started now, most urgent first, and why other open work cannot')
    .option('--type <type>', 'only project, session, task or research')
    .option('--label <label>', 'only what has this label')
    .option('--parent <id>', 'only what lies anywhere below an item')
    .option('--limit <number>', 'ready items on a page, 1 to 100 (default: 20)', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .addHelpText(
      'after',
      `
Ready is what is planned or active, not claimed, waits for no open item, has no open children, and lies below nothing
that is closed, blocked or waiting. It comes by priority, then by how much open work it unblocks, then in its order.

Examples:
  worktrail ready
  worktrail ready --label backend --limit 5`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      const { parseInput } = await import('../../domain/validate.ts');
      const { readyWorkInput } = await import('../../domain/claim.ts');
      const { readReadyWork } = await import('../../use-cases/records/ready.ts');
      const input = parseInput(readyWorkInput, fieldsFrom(options, FIELDS));
      await withApp(options, async ({ context }) => {
        printAnswer(await readReadyWork(context, input), options.json, render);
      });
    });
}

function render({ items, total_count, next_cursor, waiting, waiting_count }: ReadyWork): string {
  const ready =
    items.length === 0
      ? 'Nothing is ready.'
      : renderTable(items, [
          { title: 'ID', value: ({ id }) => shortId(id) },
          { title: 'TYPE', value: ({ item_type }) => item_type },
          { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => statusStyle(status) },
          { title: 'P', value: ({ priority }) => String(priority), align: 'right' },
          { title: 'TITLE', value: ({ title }) => title, flexible: true },
          { title: 'LABELS', value: ({ labels }) => labels.join(', '), max: 24 },
          { title: 'CREATED (UTC)', value: ({ created_at }) => spokenTime(created_at) },
        ]);
  const next = next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`;
  const total = items.length === 0 ? '' : `\n\n${items.length} of ${total_count} ready${next}`;
  if (waiting.length === 0) return `${ready}${total}`;
  const left = waiting_count - waiting.length;
  return [
    `${ready}${total}`,
    '',
    paint('bold', 'Not ready'),
    waitingTable(waiting),
    ...(left > 0 ? ['', `and ${count(left, 'more open work item')}`] : []),
  ].join('\n');
}

/** Open items that are not ready, with the reasons. */
export function waitingTable(waiting: readonly WaitingItem[]): string {
  return renderTable(waiting, [
    { title: 'ID', value: ({ id }) => shortId(id) },
    { title: 'P', value: ({ priority }) => String(priority), align: 'right' },
    { title: 'TITLE', value: ({ title }) => title, flexible: true, max: 60 },
    { title: 'WHY NOT', value: ({ not_ready }) => reasonText(not_ready), max: 100 },
  ]);
}
