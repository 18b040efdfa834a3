import { type ConflictRecord } from '../../domain/conflict-record.ts';
import { listConflicts, resolveConflict } from '../../use-cases/records/conflicts.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { cutLine, listText, shortId } from '../definitions/text.ts';

const REASON_IN_LINE_CHARACTERS = 160;
/** The ids of writes begin with their time: eight characters are the same for a minute. */
const CONFLICT_ID_CHARACTERS = 13;

export const listConflictsTool = defineTool(listConflicts, {
  toolset: 'conflicts',
  title: 'List conflicts',
  description:
    'Changes that were saved while the database was away and could not be applied when it came back: what was asked, what others did meanwhile, and why. id or vendor narrows it to one record. Example: {"id":"3f2a9c1b"}',
  parameters: {
    id: 'Of this record',
    vendor: 'Of this vendor',
    entity: 'Of this kind of record',
    resolved: 'Those that were settled instead',
  },
  text: (page, maxTokens) =>
    `${listText(page, 'conflicts', conflictLine, maxTokens)}${page.pending_count > 0 ? `\n${page.pending_count} changes wait to be applied` : ''}`,
});

export const resolveConflictTool = defineTool(resolveConflict, {
  toolset: 'conflicts',
  title: 'Settle a conflict',
  description:
    'Settle a conflict: keep_theirs leaves the record as it is, reapply makes the change again on the current version, custom sets fields instead. Example: {"id":"0192f3c1","resolution":"custom","fields":{"title":"Both ideas"}}',
  parameters: {
    id: 'The conflict: its id or the first 6+ characters',
    resolution: 'keep_theirs, reapply or custom',
    fields: 'With custom: the fields to set',
    resolved_by: 'Who decided, if not you',
  },
  text: (conflict) => `Settled ${conflictLine(conflict)} with ${conflict.resolution ?? 'nothing'}`,
});

function conflictLine({ id, kind, entity, entity_id, actor, made_at, reason }: ConflictRecord): string {
  return `${id.slice(0, CONFLICT_ID_CHARACTERS)} ${kind} ${entity} ${shortId(entity_id)} by ${oneLine(actor)} at ${made_at}: ${cutLine(reason, REASON_IN_LINE_CHARACTERS)}`;
}
