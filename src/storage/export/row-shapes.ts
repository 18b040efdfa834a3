/** What one row of an export may hold, by table: the limits of the records' own schemas, and nothing typed twice. */
import * as z from 'zod';
import { decodeChanges } from '../../domain/change-schema.ts';
import { CHANGE_KINDS, ENTITIES } from '../../domain/change.ts';
import { RESOLUTIONS, type ConflictKind } from '../../domain/conflict-record.ts';
import { configurationFields } from '../../domain/configuration.ts';
import { DEPENDENCY_TYPES } from '../../domain/dependency.ts';
import { checkDeploymentMetadata, complianceNumber, deploymentFields } from '../../domain/deployment.ts';
import { enhancementFields } from '../../domain/enhancement.ts';
import { integer, lazily, storedId, storedJson, storedLine, storedTime } from '../../domain/fields.ts';
import { findUnstorable, type JsonObject } from '../../domain/json.ts';
import {
  HIERARCHY_MAX_DEPTH,
  IDEMPOTENCY_KEY_MAX_CHARACTERS,
  LABEL_MAX_CHARACTERS,
  METADATA_MAX_DEPTH,
  NAME_MAX_CHARACTERS,
} from '../../domain/limits.ts';
import { noteFields } from '../../domain/note.ts';
import { POSITION } from '../../domain/position.ts';
import { problemsOf } from '../../domain/validate.ts';
import { checkVendorMetadata, vendorFields, vendorNameKey } from '../../domain/vendor.ts';
import {
  ITEM_STATUSES,
  ITEM_TYPES,
  checkItemMetadata,
  itemFields,
  type ItemType,
} from '../../domain/work-item.ts';
import { TrackerError, type Problem } from '../../domain/errors.ts';
import type { Row, TableName } from '../database/table-copy.ts';

/** A first answer holds a record, in a list of them, and what it was merged with. */
const ROW_MAX_DEPTH = METADATA_MAX_DEPTH + 32;

const CONFLICT_KINDS = ['conflict', 'rejected'] as const satisfies ConflictKind[];
/** What the columns of either database can hold. */
const number = (min: number) => integer(min, 2 ** 31 - 1);
const name = storedLine(NAME_MAX_CHARACTERS);
const anyName = name.nullable();
const anyId = storedId.nullable();
const anyTime = storedTime.nullable();

const versioned = {
  id: storedId,
  version: number(1),
  created_at: storedTime,
  updated_at: storedTime,
  created_by: name,
  updated_by: name,
};

