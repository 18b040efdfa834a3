/** The shapes that answers have, as schemas; each names the fields a caller may rely on. */
import * as z from 'zod';
import { lazily } from '../../domain/fields.ts';
import { CONTEXT_TYPES, configurationRecord } from '../../domain/configuration.ts';
import { DEPENDENCY_TYPES, dependencyRecord } from '../../domain/dependency.ts';
import { deploymentRecord } from '../../domain/deployment.ts';
import { enhancementRecord } from '../../domain/enhancement.ts';
import { json, mayLack, nullableText, text, whole } from '../../domain/record.ts';
import { SEARCH_ENTITIES } from '../../domain/search.ts';
import { vendorRecord } from '../../domain/vendor.ts';
import { workItemRecord } from '../../domain/work-item.ts';

/** The fields that the layer which answers does not know of a record, or not whole; absent where it knows all. */
const unknownFields = { unknown_fields: z.array(text).optional() };

export const workItemShape = lazily(() => ({
  ...mayLack(workItemRecord(), [
    ...(['description', 'priority', 'labels', 'assignee', 'parent_id', 'commit_hash'] as const),
    ...(['pr_number', 'metadata', 'claimed_by', 'claim_expires_at'] as const),
  ]),
  ...unknownFields,
}));

/** An item of a list; `not_ready` comes with `explain`: the reasons, or a sentence that says them. */
export const listedItemShape = lazily(() => ({ ...workItemShape(), not_ready: z.unknown() }));

/** An item and its claim; when nothing is ready, why instead of the item. */
export const claimShape = lazily(() => ({
  ...z.object(workItemShape()).partial().shape,
  claim_token: whole.nullable(),
  nothing_ready: text.optional(),
  waiting: z.array(json).optional(),
  waiting_count: whole.optional(),
  repeated: z.boolean().optional(),
}));

/** How many changes to a record wait for a decision; absent without any. */
export const openConflicts = lazily(() => ({ open_conflicts: whole.optional() }));

/** What a write says beside the record. */
export const writeShape = lazily(() => ({
  merged_with: z.array(whole).optional(),
  repeated: z.boolean().optional(),
}));

const dependencyView = lazily(() =>
  z.object({
    ...dependencyRecord(),
    other: z.object({ id: text, title: text, status: text, item_type: text }),
  }),
);

export const workItemViewShape = lazily(() => ({
  ...workItemShape(),
  ancestors: z.array(
    z.object({
      id: text,
      version: whole,
      item_type: text,
      title: text,
      status: text,
      depth: whole,
    }),
  ),
  children: z.array(json).optional(),
  children_cut: z.object({ reason: text, children_total: whole.nullable(), next: text }).optional(),
  dependencies: z.array(dependencyView()).optional(),
  dependencies_cut: z.object({ reason: text, next: text }).optional(),
  notes: z.array(json).optional(),
  notes_total: whole.optional(),
  enhancements: z.array(z.object({ id: text, title: text, status: text })).optional(),
}));

/** Every list answers these. */
export function listShape(item: z.ZodRawShape) {
  return { items: z.array(z.object(item)), total_count: whole, next_cursor: nullableText };
}

export const searchResultShape = lazily(() => ({
  entity: z.enum(SEARCH_ENTITIES),
  id: text,
  item_id: text.optional(),
  title: text,
  status: text.optional(),
  snippet: text,
  score: z.number(),
}));

export const vendorShape = lazily(() => ({ ...mayLack(vendorRecord(), ['metadata']), ...unknownFields }));

export const enhancementShape = lazily(() => ({
  ...mayLack(enhancementRecord(), [
    ...(['description', 'requires_constitutional_principles', 'depends_on', 'work_item_id'] as const),
  ]),
  ...unknownFields,
}));

const mention = lazily(() => z.object({ id: text, title: text, status: text }));

/** The same as writes answer it: optional here, so that `tools/list` names only what calls need to go on. */
export const savedEnhancementShape = lazily(() => ({
  ...z.object(enhancementShape()).partial().shape,
  id: text,
  version: whole,
}));

/** With what surrounds one that was asked for by id. */
export const enhancementViewShape = lazily(() => ({
  ...enhancementShape(),
  ...openConflicts(),
  dependencies: z.array(mention()).optional(),
  waiting: z.array(mention()).optional(),
  work_item: mention().optional(),
}));

export const deploymentShape = lazily(() => ({
  ...mayLack(deploymentRecord(), ['metadata']),
  affected_vendors: z.array(z.object({ id: text, name: text, status: text })),
  related_work_items: z.array(z.object({ id: text, title: text, item_type: text, status: text })).optional(),
  ...unknownFields,
}));

const itemMention = lazily(() => z.object({ id: text, title: text, status: text }));

export const deploymentViewShape = lazily(() => ({
  ...deploymentShape(),
  impact: z.object({
    vendors_affected: whole,
    vendors_broken: z.array(text),
    work_items_related: whole,
    work_items_open: z.array(itemMention()),
    work_items_downstream: z.array(itemMention()),
  }),
}));

