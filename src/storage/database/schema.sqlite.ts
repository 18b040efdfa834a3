/** The schema as drizzle-kit reads it for SQLite. */
import { sqliteKit } from './columns.ts';
import { defineTables } from './schema.ts';

export const {
  appliedChanges,
  changes,
  claims,
  configuration,
  conflicts,
  dependencies,
  deploymentVendors,
  deploymentWorkItems,
  deployments,
  enhancementDependencies,
  enhancements,
  feed,
  meta,
  notes,
  openConflicts,
  readyQueue,
  vendors,
  workItemCounts,
  workItemLabels,
  workItems,
} = defineTables(sqliteKit);
