/** Enhancements: what may be done one day, what it waits for, and the work item it became. */
import * as z from 'zod';
import { validationError, type TrackerError } from './errors.ts';
import {
  actorName,
  clearOf,
  idOrPrefix,
  idempotencyKey,
  integer,
  lazily,
  line,
  longText,
  pageInput,
  storedId,
  storedLine,
  version,
} from './fields.ts';
import {
  DESCRIPTION_MAX_BYTES,
  PRIORITY_DEFAULT,
  PRIORITY_HIGHEST,
  PRIORITY_LOWEST,
  TITLE_MAX_CHARACTERS,
} from './limits.ts';
import { quarter, storedQuarter } from './metadata.ts';
import { nullableText, text, whole, type RecordOf } from './record.ts';
import { shortId } from './text.ts';
import { ITEM_TYPES } from './work-item.ts';

export const ENHANCEMENT_STATUSES = ['planned', 'approved', 'implementing', 'completed'] as const;
export type EnhancementStatus = (typeof ENHANCEMENT_STATUSES)[number];

/** Constitutional principles of one enhancement, and characters of each. */
const PRINCIPLES_MAX = 50;
const PRINCIPLE_MAX_CHARACTERS = 200;
/** Enhancements that one depends on. */
const DEPENDENCIES_MAX = 100;

/** An enhancement as it is stored and answered; times are ISO 8601 UTC with milliseconds. */
export const enhancementRecord = lazily(() => ({
  id: text,
  version: whole,
  title: text,
  description: nullableText,
  priority: whole,
  status: z.enum(ENHANCEMENT_STATUSES),
  /** As `2026-Q1`. */
  target_quarter: nullableText,
  requires_constitutional_principles: z.array(text),
  /** The ids of the enhancements that it waits for, in their order. */
  depends_on: z.array(text),
  /** The work item it was promoted to. */
  work_item_id: nullableText,
  created_at: text,
  updated_at: text,
  created_by: text,
  updated_by: text,
}));
export type Enhancement = RecordOf<typeof enhancementRecord>;

const unique = (values: string[]): string[] => [...new Set(values)];

/** Checked, and left out of the JSON Schema: clients pay for every word of it, and few come near these limits. */
function atMost(max: number, list: z.ZodArray<z.ZodType<string>>) {
  return list.refine(({ length }) => length <= max, { message: `must have at most ${max} entries` });
}
const principle = z.string().refine((value) => line(PRINCIPLE_MAX_CHARACTERS).safeParse(value).success, {
  message: `must be one line of 1 to ${PRINCIPLE_MAX_CHARACTERS} characters`,
});

const settable = {
  title: line(TITLE_MAX_CHARACTERS),
  description: longText(DESCRIPTION_MAX_BYTES),
  priority: integer(PRIORITY_HIGHEST, PRIORITY_LOWEST),
  status: z.enum(ENHANCEMENT_STATUSES),
  target_quarter: quarter,
  requires_constitutional_principles: atMost(PRINCIPLES_MAX, z.array(principle)).transform(unique),
  depends_on: atMost(DEPENDENCIES_MAX, z.array(idOrPrefix)).transform(unique),
};

export const createEnhancementInput = z.object({
  title: settable.title,
  description: settable.description.nullish(),
  priority: settable.priority.default(PRIORITY_DEFAULT),
  status: settable.status.default('planned'),
  target_quarter: settable.target_quarter.nullish(),
  requires_constitutional_principles: settable.requires_constitutional_principles.default([]),
  depends_on: settable.depends_on.default([]),
  created_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type CreateEnhancementInput = z.output<typeof createEnhancementInput>;

export const updateEnhancementInput = z.object({
  id: idOrPrefix,
  version,
  title: settable.title.optional(),
  description: settable.description.nullish(),
  priority: settable.priority.optional(),
  status: settable.status.optional(),
  target_quarter: settable.target_quarter.nullish(),
  requires_constitutional_principles: settable.requires_constitutional_principles.optional(),
  depends_on: settable.depends_on.optional(),
  clear: clearOf('description', 'target_quarter'),
  updated_by: actorName.optional(),
  on_conflict: z.enum(['reject', 'merge']).default('reject'),
  idempotency_key: idempotencyKey.optional(),
});
export type UpdateEnhancementInput = z.output<typeof updateEnhancementInput>;

export const listEnhancementsInput = z.object({
  id: idOrPrefix.optional(),
  priority: settable.priority.optional(),
  status: settable.status.optional(),
  target_quarter: settable.target_quarter.optional(),
  limit: pageInput.limit,
  cursor: pageInput.cursor,
});
export type ListEnhancementsInput = z.output<typeof listEnhancementsInput>;

export const promoteEnhancementInput = z.object({
  id: idOrPrefix,
  version,
  item_type: z.enum(ITEM_TYPES).default('project'),
  parent_id: idOrPrefix.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type PromoteEnhancementInput = z.output<typeof promoteEnhancementInput>;

/** The fields of an enhancement as they are stored. */
export const enhancementFields = lazily(() => ({
  title: storedLine(TITLE_MAX_CHARACTERS),
  description: settable.description.nullable(),
  priority: settable.priority,
  status: settable.status,
  target_quarter: storedQuarter.nullable(),
  requires_constitutional_principles: z.array(storedLine(PRINCIPLE_MAX_CHARACTERS)).max(PRINCIPLES_MAX),
}));

const enhancementCreation = lazily(() =>
  z.object({ ...enhancementFields(), depends_on: z.array(storedId).max(DEPENDENCIES_MAX) }),
);

export const enhancementPatches = {
  create: enhancementCreation,
  update: lazily(() => enhancementCreation().extend({ work_item_id: storedId.nullable() }).partial()),
};

/** Enhancements named in an error. */
export interface NamedEnhancement {
  id: string;
  title: string;
}

/** The refusal of dependencies that would close a cycle; `cycle` starts and ends with the same enhancement. */
export function enhancementCycleError(cycle: NamedEnhancement[]): TrackerError {
  const error = validationError(
    {
      field: 'depends_on',
      constraint: `would close a cycle: ${cycle.map(({ title, id }) => `"${title}" (${shortId(id)})`).join(' depends on ')}`,
      value: cycle[0]?.id ?? null,
    },
    'Take one of these dependencies away first; nothing was changed.',
  );
  error.details['cycle'] = cycle;
  return error;
}

/** The refusal to promote an enhancement that cannot become work any more. */
export function promotionError(enhancement: Enhancement, item: NamedEnhancement | undefined): TrackerError {
  if (enhancement.work_item_id === null) {
    return validationError(
      { field: 'id', constraint: `"${enhancement.title}" is completed`, value: enhancement.id },
      'Set its status back first if there is more to do; nothing was changed.',
    );
  }
  const error = validationError(
    {
      field: 'id',
      constraint: `"${enhancement.title}" was promoted before, to the work item "${item?.title ?? ''}" (${enhancement.work_item_id})`,
      value: enhancement.id,
    },
    `Go on with that work item: query_work_item {"id":"${shortId(enhancement.work_item_id)}"}. Nothing was changed.`,
  );
  error.details['work_item_id'] = enhancement.work_item_id;
  return error;
}
