/** From what a reader understood to a plan that the tracker can store as it is. */
import { mapInTurns } from '../../platform/in-turns.ts';
import { ELLIPSIS, settleLinks } from '../../use-cases/records/link-rules.ts';
import { checkNamespace, plannedId, type ImportPlan, type ImportSource, type SourcePlace } from './plan.ts';
import { fitItem } from './item-fitting.ts';
import type { PlanLog } from './plan-log.ts';
import type { SourceItem, SourceLink } from './source-item.ts';
import { placeNodes } from '../../use-cases/records/tree-placement.ts';

export interface SourceName {
  /** The namespace that was asked for. */
  wanted?: string | undefined;
  place?: SourcePlace | null;
}

/**
 * Places the items, settles their links and brings every field inside its limit; what is adjusted is noted.
 * @param items unique keys, siblings in the order that the plan shall have
 * @param links between keys of `items`
 */
export async function assemblePlan(
  source: ImportSource,
  { wanted, place = null }: SourceName,
  items: readonly SourceItem[],
  links: readonly SourceLink[],
  log: PlanLog,
): Promise<ImportPlan> {
  const namespace = wanted === undefined ? (place?.name ?? source) : checkNamespace(wanted);
  const origin = { source, namespace, from: place?.text ?? null };
  const byKey = new Map(items.map((item) => [item.key, item]));
  const { order, parents, moved } = placeNodes(items);
  const name = (key: string) => byKey.get(key)?.foreignId ?? key;
  const idOf = (key: string) => plannedId(source, namespace, key);

  const realParents = new Map(moved.map(({ key, from }) => [key, from]));
  const parentLinks: SourceLink[] = [];
  for (const { key, from, to, why, chain } of moved) {
    if (from !== key) parentLinks.push({ from: key, to: from, type: 'relates_to' });
    if (why === 'cycle') {
      log.note(
        'parent_cycle',
        name(key),
        `became a root, for its parents form a cycle: ${shortChain(chain, name)}`,
      );
    } else {
      log.note(
        'depth_clamped',
        name(key),
        `would stand below depth 5 under ${name(from)}; it is under ${name(to ?? '')} and relates to ${name(from)}`,
      );
    }
  }

  const settled = settleLinks([...links, ...parentLinks], order, parents);
  for (const { link, why, cycle } of settled.adjusted) {
    const said = `${link.type} ${name(link.to)}`;
    if (why === 'self')
      log.note('self_dependency', name(link.from), `"${said}" was left out: it names itself`);
    else if (why === 'ancestry') {
      log.note(
        'dependency_on_relative',
        name(link.from),
        `"${said}" became relates_to: one is above the other`,
      );
    } else {
      log.note(
        'dependency_cycle',
        name(link.from),
        `"${said}" became relates_to: it closes the cycle ${shortChain(cycle, name)}`,
      );
    }
  }

  const planned = await mapInTurns(order, (key) => {
    const item = byKey.get(key);
    const parent = parents.get(key) ?? null;
    const realParent = realParents.get(key);
    if (item === undefined) return [];
    return [
      fitItem(
        origin,
        item,
        {
          id: idOf(key),
          parentId: parent === null ? null : idOf(parent),
          realParent: realParent === undefined ? undefined : name(realParent),
        },
        log,
      ),
    ];
  });
  return {
    source,
    namespace,
    is_named: wanted !== undefined,
    place,
    items: planned.flat(),
    links: settled.links.map(({ from, to, type }) => ({
      source_id: idOf(from),
      target_id: idOf(to),
      dependency_type: type,
    })),
    ...log.result(),
  };
}

const CHAIN_SHOWN_KEYS = 20;

function shortChain(keys: readonly string[], name: (key: string) => string): string {
  const half = CHAIN_SHOWN_KEYS / 2;
  const shown =
    keys.length <= CHAIN_SHOWN_KEYS + 2 ? keys : [...keys.slice(0, half), ELLIPSIS, ...keys.slice(-half)];
  return shown.map((key) => (key === ELLIPSIS ? key : name(key))).join(' -> ');
}
