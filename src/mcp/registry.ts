/** Every tool, in the order in which clients see them. */
import type { Toolset } from '../domain/toolsets.ts';
import type { Tool } from './definitions/define-tool.ts';
import { getBriefTool } from './tools/brief.ts';
import { claimWorkItemTool } from './tools/claims.ts';
import { archiveWorkItemsTool } from './tools/archive.ts';
import { listConflictsTool, resolveConflictTool } from './tools/conflicts.ts';
import { getProjectConfigurationTool, updateProjectConfigurationTool } from './tools/configuration.ts';
import { listDeploymentsTool, queryDeploymentTool, recordDeploymentTool } from './tools/deployments.ts';
import {
  createEnhancementTool,
  listEnhancementsTool,
  promoteEnhancementTool,
  updateEnhancementTool,
} from './tools/enhancements.ts';
import { getJobTool, listJobsTool } from './tools/jobs.ts';
import { queryHistoryTool, undoTool } from './tools/history.ts';
import { importSessionPromptsTool, importStatusFileTool } from './tools/imports.ts';
import { applyPlanTool, updateWorkItemsTool } from './tools/plans.ts';
import { addNoteTool, listNotesTool } from './tools/notes.ts';
import { searchTool } from './tools/search.ts';
import { generateStatusReportTool } from './tools/status-report.ts';
import {
  listVendorsTool,
  queryVendorStatusTool,
  registerVendorTool,
  updateVendorStatusTool,
} from './tools/vendors.ts';
import {
  createWorkItemTool,
  linkWorkItemsTool,
  listWorkItemsTool,
  queryWorkItemTool,
  updateWorkItemTool,
} from './tools/work-items.ts';

export const TOOLS: readonly Tool[] = [
  getBriefTool,
  createWorkItemTool,
  updateWorkItemTool,
  queryWorkItemTool,
  listWorkItemsTool,
  linkWorkItemsTool,
  claimWorkItemTool,
  recordDeploymentTool,
  listDeploymentsTool,
  queryDeploymentTool,
  queryVendorStatusTool,
  updateVendorStatusTool,
  registerVendorTool,
  listVendorsTool,
  getProjectConfigurationTool,
  updateProjectConfigurationTool,
  queryHistoryTool,
  undoTool,
  applyPlanTool,
  updateWorkItemsTool,
  listConflictsTool,
  resolveConflictTool,
  addNoteTool,
  listNotesTool,
  searchTool,
  archiveWorkItemsTool,
  createEnhancementTool,
  updateEnhancementTool,
  listEnhancementsTool,
  promoteEnhancementTool,
  importStatusFileTool,
  importSessionPromptsTool,
  listJobsTool,
  getJobTool,
  generateStatusReportTool,
];

export function toolsOf(toolsets: readonly Toolset[], tools = TOOLS): Tool[] {
  const isAsked = (toolset: Toolset) => toolsets.includes(toolset);
  return tools.filter(
    ({ toolset, inCore }) => isAsked('all') || isAsked(toolset) || (inCore && isAsked('core')),
  );
}
