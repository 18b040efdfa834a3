/**
 * What a status file says, as rows of the tracker's tables. What it does not say is filled with something, because rows
 * have all fields: the version of each says that this is not known. See `partly-shown.ts`.
 */
import { uuidFrom } from '../../domain/ids.ts';
import { HIERARCHY_MAX_DEPTH, PRIORITY_DEFAULT } from '../../domain/limits.ts';
import type { Enhancement } from '../../domain/enhancement.ts';
import { complianceNumber, type Deployment } from '../../domain/deployment.ts';
import {
  EXTRACTOR_VERSION_UNKNOWN,
  VENDOR_METADATA_DEFAULT,
  vendorNameKey,
  type Vendor,
} from '../../domain/vendor.ts';
import { partlyShown } from '../../domain/provisional-version.ts';
import { idsOnPath, placeBelow, type WorkItem } from '../../domain/work-item.ts';
import type { ParsedStatus } from '../status-file/status-parser.ts';

export interface StatusRecords {
  vendors: (Vendor & { name_key: string })[];
  /** Parents before children. */
  workItems: WorkItem[];
  deployments: (Deployment & { compliant: number })[];
  deploymentVendors: { deployment_id: string; vendor_id: string }[];
  enhancements: Omit<Enhancement, 'depends_on'>[];
  /** Records that stand in the file twice: the first counts. */
  repeated: number;
  /** Records without an id, which got one made from what they are called. */
  nameless: number;
}

const UNKNOWN_ACTOR = 'unknown';

/** The same file gives the same records, ids included. `at`: the time of the file, ISO 8601 UTC. */
export function recordsOfStatus(status: ParsedStatus, at: string): StatusRecords {
  const identify = identifier();
  const vendors = vendorsOf(status, at, identify);
  const workItems = workItemsOf(status, at, identify);
  const deployments = deploymentsOf(status, identify);
  const enhancements = enhancementsOf(status, at, identify);
  const idByName = new Map(vendors.map(({ name_key, id }) => [name_key, id]));
  const links = deployments.flatMap(({ row: { id }, vendor_names }) =>
    vendor_names.flatMap((name) => {
      const vendor_id = idByName.get(vendorNameKey(name));
      return vendor_id === undefined ? [] : [{ deployment_id: id, vendor_id }];
    }),
  );
  const written = [...status.vendors, ...status.work_items, ...status.deployments, ...status.enhancements];
  return {
    vendors,
    workItems,
    deployments: deployments.map(({ row }) => row),
    deploymentVendors: [...new Map(links.map((link) => [Object.values(link).join(), link])).values()],
    enhancements,
    repeated: written.length - vendors.length - workItems.length - deployments.length - enhancements.length,
    nameless: written.filter(({ id }) => id === null).length,
  };
}

/** What was edited by hand may be shown of no version that there ever was. */
function versionOf({ mark }: ParsedStatus, { version }: { version: number | null }): number {
  return partlyShown(mark === 'intact' ? (version ?? 0) : 0);
}

/** A record's id: the one it has, or one made from its kind and what it is called. */
type Identify = (kind: string, record: { id: string | null }, name: string) => string;

function identifier(): Identify {
  const used = new Map<string, number>();
  return (kind, { id }, name) => {
    if (id !== null) return id;
    const key = `${kind}\0${name}`;
    const number = (used.get(key) ?? 0) + 1;
    used.set(key, number);
    return uuidFrom(`${key}\0${number}`, 8);
  };
}

function vendorsOf(status: ParsedStatus, at: string, identify: Identify): StatusRecords['vendors'] {
  const rows = new Map<string, StatusRecords['vendors'][number]>();
  const ids = new Set<string>();
  for (const vendor of status.vendors) {
    const name_key = vendorNameKey(vendor.name);
    const id = identify('vendor', vendor, name_key);
    if (rows.has(name_key) || ids.has(id)) continue;
    ids.add(id);
    const formats = Object.keys(VENDOR_METADATA_DEFAULT.format_support);
    rows.set(name_key, {
      id,
      version: versionOf(status, vendor),
      name: vendor.name,
      name_key,
      status: vendor.status,
      extractor_version: vendor.extractor_version ?? EXTRACTOR_VERSION_UNKNOWN,
      metadata: {
        format_support: Object.fromEntries(
          formats.map((format) => [format, vendor.formats.includes(format)]),
        ),
        ...(vendor.tests !== null && { test_results: vendor.tests }),
      },
      created_at: at,
      updated_at: at,
      created_by: UNKNOWN_ACTOR,
      updated_by: UNKNOWN_ACTOR,
    });
  }
  return [...rows.values()];
}

