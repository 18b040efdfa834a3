import { joinLines } from '../../domain/others-text.ts';
import { queryHistory, type History } from '../../use-cases/history/history.ts';
import { undo, type Undo, type UndoneChange } from '../../use-cases/history/undo.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { changeLine, listText, shortId } from '../definitions/text.ts';

/** Changes named in the text of an undo; all of them are in the structured content. */
const UNDONE_IN_TEXT = 20;

export const queryHistoryTool = defineTool(queryHistory, {
  toolset: 'history',
  title: 'Read the history',
  description:
    'Every change with who, when and each field before and after: of one record (id or vendor), by an actor, in a time range; newest first. since N: what came after feed position N, oldest first; go on with next_since. as_of: the state of a record at that time. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'Of this record',
    vendor: 'Of this vendor',
    entity: 'Of this kind of record',
    actor: 'By this actor',
    from: 'Not before this time, ISO 8601',
    to: 'Not after this time, ISO 8601',
    since: 'After this position of the feed, oldest first',
    as_of: 'The state of the record at this time',
  },
  text: historyText,
});

export const undoTool = defineTool(undo, {
  toolset: 'history',
  title: 'Undo',
  description:
    'Take back one change by its inverse: change_id (or "#12", its feed position) at once; or all that an actor did since a time, shown first, done with apply true. Refused where others changed the same fields since; partial leaves those out. Example: {"change_id":"#12"}',
  parameters: {
    change_id: 'The change: its id or "#12"',
    actor: 'All changes by this actor since a time',
    since: 'With actor: ISO 8601',
    apply: 'With actor: do it; else it is shown only',
    partial: 'Leave out what others changed since',
  },
  text: undoText,
});

function historyText(history: History, maxTokens: number | undefined): string {
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
  return `${listText(history, 'changes', changeLine, maxTokens)}\nlatest_seq ${latest_seq}${next}`;
}

function undoText({ applied, change_id, undone, refused, repeated }: Undo): string {
  if (repeated === true) return 'Taken back by an earlier call with this key.';
  const head = applied ? `Took back ${undone.length} changes` : `Would take back ${undone.length} changes`;
  const how = applied
    ? ` (as change ${change_id ?? ''}, which can be taken back too)`
    : '; nothing was changed';
  const line = ({ seq, kind, entity, entity_id, title, records }: UndoneChange) =>
    `#${seq} ${kind} ${entity} ${shortId(entity_id)}${title === undefined ? '' : ` ${title}`}${records > 1 ? ` and ${records - 1} more records` : ''}`;
  return joinLines([
    head + how,
    ...named(undone.map(line)),
    ...(refused.length > 0 ? [`${refused.length} cannot be taken back:`] : []),
    ...named(refused.map((change) => `${line(change)}: ${change.reason}`)),
  ]);
}

function named(lines: string[]): string[] {
  const left = lines.length - UNDONE_IN_TEXT;
  return left > 0 ? [...lines.slice(0, UNDONE_IN_TEXT), `… and ${left} more`] : lines;
}
