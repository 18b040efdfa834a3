import type { Command } from 'commander';
import type { WorkItem } from '../../domain/work-item.ts';
import type { WriteOutcome } from '../../use-cases/support/context.ts';
import { collect, fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { plainLine, shortId } from '../terminal/plain-text.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

const FIELDS = {
  type: 'item_type',
  parent: 'parent_id',
  status: 'status',
  priority: 'priority',
  label: 'labels',
  assignee: 'assignee',
  description: 'description',
  metadata: 'metadata',
  branch: 'branch_name',
  commit: 'commit_hash',
  pr: 'pr_number',
  key: 'idempotency_key',
} as const;

interface CreateOptions {
  type?: string;
  parent?: string;
}

/** `worktrail create TITLE`: a new work item. */
export function addCreateCommand(program: Command): Command {
  return program
    .command('create')
    .description('create a work item')
    .argument('<title>', 'one line of 1 to 200 characters')
    .option('--type <type>', 'project, session, task or research (default: task)')
    .option('--parent <id>', 'the item to put it below')
    .option('--status <status>', 'planned, active, blocked, completed or cancelled (default: active)')
    .option('--priority <number>', '1 (highest) to 5 (default: 3)', numberFrom)
    .option('--label <label>', 'a label; may be given more than once', collect)
    .option('--assignee <name>', 'who works on it')
    .option('--description <markdown>', 'up to 64 KiB of markdown')
    .option('--metadata <json>', 'a JSON object, as {"estimated_hours": 3}')
    .option('--branch <name>', 'the git branch of the work')
    .option('--commit <hash>', '40 lowercase hex characters')
    .option('--pr <number>', 'the number of its pull request', numberFrom)
    .option('--key <key>', 'idempotency key: a repeated call with it creates nothing new')
    .addHelpText(
      'after',
      `
Examples:
  worktrail create "Read dates with a time zone" --priority 2 --label parser --label bug
  worktrail create "Release 2.0" --type project --metadata '{"target_quarter": "2026-Q3"}'
  worktrail create "Write the parser" --parent 3f2a9c1e --key parser-1 --json`,
    )
    .action(async (title: string, _options: unknown, command: Command) => {
      const options = optionsOf<CreateOptions>(command);
      const { type = 'task', parent, ...rest } = options;
      const given = { ...rest, type, ...(parent !== undefined && parent !== 'root' && { parent }) };
      const load = async () => (await import('../../use-cases/records/work-items.ts')).createWorkItem;
      await runUseCase(options, load, { title, ...fieldsFrom(given, FIELDS) }, renderCreated);
    });
}

function renderCreated({ id, item_type, title, repeated }: WorkItem & WriteOutcome): string {
  const what = `${item_type} ${shortId(id)}: ${plainLine(title)}`;
  return repeated === true ? `Created by an earlier call with this key: ${what}` : `Created ${what}`;
}
