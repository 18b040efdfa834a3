/** Foreign dependencies brought under our rules: no cycle, no self link, none between an item and its ancestor. */
import { groupBy } from '../../domain/grouping.ts';
import { isAncestry } from './tree-placement.ts';

export interface KeyedLink {
  from: string;
  to: string;
  type: PlannedLinkType;
}

export interface AdjustedLink {
  link: KeyedLink;
  /** `self` links are left out; the others became `relates_to`. */
  why: 'self' | 'ancestry' | 'cycle';
  /** For a cycle: the keys in the order of waiting, the first repeated at the end. */
  cycle: string[];
}

/**
 * Keeps every link that the rules allow and turns the others into `relates_to`.
 * @param links between keys of `order`
 * @param order all keys; it decides which link of a cycle is the closing one, and the order of the result
 */
export function settleLinks(
  links: readonly KeyedLink[],
  order: readonly string[],
  parents: ReadonlyMap<string, string | null>,
): { links: KeyedLink[]; adjusted: AdjustedLink[] } {
  const position = new Map(order.map((key, index) => [key, index]));
  const at = (key: string) => position.get(key) ?? 0;
  const adjusted: AdjustedLink[] = [];
  const kept: KeyedLink[] = [];
  const sorted = [...links].sort(
    (a, b) => at(a.from) - at(b.from) || at(a.to) - at(b.to) || LINK_ORDER[a.type] - LINK_ORDER[b.type],
  );
  for (const link of withoutRepeats(sorted)) {
    if (link.from === link.to) adjusted.push({ link, why: 'self', cycle: [] });
    else if (isBlocking(link) && isAncestry(parents, link.from, link.to)) {
      adjusted.push({ link, why: 'ancestry', cycle: [] });
      kept.push({ ...link, type: 'relates_to' });
    } else kept.push(link);
  }

  const closing = closingLinks(kept.filter(isBlocking), order);
  for (const [link, cycle] of closing) adjusted.push({ link, why: 'cycle', cycle });
  const settled = kept.map((link) => (closing.has(link) ? { ...link, type: 'relates_to' as const } : link));
  return { links: withoutRepeats(settled), adjusted };
}

const LINK_ORDER: Record<PlannedLinkType, number> = {
  blocks: 0,
  depends_on: 1,
  relates_to: 2,
  discovered_from: 3,
};

const isBlocking = ({ type }: KeyedLink): boolean => type === 'blocks' || type === 'depends_on';

/** Who waits for whom: `A blocks B` and `B depends_on A` mean the same. */
const waits = ({ from, to, type }: KeyedLink): [string, string] =>
  type === 'blocks' ? [to, from] : [from, to];

/** The first of all links that say the same thing. */
function withoutRepeats(links: readonly KeyedLink[]): KeyedLink[] {
  const seen = new Set<string>();
  return links.filter((link) => {
    const pair = isBlocking(link) ? waits(link) : [link.from, link.to];
    // "A relates to B" says the same as "B relates to A".
    if (link.type === 'relates_to') pair.sort();
    const meaning = JSON.stringify([isBlocking(link) ? 'blocking' : link.type, ...pair]);
    return !seen.has(meaning) && seen.add(meaning);
  });
}

/**
 * The links that close a cycle, each with its cycle. One depth-first walk, with its own stack: a link that
 * leads back to a node still on the walk closes a cycle, and without those links there is none. Linear time.
 */
function closingLinks(links: readonly KeyedLink[], order: readonly string[]): Map<KeyedLink, string[]> {
  const outgoing = groupBy(links, (link) => waits(link)[0]);
  const closing = new Map<KeyedLink, string[]>();
  const walk: { key: string; next: number }[] = [];
  const onWalk = new Map<string, number>();
  const finished = new Set<string>();
  for (const start of order) {
    if (finished.has(start)) continue;
    walk.push({ key: start, next: 0 });
    onWalk.set(start, 0);
    for (let top = walk.at(-1); top !== undefined; top = walk.at(-1)) {
      const link = outgoing.get(top.key)?.[top.next];
      top.next += 1;
      if (link === undefined) {
        finished.add(top.key);
        onWalk.delete(top.key);
        walk.pop();
        continue;
      }
      const [, awaited] = waits(link);
      const earlier = onWalk.get(awaited);
      if (earlier !== undefined) closing.set(link, nameCycle(walk, earlier));
      else if (!finished.has(awaited)) {
        onWalk.set(awaited, walk.length);
        walk.push({ key: awaited, next: 0 });
      }
    }
  }
  return closing;
}

/** A long cycle is named by its ends, so that many of them stay linear in size. */
const CYCLE_NAMED_KEYS = 20;

function nameCycle(walk: readonly { key: string }[], start: number): string[] {
  const keys = (from: number, to: number) => walk.slice(from, to).map(({ key }) => key);
  const first = keys(start, start + 1);
  if (walk.length - start <= CYCLE_NAMED_KEYS) return [...keys(start, walk.length), ...first];
  const half = CYCLE_NAMED_KEYS / 2;
  return [...keys(start, start + half), ELLIPSIS, ...keys(walk.length - half, walk.length), ...first];
}

/** Stands in a cycle for the keys that were left out. */
export const ELLIPSIS = '…';

export type PlannedLinkType = 'blocks' | 'depends_on' | 'relates_to' | 'discovered_from';
