import * as z from 'zod';
import type { FieldChange } from '../../domain/change.ts';
import type { ConflictRecord } from '../../domain/conflict-record.ts';
import { isPlainObject } from '../../domain/json.ts';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { count, cut } from '../../domain/text.ts';
import { listConflicts, resolveConflict } from '../../use-cases/records/conflicts.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { rowOf, seenOf, shortValue } from '../definitions/shown.ts';
import { makerText, shortSession } from '../../domain/worker.ts';
import { callForItem } from '../definitions/whole-item.ts';
import { doneText, fieldsText, listText, shortId, spokenValue } from '../definitions/text.ts';

const REASON_CHARACTERS = 160;
const VALUE_CHARACTERS = 80;
const FIELDS_SHOWN = 4;
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
  budget: LIST_TOKENS_DEFAULT,
  show: (page, input) => pageOf(page, input, conflictRow),
  parts: [{ at: 'items' }],
  text: (page) =>
    `${listText(page, 'conflict', conflictLine)}${page.pending_count > 0 ? `\n${count(page.pending_count, 'change')} to be applied` : ''}`,
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
  show: (conflict) => {
    const { record } = conflict as { record?: Record<string, unknown> | null };
    return {
      ...conflictRow(conflict),
      id: conflict.id,
      version: conflict.version,
      // Its version is past what others wrote: who goes on by it has to have seen that.
      ...(record?.['version'] !== undefined && { record: seenOf(record) }),
      ...(conflict.repeated === true && { repeated: true }),
    };
  },
  parts: [
    {
      at: 'record',
      rest: ({ entity, entity_id: id }) =>
        entity === 'work_item' ? callForItem({ id }, {}) : `query_history ${JSON.stringify({ id })}`,
    },
  ],
  more: () => ({ yours: z.array(z.unknown()).optional(), theirs: z.array(z.unknown()).optional() }),
  text: ({ resolution, record, ...conflict }) =>
    `${doneText('Settled', conflict)} ${conflictLine(conflict)} with ${resolution ?? 'nothing'}${record === undefined ? '' : `: now${record['version'] === undefined ? '' : ` v${String(record['version'])}`}${fieldsText(record, ['id', 'version'])}`}`,
});

type Told = Pick<FieldChange, 'field' | 'to'> & { by?: string };

interface ConflictRow
  extends
    Pick<ConflictRecord, 'id' | 'kind' | 'entity' | 'entity_id' | 'actor' | 'made_at' | 'reason'>,
    Partial<Pick<ConflictRecord, 'resolution' | 'resolved_at' | 'resolved_by'>> {
  client?: string;
  person?: string;
  session?: string;
  yours?: Told[];
  theirs?: Told[];
  more?: string;
}

function conflictRow(conflict: ConflictRecord): ConflictRow {
  const { id, kind, entity, entity_id, actor, client, person, session, made_at, reason, details } = conflict;
  const { yours = askedFor(conflict), theirs } = (details ?? {}) as { yours?: Told[]; theirs?: Told[] };
  return {
    id: id.slice(0, CONFLICT_ID_CHARACTERS),
    ...{ kind, entity, entity_id: shortId(entity_id), actor, client },
    ...(person !== null && person !== actor && { person }),
    ...(session !== null && { session: shortSession(session) }),
    made_at,
    reason: cut(reason, REASON_CHARACTERS),
    ...rowOf(conflict, ['resolution', 'resolved_at', 'resolved_by']),
    ...(yours.length > 0 && { yours: yours.slice(0, FIELDS_SHOWN).map(told) }),
    ...(theirs !== undefined && { theirs: theirs.slice(0, FIELDS_SHOWN).map(told) }),
    ...moreOf([yours, theirs ?? []], conflict),
  };
}

/** What a write that broke a rule wanted to set, by name: it was never compared with a record. */
function askedFor({ changes }: ConflictRecord): Told[] {
  const asked = changes.flatMap(({ patch }) =>
    Object.entries(patch).flatMap(([field, to]) =>
      field === 'metadata' && isPlainObject(to)
        ? Object.entries(to).map(([key, value]) => ({ field: `metadata.${key}`, to: value }))
        : [{ field, to: to ?? null }],
    ),
  ) as Told[];
  return asked.sort((a, b) => (a.field < b.field ? -1 : 1));
}

/** What of the two sides is not shown, and the call that shows more. */
function moreOf(
  sides: readonly Told[][],
  { entity_id, resolution }: ConflictRecord,
): Pick<ConflictRow, 'more'> {
  const fields = sides.reduce((sum, side) => sum + Math.max(0, side.length - FIELDS_SHOWN), 0);
  const isLong = sides.flat().some(({ to }) => shortValue(to, VALUE_CHARACTERS) !== to);
  if (fields === 0 && !isLong) return {};
  const call = {
    id: shortId(entity_id),
    ...(resolution !== null && { resolved: true }),
    ...{ fields: ['changes', 'details'], max_tokens: 20_000 },
  };
  const what = fields === 0 ? 'whole values' : count(fields, 'more field');
  return { more: `${what}: list_conflicts ${JSON.stringify(call)}` };
}

function told({ field, to, by }: Told): Told {
  return { field, to: shortValue(to, VALUE_CHARACTERS), ...(by !== undefined && { by }) };
}

function conflictLine({
  id,
  kind,
  entity,
  entity_id,
  made_at,
  reason,
  yours,
  theirs,
  more,
  resolution,
  resolved_at,
  resolved_by,
  ...maker
}: ConflictRow): string {
  const settled =
    resolution == null
      ? ''
      : `; settled with ${resolution} by ${oneLine(resolved_by ?? '?')} at ${resolved_at ?? '?'}`;
  const side = (name: string, fields: Told[] = []) =>
    fields.length === 0
      ? ''
      : `; ${name}: ${fields.map(({ field, to, by }) => `${field} → ${spokenValue(to)}${by === undefined ? '' : ` (${oneLine(by)})`}`).join(', ')}`;
  return `${id} ${kind} ${entity} ${entity_id} by ${makerText(maker)} at ${made_at}: ${oneLine(reason)}${side('yours', yours)}${side('theirs', theirs)}${settled}${more === undefined ? '' : ` (${more})`}`;
}
