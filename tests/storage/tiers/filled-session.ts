// A tracker with every kind of record in it, made by the ordinary rules over one session.
import type { Change } from '../../../src/domain/change.ts';
import { CONFIGURATION_DEFAULTS } from '../../../src/domain/configuration.ts';
import { applyChanges } from '../../../src/storage/apply/apply.ts';
import type { Connection, Session } from '../../../src/storage/database/connection.ts';
import { openMemorySqlite } from '../../../src/storage/primary/memory-session.ts';
import {
  TABLE_NAMES,
  readTable,
  type Row,
  type TableName,
} from '../../../src/storage/database/table-copy.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import {
  archiving,
  claiming,
  configuring,
  creation,
  deploying,
  edit,
  linking,
  noting,
  enhancementEdit,
  enhancing,
  registration,
  vendorEdit,
} from '../changes.ts';

export const PROJECT_ID = 'cccccccc-0000-4000-8000-000000000000';
const FOUNDED = '2026-01-01T00:00:00.000Z';

const item = (number: number) => `${String(number).padStart(8, 'a')}-0000-4000-8000-000000000000`;
const vendor = (number: number) => `${String(number).padStart(8, 'b')}-0000-4000-8000-000000000000`;
const deployment = (number: number) => `${String(number).padStart(8, 'd')}-0000-4000-8000-000000000000`;

const enhancement = (number: number) => `${String(number).padStart(8, 'e')}-0000-4000-8000-000000000000`;

/** Items by what they are there for. */
export const ITEMS = {
  project: item(9),
  session: item(8),
  task: item(7),
  moved: item(6),
  belowMoved: item(1),
  deleted: item(2),
  belowDeleted: item(3),
  completed: item(4),
  archived: item(5),
};
export const VENDORS = { acme: vendor(1), other: vendor(2) };

/** A session in memory, closed at the end of the test (or file) that asked for it. */
export function memorySession(): Session {
  const { session } = openMemorySqlite();
  cleanUpLater(() => session.close());
  return session;
}

/** The project's identity, the feed at 0 and the default configuration, as the first start makes them. */
export async function found(c: Connection, project_id = PROJECT_ID): Promise<void> {
  const { meta, feed, configuration } = c.tables;
  await c.db
    .insert(meta)
    .values({ id: 1, project_id, project_slug: 'test-project', root_commit: null, created_at: FOUNDED });
  await c.db.insert(feed).values({ id: 1, seq: 0, changed_at: FOUNDED });
  await c.db.insert(configuration).values({
    id: project_id,
    version: 1,
    ...CONFIGURATION_DEFAULTS,
    created_at: FOUNDED,
    updated_at: FOUNDED,
    created_by: 'worktrail',
    updated_by: 'worktrail',
  });
}

/** One change after the other, a second apart. */
export async function apply(session: Session, changes: Change[]): Promise<void> {
  await session.write(async (c) => {
    for (const [index, change] of changes.entries()) {
      await applyChanges(c, [{ ...change, at: new Date(Date.UTC(2026, 1, 1, 0, 0, index)).toISOString() }]);
    }
  });
}

