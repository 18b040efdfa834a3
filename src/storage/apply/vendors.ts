/** How a change registers or alters a vendor. */
import { and, eq } from 'drizzle-orm';
import { notFound, validationError } from '../../domain/errors.ts';
import { fieldChanges } from '../../domain/change.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isPartlyShown } from '../../domain/provisional-version.ts';
import {
  EXTRACTOR_VERSION_UNKNOWN,
  VENDOR_METADATA_DEFAULT,
  mergeVendorMetadata,
  vendorNameKey,
  withOneVersion,
  type Vendor,
} from '../../domain/vendor.ts';
import type { Connection } from '../database/connection.ts';
import { findVendorByKey, findVendors } from '../queries/vendors.ts';
import { asJson, oneRow, picked, type Effect, type Touched } from './effect.ts';
import { rebase } from './rebase.ts';

export async function registerVendor(c: Connection, change: ChangeOf<'create vendor'>): Promise<Effect> {
  const { name, status, extractor_version, metadata } = change.patch;
  const taken = await findVendorByKey(c, vendorNameKey(name));
  if (taken !== undefined) {
    throw validationError(
      {
        field: 'name',
        constraint: `is taken: names are unique without regard to case, and "${taken.name}" exists`,
        value: name,
      },
      'Use update_vendor_status to change the existing vendor, or choose another name.',
    );
  }
  const merged = mergeVendorMetadata(VENDOR_METADATA_DEFAULT, metadata, extractor_version);
  const vendor: Vendor = {
    id: change.entity_id,
    version: c.versionStep(change),
    name,
    status,
    extractor_version: merged.extractor_version ?? EXTRACTOR_VERSION_UNKNOWN,
    metadata: merged.metadata,
    created_at: change.at,
    updated_at: change.at,
    created_by: change.actor,
    updated_by: change.actor,
  };
  await c.db.insert(c.tables.vendors).values({ ...vendor, name_key: vendorNameKey(name) });
  return {
    record: asJson(vendor),
    touched: [touch(vendor, null)],
    merged_with: [],
    warnings: merged.warnings,
  };
}

export async function updateVendor(c: Connection, change: ChangeOf<'update vendor'>): Promise<Effect> {
  const [current] = await findVendors(c, [change.entity_id]);
  if (current === undefined) throw notFound('vendor', { id: change.entity_id });
  const asked = { ...change, patch: withOneVersion(change.patch) };
  const { patch, merged_with, version } = await rebase(c, asked, current, 'vendor');
  const given = patch.metadata ?? {};
  const merged = mergeVendorMetadata(completed(current), given, patch.extractor_version);
  const next: Vendor = {
    ...current,
    version,
    status: patch.status ?? current.status,
    extractor_version: merged.extractor_version ?? current.extractor_version,
    metadata: isPartlyShown(current.version)
      ? (picked(merged.metadata, Object.keys({ ...current.metadata, ...given })) as JsonObject)
      : merged.metadata,
    updated_at: change.at,
    updated_by: change.actor,
  };
  const { vendors } = c.tables;
  oneRow(
    await c.db
      .update(vendors)
      .set(next)
      .where(and(eq(vendors.id, current.id), eq(vendors.version, current.version)))
      .returning({ id: vendors.id }),
  );
  return {
    record: asJson(next),
    touched: [touch(next, current)],
    merged_with,
    warnings: 'metadata' in patch ? merged.warnings : [],
  };
}

/** A vendor's metadata is checked as a whole: what its layer does not show must not make a change wrong. */
function completed({ version, metadata }: Vendor): JsonObject {
  return isPartlyShown(version) ? { ...VENDOR_METADATA_DEFAULT, ...metadata } : metadata;
}

function touch(vendor: Vendor, before: Vendor | null): Touched {
  return {
    entity: 'vendor',
    entity_id: vendor.id,
    kind: before === null ? 'create' : 'update',
    version: vendor.version,
    fields: fieldChanges(before, vendor),
  };
}
