/** The tables of work: items with all that is kept for each of them (labels, links, claims, notes, the ready queue). */
import { sql } from 'drizzle-orm';
import type { DependencyType } from '../../domain/dependency.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ItemStatus, ItemType, Shelf } from '../../domain/work-item.ts';
import { whereNull, type Kit } from './columns.ts';

/** The condition under which default queries see an item; each of their indexes covers only these. */
const LIVE = ['deleted_at', 'archived_at'] as const;

/**
 * The items that may go to the archive as far as they themselves tell: the condition of an index. `is true` keeps
 * SQLite from looking along the index of `archived_at`, where all live items are.
 */
export const CLOSED_NOT_ARCHIVED =
  "(archived_at is null) is true and (deleted_at is not null or status in ('completed', 'cancelled'))";

export function defineWorkItemTables(kit: Kit) {
  const workItems = kit.table(
    'work_items',
    {
      id: kit.uuid('id').primaryKey(),
      version: kit.integer('version').notNull(),
      item_type: kit.text('item_type').$type<ItemType>().notNull(),
      title: kit.text('title').notNull(),
      description: kit.text('description'),
      status: kit.text('status').$type<ItemStatus>().notNull(),
      priority: kit.integer('priority').notNull(),
      labels: kit.json<string[]>('labels').notNull(),
      assignee: kit.text('assignee'),
      parent_id: kit.uuid('parent_id'),
      path: kit.text('path').notNull(),
      depth: kit.integer('depth').notNull(),
      position: kit.text('position').notNull().default(''),
      branch_name: kit.text('branch_name'),
      commit_hash: kit.text('commit_hash'),
      pr_number: kit.integer('pr_number'),
      metadata: kit.json<JsonObject>('metadata').notNull(),
      created_at: kit.timestamp('created_at').notNull(),
      updated_at: kit.timestamp('updated_at').notNull(),
      completed_at: kit.timestamp('completed_at'),
      created_by: kit.text('created_by').notNull(),
      updated_by: kit.text('updated_by').notNull(),
      deleted_at: kit.timestamp('deleted_at'),
      claimed_by: kit.text('claimed_by'),
      claim_expires_at: kit.timestamp('claim_expires_at'),
      archived_at: kit.timestamp('archived_at'),
    },
    (t) => [
      kit.foreignKey({ columns: [t.parent_id], foreignColumns: [t.id] }),
      kit.index('work_items_parent').on(t.parent_id, t.position, t.id),
      kit
        .index('work_items_updated')
        .on(kit.descending(t.updated_at), t.position, t.id)
        .where(whereNull(...LIVE)),
      kit
        .index('work_items_created')
        .on(kit.descending(t.created_at), t.position, t.id)
        .where(whereNull(...LIVE)),
      kit
        .index('work_items_status')
        .on(t.status, kit.descending(t.updated_at), t.position, t.id)
        .where(whereNull(...LIVE)),
      kit
        .index('work_items_type')
        .on(t.item_type, kit.descending(t.updated_at), t.position, t.id)
        .where(whereNull(...LIVE)),
      kit
        .index('work_items_assignee')
        .on(t.assignee, kit.descending(t.updated_at), t.position, t.id)
        .where(whereNull(...LIVE)),
      kit
        .index('work_items_priority')
        .on(t.priority, t.position, t.id)
        .where(whereNull(...LIVE)),
      kit
        .index('work_items_title')
        .on(t.title, t.position, t.id)
        .where(whereNull(...LIVE)),
      kit.index('work_items_archived').on(t.archived_at),
      kit.index('work_items_archivable').on(t.created_at, t.id).where(sql.raw(CLOSED_NOT_ARCHIVED)),
    ],
  );

  /**
   * How many items there are of each kind, so that the total of a list costs nothing however long it is. Kept
   * by `apply/counts.ts` in the transaction of every change.
   */
  const workItemCounts = kit.table(
    'work_item_counts',
    {
      shelf: kit.text('shelf').$type<Shelf>().notNull(),
      item_type: kit.text('item_type').$type<ItemType>().notNull(),
      status: kit.text('status').$type<ItemStatus>().notNull(),
      items: kit.integer('items').notNull(),
    },
    (t) => [kit.primaryKey({ columns: [t.shelf, t.item_type, t.status] })],
  );

  /** The labels of each item again, one row each, so that listing by label can use an index. */
  const workItemLabels = kit.table(
    'work_item_labels',
    {
      item_id: kit
        .uuid('item_id')
        .notNull()
        .references(() => workItems.id),
      label: kit.text('label').notNull(),
    },
    (t) => [
      kit.primaryKey({ columns: [t.item_id, t.label] }),
      kit.index('work_item_labels_label').on(t.label, t.item_id),
    ],
  );

  const dependencies = kit.table(
    'work_item_dependencies',
    {
      source_id: kit
        .uuid('source_id')
        .notNull()
        .references(() => workItems.id),
      target_id: kit
        .uuid('target_id')
        .notNull()
        .references(() => workItems.id),
      dependency_type: kit.text('dependency_type').$type<DependencyType>().notNull(),
      created_at: kit.timestamp('created_at').notNull(),
      created_by: kit.text('created_by').notNull(),
    },
    (t) => [
      kit.primaryKey({ columns: [t.source_id, t.target_id, t.dependency_type] }),
      kit.index('work_item_dependencies_target').on(t.target_id, t.dependency_type, t.source_id),
    ],
  );

  /** The claim on an item; a row stays when the claim ends, so that its token never comes again. */
  const claims = kit.table(
    'claims',
    {
      item_id: kit
        .uuid('item_id')
        .primaryKey()
        .references(() => workItems.id),
      /** Fencing token: grows with every grant. */
      token: kit.bigint('token').notNull(),
      /** The same as `work_items.claimed_by` and `claim_expires_at`, which lists filter by; null when it is free. */
      holder: kit.text('holder'),
      /** Who holds it: null when it is free or was handed over, and in claims granted by earlier versions. */
      client: kit.text('client'),
      person: kit.text('person'),
      device: kit.uuid('device'),
      session: kit.text('session'),
      expires_at: kit.timestamp('expires_at'),
      /** The length that was asked for, in seconds. */
      lease_seconds: kit.integer('lease_seconds').notNull(),
      /** 1 while it was handed over and its new holder has not taken it yet. */
      handed_over: kit.integer('handed_over').notNull(),
      /** The change that granted the token. */
      granted_by: kit.uuid('granted_by').notNull(),
    },
    (t) => [kit.index('claims_expires').on(t.expires_at)],
  );

  /**
   * The open items, with what they wait for. Kept by `apply/readiness.ts` in the transaction of every change, so that the
   * next ready item costs nothing.
   */
  const readyQueue = kit.table(
    'ready_queue',
    {
      item_id: kit
        .uuid('item_id')
        .primaryKey()
        .references(() => workItems.id),
      /**
       * `WAITS`: work could start on 0, if nobody had claimed it. Null in rows that an earlier version made, which are made
       * again before anybody reads them.
       */
      waits: kit.integer('waits'),
      priority: kit.integer('priority').notNull(),
      /** Minus the number of open items that it blocks: what holds up most comes first. */
      rank: kit.integer('rank').notNull(),
      position: kit.text('position').notNull().default(''),
    },
    (t) => [kit.index('ready_queue_order').on(t.waits, t.priority, t.rank, t.position, t.item_id)],
  );

  /** Comments on items: added, never altered. */
  const notes = kit.table(
    'notes',
    {
      id: kit.uuid('id').primaryKey(),
      item_id: kit
        .uuid('item_id')
        .notNull()
        .references(() => workItems.id),
      text: kit.text('text').notNull(),
      created_at: kit.timestamp('created_at').notNull(),
      created_by: kit.text('created_by').notNull(),
    },
    (t) => [kit.index('notes_item').on(t.item_id, t.created_at, t.id)],
  );

  return { workItems, workItemCounts, workItemLabels, dependencies, claims, readyQueue, notes };
}
