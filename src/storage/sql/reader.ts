/** Every question that can be asked of a store, over one connection. */
import type { Connection } from './connection.ts';
import * as changeRecords from './queries/change-records.ts';
import * as changes from './queries/changes.ts';
import * as conflicts from './queries/conflicts.ts';
import * as configuration from './queries/configuration.ts';
import * as dependencies from './queries/dependencies.ts';
import * as deployments from './queries/deployments.ts';
import * as records from './queries/records.ts';
import * as status from './queries/status.ts';
import * as vendors from './queries/vendors.ts';
import * as workItemList from './queries/work-item-list.ts';
import * as workItems from './queries/work-items.ts';

const QUERIES = {
  findWorkItem: workItems.findWorkItem,
  findWorkItems: workItems.findWorkItems,
  findWorkItemsByIdRange: workItems.findWorkItemsByIdRange,
  findTree: workItems.findTree,
  findChildren: workItems.findChildren,
  countChildren: workItems.countChildren,
  countItems: workItems.countItems,
  findTitles: workItems.findTitles,
  listWorkItems: workItemList.listWorkItems,
  findDependencies: dependencies.findDependencies,
  findBlockedBy: dependencies.findBlockedBy,
  findBlockingLinks: dependencies.findBlockingLinks,
  findVendorByKey: vendors.findVendorByKey,
  findVendorWithConflicts: vendors.findVendorWithConflicts,
  findVendorsByIdRange: vendors.findVendorsByIdRange,
  vendorNames: vendors.vendorNames,
  listVendors: vendors.listVendors,
  findDeployment: deployments.findDeployment,
  findDeploymentsByIdRange: deployments.findDeploymentsByIdRange,
  listDeployments: deployments.listDeployments,
  findConfiguration: configuration.findConfiguration,
  findConfigurationWithConflicts: configuration.findConfigurationWithConflicts,
  findProject: configuration.findProject,
  findFeedPosition: configuration.findFeedPosition,
  listChanges: changes.listChanges,
  findChangeAt: changeRecords.findChangeAt,
  findChangeIds: changeRecords.findChangeIds,
  findRowsOfChange: changeRecords.findRowsOfChange,
  findRowsBy: changeRecords.findRowsBy,
  findRowsOfRecords: changeRecords.findRowsOfRecords,
  findFirstRow: changeRecords.findFirstRow,
  findRowsAfter: changeRecords.findRowsAfter,
  findLastRow: changeRecords.findLastRow,
  findResultByKey: changeRecords.findResultByKey,
  findRecord: records.findRecord,
  listConflicts: conflicts.listConflicts,
  findConflict: conflicts.findConflict,
  findConflictsByIdRange: conflicts.findConflictsByIdRange,
  countOpenConflicts: conflicts.countOpenConflicts,
  statusVendors: status.statusVendors,
  statusWorkItems: status.statusWorkItems,
} as const;

type Queries = typeof QUERIES;

export const QUERY_NAMES = Object.keys(QUERIES) as (keyof Queries)[];

/** The queries with their connection filled in. */
export type Reader = {
  [Name in keyof Queries]: Queries[Name] extends (c: Connection, ...args: infer Args) => infer Result
    ? (...args: Args) => Result
    : never;
};

const readers = new WeakMap<Connection, Reader>();

export function readerOf(connection: Connection): Reader {
  let reader = readers.get(connection);
  if (reader === undefined) {
    const entries = Object.entries(QUERIES).map(([name, query]) => [
      name,
      (query as (...args: unknown[]) => unknown).bind(undefined, connection),
    ]);
    reader = Object.fromEntries(entries) as Reader;
    readers.set(connection, reader);
  }
  return reader;
}
