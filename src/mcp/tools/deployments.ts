import * as z from 'zod';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { joinLines } from '../../domain/others-text.ts';
import { listDeployments, queryDeployment, recordDeployment } from '../../use-cases/records/deployments.ts';
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { deploymentRow, type DeploymentRow } from '../definitions/rows.ts';
import { withoutEmpty } from '../definitions/shown.ts';
import { deploymentLine, doneText, fieldsText, itemLine, listText, shortId } from '../definitions/text.ts';

export const recordDeploymentTool = defineTool(recordDeployment, {
  toolset: 'core',
  title: 'Record a deployment',
  hint: 'release, ship, deploy',
  description:
    'Record what went out, when, and what was tested. Example: {"deployed_at":"2026-01-31T09:30:00Z","commit_hash":"0123456789ab","metadata":{"pr_number":7,"pr_title":"Add CSV","test_summary":{"unit":150},"constitutional_compliance":true},"affected_vendors":["vendor_abc"]}',
  parameters: {
    deployed_at: 'ISO 8601 with an offset',
    commit_hash: "7 to 40 hex characters; completed from the project's git",
    metadata: 'All of pr_number, pr_title, test_summary {category: count}, constitutional_compliance',
    affected_vendor_ids: 'Ids of vendors',
    affected_vendors: 'Names of vendors',
    related_work_item_ids: 'Ids of items that went out with it',
  },
  show: (deployment) => ({
    ...deploymentRow(deployment),
    id: deployment.id,
    version: deployment.version,
    commit_hash: deployment.commit_hash,
    ...(deployment.related_work_items.length > 0 && {
      related_work_items: deployment.related_work_items.map(({ id }) => shortId(id)),
    }),
    ...(deployment.repeated === true && { repeated: true }),
  }),
  more: () => ({
    pr_number: z.unknown(),
    pr_title: z.unknown(),
    vendors: z.array(z.string()).optional(),
    related_work_items: z.array(z.string()).optional(),
  }),
  text: ({ related_work_items = [], ...deployment }) =>
    `${doneText('Recorded', deployment)} ${deploymentLine(deployment)}${related_work_items.length === 0 ? '' : `; items ${related_work_items.join(', ')}`}`,
});

export const listDeploymentsTool = defineTool(listDeployments, {
  toolset: 'deployments',
  title: 'List deployments',
  description:
    'The timeline of deployments, newest first, by date range, vendor, work item or compliance. Example: {"vendor":"vendor_abc","from":"2026-01-01T00:00:00Z"}',
  parameters: {
    from: 'Not before this time, ISO 8601',
    to: 'Not after this time, ISO 8601',
    vendor: 'That affected this vendor',
    work_item_id: 'That this item went out with',
    compliant: 'By constitutional compliance',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: (page, input) => pageOf(page, input, deploymentRow),
  parts: [{ at: 'items' }],
  text: (page) => listText(page, 'deployment', deploymentLine),
});

const LISTS = ['affected_vendors', 'related_work_items'];
const LISTS_OF_IMPACT = ['impact.vendors_broken', 'impact.work_items_open', 'impact.work_items_downstream'];

const again = ({ id }: { id?: unknown }): string =>
  `query_deployment ${JSON.stringify({ id: shortId(String(id)), max_tokens: 20_000 })}`;

export const queryDeploymentTool = defineTool(queryDeployment, {
  toolset: 'deployments',
  title: 'Read a deployment',
  description:
    'Read one deployment with its vendors, work items and impact: what is broken, still open, or waiting downstream. Example: {"id":"9b1deb4d"}',
  parameters: {
    id: 'An id or its first 6+ characters',
  },
  show: (deployment) => ({ ...withoutEmpty(deployment), affected_vendors: deployment.affected_vendors }),
  parts: [
    { at: 'metadata', isField: true, rest: again },
    ...[...LISTS, ...LISTS_OF_IMPACT].map((at) => ({ at, rest: again })),
  ],
  text: (deployment) =>
    joinLines([
      `${deploymentLine(wholeRow(deployment))}${fieldsText(deployment, SAID)}`,
      ...(deployment.related_work_items ?? []).map(itemLine),
      ...(deployment.impact.vendors_broken.length > 0
        ? [`broken now: ${deployment.impact.vendors_broken.join(', ')}`]
        : []),
      ...deployment.impact.work_items_open.map(
        ({ id, status, title }) => `still open: ${shortId(id)} ${status} ${title}`,
      ),
      ...deployment.impact.work_items_downstream.map(
        ({ id, status, title }) => `downstream: ${shortId(id)} ${status} ${title}`,
      ),
    ]),
});

/** A row names the first vendors only. */
function wholeRow(deployment: LinkedDeployment): DeploymentRow {
  const vendors = deployment.affected_vendors.map(({ name }) => name);
  return { ...deploymentRow(deployment), ...(vendors.length > 0 && { vendors }) };
}

const SAID = ['deployed_at', 'affected_vendors', 'related_work_items', 'impact', 'cut'];
