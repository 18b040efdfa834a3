/** The schema as drizzle-kit reads it for PostgreSQL. */
import { postgresKit } from './columns.ts';
import { defineTables } from './schema.ts';

export const {
  meta,
  feed,
  workItems,
  workItemCounts,
  workItemLabels,
  dependencies,
  vendors,
  deployments,
  deploymentVendors,
  deploymentWorkItems,
  configuration,
  changes,
  appliedChanges,
  conflicts,
  openConflicts,
} = defineTables(postgresKit);
