/** How many links come to be at once: all in one pass, whatever their number and however dense they are. */
import { mapInTurns } from '../../platform/in-turns.ts';
import {
  blockingPair,
  cycleError,
  findCycle,
  linkMeaning,
  selfLinkError,
  type Dependency,
} from '../../domain/dependency.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { notFound } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { findBlockingLinksOfMany, findLinksAmong } from '../queries/dependencies.ts';
import { findTitles } from '../queries/names.ts';
import { findWorkItems } from '../queries/work-items.ts';
import { insertRows } from '../database/table-copy.ts';
import { refuseArchived } from './archive.ts';
import { checkLinkTokens } from './claims.ts';
import {
  alreadyLinked,
  readPatch,
  refuseAncestor,
  refuseDeleted,
  touched,
  type LinkChange,
} from './dependencies.ts';
import { asJson, type Effect } from './effect.ts';

/**
 * By the rules that a link alone is added by.
 * @param changes links; their `lockStructure` is taken already
 * @param made items that came to be in the same transaction, as they are now: nothing else can be linked with them yet
 * @returns an effect for each change
 */
export async function addLinks(
  c: Connection,
  changes: readonly LinkChange[],
  made: ReadonlyMap<string, WorkItem>,
): Promise<Effect[]> {
  const wanted = changes.map((change) => ({ change, link: readPatch(change) }));
  const ends = new Set(wanted.flatMap(({ link }) => [link.source_id, link.target_id]));
  const others = [...ends].filter((id) => !made.has(id));
  const items = new Map(made);
  for (const item of await findWorkItems(c, others)) items.set(item.id, item);
  const find = (id: string): WorkItem => {
    const item = items.get(id);
    if (item === undefined) throw notFound('work item', { id });
    return item;
  };
  const isOld = wanted.some(({ link }) => !made.has(link.source_id) && !made.has(link.target_id));
  const there = new Map(
    (isOld ? await findLinksAmong(c, others) : []).map((link) => [linkMeaning(link), link]),
  );
  const warnings = await checkClaims(c, wanted, find);
  const links = new Map<string, Dependency>();
  const effects = await mapInTurns(wanted, ({ change, link }): Effect => {
    if (link.source_id === link.target_id) throw selfLinkError(link.target_id);
    const [source, target] = [find(link.source_id), find(link.target_id)];
    refuseDeleted(source, 'source_id');
    refuseDeleted(target, 'target_id');
    const meaning = linkMeaning(link);
    const existing = there.get(meaning);
    if (existing !== undefined) return alreadyLinked(existing);
    const pair = blockingPair(link);
    if (pair !== undefined) {
      refuseArchived(source, 'source_id');
      refuseArchived(target, 'target_id');
      refuseAncestor(source, target);
    }
    const same = links.get(meaning);
    if (same !== undefined) return { record: asJson(same), touched: [], merged_with: [], warnings: [] };
    const row = { ...link, created_at: change.at, created_by: change.actor };
    links.set(meaning, row);
    return {
      record: asJson(row),
      touched: [touched(row, 'link')],
      merged_with: [],
      warnings: [],
      ...(pair !== undefined && { readiness: [pair.blocker, pair.blocked] }),
    };
  });
  effects[0]?.warnings.push(...warnings);
  const rows = [...links.values()];
  await refuseCycles(c, rows, items, others);
  await insertRows(
    c,
    'dependencies',
    rows.map((row) => ({ ...row })),
  );
  return effects;
}

/** Only what was there before can be claimed; costs nothing where it is not. */
async function checkClaims(
  c: Connection,
  wanted: readonly { change: LinkChange; link: Pick<Dependency, 'source_id' | 'target_id'> }[],
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
  links: readonly Dependency[],
  items: ReadonlyMap<string, WorkItem>,
  others: string[],
): Promise<void> {
  const added = links.flatMap((link) => blockingPair(link) ?? []);
  const wereThere = new Set(others);
  const blocked = added.filter((pair) => wereThere.has(pair.blocked)).map((pair) => pair.blocked);
  const comesBack = added.some(({ blocker }) => wereThere.has(blocker));
  const found = comesBack ? await findBlockingLinksOfMany(c, blocked) : [];
  const cycle = findCycle([...added, ...found.flatMap((link) => blockingPair(link) ?? [])]);
  if (cycle === undefined) return;
  const unknown = await findTitles(
    c,
    cycle.filter((id) => !items.has(id)),
  );
  throw cycleError(cycle.map((id) => ({ id, title: items.get(id)?.title ?? unknown.get(id) ?? id })));
}
