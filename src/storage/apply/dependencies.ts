/** How a change adds or removes a dependency. Links need no version: adding one never conflicts. */
import { and, eq } from 'drizzle-orm';
import { notFound, validationError } from '../../domain/errors.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import {
  ancestorLinkError,
  blockingPair,
  linkMeaning,
  cycleError,
  selfLinkError,
  type Dependency,
} from '../../domain/dependency.ts';
import { idsOnPath, type WorkItem } from '../../domain/work-item.ts';
import type { Connection } from '../database/connection.ts';
import { findBlockingPath, findLinksBetween } from '../queries/dependencies.ts';
import { findWorkItems } from '../queries/work-items.ts';
import { checkLinkTokens } from './claims.ts';
import { refuseArchived } from './archive.ts';
import { asJson, type Effect } from './effect.ts';

/** Of one patch: what is linked is taken apart by the same. */
export type LinkChange = ChangeOf<'link dependency' | 'unlink dependency'>;

export async function addDependency(c: Connection, change: LinkChange): Promise<Effect> {
  const wanted = readPatch(change);
  const pair = blockingPair(wanted);
  if (wanted.source_id === wanted.target_id) throw selfLinkError(wanted.target_id);
  // Also for kinds that cannot close a cycle: two writers must not say the same from both ends.
  await c.lockStructure('exclusive');
  const { source, target } = await bothItems(c, wanted);

  const warnings = await checkLinkTokens(c, change, source, target);
  refuseDeleted(source, 'source_id');
  refuseDeleted(target, 'target_id');
  const existing = await findSame(c, wanted);
  if (existing !== undefined) return alreadyLinked(existing);
  if (pair !== undefined) {
    // What is closed and out of sight holds nothing up; as a hint, it may be pointed at.
    refuseArchived(source, 'source_id');
    refuseArchived(target, 'target_id');
    await refuseCycle(c, pair, source, target);
  }
  const link: Dependency = { ...wanted, created_at: change.at, created_by: change.actor };
  await c.db.insert(c.tables.dependencies).values(link);
  return {
    record: asJson(link),
    touched: [touched(link, 'link')],
    merged_with: [],
    warnings,
    ...(pair !== undefined && { readiness: [pair.blocker, pair.blocked] }),
  };
}

/** What a link comes to that is there in one spelling or the other. */
export function alreadyLinked(existing: Dependency): Effect {
  const warning = {
    code: 'already_linked',
    message: `These items are linked already (${existing.dependency_type}); nothing changed.`,
  };
  return { record: asJson(existing), touched: [], merged_with: [], warnings: [warning] };
}

export async function removeDependency(c: Connection, change: LinkChange): Promise<Effect> {
  const wanted = readPatch(change);
  if (blockingPair(wanted) !== undefined) await c.lockStructure('exclusive');
  const { source, target } = await bothItems(c, wanted);
  const warnings = await checkLinkTokens(c, change, source, target);
  const link = await findSame(c, wanted);
  if (link === undefined) {
    throw notFound('dependency', {
      name: `${wanted.source_id} ${wanted.dependency_type} ${wanted.target_id}`,
    });
  }
  const { dependencies: d } = c.tables;
  await c.db
    .delete(d)
    .where(
      and(
        eq(d.source_id, link.source_id),
        eq(d.target_id, link.target_id),
        eq(d.dependency_type, link.dependency_type),
      ),
    );
  return {
    record: asJson(link),
    touched: [touched(link, 'unlink')],
    merged_with: [],
    warnings,
    ...(blockingPair(link) !== undefined && { readiness: [link.source_id, link.target_id] }),
  };
}

export function refuseDeleted(item: WorkItem, field: string): void {
  if (item.deleted_at === null) return;
  throw validationError(
    { field, constraint: `"${item.title}" is deleted`, value: item.id },
    'Restore it first (update it with clear ["deleted_at"]), or link another item.',
  );
}

type Wanted = Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>;

export function readPatch({ entity_id, patch: { target_id, dependency_type } }: LinkChange): Wanted {
  return { source_id: entity_id, target_id, dependency_type };
}

export function touched(link: Dependency, kind: 'link' | 'unlink') {
  const value = `${link.dependency_type} ${link.target_id}`;
  return {
    entity: 'dependency' as const,
    entity_id: link.source_id,
    related_id: link.target_id,
    kind,
    version: null,
    fields: [
      {
        field: 'dependencies',
        from: kind === 'unlink' ? value : null,
        to: kind === 'link' ? value : null,
      },
    ],
  };
}

async function bothItems(c: Connection, { source_id, target_id }: Wanted) {
  const items = await findWorkItems(c, [source_id, target_id]);
  const find = (id: string): WorkItem => {
    const item = items.find((candidate) => candidate.id === id);
    if (item === undefined) throw notFound('work item', { id });
    return item;
  };
  return { source: find(source_id), target: find(target_id) };
}

/** The link that says the same: `A blocks B` is `B depends_on A`, and `relates_to` has no direction. */
async function findSame(c: Connection, wanted: Wanted): Promise<Dependency | undefined> {
  const links = await findLinksBetween(c, wanted.source_id, wanted.target_id);
  const meaning = linkMeaning(wanted);
  return links.find((link) => linkMeaning(link) === meaning);
}

export function refuseAncestor(source: WorkItem, target: WorkItem): void {
  if (idsOnPath(source.path).includes(target.id)) throw ancestorLinkError(target, source);
  if (idsOnPath(target.path).includes(source.id)) throw ancestorLinkError(source, target);
}

async function refuseCycle(
  c: Connection,
  { blocker, blocked }: { blocker: string; blocked: string },
  source: WorkItem,
  target: WorkItem,
): Promise<void> {
  refuseAncestor(source, target);
  const back = await findBlockingPath(c, blocked, blocker);
  if (back === undefined) return;
  const first = back.at(-1);
  throw cycleError(first === undefined ? back : [first, ...back]);
}
