/** How the links of new items come to be: all in one pass, whatever their number. */
import type { Change } from '../../../domain/change.ts';
import {
  blockingPair,
  cycleError,
  findCycle,
  linkMeaning,
  selfLinkError,
  type Dependency,
} from '../../../domain/dependency.ts';
import type { Warning } from '../../../domain/warnings.ts';
import type { WorkItem } from '../../../domain/work-item.ts';
import { notFound } from '../../../errors.ts';
import type { Connection } from '../connection.ts';
import { findBlockingLinks } from '../queries/dependencies.ts';
import { findTitles } from '../queries/names.ts';
import { findWorkItems } from '../queries/work-items.ts';
import { insertRows } from '../table-copy.ts';
import { checkLinkTokens } from './claims.ts';
import { readPatch, refuseAncestor, refuseDeleted, touched } from './dependencies.ts';
import { asJson, type Effect } from './effect.ts';

/**
 * @param changes links of which at least one end was made in the same batch: nothing can join them yet
 * @param made the items of the batch
 */
export async function addLinksOfNewItems(
  c: Connection,
  changes: readonly Change[],
  made: ReadonlyMap<string, WorkItem>,
): Promise<Effect[]> {
  const wanted = changes.map((change) => ({ change, link: readPatch(change) }));
  const ends = new Set(wanted.flatMap(({ link }) => [link.source_id, link.target_id]));
  const others = [...ends].filter((id) => !made.has(id));
  const items = new Map([
    ...made,
    ...(await findWorkItems(c, others)).map((item) => [item.id, item] as const),
  ]);
  const find = (id: string): WorkItem => {
    const item = items.get(id);
    if (item === undefined) throw notFound('work item', { id });
    return item;
  };
  const links = new Map<string, { change: Change; link: Dependency }>();
  const warnings = await checkClaims(c, wanted, find);
  for (const { change, link } of wanted) {
    if (link.source_id === link.target_id) throw selfLinkError(link.target_id);
    const [source, target] = [find(link.source_id), find(link.target_id)];
    refuseDeleted(source, 'source_id');
    refuseDeleted(target, 'target_id');
    if (blockingPair(link) !== undefined) refuseAncestor(source, target);
    const meaning = linkMeaning(link);
    const row = { ...link, created_at: change.at, created_by: change.actor };
    if (!links.has(meaning)) links.set(meaning, { change, link: row });
  }
  await refuseCycles(c, [...links.values()], items, others);
  await insertRows(
    c,
    'dependencies',
    [...links.values()].map(({ link }) => ({ ...link })),
  );
  return [...links.values()].map(({ change, link }, index) => {
    const pair = blockingPair(link);
    return {
      record: asJson(link),
      touched: [touched(change, link, 'link')],
      merged_with: [],
      warnings: index === 0 ? warnings : [],
      ...(pair !== undefined && { readiness: [pair.blocker, pair.blocked] }),
    };
  });
}

/** Only what was there before can be claimed; costs nothing where it is not. */
async function checkClaims(
  c: Connection,
  wanted: readonly { change: Change; link: Pick<Dependency, 'source_id' | 'target_id'> }[],
  find: (id: string) => WorkItem,
): Promise<Warning[]> {
  const warnings: Warning[] = [];
  for (const { change, link } of wanted) {
    const [source, target] = [find(link.source_id), find(link.target_id)];
    const isClaimed = source.claimed_by !== null || target.claimed_by !== null;
    if (isClaimed || change.claim_token !== null) {
      warnings.push(...(await checkLinkTokens(c, change, source, target)));
    }
  }
  return warnings;
}

/** A cycle goes through the links of the batch and, from the items that were there before, through theirs. */
async function refuseCycles(
  c: Connection,
  links: readonly { link: Dependency }[],
  items: ReadonlyMap<string, WorkItem>,
  others: string[],
): Promise<void> {
  const added = links.flatMap(({ link }) => blockingPair(link) ?? []);
  const wereThere = new Set(others);
  const blocked = added.filter((pair) => wereThere.has(pair.blocked)).map((pair) => pair.blocked);
  const comesBack = added.some(({ blocker }) => wereThere.has(blocker));
  const found = comesBack ? await findBlockingLinks(c, [...new Set(blocked)]) : [];
  const cycle = findCycle([...added, ...found.flatMap((link) => blockingPair(link) ?? [])]);
  if (cycle === undefined) return;
  const unknown = await findTitles(
    c,
    cycle.filter((id) => !items.has(id)),
  );
  throw cycleError(cycle.map((id) => ({ id, title: items.get(id)?.title ?? unknown.get(id) ?? id })));
}
