// Changes made by hand, for what services would not send: chosen ids and times, batches, repeated ids.
import { CHANGE_SCHEMA_VERSION, type Change } from '../../src/domain/change.ts';
import { newChangeId } from '../../src/domain/ids.ts';
import type { JsonObject } from '../../src/domain/json.ts';

type Given = Partial<Change> & Pick<Change, 'entity_id'>;

const AT = '2026-01-05T09:00:00.000Z';

function change(fields: Given & Pick<Change, 'entity' | 'kind'>): Change {
  return {
    id: newChangeId(),
    at: AT,
    actor: 'ada',
    client: 'test-client/1.0',
    base_version: null,
    patch: {},
    on_conflict: 'reject',
    cascade: false,
    claim_token: null,
    idempotency_key: null,
    schema_version: CHANGE_SCHEMA_VERSION,
    ...fields,
  };
}

const ITEM: JsonObject = {
  item_type: 'task',
  title: 'Task',
  description: null,
  status: 'active',
  priority: 3,
  labels: [],
  assignee: null,
  parent_id: null,
  branch_name: null,
  commit_hash: null,
  pr_number: null,
  metadata: {},
};

/** A new work item; the patch is laid over a bare task. */
export function creation({ patch, ...fields }: Given): Change {
  return change({ entity: 'work_item', kind: 'create', patch: { ...ITEM, ...patch }, ...fields });
}

export function edit(fields: Given & { base_version: number; patch: JsonObject }): Change {
  return change({ entity: 'work_item', kind: 'update', ...fields });
}

export function linking(
  source: string,
  dependency_type: string,
  target_id: string,
  fields: Partial<Change> = {},
): Change {
  return change({
    entity: 'dependency',
    kind: 'link',
    entity_id: source,
    patch: { target_id, dependency_type },
    ...fields,
  });
}

export function registration(fields: Given & { patch: JsonObject }): Change {
  const { patch, ...rest } = fields;
  return change({
    entity: 'vendor',
    kind: 'create',
    patch: { status: 'broken', metadata: {}, ...patch },
    ...rest,
  });
}

export function vendorEdit(fields: Given & { base_version: number; patch: JsonObject }): Change {
  return change({ entity: 'vendor', kind: 'update', ...fields });
}

export function deploying(fields: Given & { patch: JsonObject }): Change {
  const none = { affected_vendor_ids: [], affected_vendors: [], related_work_item_ids: [] };
  const { patch, ...rest } = fields;
  return change({ entity: 'deployment', kind: 'create', patch: { ...none, ...patch }, ...rest });
}

export function noting(fields: Given & { patch: JsonObject }): Change {
  return change({ entity: 'note', kind: 'create', ...fields });
}

export function configuring(fields: Given & { base_version: number; patch: JsonObject }): Change {
  return change({ entity: 'configuration', kind: 'update', ...fields });
}

/** A new enhancement; the patch is laid over a bare one. */
export function enhancing({ patch, ...fields }: Given): Change {
  const bare = { priority: 3, status: 'planned', requires_constitutional_principles: [], depends_on: [] };
  return change({ entity: 'enhancement', kind: 'create', patch: { ...bare, ...patch }, ...fields });
}

export function enhancementEdit(fields: Given & { base_version: number; patch: JsonObject }): Change {
  return change({ entity: 'enhancement', kind: 'update', ...fields });
}

/** An item with everything below it to the archive. */
export function archiving(entity_id: string, fields: Partial<Change> = {}): Change {
  return change({ entity: 'work_item', kind: 'archive', entity_id, ...fields });
}

export function restoring(entity_id: string, fields: Partial<Change> = {}): Change {
  return change({ entity: 'work_item', kind: 'restore', entity_id, ...fields });
}

export function resolving(entity_id: string, resolution: string): Change {
  return change({ entity: 'conflict', kind: 'resolve', entity_id, patch: { resolution } });
}

export function claiming(fields: Given & { patch?: JsonObject }): Change {
  const { patch, ...rest } = fields;
  return change({
    entity: 'work_item',
    kind: 'claim',
    patch: { action: 'take', lease_seconds: null, ...patch },
    ...rest,
  });
}
