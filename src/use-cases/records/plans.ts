/** Plans: a whole tree of items with its links in one write. */
import { batchPatch, recordsOf, type BatchPart } from '../../domain/batch.ts';
import { newRecordId, uuidFrom } from '../../domain/ids.ts';
import { jsonBytes } from '../../domain/json.ts';
import { MESSAGE_MAX_BYTES } from '../../domain/limits.ts';
import { type ApplyPlanInput, type PlanItemInput, applyPlanInput } from '../../domain/plan.ts';
import { TrackerError, validationError } from '../../domain/errors.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { patchOf, write, type Context } from '../support/context.ts';
import { lookUp } from '../support/look-up.ts';
import { draftPlan, existingId, type PlanDraft } from './plan-draft.ts';
import { appliedPlanShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

export interface AppliedPlan {
  /** The id of each item by its key. */
  ids: Record<string, string>;
  /** The version that all of the items have; absent from a dry run. */
  version?: number;
  items_created: number;
  links_created: number;
  dry_run?: true;
  repeated?: true;
}

/**
 * Makes all items of a plan and their links, or none.
 * @throws ValidationError that lists every problem of the plan, each with the item's position and key
 */
export const applyPlan = defineUseCase({
  name: 'apply_plan',
  kind: 'add',
  input: applyPlanInput,
  output: () => appliedPlanShape(),
  run: async (context, caller, input): Promise<Answer<AppliedPlan>> => {
    const bytes = jsonBytes(input.items);
    if (bytes > MESSAGE_MAX_BYTES) {
      const constraint = `must have at most ${MESSAGE_MAX_BYTES} bytes as JSON (they have ${bytes})`;
      throw validationError({ field: 'items', constraint, value: `${input.items.length} items` });
    }
    const { idempotency_key } = input;
    if (input.dry_run) return await tryPlan(context, input);
    const asked = { call: 'apply_plan', arguments: input };
    const draft = await lookUp(context, asked, (reader) => draftPlan(reader, input.items));
    const ids = new Map(
      draft.order.map((key) => [
        key,
        idempotency_key === undefined ? newRecordId() : idFrom(idempotency_key, key),
      ]),
    );
    const planned: AppliedPlan = {
      ids: Object.fromEntries(draft.keys.map((key) => [key, ids.get(key) ?? ''])),
      items_created: draft.order.length,
      links_created: draft.links.length,
    };
    const request = {
      entity: 'work_item' as const,
      entity_id: ids.get(draft.order[0] ?? '') ?? '',
      kind: 'batch' as const,
      patch: batchPatch(partsOfPlan(draft, ids)),
      actor: input.created_by,
      idempotency_key,
    };
    const written = await write(context, caller, [request]).catch((error: unknown) => {
      throw error instanceof TrackerError ? withKeys(error, ids) : error;
    });
    const [applied] = written.data;
    const version = applied === undefined ? undefined : recordsOf(applied.record)?.[0]?.version;
    return {
      ...written,
      data: {
        ...planned,
        ...(typeof version === 'number' && { version }),
        ...(applied?.repeated === true && { repeated: true }),
      },
    };
  },
});

/** What a plan would make, where it is sound. */
async function tryPlan(context: Context, { items }: ApplyPlanInput): Promise<Answer<AppliedPlan>> {
  const answer = await context.store.read((reader) => draftPlan(reader, items));
  const { order, links, warnings } = answer.data;
  return {
    ...answer,
    data: { ids: {}, items_created: order.length, links_created: links.length, dry_run: true },
    warnings: [...answer.warnings, ...warnings],
  };
}

function partsOfPlan(
  { keys, order, items, parents, links }: PlanDraft,
  ids: Map<string, string>,
): BatchPart[] {
  const idOf = (node: string) => ids.get(node) ?? existingId(node);
  const written = new Map(keys.map((key, number) => [key, number]));
  return [
    ...order.map((key) => {
      const part = creation(items.get(key) as PlanItemInput, idOf(key), parents.get(key) ?? null, idOf);
      // Parents are made first, wherever they were written.
      return { ...part, patch: { position: written.get(key) ?? 0, ...part.patch } };
    }),
    ...links.map(({ from, to, type }) => ({
      entity: 'dependency' as const,
      entity_id: idOf(from),
      kind: 'link' as const,
      patch: { target_id: idOf(to), dependency_type: type },
    })),
  ];
}

function creation(
  item: PlanItemInput,
  id: string,
  parent: string | null,
  idOf: (name: string) => string,
): BatchPart {
  const { key: _key, parent: _parent, depends_on: _after, blocks: _before, ...fields } = item;
  return {
    entity: 'work_item',
    entity_id: id,
    kind: 'create',
    patch: patchOf({
      ...fields,
      parent_id: parent === null ? null : idOf(parent),
      description: fields.description ?? null,
      assignee: fields.assignee ?? null,
      branch_name: fields.branch_name ?? null,
      commit_hash: fields.commit_hash ?? null,
      pr_number: fields.pr_number ?? null,
    }),
  };
}

/** The same for the same key, so that a repeated call is recognised as the same plan. */
function idFrom(idempotencyKey: string, key: string): string {
  return uuidFrom(JSON.stringify(['plan', idempotencyKey, key]), 8);
}

/** Others changed what was read a moment ago: the rule that refuses knows ids, the caller knows keys. */
function withKeys(error: TrackerError, ids: ReadonlyMap<string, string>): TrackerError {
  const keys = new Map([...ids].map(([key, id]) => [id, key]));
  const { cycle, chain } = error.details as { cycle?: { id: string }[]; chain?: string[] };
  const named = [...(cycle ?? []).map(({ id }) => id), ...(chain ?? [])].flatMap((id) => keys.get(id) ?? []);
  if (named.length === 0) return error;
  const message = `${error.message} (in this plan: ${[...new Set(named)].map((key) => JSON.stringify(key)).join(', ')})`;
  return new TrackerError(error.code, message, { ...error.details, keys: named }, error.next, {
    cause: error,
  });
}
