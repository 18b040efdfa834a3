/** What the items of a file say about whether it is a source that was imported before, or another one with the same ids. */
import { likenessOf, repeatedTimes, type Likeness } from './item-comparison.ts';
import { matchItems, type KnownSource, type Match, type MatchOptions } from './known-items.ts';
import { planUnder } from './plan-identity.ts';
import type { ImportPlan } from './plan.ts';
import type { Renaming } from './renamed-groups.ts';

export interface Evidence extends Likeness {
  source: KnownSource;
  matches: Match[];
  /** What it may have called otherwise before, or has beside it now: somebody must say which. */
  unclear: Renaming[];
}

export async function compareWith(
  read: ImportPlan,
  source: KnownSource,
  options: MatchOptions,
): Promise<Evidence> {
  const plan = await planUnder(read, source.namespace);
  const { matches, renamings } = await matchItems(plan, source, options);
  const unclear = renamings.filter(({ isSure }) => !isSure);
  const byId = matches.filter(({ by }) => by === 'id');
  const byContent = matches.length - byId.length;
  const smaller = Math.min(plan.items.length, source.items.length);
  const isMost = (count: number) => count * 2 >= smaller;
  const evidence: Evidence = { source, matches, unclear, same: 0, doubtful: 0, retitled: 0, others: [] };
  // The ids of a status file are titles: only how many of them there are in both says something.
  if (plan.source === 'status-file') evidence[isMost(byId.length) ? 'same' : 'doubtful'] += byId.length;
  else Object.assign(evidence, likenessOf(byId, repeatedTimes(plan.items)));
  if (unclear.length === 0 && isMost(byContent)) evidence.same += byContent;
  // A few may be the same in any two sources. Where nothing else tells, they leave it open.
  else if (evidence.same + evidence.retitled + evidence.others.length === 0) evidence.doubtful += byContent;
  return evidence;
}
