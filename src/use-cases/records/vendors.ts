/** Vendors: register, read by name, update, list. */
import * as z from 'zod';
import { notFound } from '../../domain/errors.ts';
import { newRecordId } from '../../domain/ids.ts';
import {
  vendorNameKey,
  type Vendor,
  queryVendorInput,
  updateVendorInput,
  registerVendorInput,
  listVendorsInput,
} from '../../domain/vendor.ts';
import { nearestName } from '../../domain/warnings.ts';
import { refuseShownParts } from './long-texts.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { VendorSummary } from '../../storage/queries/vendors.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { warnOfConflicts, withOpenConflicts } from '../support/open-conflicts.ts';
import { lookUp } from '../support/look-up.ts';
import { patchOf, refuseEmptyPatch, writeOne, type WriteOutcome } from '../support/context.ts';
import { listShape, openConflicts, vendorShape, writeShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** Vendor names compared for "did you mean". */
const NAMES_COMPARED = 1_000;

/**
 * Adds a vendor: broken, all formats false and no tests unless the input says more.
 * @throws ValidationError when the name is taken, in whatever case
 */
export const registerVendor = defineUseCase({
  name: 'register_vendor',
  kind: 'add',
  input: registerVendorInput,
  output: () => ({ ...vendorShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<Vendor & WriteOutcome>> => {
    const { created_by, idempotency_key, ...fields } = input;
    return await writeOne<Vendor>(context, caller, {
      entity: 'vendor',
      entity_id: newRecordId(),
      kind: 'create',
      patch: patchOf(fields),
      actor: created_by,
      idempotency_key,
    });
  },
});

/** A vendor as a read shows it. */
export type VendorView = Vendor & {
  /** Changes to it that wait for a decision; absent without any. */
  open_conflicts?: number;
};

/**
 * Reads a vendor by its name, in any case.
 * @throws NotFoundError with the nearest name
 */
export const queryVendor = defineUseCase({
  name: 'query_vendor_status',
  kind: 'read',
  input: queryVendorInput,
  output: () => ({ ...vendorShape(), ...openConflicts() }),
  run: async (context, _caller, { name }): Promise<Answer<VendorView>> => {
    const answer = await context.store.read(async (reader): Promise<VendorView> => {
      const found = await reader.findVendorWithConflicts(vendorNameKey(name));
      if (found === undefined) return await findVendor(reader, name);
      const { open_conflicts, ...vendor } = found;
      return Number(open_conflicts) === 0 ? vendor : { ...vendor, open_conflicts: Number(open_conflicts) };
    });
    return warnOfConflicts(answer, (vendor) => [vendor]);
  },
});

/** @throws NotFoundError with the nearest name */
export async function findVendor(reader: Reader, name: string): Promise<Vendor> {
  const vendor = await reader.findVendorByKey(vendorNameKey(name));
  if (vendor !== undefined) return vendor;
  const nearest = nearestName(name, await reader.vendorNames(NAMES_COMPARED));
  throw notFound('vendor', { name }, nearest === undefined ? [] : [nearest]);
}

/**
 * Sets the given fields; metadata is merged key by key.
 * @throws NotFoundError with the nearest name; VersionConflictError for a stale version; ValidationError without a field
 */
export const updateVendor = defineUseCase({
  name: 'update_vendor_status',
  kind: 'change',
  input: updateVendorInput,
  output: () => ({ ...vendorShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<Vendor & WriteOutcome>> => {
    const { name, version, updated_by, on_conflict, idempotency_key, ...fields } = input;
    const patch = patchOf(fields);
    refuseEmptyPatch(patch, 'status, extractor_version, metadata');
    refuseShownParts(patch);
    const asked = { call: 'update_vendor_status', arguments: input };
    const vendor = await lookUp(context, asked, (reader) => findVendor(reader, name));
    return await writeOne<Vendor>(context, caller, {
      entity: 'vendor',
      entity_id: vendor.id,
      kind: 'update',
      base_version: version,
      patch,
      on_conflict,
      actor: updated_by,
      idempotency_key,
    });
  },
});

/** A page of vendors by name, with how many of all that match are operational and broken. */
export const listVendors = defineUseCase({
  name: 'list_vendors',
  kind: 'read',
  input: listVendorsInput,
  output: () => ({
    ...listShape(vendorShape()),
    summary: z.object({ operational: z.int(), broken: z.int() }),
  }),
  run: async (context, _caller, input): Promise<Answer<Page<Vendor> & { summary: VendorSummary }>> => {
    const answer = await context.store.read(async (reader) => {
      const page = await reader.listVendors(input);
      return { ...page, items: await withOpenConflicts(reader, page.items) };
    });
    return warnOfConflicts(answer, ({ items }) => items);
  },
});
