/** Every question that can be asked of a store, over one connection. */
import type { Connection } from '../database/connection.ts';
import * as brief from './brief.ts';
import * as archive from './archive.ts';
import * as changeRecords from './change-records.ts';
import * as changes from './changes.ts';
import * as conflicts from './conflicts.ts';
import * as configuration from './configuration.ts';
import * as dependencies from './dependencies.ts';
import * as deployments from './deployments.ts';
import * as imported from './imported.ts';
import * as names from './names.ts';
import * as ready from './ready.ts';
import * as labelled from './ready-by-label.ts';
import * as news from './news.ts';
import * as notes from './notes.ts';
import * as search from './search.ts';
import * as enhancements from './enhancements.ts';
import * as feed from './feed.ts';
import * as reconciliation from './reconciliation.ts';
import * as records from './records.ts';
import * as status from './status.ts';
import * as vendors from './vendors.ts';
import * as workItemList from './work-item-list.ts';
import * as workItems from './work-items.ts';

const QUERIES = {
  findWorkItem: workItems.findWorkItem,
  findWorkItems: workItems.findWorkItems,
  findWorkItemsByIdRange: workItems.findWorkItemsByIdRange,
  findTree: workItems.findTree,
  findChildren: workItems.findChildren,
  findPositionBeside: workItems.findPositionBeside,
  countChildren: workItems.countChildren,
  countItems: workItems.countItems,
  findTitles: names.findTitles,
  findDescendants: workItems.findDescendants,
  findDueSubtrees: archive.findDueSubtrees,
  listWorkItems: workItemList.listWorkItems,
  findReady: labelled.findReady,
  findWaitingLabelled: labelled.findWaitingLabelled,
  findOpenBlockers: ready.findOpenBlockers,
  findStoppedAbove: ready.findStoppedAbove,
  findOpenChildren: ready.findOpenChildren,
  findNow: ready.findNow,
  findClaimedByKey: ready.findClaimedByKey,
  findDependencies: dependencies.findDependencies,
  findLinksOf: dependencies.findLinksOf,
  findLinksFrom: dependencies.findLinksFrom,
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
  findEnhancement: enhancements.findEnhancement,
  findEnhancementMentions: enhancements.findEnhancementMentions,
  findEnhancementsByIdRange: enhancements.findEnhancementsByIdRange,
  findEnhancementsOfItem: enhancements.findEnhancementsOfItem,
  findEnhancementsWaitingFor: enhancements.findEnhancementsWaitingFor,
  listEnhancements: enhancements.listEnhancements,
  findConfiguration: configuration.findConfiguration,
  findConfigurationWithConflicts: configuration.findConfigurationWithConflicts,
  findProject: configuration.findProject,
  findFeedPosition: configuration.findFeedPosition,
  findFeedAfter: feed.findFeedAfter,
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
  listClaimsOf: brief.listClaimsOf,
  listBlocked: brief.listBlocked,
  findLastChangeOf: brief.findLastChangeOf,
  countAllOpenConflicts: brief.countAllOpenConflicts,
  findImportedItems: imported.findImportedItems,
  findNames: names.findNames,
  findHeldIn: news.findHeldIn,
  findNews: news.findNews,
  findUnheard: news.findUnheard,
  findNoteIds: notes.findNoteIds,
  latestNotes: notes.latestNotes,
  listNotes: notes.listNotes,
  search: search.search,
  reconcile: reconciliation.reconcile,
  findVendorsByKeys: vendors.findVendorsByKeys,
  findDeploymentsLike: reconciliation.findDeploymentsLike,
  findEnhancementsByTitles: reconciliation.findEnhancementsByTitles,
  statusVendors: status.statusVendors,
  statusWorkItems: status.statusWorkItems,
  statusEnhancements: enhancements.statusEnhancements,
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
