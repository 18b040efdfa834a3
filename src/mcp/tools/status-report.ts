import { generateStatusReport } from '../../use-cases/status/status-report.ts';
import { defineTool } from '../definitions/define-tool.ts';

export const generateStatusReportTool = defineTool(generateStatusReport, {
  toolset: 'status',
  title: 'Generate a status report',
  description:
    'Status to show people: vendor health, active work, recent deployments, pending enhancements, archived count, offline changes. Example: {"format":"json"}',
  parameters: {
    format: 'markdown (default) or json',
  },
  parts: [
    { at: 'markdown', rest: () => 'generate_status_report {"max_tokens":20000}' },
    ...['vendors', 'work_items', 'deployments', 'enhancements', 'pending'].map((name) => ({
      at: `report.${name}.items`,
      rest: () => 'generate_status_report {"format":"json","max_tokens":20000}',
    })),
  ],
  text: ({ markdown, report }) => markdown ?? JSON.stringify(report),
});