const SHAPES: Record<TableName, () => z.ZodObject> = {
  meta: lazily(() =>
    z.object({
      id: number(0),
      project_id: storedId,
      project_slug: storedLine(NAME_MAX_CHARACTERS),
      root_commit: z
        .string()
        .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'must be the id of a commit')
        .nullable(),
      created_at: storedTime,
    }),
  ),
  feed: lazily(() => z.object({ id: number(0), seq: integer(0), changed_at: storedTime })),
  workItems: lazily(() =>
    z.object({
      ...versioned,
      ...itemFields(),
      path: z.string(),
      depth: integer(0, HIERARCHY_MAX_DEPTH),
      position: z.string().regex(POSITION, 'must be a position'),
      completed_at: anyTime,
      deleted_at: anyTime,
      claimed_by: anyName,
      claim_expires_at: anyTime,
      archived_at: anyTime,
    }),
  ),
  workItemLabels: lazily(() => z.object({ item_id: storedId, label: storedLine(LABEL_MAX_CHARACTERS) })),
  dependencies: lazily(() =>
    z.object({
      source_id: storedId,
      target_id: storedId,
      dependency_type: z.enum(DEPENDENCY_TYPES),
      created_at: storedTime,
      created_by: name,
    }),
  ),
  claims: lazily(() =>
    z.object({
      item_id: storedId,
      token: integer(1),
      holder: anyName,
      client: anyName,
      person: anyName.optional(),
      device: anyId.optional(),
      session: anyName.optional(),
      expires_at: anyTime,
      lease_seconds: number(1),
      handed_over: integer(0, 1),
      granted_by: storedId,
    }),
  ),
  readyQueue: lazily(() =>
    z.object({
      item_id: storedId,
      waits: integer(0, 2).nullable(),
      priority: itemFields().priority,
      rank: integer(-(2 ** 31), 0),
      position: z.string(),
    }),
  ),
  notes: lazily(() => z.object({ id: storedId, ...noteFields() })),
  enhancements: lazily(() => z.object({ ...versioned, ...enhancementFields(), work_item_id: anyId })),
  enhancementDependencies: lazily(() => z.object({ enhancement_id: storedId, depends_on_id: storedId })),
  vendors: lazily(() => z.object({ ...versioned, ...vendorFields(), name_key: z.string() })),
  deployments: lazily(() =>
    z.object({
      ...deploymentFields(),
      id: storedId,
      version: number(1),
      compliant: integer(-1, 1),
      created_at: storedTime,
      created_by: name,
    }),
  ),
  deploymentVendors: lazily(() => z.object({ deployment_id: storedId, vendor_id: storedId })),
  deploymentWorkItems: lazily(() => z.object({ deployment_id: storedId, work_item_id: storedId })),
  configuration: lazily(() => z.object({ ...versioned, ...configurationFields() })),
  conflicts: lazily(() =>
    z.object({
      id: storedId,
      version: integer(1, 2),
      kind: z.enum(CONFLICT_KINDS),
      entity: z.enum(ENTITIES),
      entity_id: storedId,
      device: storedId,
      actor: name,
      client: name,
      person: anyName.optional(),
      session: anyName.optional(),
      made_at: storedTime,
      found_at: storedTime,
      reason: z.string(),
      changes: z.unknown(),
      details: storedJson,
      resolution: z.enum(RESOLUTIONS).nullable(),
      resolved_at: anyTime,
      resolved_by: anyName,
      resolved_by_change: anyId,
    }),
  ),
  openConflicts: lazily(() => z.object({ record_id: storedId, conflict_id: storedId })),
  workItemCounts: lazily(() =>
    z.object({
      shelf: z.enum(['live', 'deleted', 'archived']),
      item_type: z.enum(ITEM_TYPES),
      status: z.enum(ITEM_STATUSES),
      items: number(0),
    }),
  ),
  changes: lazily(() =>
    z.object({
      seq: integer(1),
      change_id: storedId,
      at: storedTime,
      actor: name,
      client: name,
      person: anyName.optional(),
      device: anyId.optional(),
      session: anyName.optional(),
      entity: z.enum(ENTITIES),
      entity_id: storedId,
      related_id: anyId,
      kind: z.enum(CHANGE_KINDS),
      base_version: number(0).nullable(),
      version: number(1).nullable(),
      fields: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })),
      merged_with: z.array(integer(0)),
      schema_version: number(1),
    }),
  ),
  appliedChanges: lazily(() =>
    z.object({
      change_id: storedId,
      idempotency_key: storedLine(IDEMPOTENCY_KEY_MAX_CHARACTERS + NAME_MAX_CHARACTERS).nullable(),
      request_hash: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex')
        .nullable(),
      result: storedJson.nullable(),
    }),
  ),
};

/** What in a row cannot be right, as `status must be one of …`; undefined when nothing speaks against it. */
export function problemOfRow(table: TableName, row: Row): string | undefined {
  const unstorable = findUnstorable(row, ROW_MAX_DEPTH);
  if (unstorable !== undefined) return `${unstorable.path} ${unstorable.constraint}`;
  const { error } = SHAPES[table]().safeParse(row);
  if (error !== undefined) return sayFirst(problemsOf(error, row));
  return derivedProblem(table, row);
}

/** What follows from other fields of the row, or is judged by the rules that apply changes. */
function derivedProblem(table: TableName, row: Row): string | undefined {
  const metadata = row['metadata'] as JsonObject;
  switch (table) {
    case 'workItems':
      return refusalOf(() => checkItemMetadata(row['item_type'] as ItemType, metadata, []));
    case 'vendors':
      if (row['name_key'] !== vendorNameKey(String(row['name']))) return 'name_key does not fit its name';
      return refusalOf(() => checkVendorMetadata(metadata));
    case 'deployments':
      if (row['compliant'] !== complianceNumber(metadata['constitutional_compliance'])) {
        return 'compliant does not fit its metadata';
      }
      return refusalOf(() => checkDeploymentMetadata(metadata, String(row['commit_hash']), true));
    case 'conflicts': {
      const { changes } = row;
      if (Array.isArray(changes) && changes.length === 0) return undefined;
      const decoded = decodeChanges(changes);
      return 'problem' in decoded ? decoded.reason : undefined;
    }
    case 'appliedChanges':
    case 'changes':
    case 'claims':
    case 'configuration':
    case 'dependencies':
    case 'deploymentVendors':
    case 'deploymentWorkItems':
    case 'enhancementDependencies':
    case 'enhancements':
    case 'feed':
    case 'meta':
    case 'notes':
    case 'openConflicts':
    case 'readyQueue':
    case 'workItemCounts':
    case 'workItemLabels':
      return undefined;
  }
}

function refusalOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    return sayFirst(error.details['problems'] as Problem[]);
  }
}

function sayFirst([first]: readonly Problem[]): string {
  return first === undefined ? 'is wrong' : `${first.field} ${first.constraint}`;
}