export const configurationShape = lazily(() => ({
  ...mayLack(configurationRecord(), [
    ...(['active_context_type', 'current_session_id', 'default_token_budget', 'archive_after_days'] as const),
  ]),
  ...unknownFields,
}));

export const configurationViewShape = lazily(() => ({
  ...configurationShape(),
  git_branch: nullableText,
  git_head_commit: nullableText,
  database_healthy: z.boolean(),
  last_health_check_at: text,
}));

export const changeShape = lazily(() => ({
  seq: whole,
  change_id: text,
  at: text,
  actor: text,
  client: text,
  person: nullableText,
  device: nullableText,
  session: nullableText,
  entity: text,
  entity_id: text,
  related_id: nullableText,
  kind: text,
  base_version: whole.nullable(),
  version: whole.nullable(),
  fields: z.array(z.object({ field: text, from: z.unknown(), to: z.unknown() })),
  merged_with: z.array(whole),
}));

const briefSection = lazily(() => z.object({ total: whole, items: z.array(json) }));

export const briefShape = lazily(() => ({
  project: text,
  seq: whole,
  active_context_type: z.enum(CONTEXT_TYPES),
  git_branch: nullableText,
  default_token_budget: whole,
  counts: json,
  current_session: json.nullable(),
  claimed: briefSection(),
  claimed_elsewhere: briefSection(),
  ready: briefSection(),
  blocked: briefSection(),
  broken_vendors: briefSection(),
  deployments: briefSection(),
  changed: z.object({ since: whole, after: nullableText, total: whole, items: z.array(json) }),
  open_conflicts: whole,
  pending: whole,
}));

export const appliedPlanShape = lazily(() => ({
  ids: z.record(text, text),
  items_created: whole,
  links_created: whole,
  version: whole.optional(),
  dry_run: z.boolean().optional(),
  repeated: z.boolean().optional(),
}));

export const bulkUpdateShape = lazily(() => ({
  items: z.array(
    z.object({
      id: text,
      version: whole,
      item_type: text.optional(),
      title: text.optional(),
      status: text.optional(),
      priority: whole.optional(),
      merged_with: z.array(whole).optional(),
    }),
  ),
  repeated: z.boolean().optional(),
}));

/** Beside the changes: what a catch-up goes on with, and the state at a past time. */
export const historyShape = lazily(() => ({
  latest_seq: whole,
  next_since: whole.nullable().optional(),
  state: json.optional(),
  dependencies: z
    .array(z.object({ source_id: text, target_id: text, dependency_type: z.enum(DEPENDENCY_TYPES) }))
    .optional(),
}));

const undoneShape = lazily(() => ({
  change_id: text,
  seq: whole,
  at: text,
  by: text,
  actor: text,
  kind: text,
  entity: text,
  entity_id: text,
  title: text.optional(),
  records: whole,
}));

export const undoShape = lazily(() => ({
  applied: z.boolean(),
  change_id: text.optional(),
  undone: z.array(z.object(undoneShape())),
  refused: z.array(z.object({ ...undoneShape(), reason: text })),
  records: z.array(z.object({ id: text, version: whole.optional() })).optional(),
  repeated: z.boolean().optional(),
}));

const numbers = z.object({ created: whole, updated: whole, unchanged: whole, kept_local: whole });
const atLine = lazily(() => z.array(json));

export const statusImportShape = lazily(() => ({
  outcome: z.enum(['imported', 'unchanged', 'rehearsed', 'not_a_status_file', 'generated']),
  message: text,
  dry_run: z.boolean(),
  file: text,
  dialect: text,
  sources_taken: z.array(json),
  records: z.record(text, numbers).nullable(),
  checks: z.array(
    z.object({
      check: text,
      source: whole,
      migrated: whole.nullable(),
      match: z.boolean().nullable(),
      problems: z.array(text),
    }),
  ),
  backup: z.object({ file: text, database: nullableText }).nullable(),
  file_replaced: z.boolean(),
  wrong_counts: atLine(),
  unresolved_commits: atLine(),
  unknown_vendors: atLine(),
  unknown_references: atLine(),
  not_understood: atLine(),
  not_understood_total: whole,
  skipped: atLine(),
  kept_here: atLine(),
  notes: z.array(text),
  kept_parts: atLine(),
  git: json,
}));

export const promptsImportShape = lazily(() => ({
  ...numbers.shape,
  notes_added: whole,
  links_added: whole,
  links_removed: whole,
  dry_run: z.boolean(),
  source_taken: json,
  remarks: atLine(),
  notes: atLine(),
  skipped: atLine(),
}));

/** One of the two, as asked for. */
export const statusReportShape = lazily(() => ({
  markdown: text.optional(),
  report: z
    .object({
      changed_at: text,
      vendors: z.object({ total: whole, operational: whole, items: z.array(json) }),
      work_items: briefSection(),
      deployments: briefSection(),
      enhancements: briefSection(),
      pending: briefSection(),
      archived_count: whole,
    })
    .optional(),
}));
