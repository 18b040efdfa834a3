/** What lists show of a record by default: what a further call needs, and what is not empty of the rest that matters. */
import type { FieldChange, RecordedChange } from '../../domain/change.ts';
import type { NotReady } from '../../domain/readiness.ts';
import { reasonText } from '../../domain/readiness.ts';
import { shortId } from '../../domain/text.ts';
import type { Vendor } from '../../domain/vendor.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { shortSession } from '../../domain/worker.ts';
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';
import { rowOf, shortValue } from './shown.ts';

export interface ItemRow
  extends
    Pick<WorkItem, 'id' | 'title'>,
    Partial<
      Pick<
        WorkItem,
        | 'version'
        | 'item_type'
        | 'status'
        | 'priority'
        | 'labels'
        | 'assignee'
        | 'parent_id'
        | 'claimed_by'
        | 'claim_expires_at'
      >
    > {
  open_conflicts?: number;
  not_ready?: string;
}

const ITEM_FIELDS = [
  ...(['id', 'version', 'item_type', 'title', 'status', 'priority', 'labels', 'assignee'] as const),
  ...(['claimed_by', 'claim_expires_at', 'parent_id'] as const),
];

export function itemRow(item: WorkItem & { open_conflicts?: number; not_ready?: NotReady }): ItemRow {
  const { open_conflicts, not_ready } = item;
  return {
    ...rowOf(item, ITEM_FIELDS),
    ...(open_conflicts !== undefined && { open_conflicts }),
    ...(not_ready !== undefined && { not_ready: reasonText(not_ready) }),
  };
}

export interface VendorRow extends Pick<Vendor, 'name' | 'version' | 'status'> {
  /** `45/50`: passing of all. */
  tests?: string;
  formats?: string[];
  extractor_version?: string;
  open_conflicts?: number;
}

export function vendorRow(vendor: Vendor & { open_conflicts?: number }): VendorRow {
  const { metadata = {}, open_conflicts } = vendor as Partial<Vendor> & { open_conflicts?: number };
  const results = metadata['test_results'] as Record<string, number> | undefined;
  const formats = Object.entries((metadata['format_support'] ?? {}) as Record<string, boolean>)
    .filter(([, isSupported]) => isSupported)
    .map(([name]) => name);
  return {
    ...rowOf(vendor, ['name', 'version', 'status', 'extractor_version']),
    ...(results !== undefined && { tests: `${results['passing'] ?? 0}/${results['total'] ?? 0}` }),
    ...(formats.length > 0 && { formats }),
    ...(open_conflicts !== undefined && { open_conflicts }),
  };
}

export interface DeploymentRow extends Pick<LinkedDeployment, 'id' | 'deployed_at'> {
  pr_number?: unknown;
  pr_title?: unknown;
  commit_hash?: string;
  /** Names. */
  vendors?: string[];
}

const COMMIT_CHARACTERS = 12;
const VENDORS_SHOWN = 10;

export function deploymentRow(deployment: LinkedDeployment): DeploymentRow {
  const { pr_number, pr_title } = (deployment.metadata ?? {}) as Record<string, unknown>;
  const names = deployment.affected_vendors.map(({ name }) => name);
  const left = names.length - VENDORS_SHOWN;
  const vendors = left > 0 ? [...names.slice(0, VENDORS_SHOWN), `and ${left} more`] : names;
  return {
    ...rowOf(deployment, ['id', 'deployed_at']),
    ...(pr_number !== undefined && { pr_number }),
    ...(pr_title !== undefined && { pr_title }),
    commit_hash: deployment.commit_hash.slice(0, COMMIT_CHARACTERS),
    ...(vendors.length > 0 && { vendors }),
  };
}

export interface ChangeRow extends Pick<
  RecordedChange,
  'seq' | 'at' | 'actor' | 'kind' | 'entity' | 'entity_id'
> {
  client?: string;
  /** Where that is not the name it was signed with. */
  person?: string;
  /** As much of it as tells it from others. */
  session?: string;
  version?: number | null;
  fields: FieldChange[];
  /** How many more fields it changed. */
  more_fields?: number;
}

const FIELDS_SHOWN = 6;
const VALUE_CHARACTERS = 80;
/** Told by the parent; of what is new, an id and where nothing was before say nothing. */
const SILENT = new Set(['path', 'depth']);
const SILENT_WHEN_NEW = new Set([...SILENT, 'id', 'position', 'created_at', 'created_by']);

export function changeRow(change: RecordedChange): ChangeRow {
  const isNew = change.kind === 'create';
  const told = change.fields.filter(({ field }) => !(isNew ? SILENT_WHEN_NEW : SILENT).has(field));
  const fields = told.slice(0, FIELDS_SHOWN).map(({ field, from, to }) => ({
    field,
    ...(!isNew && { from: shortValue(from, VALUE_CHARACTERS) }),
    to: shortValue(to, VALUE_CHARACTERS),
  })) as FieldChange[];
  const left = told.length - fields.length;
  const { seq, at, actor, client, person, session, kind, entity, entity_id, version } = change;
  return {
    ...{ seq, at, actor, client },
    ...(person !== null && person !== actor && { person }),
    ...(session !== null && { session: shortSession(session) }),
    ...{ kind, entity, entity_id: shortId(entity_id), version, fields },
    ...(left > 0 && { more_fields: left }),
  };
}
