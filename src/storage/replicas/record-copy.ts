/** Copying single records from a primary into its copy, each as it is now, with everything that hangs on it. */
import { inArray, or } from 'drizzle-orm';
import type { Entity } from '../../domain/change.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { recount, type CountedChange } from '../apply/counts.ts';
import { refreshQueue } from '../apply/readiness.ts';
import type { Connection } from '../database/connection.ts';
import { findDescendants } from '../queries/work-items.ts';
import { insertRows, upsertRows } from '../database/table-copy.ts';

/** Ids by kind of record; a dependency by both of its items. */
export interface TouchedRecords {
  ids: Map<Entity, Set<string>>;
  /** Items that got another parent: everything below them has another path. */
  moved: Set<string>;
}

/** After so many others have their turn: a copied item is indexed anew, which takes SQLite half a millisecond. */
const IDS_PER_QUERY = 50;

/**
 * Makes these records in `to` what they are in `from`: changed, added, or removed where they are not there.
 * Runs inside the caller's transaction on `to`, with foreign keys deferred.
 */
export async function copyRecords(from: Connection, to: Connection, touched: TouchedRecords): Promise<void> {
  const ids = (entity: Entity) => touched.ids.get(entity) ?? new Set<string>();
  const items = new Set(ids('work_item'));
  for (const id of touched.moved) {
    for (const below of await findDescendants(from, id)) items.add(below.id);
  }
  const copied: CountedChange[] = [];
  for (const [entity, copy] of Object.entries(COPIES) as [Entity, Copy][]) {
    const wanted = entity === 'work_item' ? items : ids(entity);
    for (const chunk of chunked([...wanted])) await copy(from, to, chunk, copied);
  }
  await refreshQueue(to, copied, [...ids('dependency')]);
}

/** @param copied gets the items that came, altered or went, for the ready queue */
type Copy = (from: Connection, to: Connection, ids: string[], copied: CountedChange[]) => Promise<void>;

/** In this order: what others refer to comes first. */
const COPIES: { readonly [E in Entity]: Copy } = {
  work_item: copyItems,
  dependency: copyDependencies,
  note: copyNotes,
  enhancement: copyEnhancements,
  vendor: copyVendors,
  deployment: copyDeployments,
  conflict: copyConflicts,
  configuration: copyConfiguration,
};

async function copyItems(
  from: Connection,
  to: Connection,
  ids: string[],
  copied: CountedChange[],
): Promise<void> {
  const {
    workItems: t,
    workItemLabels: labels,
    dependencies: d,
    deploymentWorkItems,
    claims,
    readyQueue,
    notes,
  } = to.tables;
  const before = new Map(
    (await to.db.select().from(t).where(inArray(t.id, ids))).map((item) => [item.id, item as WorkItem]),
  );
  const { workItems: f } = from.tables;
  const rows = await from.db.select().from(f).where(inArray(f.id, ids));
  const there = new Set(rows.map(({ id }) => id));
  const gone = ids.filter((id) => !there.has(id) && before.has(id));
  const held = await from.db
    .select()
    .from(from.tables.claims)
    .where(inArray(from.tables.claims.item_id, ids));
  await to.db.delete(labels).where(inArray(labels.item_id, ids));
  await to.db.delete(claims).where(inArray(claims.item_id, ids));
  if (gone.length > 0) {
    await to.db.delete(d).where(or(inArray(d.source_id, gone), inArray(d.target_id, gone)));
    await to.db.delete(deploymentWorkItems).where(inArray(deploymentWorkItems.work_item_id, gone));
    await to.db.delete(readyQueue).where(inArray(readyQueue.item_id, gone));
    await to.db.delete(notes).where(inArray(notes.item_id, gone));
    await to.db.delete(t).where(inArray(t.id, gone));
  }
  await upsertRows(to, 'workItems', rows);
  await insertRows(to, 'claims', held);
  await insertRows(
    to,
    'workItemLabels',
    rows.flatMap((item) => item.labels.map((label) => ({ item_id: item.id, label }))),
  );
  const changes: CountedChange[] = [
    ...rows.map((after) => ({ before: before.get(after.id) ?? null, after })),
    ...gone.map((id) => ({ before: before.get(id) ?? null, after: null })),
  ];
  await recount(to, changes);
  copied.push(...changes);
}

