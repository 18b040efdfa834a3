import { renderBody } from '../../use-cases/status/status-view.ts';
import { readStatus } from '../../use-cases/status/project-status.ts';
import { bounded, defineResource } from '../definitions/define-resource.ts';

export const statusResource = defineResource({
  uri: 'worktrail://status',
  name: 'status',
  title: 'Project status',
  description:
    'Vendors, open work items, recent deployments and waiting writes: the generated .project_status.md.',
  mimeType: 'text/markdown',
  read: async (context) => {
    const { data: report, ...answer } = await readStatus(context);
    const text = await renderBody(report);
    return { ...answer, data: bounded(text, 'list_work_items pages through all items.') };
  },
  isTouched: () => true,
});
