/** Conflicts as a person reads them: what was asked, what others did, and the ways out. */
import type { FieldChange } from '../../domain/change.ts';
import type { NotSeen, Theirs } from '../../domain/conflict.ts';
import type { ConflictRecord } from '../../domain/conflict-record.ts';
import { makerText } from '../../domain/worker.ts';
import type { JsonValue } from '../../domain/json.ts';
import type { ConflictList } from '../../use-cases/records/conflicts.ts';
import { paint } from './output.ts';
import { count, cutLine, plainLine, shortId, spokenTime } from './plain-text.ts';

const VALUE_COLUMNS = 60;

/** What the records of conflicts are called now, by id. */
export type Names = ReadonlyMap<string, string>;
export const NO_NAMES: Names = new Map();

export function renderPage(page: ConflictList, names: Names, resolved: boolean): string {
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

export function conflictLines(conflict: ConflictRecord, id: string | undefined, names: Names): string[] {
  const { kind, made_at, reason, resolution, resolved_at, resolved_by } = conflict;
  const settled =
    resolved_at === null
      ? []
      : [
          `  settled with ${resolution ?? 'nothing'} by ${plainLine(resolved_by ?? '?')}, ${spokenTime(resolved_at)} UTC`,
        ];
  return [
    `${paint('bold', id ?? conflict.id)}  ${kind}  ${recordName(conflict, names)}`,
    `  made by ${makerText(conflict)}, ${spokenTime(made_at)} UTC`,
    `  why: ${plainLine(reason)}`,
    ...sideLines(conflict).map((line) => `  ${line}`),
    ...settled,
  ];
}

export function recordName({ entity, entity_id }: ConflictRecord, names: Names): string {
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
  const notSeen = (details['not_seen'] ?? []) as unknown as NotSeen[];
  const mine = yours.flatMap(({ field, from, to }) => {
    const last = theirs.findLast((one) => one.field === field);
    const hidden = last === undefined ? notSeen.find((one) => one.field === field) : undefined;
    if (hidden !== undefined) {
      return [
        `${plainLine(field)}${paint('red', ' (not seen by whoever changed it)')}`,
        `  mine:   ${spoken(to)}`,
        `  theirs: ${spoken(hidden.value)}`,
      ];
    }
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
  const along = notSeen
    .filter(({ field }) => !named.has(field))
    .map(
      ({ field, value }) =>
        `${plainLine(field)}: ${spoken(value)}${paint('red', ' (replaced along with it, and not seen by whoever changed it)')}`,
    );
  return [...mine, ...along, ...others];
}

export function waysToSettle({ id, changes }: ConflictRecord): string[] {
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
