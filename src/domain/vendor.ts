/** Vendors: whose extractors the project watches, and how healthy each is. */
import * as z from 'zod';
import { validationError } from './errors.ts';
import {
  actorName,
  idempotencyKey,
  integer,
  jsonObject,
  lazily,
  line,
  pageInput,
  storedJson,
  storedLine,
  version,
} from './fields.ts';
import type { JsonObject, Stored } from './json.ts';
import { NAME_MAX_CHARACTERS } from './limits.ts';
import { checkMetadata, mergeMetadata } from './metadata.ts';
import { json, text, whole, type RecordOf } from './record.ts';
import type { Warning } from './warnings.ts';

export const VENDOR_STATUSES = ['operational', 'broken'] as const;
export type VendorStatus = (typeof VENDOR_STATUSES)[number];

/** A vendor as it is stored and answered; times are ISO 8601 UTC with milliseconds. */
export const vendorRecord = lazily(() => ({
  id: text,
  version: whole,
  name: text,
  status: z.enum(VENDOR_STATUSES),
  extractor_version: text,
  metadata: json,
  created_at: text,
  updated_at: text,
  created_by: text,
  updated_by: text,
}));
export type Vendor = RecordOf<typeof vendorRecord>;

/** What an extractor reads, in the order in which it is shown. */
export const VENDOR_FORMATS = ['excel', 'csv', 'pdf', 'ocr'] as const;

const vendorName = line(NAME_MAX_CHARACTERS).transform((name) => name.trim());
const EXTRACTOR_VERSION_MAX_CHARACTERS = 50;
const extractorVersion = line(EXTRACTOR_VERSION_MAX_CHARACTERS);

export const registerVendorInput = z.object({
  name: vendorName,
  status: z.enum(VENDOR_STATUSES).default('broken'),
  extractor_version: extractorVersion.optional(),
  metadata: jsonObject.default({}),
  created_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type RegisterVendorInput = z.output<typeof registerVendorInput>;

export const queryVendorInput = z.object({ name: vendorName });

export const updateVendorInput = z.object({
  name: vendorName,
  version,
  status: z.enum(VENDOR_STATUSES).optional(),
  extractor_version: extractorVersion.optional(),
  metadata: jsonObject.optional(),
  updated_by: actorName.optional(),
  on_conflict: z.enum(['reject', 'merge']).default('reject'),
  idempotency_key: idempotencyKey.optional(),
});
export type UpdateVendorInput = z.output<typeof updateVendorInput>;

export const listVendorsInput = z.object({
  status: z.enum(VENDOR_STATUSES).optional(),
  format: z.enum(VENDOR_FORMATS).optional(),
  text: line(NAME_MAX_CHARACTERS).optional(),
  ...pageInput,
});
export type ListVendorsInput = z.output<typeof listVendorsInput>;

/** The fields of a vendor as they are stored. */
export const vendorFields = lazily(() => ({
  name: storedLine(NAME_MAX_CHARACTERS),
  status: z.enum(VENDOR_STATUSES),
  extractor_version: storedLine(EXTRACTOR_VERSION_MAX_CHARACTERS),
  metadata: storedJson,
}));

export const vendorPatches = {
  create: lazily(() => z.object(vendorFields()).partial({ extractor_version: true })),
  update: lazily(() => z.object(vendorFields()).omit({ name: true }).partial()),
};

type VendorUpdate = Stored<z.output<ReturnType<typeof vendorPatches.update>>>;

/** Names are unique without regard to case: this is what is compared. */
export function vendorNameKey(name: string): string {
  // By way of capitals, so that letters with two small forms (ß and ss, σ and ς) meet.
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

/** The version a vendor has before anyone said one. */
export const EXTRACTOR_VERSION_UNKNOWN = '0.0.0';

/** A new vendor's metadata, complete from the start so that a partial update is always valid. */
export const VENDOR_METADATA_DEFAULT = {
  format_support: { excel: false, csv: false, pdf: false, ocr: false },
  test_results: { passing: 0, total: 0, skipped: 0 },
  manifest_compliant: false,
} satisfies JsonObject;

/** Metadata objects whose keys are merged one by one; the rest is replaced as a whole. */
const NESTED = ['format_support', 'test_results'] as const;

const vendorMetadata = z.object({
  format_support: z.object({
    excel: z.boolean(),
    csv: z.boolean(),
    pdf: z.boolean(),
    ocr: z.boolean(),
  }),
  test_results: z
    .object({ passing: integer(0), total: integer(0), skipped: integer(0) })
    .refine(({ passing, skipped, total }) => passing + skipped <= total, {
      message: 'passing + skipped must not be more than total',
    }),
  manifest_compliant: z.boolean(),
});

/** Metadata of a vendor checked as a whole. @throws ValidationError */
export function checkVendorMetadata(metadata: Record<string, unknown>, given?: readonly string[]) {
  return checkMetadata(metadata, vendorMetadata, 'vendor', given);
}

/** The patch with a version that was given in the metadata in the one place where it is kept, unless the two disagree. */
export function withOneVersion<Patch extends VendorUpdate>(patch: Patch): Patch {
  const { extractor_version: inside, ...metadata } = patch.metadata ?? {};
  const outside = patch.extractor_version ?? inside;
  if (inside === undefined || inside !== outside || !extractorVersion.safeParse(inside).success) return patch;
  return { ...patch, metadata, extractor_version: inside };
}

/**
 * A partial metadata object laid over a vendor's, and checked. `extractor_version` is one value: given in
 * the metadata too, it must agree with `given`, and is kept in its own field only.
 * @throws ValidationError
 */
export function mergeVendorMetadata(
  current: JsonObject,
  patch: Record<string, unknown>,
  given: string | undefined,
): { metadata: JsonObject; extractor_version: string | undefined; warnings: Warning[] } {
  const { extractor_version: inside, ...rest } = patch;
  const parsed = extractorVersion.optional().safeParse(inside);
  if (!parsed.success) {
    throw validationError({
      field: 'metadata.extractor_version',
      constraint: 'must be one line of 1 to 50 characters',
      value: inside,
    });
  }
  if (parsed.data !== undefined && given !== undefined && parsed.data !== given) {
    throw validationError({
      field: 'metadata.extractor_version',
      constraint: `must agree with extractor_version, which is ${JSON.stringify(given)}`,
      value: inside,
    });
  }
  const { metadata, warnings } = checkVendorMetadata(mergeMetadata(current, rest, NESTED));
  return { metadata, extractor_version: given ?? parsed.data, warnings };
}
