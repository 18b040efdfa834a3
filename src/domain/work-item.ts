/** Work items: their fields, what may be set, and the rules between fields. */
import * as z from 'zod';
import { validationError } from './errors.ts';
import {
  actorName,
  clearOf,
  commitHash,
  idOrPrefix,
  idempotencyKey,
  integer,
  jsonObject,
  lazily,
  line,
  longText,
  pageInput,
  shortText,
  storedId,
  storedJson,
  storedLine,
  storedTime,
  timestampInput,
  version,
} from './fields.ts';
import type { JsonObject } from './json.ts';
import {
  DESCRIPTION_MAX_BYTES,
  HIERARCHY_MAX_DEPTH,
  LABELS_MAX,
  LABEL_MAX_CHARACTERS,
  NAME_MAX_CHARACTERS,
  PRIORITY_DEFAULT,
  PRIORITY_HIGHEST,
  PRIORITY_LOWEST,
  PR_NUMBER_MAX,
  TITLE_MAX_CHARACTERS,
  TOKEN_BUDGET_MAX,
  TOKEN_BUDGET_MIN,
} from './limits.ts';
import { checkMetadata, quarter } from './metadata.ts';
import { POSITION } from './position.ts';
import { json, nullableText, text, whole, type RecordOf } from './record.ts';
import type { Warning } from './warnings.ts';

export const ITEM_TYPES = ['project', 'session', 'task', 'research'] as const;
export const ITEM_STATUSES = ['planned', 'active', 'blocked', 'completed', 'cancelled'] as const;
export type ItemType = (typeof ITEM_TYPES)[number];
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/** Statuses that no longer hold anything up. */
export const CLOSED_STATUSES = ['completed', 'cancelled'] as const satisfies readonly ItemStatus[];

export function isClosed(status: ItemStatus): boolean {
  return (CLOSED_STATUSES as readonly ItemStatus[]).includes(status);
}

/** Whether an item still holds up what it blocks. */
export function isOpen(item: Pick<WorkItem, 'status' | 'deleted_at' | 'archived_at'>): boolean {
  return item.deleted_at === null && item.archived_at === null && !isClosed(item.status);
}

/** The statuses in which work on an item may start. */
export const STARTABLE_STATUSES = ['planned', 'active'] as const satisfies readonly ItemStatus[];

/** Whether work on an item may start as soon as nothing open blocks it. */
export function isStartable(item: Pick<WorkItem, 'status' | 'deleted_at' | 'archived_at'>): boolean {
  return isOpen(item) && (STARTABLE_STATUSES as readonly ItemStatus[]).includes(item.status);
}

export const LIST_SORTS = ['updated', 'created', 'priority', 'title'] as const;

/** A work item as it is stored and answered; times are ISO 8601 UTC with milliseconds. */
export const workItemRecord = lazily(() => ({
  id: text,
  version: whole,
  item_type: z.enum(ITEM_TYPES),
  title: text,
  description: nullableText,
  status: z.enum(ITEM_STATUSES),
  priority: whole,
  labels: z.array(text),
  assignee: nullableText,
  parent_id: nullableText,
  /** `/<id>/<id>/…` from the root to the item itself. */
  path: text,
  /** 0 for a root, at most 5. */
  depth: whole,
  /** Siblings, and items that are otherwise equal, come in the order of it: see `position.ts`. */
  position: text,
  branch_name: nullableText,
  commit_hash: nullableText,
  pr_number: whole.nullable(),
  metadata: json,
  created_at: text,
  updated_at: text,
  completed_at: nullableText,
  created_by: text,
  updated_by: text,
  deleted_at: nullableText,
  claimed_by: nullableText,
  claim_expires_at: nullableText,
  archived_at: nullableText,
}));
export type WorkItem = RecordOf<typeof workItemRecord>;

const labels = z
  .array(line(LABEL_MAX_CHARACTERS))
  .max(LABELS_MAX)
  .transform((values) => [...new Set(values.map((value) => value.trim()))]);

/** The fields that tools may set, without defaults. */
const settable = {
  title: line(TITLE_MAX_CHARACTERS),
  description: longText(DESCRIPTION_MAX_BYTES),
  status: z.enum(ITEM_STATUSES),
  priority: integer(PRIORITY_HIGHEST, PRIORITY_LOWEST),
  labels,
  assignee: line(NAME_MAX_CHARACTERS),
  parent_id: idOrPrefix,
  branch_name: line(NAME_MAX_CHARACTERS),
  commit_hash: commitHash,
  pr_number: integer(1, PR_NUMBER_MAX),
  metadata: jsonObject,
};

