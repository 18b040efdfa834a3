/** How a change records a deployment with its links. */
import { notFound, validationError } from '../../domain/errors.ts';
import { fieldChanges } from '../../domain/change.ts';
import type { ChangeOf, PatchOf } from '../../domain/change-schema.ts';
import { checkDeploymentMetadata, complianceNumber, type Deployment } from '../../domain/deployment.ts';
import { vendorNameKey, type Vendor } from '../../domain/vendor.ts';
import { nearestName } from '../../domain/warnings.ts';
import type { Connection } from '../database/connection.ts';
import { withLinks } from '../queries/deployments.ts';
import { findVendors, findVendorsByKeys, vendorNames } from '../queries/vendors.ts';
import { findWorkItems } from '../queries/work-items.ts';
import { asJson, type Effect } from './effect.ts';

/** Vendor names compared for "did you mean". */
const NAMES_COMPARED = 1_000;

export async function recordDeployment(
  c: Connection,
  change: ChangeOf<'create deployment'>,
): Promise<Effect> {
  const { patch } = change;
  const { commit_hash } = patch;
  const { metadata, warnings } = checkDeploymentMetadata(
    patch.metadata,
    commit_hash,
    // No tool lets it through: only an import sets it.
    patch.is_imported === true,
  );
  const vendorIds = await linkedVendorIds(c, patch);
  const itemIds = await linkedItemIds(c, patch.related_work_item_ids);
  const deployment: Deployment = {
    id: change.entity_id,
    version: c.versionStep(change),
    deployed_at: patch.deployed_at,
    commit_hash,
    metadata,
    created_at: change.at,
    created_by: change.actor,
  };
  const t = c.tables;
  const compliant = complianceNumber(metadata['constitutional_compliance']);
  await c.db.insert(t.deployments).values({ ...deployment, compliant });
  if (vendorIds.length > 0) {
    await c.db
      .insert(t.deploymentVendors)
      .values(vendorIds.map((vendor_id) => ({ deployment_id: deployment.id, vendor_id })));
  }
  if (itemIds.length > 0) {
    await c.db
      .insert(t.deploymentWorkItems)
      .values(itemIds.map((work_item_id) => ({ deployment_id: deployment.id, work_item_id })));
  }
  const [linked] = await withLinks(c, [deployment]);
  return {
    record: asJson(linked ?? deployment),
    touched: [
      {
        entity: 'deployment',
        entity_id: deployment.id,
        kind: 'create',
        version: deployment.version,
        fields: fieldChanges(null, {
          ...deployment,
          affected_vendor_ids: vendorIds,
          related_work_item_ids: itemIds,
        }),
      },
    ],
    merged_with: [],
    warnings,
  };
}

async function linkedVendorIds(
  c: Connection,
  { affected_vendor_ids: ids, affected_vendors: names }: PatchOf<'create deployment'>,
): Promise<string[]> {
  const byId = await findVendors(c, ids);
  const missingId = ids.find((id) => !byId.some((vendor) => vendor.id === id));
  if (missingId !== undefined) throw notFound('vendor', { id: missingId });
  const byName = await findVendorsByKeys(c, names.map(vendorNameKey));
  const missingName = names.find((name) => !byName.some((vendor) => isNamed(vendor, name)));
  if (missingName !== undefined) {
    const nearest = nearestName(missingName, await vendorNames(c, NAMES_COMPARED));
    throw notFound('vendor', { name: missingName }, nearest === undefined ? [] : [nearest]);
  }
  return [...new Set([...byId, ...byName].map(({ id }) => id))];
}

function isNamed(vendor: Vendor, name: string): boolean {
  return vendorNameKey(vendor.name) === vendorNameKey(name);
}

async function linkedItemIds(c: Connection, ids: string[]): Promise<string[]> {
  const items = await findWorkItems(c, ids);
  const missing = ids.find((id) => !items.some((item) => item.id === id));
  if (missing !== undefined) throw notFound('work item', { id: missing });
  const deleted = items.find((item) => item.deleted_at !== null);
  if (deleted !== undefined) {
    throw validationError({
      field: 'related_work_item_ids',
      constraint: `"${deleted.title}" is deleted`,
      value: deleted.id,
    });
  }
  return [...new Set(ids)];
}
