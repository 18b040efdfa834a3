import type { Command } from 'commander';
import type { Enhancement } from '../../domain/enhancement.ts';
import { validationError } from '../../domain/errors.ts';
import type { Context, WriteOutcome } from '../../use-cases/support/context.ts';
import type { EnhancementView, Promotion } from '../../use-cases/records/enhancements.ts';
import type { Page } from '../../storage/queries/paging.ts';
import { collect, fieldsFrom, numberFrom, requireVersionWithKey } from '../terminal/arguments.ts';
import { addGlobalOptions, nestedOptionsOf } from '../terminal/global-options.ts';
import { printAnswer } from '../terminal/output.ts';
import { count, plainLine, quoted, shortId, spokenTime } from '../terminal/plain-text.ts';
import { paintStatus, renderTable, statusStyle } from '../terminal/table.ts';
import { runUseCase, runVersioned, withAnswer } from '../terminal/run-use-case.ts';
import { commandLineCaller } from '../terminal/with-app.ts';

const FIELDS = {
  ifVersion: 'version',
  title: 'title',
  description: 'description',
  priority: 'priority',
  status: 'status',
  quarter: 'target_quarter',
  principle: 'requires_constitutional_principles',
  dependsOn: 'depends_on',
  key: 'idempotency_key',
} as const;

const LIST_FIELDS = {
  priority: 'priority',
  status: 'status',
  quarter: 'target_quarter',
  limit: 'limit',
  cursor: 'cursor',
} as const;

const PROMOTE_FIELDS = {
  type: 'item_type',
  parent: 'parent_id',
  ifVersion: 'version',
  key: 'idempotency_key',
} as const;

/** What --clear takes, and the value that empties the field. */
const CLEARABLE: Readonly<Record<string, readonly [field: string, empty: null | []]>> = {
  description: ['description', null],
  quarter: ['target_quarter', null],
  principle: ['requires_constitutional_principles', []],
  'depends-on': ['depends_on', []],
};
const CLEARABLE_NAMES = Object.keys(CLEARABLE).join(', ');

interface UpdateOptions {
  ifVersion?: number | string;
  clear?: string[];
  merge?: true;
  key?: string;
}

const STATUSES = 'planned, approved, implementing or completed';