export async function fillSession(session: Session): Promise<void> {
  await session.write((c) => found(c));
  await apply(session, [
    creation({ entity_id: ITEMS.project, patch: { item_type: 'project', title: 'Tracker *one* [draft]' } }),
    creation({
      entity_id: ITEMS.session,
      patch: {
        item_type: 'session',
        title: 'Session 1',
        parent_id: ITEMS.project,
        branch_name: 'feature/x_1',
      },
    }),
    creation({
      entity_id: ITEMS.task,
      idempotency_key: 'once',
      patch: {
        title: 'Zoë’s 🚀 task',
        description: 'Line 1\nLine "2" \\ end',
        labels: ['ü', '🚀', 'b'],
        assignee: 'ada',
        parent_id: ITEMS.session,
        commit_hash: 'a'.repeat(40),
        pr_number: 2 ** 31 - 1,
        priority: 1,
        metadata: { estimated_hours: 1.5, custom: { deep: [1, null, 'x', true], constructor: 'own' } },
      },
    }),
    creation({ entity_id: ITEMS.moved, patch: { title: 'Moved' } }),
    creation({ entity_id: ITEMS.belowMoved, patch: { title: 'Below moved', parent_id: ITEMS.moved } }),
    edit({ entity_id: ITEMS.moved, base_version: 1, patch: { parent_id: ITEMS.session } }),
    creation({ entity_id: ITEMS.deleted, patch: { title: 'Deleted', labels: ['b'] } }),
    creation({ entity_id: ITEMS.belowDeleted, patch: { title: 'Below deleted', parent_id: ITEMS.deleted } }),
    edit({
      entity_id: ITEMS.deleted,
      base_version: 1,
      cascade: true,
      patch: { deleted_at: '2026-02-01T00:00:00.000Z' },
    }),
    creation({ entity_id: ITEMS.completed, patch: { title: 'Completed', status: 'completed' } }),
    creation({ entity_id: ITEMS.archived, patch: { title: 'Archived', status: 'cancelled' } }),
    linking(ITEMS.completed, 'blocks', ITEMS.task),
    linking(ITEMS.task, 'depends_on', ITEMS.archived),
    registration({
      entity_id: VENDORS.acme,
      patch: { name: 'Acme, Inc. *', metadata: { format_support: { pdf: true }, note: null } },
    }),
    registration({ entity_id: VENDORS.other, patch: { name: 'Ünï' } }),
    vendorEdit({
      entity_id: VENDORS.acme,
      base_version: 1,
      patch: {
        status: 'operational',
        extractor_version: '1.2.3',
        metadata: { test_results: { passing: 45, total: 50, skipped: 3 } },
      },
    }),
    deploying({
      entity_id: deployment(1),
      patch: {
        deployed_at: '2026-01-31T16:00:00.000Z',
        commit_hash: 'c'.repeat(40),
        metadata: {
          pr_number: 100,
          pr_title: 'Add `vendor` tracking',
          test_summary: { unit: 150, integration: 30 },
          constitutional_compliance: true,
        },
        affected_vendor_ids: [VENDORS.acme, VENDORS.other],
        related_work_item_ids: [ITEMS.task],
      },
    }),
    noting({ entity_id: item(20), patch: { item_id: ITEMS.task, text: 'A note\nof two lines' } }),
    noting({ entity_id: item(21), patch: { item_id: ITEMS.deleted, text: 'On what is gone' } }),
    enhancing({ entity_id: enhancement(1), patch: { title: 'Sync clients', target_quarter: '2026-Q1' } }),
    enhancing({
      entity_id: enhancement(2),
      patch: {
        title: 'Read *scans*',
        description: 'Line 1\nLine 2',
        requires_constitutional_principles: ['Évidence first'],
        depends_on: [enhancement(1)],
      },
    }),
    enhancementEdit({
      entity_id: enhancement(2),
      base_version: 1,
      patch: { status: 'implementing', work_item_id: ITEMS.task },
    }),
    configuring({ entity_id: PROJECT_ID, base_version: 1, patch: { current_session_id: ITEMS.session } }),
    archiving(ITEMS.archived),
  ]);
  await apply(session, [claiming({ entity_id: ITEMS.session })]);
  await session.write(addConflict);
}

async function addConflict(c: Connection): Promise<void> {
  const id = '01890000-0000-7000-8000-000000000000';
  await c.db.insert(c.tables.conflicts).values({
    id,
    version: 1,
    kind: 'conflict',
    entity: 'work_item',
    entity_id: ITEMS.task,
    device: '99999999-0000-4000-8000-000000000000',
    actor: 'ada',
    client: 'cli',
    made_at: FOUNDED,
    found_at: FOUNDED,
    reason: 'others changed the title meanwhile',
    changes: [] as never,
    details: { overlap: ['title'] },
  });
  await c.db.insert(c.tables.openConflicts).values({ record_id: ITEMS.task, conflict_id: id });
}

/** Every row of every table, in the order of the copy. */
export async function allRows(session: Pick<Session, 'read'>, names: readonly TableName[] = TABLE_NAMES) {
  return await session.read(async (c) => {
    const tables: Partial<Record<TableName, Row[]>> = {};
    for (const name of names) {
      const rows: Row[] = [];
      for await (const chunk of readTable(c, name)) rows.push(...chunk);
      tables[name] = rows;
    }
    return tables;
  });
}
