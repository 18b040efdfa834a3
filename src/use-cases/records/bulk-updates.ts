/** Several items updated in one write: all of them, each from the version it was read at, or none. */
import type * as z from 'zod';
import { batchPatch, recordsOf, type BatchPart } from '../../domain/batch.ts';
import type { JsonObject } from '../../domain/json.ts';
import { planUpdateInput, type PlanUpdateInput, updateWorkItemsInput } from '../../domain/plan.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { TrackerError, notFound, validationError, type Problem, isError } from '../../domain/errors.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { inEntry, parseEntries, problemsOf, type Entry } from '../support/batch-input.ts';
import { refuseEmptyPatch, write } from '../support/context.ts';
import { findItemId } from '../support/find-id.ts';
import { lookUp } from '../support/look-up.ts';
import { newPosition } from './new-position.ts';
import { findAsRead, refuseShownParts } from './long-texts.ts';
import { ITEM_FIELDS, newDescription, updatePatch } from './work-items.ts';
import { bulkUpdateShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/**
 * Items as they are afterwards; an update with cascade adds those that went along, with nothing but a version, and one
 * that was merged with those of others is told whole.
 */
export interface UpdatedItem extends Partial<WorkItem> {
  id: string;
  version: number;
  merged_with?: number[];
}

export interface BulkUpdate {
  items: UpdatedItem[];
  repeated?: true;
}

/**
 * Updates all of the items or none.
 * @throws ValidationError that lists every problem; VersionConflictError whose `refused` lists every item that
 *   others changed meanwhile
 */
export const updateWorkItems = defineUseCase({
  name: 'update_work_items',
  kind: 'change',
  input: updateWorkItemsInput,
  output: () => bulkUpdateShape(),
  run: async (context, caller, input): Promise<Answer<BulkUpdate>> => {
    const asked = { call: 'update_work_items', arguments: input };
    const parts = await lookUp(context, asked, (reader) => partsOfUpdates(reader, input));
    const answer = await write(context, caller, [
      {
        entity: 'work_item',
        entity_id: parts[0]?.entity_id ?? '',
        kind: 'batch',
        patch: batchPatch(parts),
        actor: input.updated_by,
        idempotency_key: input.idempotency_key,
      },
    ]);
    const [applied] = answer.data;
    const items = (applied === undefined ? undefined : recordsOf(applied.record)) ?? [];
    return {
      ...answer,
      data: {
        items: items.map(({ entity: _entity, ...item }) => item as unknown as UpdatedItem),
        ...(applied?.repeated === true && { repeated: true }),
      },
    };
  },
});

async function partsOfUpdates(
  reader: Reader,
  { updates, idempotency_key }: Pick<z.output<typeof updateWorkItemsInput>, 'updates' | 'idempotency_key'>,
): Promise<BatchPart[]> {
  const problems: Problem[] = [];
  const unknown: string[] = [];
  const parts: BatchPart[] = [];
  const seen = new Map<string, number>();
  const parsed = parseEntries(planUpdateInput, 'updates', updates, () => undefined, problems);
  for (const { index, input } of parsed) {
    const problem = (wrong: Problem) => problems.push(inEntry('updates', index, undefined, wrong));
    try {
      const part = await partOf(reader, input, idempotency_key !== undefined);
      const earlier = seen.get(part.entity_id);
      if (earlier !== undefined) {
        const constraint = `is the item of updates[${earlier}] already: give all of its fields in one`;
        problem({ field: 'id', constraint, value: input.id });
      }
      seen.set(part.entity_id, earlier ?? index);
      parts.push(part);
    } catch (error) {
      if (isError(error, 'NotFoundError')) unknown.push(error.message);
      else problemsOf(error).forEach(problem);
    }
  }
  if (problems.length > 0) throw validationError(problems);
  if (unknown.length > 0) {
    const { details, next } = notFound('work item', { id: '' });
    throw new TrackerError('NotFoundError', `${unknown.join(' ')} Nothing was saved.`, details, next);
  }
  return parts;
}

async function partOf(
  reader: Reader,
  input: Entry<PlanUpdateInput>['input'],
  isKeyed: boolean,
): Promise<BatchPart> {
  const { id, version, parent_id, position, on_conflict, cascade, claim_token } = input;
  const patch: JsonObject = updatePatch(input);
  refuseEmptyPatch(patch, ITEM_FIELDS);
  refuseShownParts(patch);
  if (typeof parent_id === 'string') patch['parent_id'] = await findItemId(reader, parent_id, 'parent_id');
  const entity_id = await findItemId(reader, id);
  if (position !== undefined) {
    const parent = patch['parent_id'] as string | null | undefined;
    patch['position'] = await newPosition(reader, entity_id, position, parent);
  }
  const description = await newDescription(input, () => findAsRead(reader, entity_id, version, isKeyed));
  if (description !== undefined) patch['description'] = description;
  return {
    entity: 'work_item',
    entity_id,
    kind: 'update',
    base_version: version,
    patch,
    on_conflict,
    cascade,
    claim_token: claim_token ?? null,
  };
}
