/** The schema as drizzle-kit reads it for PostgreSQL. */
import { postgresKit } from './columns.ts';
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
} = defineTables(postgresKit);
