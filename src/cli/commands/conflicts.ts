import type { Command } from 'commander';
import type { FieldChange } from '../../domain/change.ts';
import type { Theirs } from '../../domain/conflict.ts';
import type { ConflictRecord } from '../../domain/conflict-record.ts';
import type { JsonValue } from '../../domain/json.ts';
import { validationError } from '../../errors.ts';
import type { ConflictList } from '../../services/conflicts.ts';
import type { Context } from '../../services/context.ts';
import { fieldsFrom, numberFrom } from '../arguments.ts';
import { ExitCode } from '../exit-codes.ts';
import { addGlobalOptions, optionsOf, type GlobalOptions } from '../global-options.ts';
import { paint, printAnswer } from '../output.ts';
import { count, cutLine, plainLine, shortId, spokenTime } from '../plain-text.ts';
import { commandLineCaller, withApp } from '../with-app.ts';

const LIST_FIELDS = { resolved: 'resolved', limit: 'limit', cursor: 'cursor' } as const;
const VALUE_COLUMNS = 60;

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
        await show(id, nestedOptions(command));
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
        await resolve(id, nestedOptions<ResolveOptions>(command));
      }),
  );
  return conflicts;
}

/** The options of a command below `conflicts`: those right at it win over those before it. */
function nestedOptions<Options extends object>(command: Command): Options & GlobalOptions {
  return { ...command.parent?.parent?.opts<GlobalOptions>(), ...optionsOf<Options>(command) };
}

async function list(options: GlobalOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { listConflictsInput } = await import('../../domain/conflict-record.ts');
  const { listConflicts } = await import('../../services/conflicts.ts');
  const input = parseInput(listConflictsInput, fieldsFrom(options, LIST_FIELDS));
  await withApp(options, async ({ context }) => {
    const answer = await listConflicts(context, input);
    const open = input.resolved
      ? (await listConflicts(context, parseInput(listConflictsInput, { limit: 1 }))).data.total_count
      : answer.data.total_count;
    if (open > 0) process.exitCode = ExitCode.finding;
    const names = options.json === true ? NO_NAMES : await namesOf(context, answer.data.items);
    printAnswer(answer, options.json, (page) => renderPage(page, names, input.resolved));
  });
}

