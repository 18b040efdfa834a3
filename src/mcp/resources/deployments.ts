import { listDeploymentsInput } from '../../domain/deployment.ts';
import { listDeployments } from '../../use-cases/records/deployments.ts';
import { bounded, defineResource } from '../definitions/define-resource.ts';
import { deploymentRow } from '../definitions/rows.ts';
import { deploymentLine, shortId } from '../definitions/text.ts';
import { PROGRAM } from '../../use-cases/support/context.ts';

const SHOWN_MAX = 30;
const ITEMS_MAX = 8;

export const deploymentsResource = defineResource({
  uri: 'worktrail://deployments',
  name: 'deployments',
  title: 'Deployment timeline',
  description: `The ${SHOWN_MAX} latest deployments, newest first, with their vendors and work items.`,
  mimeType: 'text/markdown',
  read: async (context) => {
    const answer = await listDeployments.run(
      context,
      PROGRAM,
      listDeploymentsInput.parse({ limit: SHOWN_MAX }),
    );
    const { items, total_count } = answer.data;
    const lines = items.map((deployment) => {
      const related = deployment.related_work_items.slice(0, ITEMS_MAX).map(({ id }) => shortId(id));
      const more = deployment.related_work_items.length - related.length;
      const suffix = more > 0 ? ` and ${more} more` : '';
      return `- ${deploymentLine(deploymentRow(deployment))}${related.length > 0 ? `, items ${related.join(', ')}${suffix}` : ''}`;
    });
    const left = total_count - items.length;
    const text = [
      '# Deployments',
      '',
      ...(lines.length > 0 ? lines : ['None was recorded yet.']),
      ...(left > 0 ? ['', `${left} older ones: list_deployments (toolset deployments).`] : []),
      '',
    ].join('\n');
    return { ...answer, data: bounded(text, 'list_deployments pages through all.') };
  },
  isTouched: (touched) => touched.any('deployment'),
});
