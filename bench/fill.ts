/** Fills a store with a tracker of a given size, by bulk inserts: going through the tools would take minutes. */
import { newChangeId, newRecordId } from '../src/domain/ids.ts';
import { VENDOR_METADATA_DEFAULT } from '../src/domain/vendor.ts';
import { ITEM_STATUSES, type WorkItem } from '../src/domain/work-item.ts';
import { recount } from '../src/storage/apply/counts.ts';
import { refillQueue } from '../src/storage/apply/readiness.ts';
import type { Connection, Session } from '../src/storage/database/connection.ts';

const ROWS_PER_INSERT = 100;
export const VENDORS = 45;
const DEPLOYMENTS = 50;
const ENHANCEMENTS = 8;
/** One root, and below it five levels of these widths, repeated: about 150 items a project. */
const LEVELS = [1, 3, 3, 2, 2, 2];

export interface Filled {
  /** Items that stand above five levels of others. */
  roots: string[];
  items: { id: string; version: number }[];
}

export async function fill(session: Session, count: number): Promise<Filled> {
  const items = makeItems(count);
  await session.write(async (c) => {
    const t = c.tables;
    await insertAll(c, t.workItems, items);
    await insertAll(
      c,
      t.workItemLabels,
      items.flatMap(({ id, labels }) => labels.map((label) => ({ item_id: id, label }))),
    );
    await insertAll(c, t.dependencies, makeLinks(items));
    await recount(
      c,
      items.map((after) => ({ before: null, after })),
    );
    await refillQueue(c);
    const changes = items.map(changeOf);
    await insertAll(c, t.changes, changes);
    await insertAll(c, t.appliedChanges, changes.map(appliedOf));
    await insertAll(c, t.vendors, makeVendors());
    await insertAll(c, t.deployments, makeDeployments());
    await insertAll(c, t.enhancements, makeEnhancements());
    await c.db.update(t.feed).set({ seq: items.length, changed_at: at(items.length) });
  });
  return {
    roots: items.filter(({ depth }) => depth === 0).map(({ id }) => id),
    items: items.map(({ id, version }) => ({ id, version })),
  };
}

async function insertAll(c: Connection, table: object, rows: object[]): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    await c.db.insert(table as never).values(rows.slice(start, start + ROWS_PER_INSERT) as never);
  }
}

function makeItems(count: number): WorkItem[] {
  const items: WorkItem[] = [];
  const grow = (parent: WorkItem | null): void => {
    const depth = parent === null ? 0 : parent.depth + 1;
    const width = LEVELS[depth] ?? 0;
    for (let index = 0; index < width && items.length < count; index += 1) {
      const item = makeItem(items.length, parent, depth);
      items.push(item);
      grow(item);
    }
  };
  while (items.length < count) grow(null);
  return items;
}

function makeItem(number: number, parent: WorkItem | null, depth: number): WorkItem {
  const id = newRecordId();
  const status = ITEM_STATUSES[number % ITEM_STATUSES.length] ?? 'active';
  return {
    id,
    version: 1,
    item_type: depth === 0 ? 'project' : depth === 1 ? 'session' : 'task',
    title: `Item ${number}: make the extractor of part ${number % 97} read every format`,
    description: `What has to be done for item ${number}, in two sentences. It says enough to start with.`,
    status,
    priority: (number % 5) + 1,
    labels: [`area-${number % 40}`, number % 3 === 0 ? 'backend' : 'frontend'],
    assignee: number % 4 === 0 ? `client-${number % 8}` : null,
    parent_id: parent?.id ?? null,
    path: `${parent?.path ?? ''}/${id}`,
    depth,
    position: String(number).padStart(12, '0'),
    branch_name: null,
    commit_hash: null,
    pr_number: null,
    metadata: depth > 1 ? { estimated_hours: number % 12 } : {},
    created_at: at(number),
    updated_at: at(number),
    completed_at: status === 'completed' ? at(number) : null,
    created_by: 'bench',
    updated_by: 'bench',
    deleted_at: null,
    claimed_by: null,
    claim_expires_at: null,
    archived_at: null,
  };
}

function at(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
}

/** A link for every second item, always from an earlier to a later one: no cycles. */
function makeLinks(items: WorkItem[]) {
  return items.slice(0, -7).flatMap((item, number) =>
    number % 2 === 0
      ? [
          {
            source_id: item.id,
            target_id: items[number + 7]?.id ?? item.id,
            dependency_type: number % 4 === 0 ? ('blocks' as const) : ('relates_to' as const),
            created_at: at(number),
            created_by: 'bench',
          },
        ]
      : [],
  );
}

function changeOf(item: WorkItem, index: number) {
  return {
    seq: index + 1,
    change_id: newChangeId(),
    at: item.created_at,
    actor: 'bench',
    client: 'bench',
    entity: 'work_item',
    entity_id: item.id,
    related_id: null,
    kind: 'create',
    base_version: null,
    version: 1,
    fields: [{ field: 'title', from: null, to: item.title }],
    merged_with: [],
    schema_version: 1,
  };
}

function appliedOf({ change_id }: ReturnType<typeof changeOf>) {
  return { change_id, idempotency_key: null, request_hash: null, result: null };
}

export const vendorName = (number: number): string => `vendor_${String(number).padStart(2, '0')}`;

function makeVendors() {
  return Array.from({ length: VENDORS }, (_, number) => ({
    id: newRecordId(),
    version: 1,
    name: vendorName(number),
    name_key: vendorName(number),
    status: number % 5 === 0 ? 'broken' : 'operational',
    extractor_version: '1.2.3',
    metadata: VENDOR_METADATA_DEFAULT,
    created_at: at(number),
    updated_at: at(number),
    created_by: 'bench',
    updated_by: 'bench',
  }));
}

function makeDeployments() {
  return Array.from({ length: DEPLOYMENTS }, (_, number) => ({
    id: newRecordId(),
    version: 1,
    deployed_at: at(number * 3600),
    commit_hash: number.toString(16).padStart(40, '0'),
    metadata: {
      pr_number: number + 1,
      pr_title: `Deployment ${number}`,
      test_summary: { unit: 150, integration: 30 },
      constitutional_compliance: true,
    },
    compliant: 1,
    created_at: at(number),
    created_by: 'bench',
  }));
}

function makeEnhancements() {
  return Array.from({ length: ENHANCEMENTS }, (_, number) => ({
    id: newRecordId(),
    version: 1,
    title: `Enhancement ${number}: read the formats of part ${number}`,
    description: 'What may be done one day, in two sentences. It says enough to decide about it.',
    priority: (number % 5) + 1,
    status: number % 2 === 0 ? 'planned' : 'approved',
    target_quarter: '2026-Q3',
    requires_constitutional_principles: [],
    work_item_id: null,
    created_at: at(number),
    updated_at: at(number),
    created_by: 'bench',
    updated_by: 'bench',
  }));
}
