/** Reading deployments and what they are linked to. */
import { and, asc, eq, getTableColumns, gte, inArray, lte, sql, type SQL } from 'drizzle-orm';
import type { Deployment, DeploymentLinks } from '../../domain/deployment.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { given, present } from './conditions.ts';
import { findPage, type Order, type Page, type PageRequest } from './paging.ts';

export type LinkedDeployment = Deployment & DeploymentLinks;

function deploymentColumns(t: Tables) {
  const { compliant: _compliant, ...columns } = getTableColumns(t.deployments);
  return columns;
}

export async function findDeployment(c: Connection, id: string): Promise<LinkedDeployment | undefined> {
  const rows = await c.db
    .select(deploymentColumns(c.tables))
    .from(c.tables.deployments)
    .where(eq(c.tables.deployments.id, id));
  return (await withLinks(c, rows))[0];
}

export async function findDeploymentsByIdRange(
  c: Connection,
  range: { from: string; to: string },
  limit: number,
): Promise<{ id: string; title: string }[]> {
  const { deployments } = c.tables;
  const rows = await c.db
    .select({ id: deployments.id, deployed_at: deployments.deployed_at })
    .from(deployments)
    .where(and(gte(deployments.id, range.from), lte(deployments.id, range.to)))
    .orderBy(asc(deployments.id))
    .limit(limit);
  return rows.map(({ id, deployed_at }) => ({ id, title: `deployment of ${deployed_at}` }));
}

/** Adds the linked vendors (by name) and work items (by title): two queries for any number of deployments. */
export async function withLinks(c: Connection, deployments: Deployment[]): Promise<LinkedDeployment[]> {
  if (deployments.length === 0) return [];
  const t = c.tables;
  const ids = deployments.map(({ id }) => id);
  const vendors = await c.db
    .select({
      deployment_id: t.deploymentVendors.deployment_id,
      id: t.vendors.id,
      name: t.vendors.name,
      status: t.vendors.status,
    })
    .from(t.deploymentVendors)
    .innerJoin(t.vendors, eq(t.vendors.id, t.deploymentVendors.vendor_id))
    .where(inArray(t.deploymentVendors.deployment_id, ids))
    .orderBy(asc(t.vendors.name_key));
  const items = await c.db
    .select({
      deployment_id: t.deploymentWorkItems.deployment_id,
      id: t.workItems.id,
      title: t.workItems.title,
      item_type: t.workItems.item_type,
      status: t.workItems.status,
    })
    .from(t.deploymentWorkItems)
    .innerJoin(t.workItems, eq(t.workItems.id, t.deploymentWorkItems.work_item_id))
    .where(inArray(t.deploymentWorkItems.deployment_id, ids))
    .orderBy(asc(t.workItems.title), asc(t.workItems.id));
  return deployments.map((deployment) => ({
    ...deployment,
    affected_vendors: ofDeployment(vendors, deployment.id),
    related_work_items: ofDeployment(items, deployment.id),
  }));
}

function ofDeployment<T extends { deployment_id: string }>(
  rows: T[],
  id: string,
): Omit<T, 'deployment_id'>[] {
  return rows
    .filter((row) => row.deployment_id === id)
    .map(({ deployment_id: _deployment, ...rest }) => rest);
}

export interface DeploymentFilter extends PageRequest {
  /** Inclusive bounds of `deployed_at`. */
  from?: string | undefined;
  to?: string | undefined;
  vendor_id?: string | undefined;
  work_item_id?: string | undefined;
  compliant?: boolean | undefined;
}

/** The timeline, newest first. */
export async function listDeployments(
  c: Connection,
  filter: DeploymentFilter,
): Promise<Page<LinkedDeployment>> {
  const { deployments } = c.tables;
  const order: Order = {
    name: 'deployments',
    columns: [deployments.deployed_at, deployments.id],
    descending: true,
  };
  const page = await findPage(c, {
    name: 'list_deployments',
    table: deployments,
    select: c.db.select(deploymentColumns(c.tables)).from(deployments).$dynamic(),
    where: conditions(c.tables, filter),
    order,
    request: filter,
  });
  return { ...page, items: await withLinks(c, page.items) };
}

function conditions(t: Tables, filter: DeploymentFilter): SQL[] {
  const { deployments, deploymentVendors: v, deploymentWorkItems: w } = t;
  return present(
    given(filter.from, (from) => gte(deployments.deployed_at, from)),
    given(filter.to, (to) => lte(deployments.deployed_at, to)),
    given(filter.compliant, (compliant) => eq(deployments.compliant, compliant ? 1 : 0)),
    given(
      filter.vendor_id,
      (id) => sql`${deployments.id} in (select ${v.deployment_id} from ${v} where ${v.vendor_id} = ${id})`,
    ),
    given(
      filter.work_item_id,
      (id) => sql`${deployments.id} in (select ${w.deployment_id} from ${w} where ${w.work_item_id} = ${id})`,
    ),
  );
}
