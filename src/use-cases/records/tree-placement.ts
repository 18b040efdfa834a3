/** A foreign hierarchy of any shape brought into a forest of at most six levels. */
import { groupBy } from '../../domain/grouping.ts';
import { HIERARCHY_MAX_DEPTH } from '../../domain/limits.ts';

export interface TreeNode {
  key: string;
  /** The key of another node of the same list, or null for a root. */
  parentKey: string | null;
}

export interface MovedNode {
  key: string;
  /** The parent that the source names. */
  from: string;
  /** The parent it got. */
  to: string | null;
  /** `cycle` when following the parents led back to the node; the keys then run from the node to itself. */
  why: 'too_deep' | 'cycle';
  chain: string[];
}

export interface Placement {
  /** Keys, parents before children; siblings in the order of the list. */
  order: string[];
  parents: Map<string, string | null>;
  moved: MovedNode[];
}

/**
 * Places every node. A cycle of parents is opened at its first node in the order of the list, which becomes a
 * root; a node below depth 5 goes to depth 5, under its nearest ancestor at depth 4. Takes linear time.
 */
export function placeNodes(nodes: readonly TreeNode[]): Placement {
  const wanted = new Map(nodes.map(({ key, parentKey }) => [key, parentKey]));
  const moved = openCycles(nodes, wanted);
  const keys = nodes.map(({ key }) => key);
  const children = groupBy(keys, (key) => wanted.get(key) ?? null);

  const order: string[] = [];
  const parents = new Map<string, string | null>();
  const depths = new Map<string, number>();
  const stack = [...(children.get(null) ?? [])].reverse();
  for (let key = stack.pop(); key !== undefined; key = stack.pop()) {
    const parent = wanted.get(key) ?? null;
    const depth = parent === null ? 0 : (depths.get(parent) ?? 0) + 1;
    const isTooDeep = depth > HIERARCHY_MAX_DEPTH;
    // The parent stands at depth 5 then, so its own parent stands at 4.
    const place = isTooDeep && parent !== null ? (parents.get(parent) ?? null) : parent;
    if (isTooDeep && parent !== null)
      moved.push({ key, from: parent, to: place, why: 'too_deep', chain: [] });
    order.push(key);
    parents.set(key, place);
    depths.set(key, Math.min(depth, HIERARCHY_MAX_DEPTH));
    for (const child of (children.get(key) ?? []).toReversed()) stack.push(child);
  }
  return { order, parents, moved };
}

/** Makes one node of every cycle a root in `wanted`; each node is walked over once. */
function openCycles(nodes: readonly TreeNode[], wanted: Map<string, string | null>): MovedNode[] {
  const moved: MovedNode[] = [];
  const position = new Map(nodes.map(({ key }, index) => [key, index]));
  const finished = new Set<string>();
  for (const { key } of nodes) {
    const walked = new Map<string, number>();
    let at: string | null = key;
    while (at !== null && !finished.has(at) && !walked.has(at)) {
      walked.set(at, walked.size);
      at = wanted.get(at) ?? null;
    }
    const path = [...walked.keys()];
    if (at !== null && walked.has(at)) {
      const cycle = path.slice(walked.get(at));
      const first = cycle.reduce((a, b) => ((position.get(a) ?? 0) <= (position.get(b) ?? 0) ? a : b));
      const start = cycle.indexOf(first);
      moved.push({
        key: first,
        from: wanted.get(first) ?? first,
        to: null,
        why: 'cycle',
        chain: [...cycle.slice(start), ...cycle.slice(0, start), first],
      });
      wanted.set(first, null);
    }
    for (const walkedKey of path) finished.add(walkedKey);
  }
  return moved;
}

/** Whether one of the two stands above the other. */
export function isAncestry(parents: ReadonlyMap<string, string | null>, a: string, b: string): boolean {
  return isAbove(parents, a, b) || isAbove(parents, b, a);
}

function isAbove(parents: ReadonlyMap<string, string | null>, above: string, below: string): boolean {
  let at = parents.get(below) ?? null;
  while (at !== null) {
    if (at === above) return true;
    at = parents.get(at) ?? null;
  }
  return false;
}