/** `worktrail enhancement`: what may be done one day, and making work of it. */
export function addEnhancementCommand(program: Command): Command {
  const enhancement = program
    .command('enhancement')
    .description('note, list and promote what may be done one day')
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Examples:
  worktrail enhancement create "Sync many clients" --priority 1 --quarter 2026-Q1
  worktrail enhancement list --status approved
  worktrail enhancement promote 3f2a9c1b --type project`,
    )
    .action((_options: unknown, command: Command) => command.help({ error: true }));
  addGlobalOptions(addCreate(enhancement));
  addGlobalOptions(addUpdate(enhancement));
  addGlobalOptions(addList(enhancement));
  addGlobalOptions(addShow(enhancement));
  addGlobalOptions(addPromote(enhancement));
  return enhancement;
}

function withFields(command: Command): Command {
  return command
    .option('--description <markdown>', 'up to 64 KiB of markdown')
    .option('--priority <number>', '1 (highest) to 5 (default: 3)', numberFrom)
    .option('--status <status>', STATUSES)
    .option('--quarter <quarter>', 'when it is meant to come, as 2026-Q1')
    .option(
      '--principle <text>',
      'a constitutional principle it requires; may be given more than once',
      collect,
    )
    .option('--depends-on <id>', 'an enhancement it waits for; may be given more than once', collect)
    .option('--key <key>', 'idempotency key: a repeated call changes nothing more');
}

function addCreate(parent: Command): Command {
  return withFields(parent.command('create').description('note an enhancement'))
    .argument('<title>', 'one line of 1 to 200 characters')
    .addHelpText('after', '\nExample:\n  worktrail enhancement create "Sync many clients" --quarter 2026-Q1')
    .action(async (title: string, _options: unknown, command: Command) => {
      const options = nestedOptionsOf<object>(command);
      const load = async () => (await import('../../use-cases/records/enhancements.ts')).createEnhancement;
      const fields = { title, ...fieldsFrom(options, FIELDS) };
      await runUseCase(options, load, fields, (made) => savedLine('Created', made));
    });
}

function addUpdate(parent: Command): Command {
  return withFields(parent.command('update').description('change an enhancement'))
    .argument('<id>', 'its id, or the first 6 or more characters of it')
    .option('--title <title>', 'one line of 1 to 200 characters')
    .option(
      '--if-version <number>',
      'the version the change is based on (default: the version at this moment)',
      numberFrom,
    )
    .option('--clear <field>', `empties ${CLEARABLE_NAMES}; may be given more than once`, collect)
    .option('--merge', 'with --if-version: apply it although others changed other fields since')
    .addHelpText(
      'after',
      `
--depends-on replaces the whole list.

Example:
  worktrail enhancement update 3f2a9c1b --status approved --depends-on 77ab01cd`,
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = nestedOptionsOf<UpdateOptions>(command);
      const load = async () => (await import('../../use-cases/records/enhancements.ts')).updateEnhancement;
      const fields = { id, ...changedFields(options) };
      await runVersioned(options, load, fields, versionOf(id), (saved) => savedLine('Updated', saved));
    });
}

function changedFields(options: UpdateOptions): Record<string, unknown> {
  const fields = fieldsFrom(options, FIELDS);
  for (const name of options.clear ?? []) {
    const [field, empty] = CLEARABLE[name] ?? [];
    if (field === undefined || fields[field] !== undefined) {
      const constraint =
        field === undefined
          ? `must be one of ${CLEARABLE_NAMES}`
          : `contradicts the value given for ${field}`;
      throw validationError({ field: 'clear', constraint, value: name });
    }
    fields[field] = empty;
  }
  if (options.merge === true) fields['on_conflict'] = 'merge';
  requireVersionWithKey(options);
  return fields;
}

function addList(parent: Command): Command {
  return parent
    .command('list')
    .description('list enhancements, the most important first')
    .option('--status <status>', `only ${STATUSES}`)
    .option('--priority <number>', 'only this priority, 1 to 5', numberFrom)
    .option('--quarter <quarter>', 'only what is meant for this quarter, as 2026-Q1')
    .option('--limit <number>', 'enhancements on a page, 1 to 100 (default: 50)', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .addHelpText('after', '\nExample:\n  worktrail enhancement list --status planned --quarter 2026-Q1')
    .action(async (_options: unknown, command: Command) => {
      const options = nestedOptionsOf<object>(command);
      await runUseCase(options, loadList, fieldsFrom(options, LIST_FIELDS), renderPage);
    });
}

function addShow(parent: Command): Command {
  return parent
    .command('show')
    .description('show one enhancement with what it depends on and what waits for it')
    .argument('<id>', 'its id, or the first 6 or more characters of it')
    .addHelpText('after', '\nExample:\n  worktrail enhancement show 3f2a9c1b')
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = nestedOptionsOf<object>(command);
      // An id that does not exist is an error there.
      await withAnswer(options, loadList, { id }, (answer) => {
        const data = answer.data.items[0] as EnhancementView;
        printAnswer({ ...answer, data }, options.json, renderOne);
      });
    });
}

function addPromote(parent: Command): Command {
  return parent
    .command('promote')
    .description('make a work item of an enhancement, linked both ways')
    .argument('<id>', 'its id, or the first 6 or more characters of it')
    .option('--type <type>', 'project, session, task or research (default: project)')
    .option('--parent <id>', 'the item to put it below')
    .option(
      '--if-version <number>',
      'refused when others changed the enhancement since this version (default: the version at this moment)',
      numberFrom,
    )
    .option('--key <key>', 'idempotency key, with --if-version: a repeated call makes nothing new')
    .addHelpText(
      'after',
      '\nExample:\n  worktrail enhancement promote 3f2a9c1b --type task --parent 77ab01cd',
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = nestedOptionsOf<UpdateOptions>(command);
      const load = async () => (await import('../../use-cases/records/enhancements.ts')).promoteEnhancement;
      requireVersionWithKey(options);
      const fields = { id, ...fieldsFrom(options, PROMOTE_FIELDS) };
      await runVersioned(options, load, fields, versionOf(id), renderPromotion);
    });
}

const loadList = async () => (await import('../../use-cases/records/enhancements.ts')).listEnhancements;

const versionOf =
  (id: string) =>
  async (context: Context): Promise<number> => {
    const { parseInput } = await import('../../domain/validate.ts');
    const { input, run } = await loadList();
    const { data } = await run(context, commandLineCaller(), parseInput(input, { id }));
    return (data.items[0] as EnhancementView).version;
  };

function savedLine(verb: string, saved: Enhancement & WriteOutcome): string {
  const { id, version, title, merged_with, repeated } = saved;
  const what = `enhancement ${shortId(id)}, version ${version}: ${plainLine(title)}`;
  const merged = merged_with === undefined ? '' : ` (merged with version ${merged_with.join(', ')})`;
  return repeated === true ? `${verb} by an earlier call with this key: ${what}` : `${verb} ${what}${merged}`;
}

function renderPromotion({ id, title, work_item, repeated }: Promotion): string {
  const item = `${work_item.item_type} ${shortId(work_item.id)}: ${plainLine(work_item.title)}`;
  return repeated === true
    ? `Promoted by an earlier call with this key: ${item}`
    : `Promoted enhancement ${shortId(id)} (${plainLine(title)}) to ${item}`;
}

function renderPage({ items, total_count, next_cursor }: Page<EnhancementView>): string {
  if (items.length === 0)
    return total_count === 0 ? 'No enhancements match.' : 'No enhancements on this page.';
  const table = renderTable(items, [
    { title: 'ID', value: ({ id }) => shortId(id) },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => statusStyle(status) },
    { title: 'P', value: ({ priority }) => String(priority), align: 'right' },
    { title: 'QUARTER', value: ({ target_quarter }) => target_quarter ?? '' },
    { title: 'TITLE', value: ({ title }) => title, flexible: true },
    { title: 'DEPENDS ON', value: ({ depends_on }) => depends_on.map(shortId).join(', '), max: 28 },
    { title: 'WORK ITEM', value: ({ work_item_id }) => (work_item_id === null ? '' : shortId(work_item_id)) },
  ]);
  const total = `${items.length} of ${count(total_count, 'enhancement')}`;
  return `${table}\n\n${total}${next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`}`;
}

function renderOne(enhancement: EnhancementView): string {
  const { id, version, title, status, priority, target_quarter, description } = enhancement;
  const { dependencies = [], waiting = [], work_item, open_conflicts = 0 } = enhancement;
  const mention = (one: { id: string; status: string; title: string }) =>
    `${shortId(one.id)} ${paintStatus(one.status)} ${plainLine(one.title)}`;
  const quarter = target_quarter === null ? '' : `, meant for ${target_quarter}`;
  return [
    `${shortId(id)}  ${plainLine(title)}`,
    `${id}  version ${version}`,
    `${paintStatus(status)}, priority ${priority}${quarter}`,
    ...enhancement.requires_constitutional_principles.map((text) => `requires ${plainLine(text)}`),
    ...dependencies.map((one) => `depends on ${mention(one)}`),
    ...waiting.map((one) => `waited for by ${mention(one)}`),
    ...(work_item === undefined ? [] : [`work item ${mention(work_item)}`]),
    `updated ${spokenTime(enhancement.updated_at)} UTC by ${plainLine(enhancement.updated_by)}`,
    ...(open_conflicts > 0 ? [`${count(open_conflicts, 'open conflict')}: worktrail conflicts`] : []),
    ...(description === null ? [] : ['', ...quoted(description)]),
  ].join('\n');
}
