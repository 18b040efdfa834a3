/** Plans: a whole tree of new items with its links, in one call; and updates of several items at once. */
import * as z from 'zod';
import { actorName, idempotencyKey, line, version } from './fields.ts';
import { NAME_MAX_CHARACTERS, PLAN_ITEMS_MAX, UPDATES_MAX } from './limits.ts';
import { createWorkItemInput, updateWorkItemInput } from './work-item.ts';

const key = line(NAME_MAX_CHARACTERS);
/** A key of the plan, or the id of an item that is there already. */
const reference = z.string().min(1).max(NAME_MAX_CHARACTERS);

/** One item of a plan: what `create_work_item` takes, with names of other items in place of ids. */
export const planItemInput = createWorkItemInput
  .omit({ parent_id: true, created_by: true, idempotency_key: true })
  .extend({
    key,
    parent: reference.nullish(),
    depends_on: z.array(reference).max(PLAN_ITEMS_MAX).default([]),
    blocks: z.array(reference).max(PLAN_ITEMS_MAX).default([]),
  });
export type PlanItemInput = z.output<typeof planItemInput>;

/** One update: what `update_work_item` takes, but for what holds for the whole call. */
export const planUpdateInput = updateWorkItemInput.omit({ updated_by: true, idempotency_key: true });
export type PlanUpdateInput = z.output<typeof planUpdateInput>;

/**
 * Entries that are checked one by one where they are used, so that one error can name every problem of all of
 * them; clients see the names of the entries' fields.
 */
function entries(max: number, shown: z.ZodObject) {
  const { properties, required } = z.toJSONSchema(shown, { io: 'input' });
  return z.array(z.record(z.string(), z.unknown()).meta({ properties, required })).min(1).max(max);
}

export const applyPlanInput = z.object({
  items: entries(
    PLAN_ITEMS_MAX,
    planItemInput.pick({
      key: true,
      item_type: true,
      title: true,
      parent: true,
      depends_on: true,
      blocks: true,
    }),
  ),
  dry_run: z.boolean().default(false),
  created_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type ApplyPlanInput = z.output<typeof applyPlanInput>;

export const updateWorkItemsInput = z.object({
  updates: entries(UPDATES_MAX, z.object({ id: z.string(), version })),
  updated_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type UpdateWorkItemsInput = z.output<typeof updateWorkItemsInput>;
