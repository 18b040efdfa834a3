/** Every tool, in the order in which clients see them. */
import type { Toolset } from '../domain/toolsets.ts';
import type { Tool } from './define-tool.ts';
import { listConflictsTool, resolveConflictTool } from './tools/conflicts.ts';
import { getProjectConfigurationTool, updateProjectConfigurationTool } from './tools/configuration.ts';
import { listDeploymentsTool, queryDeploymentTool, recordDeploymentTool } from './tools/deployments.ts';
import { queryHistoryTool, undoTool } from './tools/history.ts';
import { applyPlanTool, updateWorkItemsTool } from './tools/plans.ts';
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
  createWorkItemTool,
  updateWorkItemTool,
  queryWorkItemTool,
  listWorkItemsTool,
  linkWorkItemsTool,
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
];

export function toolsOf(toolsets: readonly Toolset[]): Tool[] {
  return TOOLS.filter(({ toolset }) => toolsets.includes('all') || toolsets.includes(toolset));
}
