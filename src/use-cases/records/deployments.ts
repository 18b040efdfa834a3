/** Deployments: record, timeline, and what one of them touched. */
import { notFound, validationError } from '../../domain/errors.ts';
import {
  recordDeploymentInput,
  listDeploymentsInput,
  queryDeploymentInput,
} from '../../domain/deployment.ts';
import { newRecordId } from '../../domain/ids.ts';
import { CLOSED_STATUSES } from '../../domain/work-item.ts';
import { resolveCommit } from '../../storage/git/repository.ts';
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { patchOf, writeOne, type Context, type WriteOutcome } from '../support/context.ts';
import { findId, findItemId } from '../support/find-id.ts';
import { lookUp } from '../support/look-up.ts';
import { findVendor } from './vendors.ts';
import { deploymentShape, deploymentViewShape, listShape, writeShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

const FULL_HASH_LENGTH = 40;

/**
 * Records a deployment. A commit hash of fewer than 40 characters is completed from the project's git repository.
 * @throws ValidationError when it cannot be; NotFoundError for a vendor or work item that is not there
 */
export const recordDeployment = defineUseCase({
  name: 'record_deployment',
  kind: 'add',
  input: recordDeploymentInput,
  output: () => ({ ...deploymentShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<LinkedDeployment & WriteOutcome>> => {
    const { created_by, idempotency_key, ...fields } = input;
    const commit_hash = await fullCommitHash(context, input.commit_hash);
    const asked = { call: 'record_deployment', arguments: input };
    const links = await lookUp(context, asked, async (reader) => ({
      affected_vendor_ids: await Promise.all(
        input.affected_vendor_ids.map((hex) =>
          findId(reader.findVendorsByIdRange, 'vendor', hex, 'affected_vendor_ids'),
        ),
      ),
      related_work_item_ids: await Promise.all(
        input.related_work_item_ids.map((hex) => findItemId(reader, hex, 'related_work_item_ids')),
      ),
    }));
    return await writeOne<LinkedDeployment>(context, caller, {
      entity: 'deployment',
      entity_id: newRecordId(),
      kind: 'create',
      patch: patchOf({ ...fields, ...links, commit_hash }),
      actor: created_by,
      idempotency_key,
    });
  },
});

async function fullCommitHash(context: Context, hash: string): Promise<string> {
  if (hash.length === FULL_HASH_LENGTH) return hash;
  const resolved = await resolveCommit(context.workspace.projectDir, hash);
  if ('hash' in resolved) return resolved.hash;
  throw validationError(
    {
      field: 'commit_hash',
      constraint: `must have 40 hex characters; the shorter one could not be completed: ${resolved.reason}`,
      value: hash,
    },
    'Give the full hash (git rev-parse HEAD prints it).',
  );
}

/** A deployment with what it touches, as that is now. */
export interface DeploymentView extends LinkedDeployment {
  impact: {
    vendors_affected: number;
    /** Affected vendors that are broken now. */
    vendors_broken: string[];
    work_items_related: number;
    /** Related work items that are still open. */
    work_items_open: { id: string; title: string; status: string }[];
    /** Items that depend, directly, on the related ones, or that they block. */
    work_items_downstream: { id: string; title: string; status: string }[];
  };
}

/** @throws NotFoundError; ValidationError for a prefix of several ids */
export const queryDeployment = defineUseCase({
  name: 'query_deployment',
  kind: 'read',
  input: queryDeploymentInput,
  output: () => deploymentViewShape(),
  run: async (context, _caller, { id: hex }): Promise<Answer<DeploymentView>> => {
    return await context.store.read(async (reader) => {
      const id = await findId(reader.findDeploymentsByIdRange, 'deployment', hex);
      const deployment = await reader.findDeployment(id);
      if (deployment === undefined) throw notFound('deployment', { id });
      const related = deployment.related_work_items;
      const downstream = await reader.findBlockedBy(related.map((item) => item.id));
      return {
        ...deployment,
        impact: {
          vendors_affected: deployment.affected_vendors.length,
          vendors_broken: deployment.affected_vendors
            .filter(({ status }) => status === 'broken')
            .map(({ name }) => name),
          work_items_related: related.length,
          work_items_open: related
            .filter(({ status }) => !CLOSED_STATUSES.some((closed) => closed === status))
            .map(({ id: itemId, title, status }) => ({ id: itemId, title, status })),
          work_items_downstream: downstream,
        },
      };
    });
  },
});

/** A page of the timeline, the newest first. @throws NotFoundError for a vendor that is not there */
export const listDeployments = defineUseCase({
  name: 'list_deployments',
  kind: 'read',
  input: listDeploymentsInput,
  output: () => listShape(deploymentShape()),
  run: async (context, _caller, input): Promise<Answer<Page<LinkedDeployment>>> => {
    return await context.store.read(async (reader) => {
      const { vendor, work_item_id, ...filter } = input;
      return await reader.listDeployments({
        ...filter,
        vendor_id: vendor === undefined ? undefined : (await findVendor(reader, vendor)).id,
        work_item_id:
          work_item_id === undefined ? undefined : await findItemId(reader, work_item_id, 'work_item_id'),
      });
    });
  },
});
