import type { Command } from 'commander';
import type { Entity, FieldChange, RecordedChange } from '../../domain/change.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { Context } from '../../use-cases/support/context.ts';
import type { History } from '../../use-cases/history/history.ts';
import { makerText } from '../../domain/worker.ts';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { paint, printAnswer } from '../terminal/output.ts';
import { count, cutLine, plainLine, shortId, spokenTime } from '../terminal/plain-text.ts';
import { withAnswer } from '../terminal/run-use-case.ts';

const FIELDS = {
  vendor: 'vendor',
  entity: 'entity',
  actor: 'actor',
  from: 'from',
  to: 'to',
  since: 'since',
  at: 'as_of',
  limit: 'limit',
  cursor: 'cursor',
} as const;

/** The list itself would load the schemas for a help text. */
const NOUNS = Object.keys({
  work_item: true,
  dependency: true,
  note: true,
  enhancement: true,
  vendor: true,
  deployment: true,
  configuration: true,
  conflict: true,
} satisfies { [E in Entity]: true });

const VALUE_COLUMNS = 60;

/** `worktrail history [ID]`: what was changed, by whom, when, from what to what. */
export function addHistoryCommand(program: Command): Command {
  return program
    .command('history')
    .description('show what was changed, newest first')
    .argument('[id]', 'only changes of this record: an id, or its first 6 or more characters')
    .option('--vendor <name>', 'only changes of this vendor')
    .option('--entity <kind>', `only ${NOUNS.slice(0, -1).join(', ')} or ${NOUNS.at(-1)}`)
    .option(
      '--actor <who>',
      'only changes by this person, through this client, on this device, in this session',
    )
    .option('--from <time>', 'not before this time, as 2026-01-31T09:30:00+02:00')
    .option('--to <time>', 'not after this time')
    .option('--since <position>', 'only what came after this position of the feed, oldest first', numberFrom)
    .option('--at <time>', 'the state of the record at this time, and the change that made it so')
    .option('--limit <number>', 'changes on a page, 1 to 100 (default: 50)', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .addHelpText(
      'after',
      `
Examples:
  worktrail history 3f2a9c1e
  worktrail history --actor ada --from 2026-01-31T00:00:00Z
  worktrail history 3f2a9c1e --at 2026-01-31T09:30:00Z
  worktrail history --since 120 --json`,
    )
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf(command);
      const load = async () => (await import('../../use-cases/history/history.ts')).queryHistory;
      const fields = { ...(id !== undefined && { id }), ...fieldsFrom(options, FIELDS) };
      await withAnswer(options, load, fields, async (answer, context) => {
        const titles =
          options.json === true ? new Map<string, string>() : await titlesOf(context, answer.data.items);
        printAnswer(answer, options.json, (history) => renderHistory(history, titles));
      });
    });
}

/** What the changed work items are called now. */
async function titlesOf(context: Context, changes: RecordedChange[]): Promise<Map<string, string>> {
  const ids = [
    ...new Set(changes.flatMap(({ entity_id, related_id }) => [entity_id, related_id ?? entity_id])),
  ];
  const { data } = await context.store.read((reader) => reader.findWorkItems(ids));
  return new Map(data.map(({ id, title }) => [id, title]));
}

function renderHistory(history: History, titles: Map<string, string>): string {
  const { items, total_count, next_cursor, latest_seq, state } = history;
  if (state !== undefined) return renderState(state, history, titles);
  const lines = items.flatMap((change) => changeLines(change, titles));
  const total = `${items.length} of ${count(total_count, 'change')}; the feed stands at ${latest_seq}`;
  const next = next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`;
  return [...lines, ...(lines.length > 0 ? [''] : []), total + next].join('\n');
}

/** Every field that had a value, one a line; then the links, and the change that left it so. */
function renderState(
  state: JsonObject,
  { dependencies = [], items }: History,
  titles: Map<string, string>,
): string {
  const { metadata, ...fields } = state;
  const keys = Object.entries((metadata ?? {}) as JsonObject).map(([key, value]): [string, JsonValue] => [
    `metadata.${key}`,
    value,
  ]);
  const lines = [...Object.entries(fields), ...keys].filter(([, value]) => spoken(value) !== EMPTY);
  const links = dependencies.map(
    ({ source_id, dependency_type, target_id }) =>
      `  ${shortId(source_id)} ${dependency_type} ${shortId(target_id)}`,
  );
  return [
    ...lines.map(([field, value]) => `${plainLine(field)}: ${spoken(value)}`),
    ...(links.length > 0 ? ['links:', ...links] : []),
    ...(items.length > 0
      ? ['', 'as left by', ...items.flatMap((change) => changeLines(change, titles))]
      : []),
  ].join('\n');
}

function changeLines(change: RecordedChange, titles: Map<string, string>): string[] {
  const { seq, at, entity, entity_id, kind, version, merged_with } = change;
  const title = titles.get(entity_id);
  const what = [
    `${kind} ${entity.replace('_', ' ')} ${shortId(entity_id)}`,
    ...(version === null ? [] : [`v${version}`]),
    ...(title === undefined ? [] : [paint('bold', plainLine(title))]),
  ];
  const merged = merged_with.length > 0 ? [`    merged with version ${merged_with.join(', ')}`] : [];
  return [
    `#${seq}  ${spokenTime(at)} UTC  ${makerText(change)}  ${what.join(' ')}`,
    ...fieldLines(change, titles),
    ...merged,
  ];
}

/** Fields of a new record that say nothing to a reader: where it is, and what the line above tells already. */
const SILENT_AT_CREATION = new Set(['id', 'path', 'depth', 'position', 'title', 'created_at', 'created_by']);

function fieldLines(
  { entity, kind, fields, related_id }: RecordedChange,
  titles: Map<string, string>,
): string[] {
  const shown =
    kind === 'create'
      ? fields.filter(({ field, to }) => !SILENT_AT_CREATION.has(field) && spoken(to) !== EMPTY)
      : fields;
  if (related_id !== null)
    return [
      // A link says its kind first, a note what somebody wrote.
      `    ${entity === 'note' ? '> ' : ''}${linkText(shown, related_id)} ${plainLine(titles.get(related_id) ?? '')}`,
    ];
  return shown.map(({ field, from, to }) => {
    // Where it stands says nothing by itself.
    if (field === 'position') return '    put elsewhere among its siblings';
    const before = kind === 'create' ? '' : `${spoken(from)} → `;
    return `    ${plainLine(field)}: ${before}${spoken(to)}`;
  });
}

/** The field of a dependency reads `<type> <id>`, before or after. */
function linkText(fields: FieldChange[], relatedId: string): string {
  return fields
    .map(({ from, to }) => plainLine(String(to ?? from)).replace(relatedId, shortId(relatedId)))
    .join(', ');
}

const EMPTY = '(empty)';

function spoken(value: JsonValue): string {
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return EMPTY;
  return cutLine(plainLine(typeof value === 'string' ? value : JSON.stringify(value)), VALUE_COLUMNS);
}