async function show(id: string, options: GlobalOptions): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const { notFound } = await import('../../errors.ts');
  const { resolveConflictInput } = await import('../../domain/conflict-record.ts');
  const { findId } = await import('../../services/find-id.ts');
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
  const { resolveConflict } = await import('../../services/conflicts.ts');
  const input = parseInput(resolveConflictInput, {
    id,
    ...decisionOf(options),
    ...(options.key !== undefined && { idempotency_key: options.key }),
  });
  await withApp(options, async ({ context }) => {
    printAnswer(await resolveConflict(context, commandLineCaller(), input), options.json, (settled) => {
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

/** What the records of conflicts are called now, by id. */
type Names = ReadonlyMap<string, string>;
const NO_NAMES: Names = new Map();

async function namesOf(context: Context, conflicts: ConflictRecord[]): Promise<Names> {
  const items = conflicts.filter(({ entity }) => entity === 'work_item' || entity === 'dependency');
  const ids = [...new Set(items.map(({ entity_id }) => entity_id))];
  const { data } = await context.store.read((reader) => reader.findWorkItems(ids));
  return new Map(data.map(({ id, title }) => [id, title]));
}

function renderPage(page: ConflictList, names: Names, resolved: boolean): string {
  const { items, total_count, next_cursor, pending_count } = page;
  const ids = displayIds(items);
  const what = resolved ? 'settled conflict' : 'open conflict';
  const lines = items.flatMap((conflict, index) => [...conflictLines(conflict, ids[index], names), '']);
  const total =
    total_count === 0
      ? `No ${what}s.`
      : `${items.length} of ${count(total_count, what)}${next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`}`;
  const waiting =
    pending_count === 0
      ? []
      : [
          `${count(pending_count, 'write')} made here ${pending_count === 1 ? 'waits' : 'wait'} to be applied.`,
        ];
  const help =
    resolved || total_count === 0
      ? []
      : ['Settle one: worktrail conflicts resolve ID --keep-theirs | --reapply | --set field=value'];
  return [...lines, total, ...waiting, ...help].join('\n');
}

/** Ids of writes begin with the time, so that those of one minute share their first characters. */
function displayIds(conflicts: ConflictRecord[]): string[] {
  const length = [8, 13, 18].find(
    (characters) => new Set(conflicts.map(({ id }) => id.slice(0, characters))).size === conflicts.length,
  );
  return conflicts.map(({ id }) => id.slice(0, length));
}

function conflictLines(conflict: ConflictRecord, id: string | undefined, names: Names): string[] {
  const { kind, actor, client, made_at, reason, resolution, resolved_at, resolved_by } = conflict;
  const settled =
    resolved_at === null
      ? []
      : [
          `  settled with ${resolution ?? 'nothing'} by ${plainLine(resolved_by ?? '?')}, ${spokenTime(resolved_at)} UTC`,
        ];
  return [
    `${paint('bold', id ?? conflict.id)}  ${kind}  ${recordName(conflict, names)}`,
    `  made by ${plainLine(actor)} (${plainLine(client)}), ${spokenTime(made_at)} UTC`,
    `  why: ${plainLine(reason)}`,
    ...sideLines(conflict).map((line) => `  ${line}`),
    ...settled,
  ];
}

function recordName({ entity, entity_id }: ConflictRecord, names: Names): string {
  const name = names.get(entity_id);
  const what = `${entity.replace('_', ' ')} ${shortId(entity_id)}`;
  return name === undefined ? what : `${what} "${plainLine(name)}"`;
}

/** Each field with its value before, the one of this write, and the one that others gave it. */
function sideLines({ kind, details, changes }: ConflictRecord): string[] {
  if (kind === 'rejected') {
    return changes.flatMap(({ kind: what, entity, patch }) => [
      `${what} ${entity.replace('_', ' ')}`,
      ...Object.entries(patch).map(([field, value]) => `  ${plainLine(field)}: ${spoken(value)}`),
    ]);
  }
  const yours = (details['yours'] ?? []) as unknown as FieldChange[];
  const theirs = (details['theirs'] ?? []) as unknown as Theirs[];
  const overlap = new Set((details['overlap'] ?? []) as string[]);
  const mine = yours.flatMap(({ field, from, to }) => {
    const last = theirs.findLast((one) => one.field === field);
    return [
      `${plainLine(field)}${overlap.has(field) ? paint('red', ' (both changed it)') : ''}`,
      `  base:   ${spoken(from)}`,
      `  mine:   ${spoken(to)}`,
      `  theirs: ${last === undefined ? '(not changed)' : `${spoken(last.to)} (${plainLine(last.by)}, ${spokenTime(last.at)} UTC)`}`,
    ];
  });
  const named = new Set(yours.map(({ field }) => field));
  const others = theirs
    .filter(({ field }) => !named.has(field))
    .map(
      ({ field, from, to, by }) =>
        `${plainLine(field)}: ${spoken(from)} → ${spoken(to)} (${plainLine(by)} only)`,
    );
  return [...mine, ...others];
}

function waysToSettle({ id, changes }: ConflictRecord): string[] {
  const command = `worktrail conflicts resolve ${id}`;
  return [
    'Settle it with one of:',
    `  ${command} --keep-theirs       leaves the record as it is`,
    `  ${command} --reapply           makes the change again on the current version`,
    ...(changes.length === 1 ? [`  ${command} --set field=value   sets other values instead`] : []),
  ];
}

const EMPTY = '(empty)';

function spoken(value: JsonValue): string {
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return EMPTY;
  return cutLine(plainLine(typeof value === 'string' ? value : JSON.stringify(value)), VALUE_COLUMNS);
}