function workItemsOf(status: ParsedStatus, at: string, identify: Identify): WorkItem[] {
  const rows = new Map<string, WorkItem>();
  const ids: string[] = [];
  for (const item of status.work_items) {
    const id = identify('work_item', item, item.title);
    ids.push(id);
    if (rows.has(id)) continue;
    const above = item.parent_index === null ? undefined : rows.get(ids[item.parent_index] ?? '');
    const parent = above === undefined ? null : withRoomBelow(above, rows);
    const item_status = item.status ?? 'active';
    rows.set(id, {
      id,
      version: versionOf(status, item),
      item_type: item.item_type,
      title: item.title,
      description: null,
      status: item_status,
      priority: PRIORITY_DEFAULT,
      labels: [],
      assignee: null,
      parent_id: parent?.id ?? null,
      ...placeBelow(parent, id),
      // In the order of the file.
      position: String(rows.size).padStart(8, '0'),
      branch_name: item.branch_name,
      commit_hash: null,
      pr_number: null,
      metadata: {},
      created_at: item.created_at ?? at,
      updated_at: at,
      completed_at: item_status === 'completed' ? at : null,
      created_by: UNKNOWN_ACTOR,
      updated_by: UNKNOWN_ACTOR,
      deleted_at: null,
      claimed_by: null,
      claim_expires_at: null,
      archived_at: null,
    });
  }
  return [...rows.values()];
}

/** Only by hand can a file be nested deeper than a tracker: what is too deep goes below the last level but one. */
function withRoomBelow(item: WorkItem, rows: Map<string, WorkItem>): WorkItem {
  if (item.depth < HIERARCHY_MAX_DEPTH) return item;
  return rows.get(idsOnPath(item.path)[HIERARCHY_MAX_DEPTH - 1] ?? '') ?? item;
}

function deploymentsOf(status: ParsedStatus, identify: Identify) {
  const rows = new Map<string, { row: StatusRecords['deployments'][number]; vendor_names: string[] }>();
  for (const deployment of status.deployments) {
    const { deployed_at, pr_number, pr_title, tests, compliant, vendor_names } = deployment;
    const id = identify('deployment', deployment, `${deployed_at} ${pr_number}`);
    if (rows.has(id)) continue;
    const row = {
      id,
      version: versionOf(status, deployment),
      deployed_at,
      commit_hash: deployment.commit_hash ?? '',
      metadata: {
        ...(pr_number !== null && { pr_number }),
        ...(pr_title !== null && { pr_title }),
        test_summary: tests,
        ...(compliant !== null && { constitutional_compliance: compliant }),
      },
      compliant: complianceNumber(compliant),
      created_at: deployed_at,
      created_by: UNKNOWN_ACTOR,
    };
    rows.set(id, { row, vendor_names });
  }
  return [...rows.values()];
}

function enhancementsOf(status: ParsedStatus, at: string, identify: Identify): StatusRecords['enhancements'] {
  const rows = new Map<string, StatusRecords['enhancements'][number]>();
  for (const enhancement of status.enhancements) {
    const { title, description, priority, target_quarter } = enhancement;
    const id = identify('enhancement', enhancement, title);
    if (rows.has(id)) continue;
    rows.set(id, {
      id,
      version: versionOf(status, enhancement),
      ...{ title, description, priority, status: enhancement.status, target_quarter },
      requires_constitutional_principles: [],
      work_item_id: null,
      created_at: at,
      updated_at: at,
      created_by: UNKNOWN_ACTOR,
      updated_by: UNKNOWN_ACTOR,
    });
  }
  return [...rows.values()];
}