/** All links of the given items. Asked for by one end and then by the other: PostgreSQL reads the whole table for both. */
async function copyDependencies(from: Connection, to: Connection, ids: string[]): Promise<void> {
  const { dependencies: f } = from.tables;
  const { dependencies: t } = to.tables;
  const outgoing = await from.db.select().from(f).where(inArray(f.source_id, ids));
  const incoming = await from.db.select().from(f).where(inArray(f.target_id, ids));
  const given = new Set(ids);
  await to.db.delete(t).where(or(inArray(t.source_id, ids), inArray(t.target_id, ids)));
  await insertRows(to, 'dependencies', [
    ...outgoing,
    ...incoming.filter(({ source_id }) => !given.has(source_id)),
  ]);
}

/** `ids` may name items too: a note is filed under the item that it is about. */
async function copyNotes(from: Connection, to: Connection, ids: string[]): Promise<void> {
  const { notes: f } = from.tables;
  const { notes: t } = to.tables;
  const rows = await from.db.select().from(f).where(inArray(f.id, ids));
  const gone = without(ids, rows);
  if (gone.length > 0) await to.db.delete(t).where(inArray(t.id, gone));
  await upsertRows(to, 'notes', rows);
}

async function copyEnhancements(from: Connection, to: Connection, ids: string[]): Promise<void> {
  const { enhancements: f, enhancementDependencies: fd } = from.tables;
  const { enhancements: t, enhancementDependencies: td } = to.tables;
  const rows = await from.db.select().from(f).where(inArray(f.id, ids));
  const links = await from.db.select().from(fd).where(inArray(fd.enhancement_id, ids));
  const gone = without(ids, rows);
  const unlinked = [
    inArray(td.enhancement_id, ids),
    ...(gone.length > 0 ? [inArray(td.depends_on_id, gone)] : []),
  ];
  await to.db.delete(td).where(or(...unlinked));
  if (gone.length > 0) await to.db.delete(t).where(inArray(t.id, gone));
  await upsertRows(to, 'enhancements', rows);
  await insertRows(to, 'enhancementDependencies', links);
}

async function copyVendors(from: Connection, to: Connection, ids: string[]): Promise<void> {
  const { vendors: f } = from.tables;
  const { vendors: t, deploymentVendors } = to.tables;
  const rows = await from.db.select().from(f).where(inArray(f.id, ids));
  const gone = without(ids, rows);
  if (gone.length > 0) {
    await to.db.delete(deploymentVendors).where(inArray(deploymentVendors.vendor_id, gone));
    await to.db.delete(t).where(inArray(t.id, gone));
  }
  await upsertRows(to, 'vendors', rows);
}

async function copyDeployments(from: Connection, to: Connection, ids: string[]): Promise<void> {
  const { deployments: f, deploymentVendors: fv, deploymentWorkItems: fw } = from.tables;
  const { deployments: t, deploymentVendors: tv, deploymentWorkItems: tw } = to.tables;
  const rows = await from.db.select().from(f).where(inArray(f.id, ids));
  const vendors = await from.db.select().from(fv).where(inArray(fv.deployment_id, ids));
  const items = await from.db.select().from(fw).where(inArray(fw.deployment_id, ids));
  await to.db.delete(tv).where(inArray(tv.deployment_id, ids));
  await to.db.delete(tw).where(inArray(tw.deployment_id, ids));
  const gone = without(ids, rows);
  if (gone.length > 0) await to.db.delete(t).where(inArray(t.id, gone));
  await upsertRows(to, 'deployments', rows);
  await insertRows(to, 'deploymentVendors', vendors);
  await insertRows(to, 'deploymentWorkItems', items);
}

async function copyConflicts(from: Connection, to: Connection, ids: string[]): Promise<void> {
  const { conflicts: f, openConflicts: fo } = from.tables;
  const { conflicts: t, openConflicts: o } = to.tables;
  const rows = await from.db.select().from(f).where(inArray(f.id, ids));
  const open = await from.db.select().from(fo).where(inArray(fo.conflict_id, ids));
  await to.db.delete(o).where(inArray(o.conflict_id, ids));
  const gone = without(ids, rows);
  if (gone.length > 0) await to.db.delete(t).where(inArray(t.id, gone));
  await upsertRows(to, 'conflicts', rows);
  await insertRows(to, 'openConflicts', open);
}

async function copyConfiguration(from: Connection, to: Connection): Promise<void> {
  await upsertRows(to, 'configuration', await from.db.select().from(from.tables.configuration));
}

function without(ids: string[], rows: readonly { id: string }[]): string[] {
  const there = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !there.has(id));
}

function* chunked(ids: string[]): Generator<string[]> {
  for (let start = 0; start < ids.length; start += IDS_PER_QUERY) {
    yield ids.slice(start, start + IDS_PER_QUERY);
  }
}
