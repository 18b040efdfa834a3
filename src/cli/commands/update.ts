import type { Command } from 'commander';
import type { WorkItem } from '../../domain/work-item.ts';
import { validationError } from '../../domain/errors.ts';
import type { Context, WriteOutcome } from '../../use-cases/support/context.ts';
import { collect, fieldsFrom, numberFrom, requireVersionWithKey } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { plainLine, shortId } from '../terminal/plain-text.ts';
import { runVersioned } from '../terminal/run-use-case.ts';
import { commandLineCaller } from '../terminal/with-app.ts';

const FIELDS = {
  ifVersion: 'version',
  title: 'title',
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
  cascade: 'cascade',
  token: 'claim_token',
  key: 'idempotency_key',
} as const;

/** What --clear takes; the field's own name is understood too. */
const CLEARABLE: Readonly<Record<string, string>> = {
  parent: FIELDS.parent,
  label: FIELDS.label,
  assignee: FIELDS.assignee,
  description: FIELDS.description,
  branch: FIELDS.branch,
  commit: FIELDS.commit,
  pr: FIELDS.pr,
};
const CLEARABLE_NAMES = Object.keys(CLEARABLE).join(', ');

interface UpdateOptions {
  ifVersion?: number | string;
  parent?: string;
  before?: string;
  after?: string;
  key?: string;
  clear?: string[];
  merge?: true;
  delete?: true;
  restore?: true;
}

/** `worktrail update ID`: changes what is named and nothing else. */
export function addUpdateCommand(program: Command): Command {
  return program
    .command('update')
    .description('change a work item')
    .argument('<id>', 'its id, or the first 6 or more characters of it')
    .option(
      '--if-version <number>',
      'the version the change is based on; refused when others changed the item since (default: the version at this moment)',
      numberFrom,
    )
    .option('--title <title>', 'one line of 1 to 200 characters')
    .option('--status <status>', 'planned, active, blocked, completed or cancelled')
    .option('--priority <number>', '1 (highest) to 5', numberFrom)
    .option('--label <label>', 'replaces all labels; may be given more than once', collect)
    .option('--assignee <name>', 'who works on it')
    .option('--description <markdown>', 'up to 64 KiB of markdown')
    .option('--parent <id>', 'moves it, with everything below it; "root" for no parent')
    .option('--before <id>', 'puts it before this sibling')
    .option('--after <id>', 'puts it after this sibling')
    .option('--metadata <json>', 'a JSON object laid over the present one; null removes a key')
    .option('--branch <name>', 'the git branch of the work')
    .option('--commit <hash>', '40 lowercase hex characters')
    .option('--pr <number>', 'the number of its pull request', numberFrom)
    .option('--clear <field>', `empties ${CLEARABLE_NAMES}; may be given more than once`, collect)
    .option('--merge', 'with --if-version: apply it although others changed other fields since')
    .option('--delete', 'delete it; it can be restored')
    .option('--restore', 'undo a deletion')
    .option('--cascade', 'delete or restore everything below it too')
    .option(
      '--token <number>',
      'your claim_token: refused when somebody else has the item by now',
      numberFrom,
    )
    .option('--key <key>', 'idempotency key, with --if-version: a repeated call changes nothing more')
    .addHelpText(
      'after',
      `
Without --if-version the item is read first and the change is based on what it is now.

Examples:
  worktrail update 3f2a9c1e --status completed
  worktrail update 3f2a9c1e --if-version 4 --title "Parse dates" --merge
  worktrail update 3f2a9c1e --clear assignee --metadata '{"blocked_reason": null}'`,
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = optionsOf<UpdateOptions>(command);
      const load = async () => (await import('../../use-cases/records/work-items.ts')).updateWorkItem;
      const fields = { id, ...fieldsOf(options) };
      await runVersioned(options, load, fields, (context) => currentVersion(context, id), renderUpdated);
    });
}

function fieldsOf(options: UpdateOptions): Record<string, unknown> {
  const fields = fieldsFrom(options, FIELDS);
  if (options.parent === 'root') fields['parent_id'] = null;
  const { before, after } = options;
  if (before !== undefined || after !== undefined) fields['position'] = { before, after };
  for (const name of options.clear ?? []) {
    const field = CLEARABLE[name] ?? Object.values(CLEARABLE).find((candidate) => candidate === name);
    if (field === undefined) {
      throw validationError({ field: 'clear', constraint: `must be one of ${CLEARABLE_NAMES}`, value: name });
    }
    if (fields[field] !== undefined && fields[field] !== null) {
      throw validationError({
        field: 'clear',
        constraint: `contradicts the value given for ${field}`,
        value: name,
      });
    }
    fields[field] = null;
  }
  if (options.delete === true && options.restore === true) {
    throw validationError({ field: 'delete', constraint: 'contradicts restore', value: true });
  }
  if (options.delete === true) fields['deleted_at'] = new Date().toISOString();
  if (options.restore === true) fields['deleted_at'] = null;
  if (options.merge === true) fields['on_conflict'] = 'merge';
  requireVersionWithKey(options);
  return fields;
}

async function currentVersion(context: Context, id: string): Promise<number> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { queryWorkItem } = await import('../../use-cases/records/work-items.ts');
  const only = { include_children: false, include_dependencies: false };
  const input = parseInput(queryWorkItem.input, { id, ...only });
  return (await queryWorkItem.run(context, commandLineCaller(), input)).data.version;
}

function renderUpdated(item: WorkItem & WriteOutcome): string {
  const { id, item_type, title, version, merged_with, repeated } = item;
  const what = `${item_type} ${shortId(id)} to version ${version}: ${plainLine(title)}`;
  const merged = merged_with === undefined ? '' : ` (merged with version ${merged_with.join(', ')})`;
  return repeated === true ? `Updated by an earlier call with this key: ${what}` : `Updated ${what}${merged}`;
}
