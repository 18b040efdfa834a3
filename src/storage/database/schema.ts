/**
 * Every table, once; those of work items are defined in `schema-work-items.ts`. `drizzle/` holds the migrations
 * generated from here for both databases.
 */
import type { Change, ChangeKind, Entity, FieldChange } from '../../domain/change.ts';
import type { ContextType } from '../../domain/configuration.ts';
import type { ConflictKind, Resolution } from '../../domain/conflict-record.ts';
import type { EnhancementStatus } from '../../domain/enhancement.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { VendorStatus } from '../../domain/vendor.ts';
import type { Kit } from './columns.ts';
import { defineWorkItemTables } from './schema-work-items.ts';

export type Tables = ReturnType<typeof defineTables>;

export function defineTables(kit: Kit) {
  /** One row: which project this store belongs to. */
  const meta = kit.table('meta', {
    id: kit.integer('id').primaryKey(),
    project_id: kit.uuid('project_id').notNull(),
    project_slug: kit.text('project_slug').notNull(),
    /** First commit of the project's git repository; null until one is known. */
    root_commit: kit.text('root_commit'),
    created_at: kit.timestamp('created_at').notNull(),
  });

  /** One row, bumped last in every writing transaction: the order of `seq` is the order of the commits. */
  const feed = kit.table('feed', {
    id: kit.integer('id').primaryKey(),
    seq: kit.bigint('seq').notNull(),
    changed_at: kit.timestamp('changed_at').notNull(),
  });

  const work = defineWorkItemTables(kit);
  const { workItems } = work;

  const enhancements = kit.table(
    'enhancements',
    {
      id: kit.uuid('id').primaryKey(),
      version: kit.integer('version').notNull(),
      title: kit.text('title').notNull(),
      description: kit.text('description'),
      priority: kit.integer('priority').notNull(),
      status: kit.text('status').$type<EnhancementStatus>().notNull(),
      /** As `2026-Q1`. */
      target_quarter: kit.text('target_quarter'),
      requires_constitutional_principles: kit.json<string[]>('requires_constitutional_principles').notNull(),
      /** The work item it was promoted to. */
      work_item_id: kit.uuid('work_item_id').references(() => workItems.id),
      created_at: kit.timestamp('created_at').notNull(),
      updated_at: kit.timestamp('updated_at').notNull(),
      created_by: kit.text('created_by').notNull(),
      updated_by: kit.text('updated_by').notNull(),
    },
    (t) => [
      kit.index('enhancements_priority').on(t.priority, t.created_at, t.id),
      kit.index('enhancements_item').on(t.work_item_id),
    ],
  );

  const enhancementDependencies = kit.table(
    'enhancement_dependencies',
    {
      enhancement_id: kit
        .uuid('enhancement_id')
        .notNull()
        .references(() => enhancements.id),
      depends_on_id: kit
        .uuid('depends_on_id')
        .notNull()
        .references(() => enhancements.id),
    },
    (t) => [
      kit.primaryKey({ columns: [t.enhancement_id, t.depends_on_id] }),
      kit.index('enhancement_dependencies_target').on(t.depends_on_id, t.enhancement_id),
    ],
  );

  const vendors = kit.table(
    'vendors',
    {
      id: kit.uuid('id').primaryKey(),
      version: kit.integer('version').notNull(),
      name: kit.text('name').notNull(),
      /** The name as it is compared: without regard to case. */
      name_key: kit.text('name_key').notNull(),
      status: kit.text('status').$type<VendorStatus>().notNull(),
      extractor_version: kit.text('extractor_version').notNull(),
      metadata: kit.json<JsonObject>('metadata').notNull(),
      created_at: kit.timestamp('created_at').notNull(),
      updated_at: kit.timestamp('updated_at').notNull(),
      created_by: kit.text('created_by').notNull(),
      updated_by: kit.text('updated_by').notNull(),
    },
    (t) => [
      kit.uniqueIndex('vendors_name_key').on(t.name_key),
      kit.index('vendors_status').on(t.status, t.name_key),
    ],
  );

  const deployments = kit.table(
    'deployments',
    {
      id: kit.uuid('id').primaryKey(),
      version: kit.integer('version').notNull(),
      deployed_at: kit.timestamp('deployed_at').notNull(),
      commit_hash: kit.text('commit_hash').notNull(),
      metadata: kit.json<JsonObject>('metadata').notNull(),
      /** `metadata.constitutional_compliance` as 0 or 1, to filter by; -1 where nobody said. */
      compliant: kit.integer('compliant').notNull(),
      created_at: kit.timestamp('created_at').notNull(),
      created_by: kit.text('created_by').notNull(),
    },
    (t) => [kit.index('deployments_deployed').on(t.deployed_at, t.id)],
  );

  const deploymentVendors = kit.table(
    'deployment_vendors',
    {
      deployment_id: kit
        .uuid('deployment_id')
        .notNull()
        .references(() => deployments.id),
      vendor_id: kit
        .uuid('vendor_id')
        .notNull()
        .references(() => vendors.id),
    },
    (t) => [
      kit.primaryKey({ columns: [t.deployment_id, t.vendor_id] }),
      kit.index('deployment_vendors_vendor').on(t.vendor_id, t.deployment_id),
    ],
  );

  const deploymentWorkItems = kit.table(
    'deployment_work_items',
    {
      deployment_id: kit
        .uuid('deployment_id')
        .notNull()
        .references(() => deployments.id),
      work_item_id: kit
        .uuid('work_item_id')
        .notNull()
        .references(() => workItems.id),
    },
    (t) => [
      kit.primaryKey({ columns: [t.deployment_id, t.work_item_id] }),
      kit.index('deployment_work_items_item').on(t.work_item_id, t.deployment_id),
    ],
  );

  /** One row, made with defaults at the first start. */
  const configuration = kit.table('project_configuration', {
    id: kit.uuid('id').primaryKey(),
    version: kit.integer('version').notNull(),
    active_context_type: kit.text('active_context_type').$type<ContextType>().notNull(),
    current_session_id: kit.uuid('current_session_id'),
    default_token_budget: kit.integer('default_token_budget').notNull(),
    archive_after_days: kit.integer('archive_after_days').notNull(),
    created_at: kit.timestamp('created_at').notNull(),
    updated_at: kit.timestamp('updated_at').notNull(),
    created_by: kit.text('created_by').notNull(),
    updated_by: kit.text('updated_by').notNull(),
  });

  /** What every change did, for ever. A row per record changed; `id` repeats where one change touched several. */
  const changes = kit.table(
    'changes',
    {
      seq: kit.bigint('seq').primaryKey(),
      change_id: kit.uuid('change_id').notNull(),
      at: kit.timestamp('at').notNull(),
      actor: kit.text('actor').notNull(),
      client: kit.text('client').notNull(),
      /** With device and session null in rows of earlier versions. */
      person: kit.text('person'),
      device: kit.uuid('device'),
      session: kit.text('session'),
      entity: kit.text('entity').$type<Entity>().notNull(),
      entity_id: kit.uuid('entity_id').notNull(),
      related_id: kit.uuid('related_id'),
      kind: kit.text('kind').$type<ChangeKind>().notNull(),
      base_version: kit.integer('base_version'),
      version: kit.integer('version'),
      fields: kit.json<FieldChange[] & JsonValue>('fields').notNull(),
      merged_with: kit.json<number[]>('merged_with').notNull(),
      schema_version: kit.integer('schema_version').notNull(),
    },
    (t) => [
      kit.index('changes_entity').on(t.entity_id, t.seq),
      kit.index('changes_related').on(t.related_id, t.seq),
      kit.index('changes_actor').on(t.actor, t.seq),
      kit.index('changes_client').on(t.client, t.seq),
      kit.index('changes_person').on(t.person, t.seq),
      kit.index('changes_session').on(t.session, t.seq),
      kit.index('changes_device').on(t.device, t.seq),
      kit.index('changes_at').on(t.at, t.seq),
    ],
  );

  /** Which changes were applied, once each: what makes a retry give the first result. */
  const appliedChanges = kit.table(
    'applied_changes',
    {
      change_id: kit.uuid('change_id').primaryKey(),
      idempotency_key: kit.text('idempotency_key'),
      /** SHA-256 of what was asked, to tell a retry from a key used twice; null without a key. */
      request_hash: kit.text('request_hash'),
      /** The first answer; null without a key. */
      result: kit.json<JsonObject>('result'),
    },
    (t) => [kit.uniqueIndex('applied_changes_key').on(t.idempotency_key)],
  );

  /** Acknowledged writes that could not be applied as they were made, with how each was settled. Kept for ever. */
  const conflicts = kit.table(
    'conflicts',
    {
      /** The id of the write: of its first change. */
      id: kit.uuid('id').primaryKey(),
      version: kit.integer('version').notNull(),
      kind: kit.text('kind').$type<ConflictKind>().notNull(),
      entity: kit.text('entity').$type<Entity>().notNull(),
      entity_id: kit.uuid('entity_id').notNull(),
      /** The tracker folder that the write came from. */
      device: kit.uuid('device').notNull(),
      actor: kit.text('actor').notNull(),
      client: kit.text('client').notNull(),
      /** With session null in rows of earlier versions. */
      person: kit.text('person'),
      session: kit.text('session'),
      made_at: kit.timestamp('made_at').notNull(),
      found_at: kit.timestamp('found_at').notNull(),
      reason: kit.text('reason').notNull(),
      /** The write itself. */
      changes: kit.json<Change[] & JsonValue>('changes').notNull(),
      /** What it met: base, mine and theirs, field by field. */
      details: kit.json<JsonObject>('details').notNull(),
      resolution: kit.text('resolution').$type<Resolution>(),
      resolved_at: kit.timestamp('resolved_at'),
      resolved_by: kit.text('resolved_by'),
      /** The change that settled it. */
      resolved_by_change: kit.uuid('resolved_by_change'),
    },
    (t) => [kit.index('conflicts_found').on(t.found_at, t.id), kit.index('conflicts_entity').on(t.entity_id)],
  );

  /** The records that conflicts still open are about: what every read of a record looks at. */
  const openConflicts = kit.table(
    'open_conflicts',
    {
      record_id: kit.uuid('record_id').notNull(),
      conflict_id: kit
        .uuid('conflict_id')
        .notNull()
        .references(() => conflicts.id),
    },
    (t) => [
      kit.primaryKey({ columns: [t.record_id, t.conflict_id] }),
      kit.index('open_conflicts_conflict').on(t.conflict_id),
    ],
  );

  return {
    meta,
    feed,
    ...work,
    enhancements,
    enhancementDependencies,
    vendors,
    deployments,
    deploymentVendors,
    deploymentWorkItems,
    configuration,
    changes,
    appliedChanges,
    conflicts,
    openConflicts,
  };
}
