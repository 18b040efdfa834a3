/** The tree below an item: whole where it is small, cut where it is not, and honest about the cut. */
import { CHILDREN_MAX, HIERARCHY_MAX_DEPTH } from '../../domain/limits.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import type { ChildItem, TreeShelf } from '../../storage/queries/work-items.ts';
import type { Reader } from '../../storage/queries/reader.ts';

/** An item in the tree below another. */
export interface TreeNode extends ChildItem {
  children: TreeNode[];
  /** How many live children it has, where not all of them are shown. */
  children_total?: number;
}

export interface Tree {
  children: TreeNode[];
  /** Present when the tree was cut: why, and how to read on. */
  children_cut?: { reason: string; children_total: number; next: string };
}

/** At most 200 items, from the top down, the oldest of each level first. */
export async function readTree(reader: Reader, root: WorkItem, maxDepth: number): Promise<Tree> {
  const shelf = root.archived_at === null ? 'live' : 'archived';
  const found = maxDepth === 0 ? [] : await reader.findTree(root.id, maxDepth, CHILDREN_MAX + 1, shelf);
  const tooMany = found.length > CHILDREN_MAX;
  const shown = tooMany ? await readLevels(reader, root, maxDepth, shelf) : found;

  const children: TreeNode[] = [];
  const nodes = new Map<string, { children: TreeNode[]; children_total?: number }>([[root.id, { children }]]);
  for (const item of shown) {
    const node: TreeNode = { ...item, children: [] };
    nodes.get(item.parent_id ?? '')?.children.push(node);
    nodes.set(item.id, node);
  }
  const reachesBottom = root.depth + maxDepth >= HIERARCHY_MAX_DEPTH;
  if (!tooMany && reachesBottom) return { children };

  // Only a tree that may have been cut pays for counting.
  const totals = await reader.countChildren([...nodes.keys()], shelf);
  let cut = false;
  for (const [id, node] of nodes) {
    const total = totals.get(id) ?? 0;
    if (total <= node.children.length) continue;
    cut = true;
    if (id !== root.id) node.children_total = total;
  }
  if (!cut) return { children };
  return {
    children,
    children_cut: {
      reason: tooMany ? `only ${CHILDREN_MAX} items are shown` : `max_depth ${maxDepth} was reached`,
      children_total: totals.get(root.id) ?? 0,
      next: 'Query a child by its id, or list_work_items with parent_id and next_cursor.',
    },
  };
}

/** The first 200 items of a large tree, level by level: each level costs no more than what it may show. */
async function readLevels(
  reader: Reader,
  root: WorkItem,
  maxDepth: number,
  shelf: TreeShelf,
): Promise<ChildItem[]> {
  const shown: ChildItem[] = [];
  let level = [root.id];
  for (let depth = 0; depth < maxDepth && level.length > 0; depth += 1) {
    const room = CHILDREN_MAX - shown.length;
    if (room === 0) break;
    const items = await reader.findChildren(level, room, shelf);
    shown.push(...items);
    level = items.map(({ id }) => id);
  }
  return shown;
}
