import type { Command } from 'commander';
import type { ConflictRecord } from '../../domain/conflict-record.ts';
import { validationError } from '../../domain/errors.ts';
import type { Context } from '../../use-cases/support/context.ts';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import {
  NO_NAMES,
  conflictLines,
  recordName,
  renderPage,
  waysToSettle,
  type Names,
} from '../terminal/conflict-text.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import {
  addGlobalOptions,
  nestedOptionsOf,
  optionsOf,
  type GlobalOptions,
} from '../terminal/global-options.ts';
import { printAnswer } from '../terminal/output.ts';
import { shortId } from '../terminal/plain-text.ts';
import { commandLineCaller, withApp } from '../terminal/with-app.ts';

const LIST_FIELDS = { resolved: 'resolved', limit: 'limit', cursor: 'cursor' } as const;

interface ResolveOptions {
  keepTheirs?: true;
  reapply?: true;
  set?: string[];
  key?: string;
}

/** `worktrail conflicts`: writes that could not be applied as they were made, and how to settle them. */
export function addConflictsCommand(program: Command): Command {
  const conflicts = program
    .command('conflicts')
    .description('list, show and settle changes that could not be applied when the database came back')
    .enablePositionalOptions()
    .option('--resolved', 'those that were settled, instead of those still open')
    .option('--limit <number>', 'conflicts on a page, 1 to 100 (default: 50)', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .addHelpText(
      'after',
      `
Exit codes: 0 nothing is open, 1 at least one conflict waits for a decision.

Examples:
  worktrail conflicts
  worktrail conflicts show 0192f3c17abc
  worktrail conflicts resolve 0192f3c17abc --keep-theirs`,
    )
    .action(async (_options: unknown, command: Command) => {
      await list(optionsOf(command));
    });
  addGlobalOptions(
    conflicts
      .command('show')
      .description('show one conflict field by field: before, your change, and what others did')
      .argument('<id>', "the conflict's id, or its first 6 or more characters")
      .addHelpText(
        'after',
        `
Example:
  worktrail conflicts show 0192f3c17abc`,
      )
      .action(async (id: string, _options: unknown, command: Command) => {
        await show(id, nestedOptionsOf(command));
      }),
  );
  addGlobalOptions(
    conflicts
      .command('resolve')
      .description('settle one conflict')
      .argument('<id>', "the conflict's id, or its first 6 or more characters")
      .option('--keep-theirs', 'leave the record as it is')
      .option('--reapply', 'make the change again on top of the current version')
      .option(
        '--set <field=value...>',
        'set these fields instead; a value may be JSON, and is empty to clear the field',
      )
      .option('--key <key>', 'idempotency key: a repeated call changes nothing more')
      .addHelpText(
        'after',
        `
Examples:
  worktrail conflicts resolve 0192f3c17abc --keep-theirs
  worktrail conflicts resolve 0192f3c17abc --reapply
  worktrail conflicts resolve 0192f3c17abc --set "title=Both ideas" priority=2 'labels=["a","b"]'`,
      )
      .action(async (id: string, _options: unknown, command: Command) => {
        await resolve(id, nestedOptionsOf<ResolveOptions>(command));
      }),
  );
  return conflicts;
}

async function list(options: GlobalOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { listConflictsInput } = await import('../../domain/conflict-record.ts');
  const { listConflicts } = await import('../../use-cases/records/conflicts.ts');
  const input = parseInput(listConflictsInput, fieldsFrom(options, LIST_FIELDS));
  await withApp(options, async ({ context }) => {
    const answer = await listConflicts.run(context, commandLineCaller(), input);
    const open = input.resolved
      ? (await listConflicts.run(context, commandLineCaller(), parseInput(listConflictsInput, { limit: 1 })))
          .data.total_count
      : answer.data.total_count;
    if (open > 0) process.exitCode = ExitCode.finding;
    const names = options.json === true ? NO_NAMES : await namesOf(context, answer.data.items);
    printAnswer(answer, options.json, (page) => renderPage(page, names, input.resolved));
  });
}

async function show(id: string, options: GlobalOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { notFound } = await import('../../domain/errors.ts');
  const { resolveConflictInput } = await import('../../domain/conflict-record.ts');
  const { findId } = await import('../../use-cases/support/find-id.ts');
  const input = parseInput(resolveConflictInput.pick({ id: true }), { id });
  await withApp(options, async ({ context }) => {
    const answer = await context.store.read(async (reader) => {
      const found = await findId(reader.findConflictsByIdRange, 'conflict', input.id);
      const conflict = await reader.findConflict(found);
      if (conflict === undefined) throw notFound('conflict', { id });
      return conflict;
    });
    if (answer.data.resolved_at === null) process.exitCode = ExitCode.finding;
    const names = options.json === true ? NO_NAMES : await namesOf(context, [answer.data]);
    printAnswer(answer, options.json, (conflict) =>
      [
        ...conflictLines(conflict, conflict.id, names),
        ...(conflict.resolved_at === null ? ['', ...waysToSettle(conflict)] : []),
      ].join('\n'),
    );
  });
}

async function resolve(id: string, options: ResolveOptions & GlobalOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { resolveConflictInput } = await import('../../domain/conflict-record.ts');
  const { resolveConflict } = await import('../../use-cases/records/conflicts.ts');
  const input = parseInput(resolveConflictInput, {
    id,
    ...decisionOf(options),
    ...(options.key !== undefined && { idempotency_key: options.key }),
  });
  await withApp(options, async ({ context }) => {
    printAnswer(await resolveConflict.run(context, commandLineCaller(), input), options.json, (settled) => {
      const version = settled.record?.['version'];
      const after = typeof version === 'number' ? `; the record is at version ${version}` : '';
      const how = HOW_SETTLED[settled.resolution ?? 'keep_theirs'];
      return `Settled ${shortId(settled.id)} on ${recordName(settled, NO_NAMES)}: ${how}${after}.`;
    });
  });
}

const HOW_SETTLED = {
  keep_theirs: 'the record stays as it is',
  reapply: 'the change was made again',
  custom: 'the given fields were set instead',
} as const;

function decisionOf({ keepTheirs, reapply, set }: ResolveOptions) {
  const chosen = [
    ...(keepTheirs === true ? [{ resolution: 'keep_theirs' }] : []),
    ...(reapply === true ? [{ resolution: 'reapply' }] : []),
    ...(set === undefined ? [] : [{ resolution: 'custom', fields: settingsFrom(set) }]),
  ];
  const [decision] = chosen;
  if (decision !== undefined && chosen.length === 1) return decision;
  throw validationError(
    {
      field: 'resolution',
      constraint: 'must be one of --keep-theirs, --reapply and --set',
      value: chosen.length === 0 ? null : chosen.map(({ resolution }) => resolution).join(' and '),
    },
    '`worktrail conflicts show ID` shows both sides; then give exactly one of the three. Nothing was changed.',
  );
}

const NUMBERS: ReadonlySet<string> = new Set([
  'priority',
  'pr_number',
  'default_token_budget',
  'archive_after_days',
]);

/** `field=value` pairs; the record's own schema checks them, and decodes objects and lists. */
function settingsFrom(pairs: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (at === -1 || name === '' || Object.hasOwn(fields, name)) {
      throw validationError(
        { field: 'set', constraint: 'must be field=value, each field once', value: pair },
        'Write --set title="Both ideas" priority=2, for example. Nothing was changed.',
      );
    }
    const text = pair.slice(at + 1);
    if (text === '') fields[name] = null;
    else fields[name] = NUMBERS.has(name) ? numberFrom(text) : text;
  }
  return fields;
}

async function namesOf(context: Context, conflicts: ConflictRecord[]): Promise<Names> {
  const items = conflicts.filter(({ entity }) => entity === 'work_item' || entity === 'dependency');
  const ids = [...new Set(items.map(({ entity_id }) => entity_id))];
  const { data } = await context.store.read((reader) => reader.findWorkItems(ids));
  return new Map(data.map(({ id, title }) => [id, title]));
}
