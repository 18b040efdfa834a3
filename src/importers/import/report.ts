/** An import told to a person at a terminal. */
import { joinLines, nameFirst, oneLine } from '../../domain/others-text.ts';
import { ITEM_STATUSES, ITEM_TYPES } from '../../domain/work-item.ts';
import type { ImportOutcome, ImportPlan } from './plan.ts';
import type { ImportResult } from './run.ts';
import type { SourceTaken } from './settle-source.ts';

/**
 * What was (or with `dry_run` would be) made and how: counts by type and status, every mapping, adjusted value,
 * unresolved reference and input that was not understood. Plain text without colour, ends with a newline;
 * what the source holds stays within its line and is seen as what it is: see `others-text.ts`.
 */
export function renderImportReport(
  plan: ImportPlan,
  outcome: ImportOutcome & Partial<Pick<ImportResult, 'source_taken'>>,
): string {
  const { source_taken: taken } = outcome;
  const errors = plan.notes.filter(({ code }) => code.startsWith('error_'));
  const notes = plan.notes.filter(({ code }) => !code.startsWith('error_'));
  const sections = [
    [headline(plan, outcome), ...outcomeLines(outcome), ...(taken === undefined ? [] : sourceLines(taken))],
    ['Items by type and status', ...countTable(plan)],
    section('COULD NOT BE KEPT', errors, ({ foreign_id, message }) => `${nameFirst(foreign_id)}: ${message}`),
    section('Mapped', plan.mappings, ({ field, from, to, count }) => `${field}: ${from} -> ${to}, ${count}`),
    linkSection(plan),
    section(
      'Unresolved references (kept in metadata.imported)',
      plan.unresolved,
      (entry) => `${nameFirst(entry.foreign_id)}: ${entry.field} names ${entry.reference}; ${entry.reason}`,
    ),
    section(
      'Adjusted',
      notes,
      ({ code, foreign_id, message }) => `${nameFirst(foreign_id)}: ${message} [${code}]`,
    ),
    section(
      'Not understood',
      plan.skipped,
      ({ file, line, reason }) =>
        `${nameFirst(file)}${line === undefined ? '' : `, line ${line}`}: ${reason}`,
    ),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${joinLines(lines)}\n`)
    .join('\n');
}

/** Which source was taken for which, and why. */
export function sourceLines(taken: SourceTaken): string[] {
  const { namespace, as, place, known_places, reason, others, renamed, renamed_total } = taken;
  const name = JSON.stringify(oneLine(namespace));
  const at = place === null ? '' : ` at ${oneLine(place)}`;
  const before = known_places.filter((known) => known !== place).map(oneLine);
  const known = before.length === 0 ? '' : `, imported before from ${before.join(', ')}`;
  const first = renamed.map(({ from, to }) => `${oneLine(from)} is ${oneLine(to)} now`).join(', ');
  return [
    as === 'new'
      ? `  a new source${at}, called ${name} here: ${reason}`
      : `  source ${name}${at}${known}: ${reason}`,
    ...(renamed_total > 0
      ? [
          `  ${renamed_total} of its items go by other ids in it now: ${first}${renamed_total > renamed.length ? ', …' : ''}`,
        ]
      : []),
    ...others.map((other) => `  not the source ${JSON.stringify(oneLine(other.namespace))}: ${other.reason}`),
  ];
}

function headline(plan: ImportPlan, { dry_run }: ImportOutcome): string {
  const what = `${plan.items.length} items and ${plan.links.length} links from ${plan.source}, namespace ${plan.namespace}`;
  return dry_run ? `Dry run, nothing was changed: ${what}` : `Imported: ${what}`;
}

function outcomeLines({
  created,
  updated,
  unchanged,
  kept_local,
  links_added,
  notes_added,
}: ImportOutcome): string[] {
  return [
    `  ${created} created, ${updated} updated, ${unchanged} unchanged, ${links_added} links added, ${notes_added} notes added`,
    ...(kept_local > 0 ? [`  ${kept_local} changed here since the last import and left as they are`] : []),
  ];
}

function countTable({ items }: ImportPlan): string[] {
  const count = (type: string, status: string) =>
    items.filter((item) => item.item_type === type && item.status === status).length;
  const statuses = ITEM_STATUSES.filter((status) => items.some((item) => item.status === status));
  const types = ITEM_TYPES.filter((type) => items.some((item) => item.item_type === type));
  const rows = [
    ['', ...statuses],
    ...types.map((type) => [type, ...statuses.map((status) => String(count(type, status)))]),
  ];
  const widths = ['', ...statuses].map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) => {
    const [type = '', ...counts] = row;
    const cells = counts.map((cell, column) => cell.padStart(widths[column + 1] ?? 0));
    return `  ${[type.padEnd(widths[0] ?? 0), ...cells].join('  ')}`.trimEnd();
  });
}

function linkSection({ links }: ImportPlan): string[] {
  const counts = new Map<string, number>();
  for (const { dependency_type: type } of links) counts.set(type, (counts.get(type) ?? 0) + 1);
  return section('Links', [...counts].sort(), ([type, count]) => `${type}: ${count}`);
}

function section<Entry>(title: string, entries: readonly Entry[], show: (entry: Entry) => string): string[] {
  if (entries.length === 0) return [];
  return [`${title}: ${entries.length}`, ...entries.map((entry) => `  ${show(entry)}`)];
}
