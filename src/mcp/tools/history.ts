import { LIST_TOKENS_DEFAULT, READ_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { joinLines } from '../../domain/others-text.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { count } from '../../domain/text.ts';
import { queryHistory, type History } from '../../use-cases/history/history.ts';
import { undo, type Undo, type UndoneChange } from '../../use-cases/history/undo.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { changeRow, type ChangeRow } from '../definitions/rows.ts';
import { withoutEmpty } from '../definitions/shown.ts';
import { changeLine, countWhole, listText, shortId } from '../definitions/text.ts';

export const queryHistoryTool = defineTool(queryHistory, {
  toolset: 'history',
  title: 'Read the history',
  inCore: true,
  hint: 'audit log, who changed what and when',
  description:
    'Every change, newest first: who, when, each field before and after. With since what came after a feed position, oldest first; go on with next_since. With as_of the state of a record then. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'Of this record',
    vendor: 'Of this vendor',
    entity: 'Of this kind of record',
    actor: 'By this person, client, device or session',
    from: 'Not before this time, ISO 8601',
    to: 'Not after this time, ISO 8601',
    since: 'After this position of the feed, oldest first',
    as_of: 'The state of the record at this time',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: (history, input) => shownHistory(pageOf(history, input, changeRow), history),
  parts: [
    { at: 'items', weight: 2 },
    { at: 'state', rest: () => 'query_history with the same arguments and a larger max_tokens' },
  ],
  goesOn: nextSince,
  text: historyText,
});

export const undoTool = defineTool(undo, {
  toolset: 'history',
  title: 'Undo',
  inCore: true,
  hint: 'revert, roll back, mistake',
  description:
    'Take back one change (change_id) at once, or all that somebody did since a time: shown first, done with apply true. Refused where others changed the same fields since; partial leaves those out. Example: {"change_id":"#12"}',
  parameters: {
    change_id: 'Its id or feed position, as "#12"',
    actor: 'All changes of this person, client, device or session',
    since: 'With actor: from this time on, ISO 8601',
    apply: 'With actor: do it; else it is shown only',
    partial: 'Leave out what others changed since',
  },
  // What would be taken back is to be seen before it is.
  budget: READ_TOKENS_DEFAULT,
  show: (outcome) => ({
    ...outcome,
    undone: outcome.undone.map(undoneRow),
    refused: outcome.refused.map(({ reason, ...change }) => ({ ...undoneRow(change), reason })),
  }),
  parts: [
    { at: 'undone', weight: 2, rest: () => 'query_history {}' },
    { at: 'refused', rest: () => 'query_history {}' },
    { at: 'records', rest: () => 'query_history {}' },
  ],
  text: undoText,
});

type ShownHistory = Omit<History, 'items' | 'state'> & { items: ChangeRow[]; state?: object };

/** A state has no empty fields. */
function shownHistory(shown: ShownHistory, { state }: History): ShownHistory {
  return { ...shown, ...(state !== undefined && { state: withoutEmpty(state) }) };
}

/** A catch-up that is cut goes on after the last change that is shown; while offline, by its cursor. */
function nextSince({ next_since, items }: ShownHistory): Pick<ShownHistory, 'next_since'> {
  if (next_since === undefined) return {};
  const last = items.at(-1)?.seq ?? PROVISIONAL_FEED_STEP;
  return { next_since: last >= PROVISIONAL_FEED_STEP ? null : last };
}

function historyText(history: ShownHistory): string {
  const { state, latest_seq, next_since, items } = history;
  if (state !== undefined) {
    const links = (history.dependencies ?? []).map(
      ({ source_id, dependency_type, target_id }) =>
        `${shortId(source_id)} ${dependency_type} ${shortId(target_id)}`,
    );
    const by = items.map((change, at) =>
      at === 0 ? `as left by ${changeLine(change)}` : changeLine(change),
    );
    return joinLines([JSON.stringify(state), ...links, ...by]);
  }
  const next = typeof next_since === 'number' ? ` next_since ${next_since}` : '';
  return `${listText(history, 'change', changeLine)}\nlatest_seq ${latest_seq}${next}`;
}

type UndoneRow = Omit<UndoneChange, 'change_id'>;

function undoneRow({ change_id: _id, entity_id, ...change }: UndoneChange): UndoneRow {
  return { ...change, entity_id: shortId(entity_id) };
}

interface ShownUndo extends Omit<Undo, 'undone' | 'refused'> {
  undone: UndoneRow[];
  refused: (UndoneRow & { reason: string })[];
}

function undoText(shown: ShownUndo): string {
  const { applied, change_id, undone, refused, records = [], repeated } = shown;
  const now = records.map(
    ({ id, version }) =>
      `${shortId(id)}${version === undefined ? ', changed by others too: read it' : ` v${version}`}`,
  );
  const nowLines = now.length === 0 ? [] : [`now: ${now.join('; ')}`];
  if (repeated === true)
    return joinLines([
      `Taken back by an earlier call with this key, as change ${change_id ?? ''}.`,
      ...nowLines,
    ]);
  const head = `${applied ? 'Took back' : 'Would take back'} ${count(countWhole(shown, 'undone'), 'change')}`;
  const how = applied
    ? ` (as change ${change_id ?? ''}, which can be taken back too)`
    : '; nothing was changed';
  const line = ({ seq, by, kind, entity, entity_id, title, records: touched }: UndoneRow) =>
    `#${seq} ${by} ${kind} ${entity} ${entity_id}${title === undefined ? '' : ` ${title}`}${touched > 1 ? ` and ${count(touched - 1, 'more record')}` : ''}`;
  return joinLines([
    head + how,
    ...undone.map(line),
    ...(countWhole(shown, 'refused') > 0 ? [`${countWhole(shown, 'refused')} cannot be taken back:`] : []),
    ...refused.map((change) => `${line(change)}: ${change.reason}`),
    ...nowLines,
  ]);
}
