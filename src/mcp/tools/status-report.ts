import { statusReportInput } from '../../domain/status-summary.ts';
import { generateStatusReport } from '../../use-cases/status/status-summary.ts';
import { statusReportShape } from '../definitions/answers.ts';
import { READS, answerSchema, defineTool } from '../definitions/define-tool.ts';

export const generateStatusReportTool = defineTool({
  name: 'generate_status_report',
  toolset: 'status',
  description:
    'Status to show people: vendor health, active work, recent deployments, pending enhancements, archived count, offline changes. Example: {"format":"json"}',
  input: statusReportInput,
  output: answerSchema(statusReportShape),
  annotations: READS,
  run: generateStatusReport,
  text: ({ markdown, report }) => markdown ?? JSON.stringify(report),
});
