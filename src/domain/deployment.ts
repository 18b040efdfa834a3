/** Deployments: immutable events on a timeline, linked to the vendors and work items they touched. */
import * as z from 'zod';
import { validationError } from './errors.ts';
import {
  actorName,
  idOrPrefix,
  idempotencyKey,
  integer,
  jsonObject,
  lazily,
  line,
  pageInput,
  storedId,
  storedJson,
  storedLine,
  storedTime,
  timestampInput,
} from './fields.ts';
import type { JsonObject } from './json.ts';
import { NAME_MAX_CHARACTERS, TITLE_MAX_CHARACTERS } from './limits.ts';
import { checkMetadata } from './metadata.ts';
import { json, text, whole, type RecordOf } from './record.ts';
import type { VendorStatus } from './vendor.ts';
import type { Warning } from './warnings.ts';
import type { ItemStatus, ItemType } from './work-item.ts';

/** A deployment as it is stored and answered; times are ISO 8601 UTC with milliseconds. */
export const deploymentRecord = lazily(() => ({
  id: text,
  /** Always 1: a deployment does not change after it happened. */
  version: whole,
  deployed_at: text,
  /** 40 hex; of an imported deployment also shorter, as its source has it, or empty. */
  commit_hash: text,
  metadata: json,
  created_at: text,
  created_by: text,
}));
export type Deployment = RecordOf<typeof deploymentRecord>;

export interface DeploymentLinks {
  affected_vendors: { id: string; name: string; status: VendorStatus }[];
  related_work_items: { id: string; title: string; item_type: ItemType; status: ItemStatus }[];
}

/** Links of one deployment; more would make one answer unbounded. */
const LINKS_MAX = 500;

/** 40 lowercase hex, or 7–39 to be resolved against the project's git repository. */
const commitHashOrPrefix = z.string().regex(/^[0-9a-f]{7,40}$/, 'must be 7 to 40 lowercase hex characters');

export const recordDeploymentInput = z.object({
  deployed_at: timestampInput,
  commit_hash: commitHashOrPrefix,
  metadata: jsonObject,
  affected_vendor_ids: z.array(idOrPrefix).max(LINKS_MAX).default([]),
  affected_vendors: z.array(line(NAME_MAX_CHARACTERS)).max(LINKS_MAX).default([]),
  related_work_item_ids: z.array(idOrPrefix).max(LINKS_MAX).default([]),
  created_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type RecordDeploymentInput = z.output<typeof recordDeploymentInput>;

export const listDeploymentsInput = z.object({
  from: timestampInput.optional(),
  to: timestampInput.optional(),
  vendor: line(NAME_MAX_CHARACTERS).optional(),
  work_item_id: idOrPrefix.optional(),
  compliant: z.boolean().optional(),
  ...pageInput,
});
export type ListDeploymentsInput = z.output<typeof listDeploymentsInput>;

export const queryDeploymentInput = z.object({ id: idOrPrefix });

const deploymentMetadata = z.object({
  pr_number: integer(1),
  pr_title: line(TITLE_MAX_CHARACTERS),
  test_summary: z.record(line(100), integer(0)),
  constitutional_compliance: z.boolean(),
});

/** What somebody kept by hand may leave any of it out; nothing is put in its place. */
const importedMetadata = deploymentMetadata.partial();

/** The fields of a deployment as they are stored; an imported one has the hash that its source has, or none. */
export const deploymentFields = lazily(() => ({
  deployed_at: storedTime,
  commit_hash: z.string().regex(/^([0-9a-f]{7,40})?$/, 'must be 7 to 40 lowercase hex characters, or empty'),
  metadata: storedJson,
}));

/** No length: an import may name more than a call may. */
export const deploymentPatch = lazily(() =>
  z.object({
    ...deploymentFields(),
    affected_vendor_ids: z.array(storedId),
    affected_vendors: z.array(storedLine(NAME_MAX_CHARACTERS)),
    related_work_item_ids: z.array(storedId),
    is_imported: z.boolean().optional(),
  }),
);

/**
 * Checks a deployment's metadata. A `commit_hash` in it must agree with the deployment's, and is kept once.
 * @param commitHash the full hash; of an imported deployment as its source has it: shorter, or empty
 * @param isImported whether it was read from a source that may say less than is asked of a new deployment
 */
export function checkDeploymentMetadata(
  metadata: Record<string, unknown>,
  commitHash: string,
  isImported = false,
): { metadata: JsonObject; warnings: Warning[] } {
  const { commit_hash: inside, ...rest } = metadata;
  const agrees =
    inside === undefined ||
    (typeof inside === 'string' && /^[0-9a-f]{7,40}$/.test(inside) && commitHash.startsWith(inside));
  if (!agrees) {
    throw validationError({
      field: 'metadata.commit_hash',
      constraint: `must agree with commit_hash, which is ${commitHash}`,
      value: inside,
    });
  }
  return checkMetadata(rest, isImported ? importedMetadata : deploymentMetadata, 'deployment');
}

/** How compliance is kept for filters: -1, which none finds, where it is not known. */
export function complianceNumber(compliant: unknown): 0 | 1 | -1 {
  return typeof compliant === 'boolean' ? (compliant ? 1 : 0) : -1;
}