export const createWorkItemInput = z.object({
  item_type: z.enum(ITEM_TYPES),
  title: settable.title,
  parent_id: settable.parent_id.nullish(),
  status: settable.status.default('active'),
  priority: settable.priority.default(PRIORITY_DEFAULT),
  description: settable.description.nullish(),
  labels: settable.labels.default([]),
  assignee: settable.assignee.nullish(),
  metadata: settable.metadata.default({}),
  branch_name: settable.branch_name.nullish(),
  commit_hash: settable.commit_hash.nullish(),
  pr_number: settable.pr_number.nullish(),
  created_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type CreateWorkItemInput = z.output<typeof createWorkItemInput>;

export const updateWorkItemInput = z.object({
  id: idOrPrefix,
  version,
  position: z.object({ before: idOrPrefix, after: idOrPrefix }).partial().optional(),
  title: settable.title.optional(),
  status: settable.status.optional(),
  metadata: settable.metadata.optional(),
  parent_id: settable.parent_id.nullish(),
  description: settable.description.nullish(),
  append_description: settable.description.optional(),
  priority: settable.priority.optional(),
  labels: settable.labels.nullish(),
  assignee: settable.assignee.nullish(),
  branch_name: settable.branch_name.nullish(),
  commit_hash: settable.commit_hash.nullish(),
  pr_number: settable.pr_number.nullish(),
  deleted_at: timestampInput.nullish(),
  clear: clearOf(
    ...(['parent_id', 'description', 'labels', 'assignee', 'branch_name', 'commit_hash'] as const),
    ...(['pr_number', 'deleted_at'] as const),
  ),
  cascade: z.boolean().default(false),
  updated_by: actorName.optional(),
  on_conflict: z.enum(['reject', 'merge']).default('reject'),
  claim_token: integer(1).optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type UpdateWorkItemInput = z.output<typeof updateWorkItemInput>;

export const queryWorkItemInput = z.object({
  id: idOrPrefix,
  include_children: z.boolean().default(true),
  include_dependencies: z.boolean().default(true),
  max_depth: integer(0, HIERARCHY_MAX_DEPTH).default(HIERARCHY_MAX_DEPTH),
});
export type QueryWorkItemInput = z.output<typeof queryWorkItemInput>;

/** The same, or one long text of the item alone. */
export const readWorkItemInput = queryWorkItemInput.extend({
  field: line(NAME_MAX_CHARACTERS).optional(),
  /** In characters. */
  offset: integer(0).default(0),
});

/** The fields of an item that changes set, as they are stored. */
export const itemFields = lazily(() => ({
  item_type: z.enum(ITEM_TYPES),
  title: storedLine(TITLE_MAX_CHARACTERS),
  description: settable.description.nullable(),
  status: settable.status,
  priority: settable.priority,
  labels: z.array(storedLine(LABEL_MAX_CHARACTERS)).max(LABELS_MAX),
  assignee: storedLine(NAME_MAX_CHARACTERS).nullable(),
  parent_id: storedId.nullable(),
  branch_name: storedLine(NAME_MAX_CHARACTERS).nullable(),
  commit_hash: settable.commit_hash.nullable(),
  pr_number: settable.pr_number.nullable(),
  metadata: storedJson,
}));

const storedPosition = z.string().regex(POSITION, 'must be a position');

/** What the patches of changes say; imports give dates and authors too. */
export const itemPatches = {
  create: lazily(() =>
    z.object({
      ...itemFields(),
      position: storedPosition.optional(),
      created_at: storedTime.optional(),
      updated_at: storedTime.optional(),
      completed_at: storedTime.nullish(),
      created_by: storedLine(NAME_MAX_CHARACTERS).optional(),
    }),
  ),
  update: lazily(() => {
    const { item_type: _never, ...fields } = itemFields();
    return z
      .object({
        ...fields,
        position: storedPosition,
        // Labels taken back may be too many together; the rule that applies them says so.
        labels: z.array(storedLine(LABEL_MAX_CHARACTERS)).max(2 * LABELS_MAX),
        deleted_at: storedTime.nullable(),
        completed_at: storedTime.nullable(),
      })
      .partial();
  }),
  archive: lazily(() => z.object({ created_before: storedTime.optional() })),
  restore: lazily(() => z.object({})),
};

/** An id, or the word `root` for items without a parent. */
const idOrRoot = z
  .string()
  .transform((value) => (value === 'root' ? 'root' : idOrPrefix.safeParse(value).data))
  .refine((value) => value !== undefined, {
    message: 'must be the word root, an id (UUID) or a prefix of one with at least 6 hex characters',
  });

export const listWorkItemsInput = z.object({
  item_type: z.enum(ITEM_TYPES).optional(),
  status: z.enum(ITEM_STATUSES).optional(),
  parent_id: idOrRoot.optional(),
  assignee: line(NAME_MAX_CHARACTERS).optional(),
  label: line(LABEL_MAX_CHARACTERS).optional(),
  ready: z.boolean().optional(),
  explain: z.boolean().default(false),
  text: line(TITLE_MAX_CHARACTERS).optional(),
  include_deleted: z.boolean().default(false),
  archived: z.boolean().default(false),
  sort: z.enum(LIST_SORTS).optional(),
  ...pageInput,
});
export type ListWorkItemsInput = z.output<typeof listWorkItemsInput>;

const hours = z.number().min(0).max(1000);

const metadataByType = {
  project: z.object({
    description: shortText(1000).optional(),
    target_quarter: quarter.optional(),
    constitutional_principles: z.array(z.string()).optional(),
  }),
  session: z.object({
    token_budget: integer(TOKEN_BUDGET_MIN, TOKEN_BUDGET_MAX).optional(),
    prompts_count: integer(0).optional(),
    yaml_frontmatter: z.looseObject({ schema_version: z.string() }).optional(),
  }),
  task: z.object({
    estimated_hours: hours.optional(),
    actual_hours: hours.optional(),
    blocked_reason: shortText(500).optional(),
    acceptance_criteria: z
      .array(z.looseObject({ text: z.string(), done: z.boolean() }))
      .max(50)
      .optional(),
  }),
  research: z.object({
    research_questions: z.array(z.string()).optional(),
    findings_summary: shortText(2000).optional(),
    references: z.array(z.string()).optional(),
  }),
} satisfies Record<ItemType, z.ZodObject>;

/** A null for a known key says at creation what it says in an update: the key is not there. */
export function withoutEmptyKnown(
  type: ItemType,
  metadata: Record<string, unknown>,
): Record<string, unknown> {
  const known = metadataByType[type].shape;
  return Object.fromEntries(
    Object.entries(metadata).filter(([key, value]) => value !== null || !Object.hasOwn(known, key)),
  );
}

/** Metadata of one type checked as a whole. */
export function checkItemMetadata(
  type: ItemType,
  metadata: Record<string, unknown>,
  given?: readonly string[],
): { metadata: JsonObject; warnings: Warning[] } {
  return checkMetadata(metadata, metadataByType[type], type, given);
}

/** `completed_at` follows the status: set on completing, kept while completed, cleared on reopening. */
export function completedAt(status: ItemStatus, previous: string | null, now: string): string | null {
  return status === 'completed' ? (previous ?? now) : null;
}

/** Where an item is kept: default queries see only what is live. */
export type Shelf = 'live' | 'deleted' | 'archived';

export function shelfOf(item: Pick<WorkItem, 'deleted_at' | 'archived_at'>): Shelf {
  if (item.archived_at !== null) return 'archived';
  return item.deleted_at === null ? 'live' : 'deleted';
}

/** Where an item stands below `parent` (null for a root). */
export function placeBelow(
  parent: Pick<WorkItem, 'path' | 'depth'> | null,
  id: string,
): { path: string; depth: number } {
  return parent === null
    ? { path: `/${id}`, depth: 0 }
    : { path: `${parent.path}/${id}`, depth: parent.depth + 1 };
}

/** The ids from the root to the item itself. */
export function idsOnPath(path: string): string[] {
  return path.split('/').slice(1);
}

/** The ids of the items above one, the nearest first. */
export function idsAbove(path: string): string[] {
  return idsOnPath(path).slice(0, -1).reverse();
}

/**
 * Refuses a place for `item` that would close a cycle or pass depth 5.
 * @param height levels below the item: 0 for a leaf
 * @throws ValidationError whose `chain` names the items from the root down to the offending one
 */
export function checkPlace(
  item: Pick<WorkItem, 'id' | 'title'>,
  parent: Pick<WorkItem, 'id' | 'path' | 'depth'>,
  height: number,
): void {
  const chain = [...idsOnPath(parent.path), item.id];
  if (idsOnPath(parent.path).includes(item.id)) {
    throw placeError(`would put "${item.title}" below itself: ${chain.join(' > ')}`, parent.id, chain);
  }
  const deepest = parent.depth + 1 + height;
  if (deepest > HIERARCHY_MAX_DEPTH) {
    throw placeError(
      `would reach depth ${deepest}, past the limit of ${HIERARCHY_MAX_DEPTH}: ${chain.join(' > ')}`,
      parent.id,
      chain,
    );
  }
}

/** The refusal of a move that would put an item below one that it blocks or that blocks it. */
export function blockedPlaceError(ancestor: NamedItem, item: NamedItem, parentId: string) {
  const error = validationError(
    {
      field: 'parent_id',
      constraint: `would make "${ancestor.title}" an ancestor of "${item.title}", and a blocking link joins them`,
      value: parentId,
    },
    'Remove that link first, or choose another parent; nothing was changed.',
  );
  error.details['cycle'] = [ancestor, item, ancestor];
  return error;
}

function placeError(constraint: string, value: string, chain: string[]) {
  const error = validationError(
    { field: 'parent_id', constraint, value },
    'Choose a parent higher up, or clear ["parent_id"] for the root level; nothing was changed.',
  );
  error.details['chain'] = chain;
  return error;
}

/** Items named for a chain in an error: `title (id)`. */
export interface NamedItem {
  id: string;
  title: string;
}
