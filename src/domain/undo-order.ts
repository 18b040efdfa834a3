/** In which order the rules allow records and links to become what they were, and where no order does. Pure. */
import type { BatchPart } from './batch.ts';
import { groupBy } from './grouping.ts';
import type { UndoMaterial } from './undo-material.ts';
import type { LinkBack, Target } from './undo-targets.ts';

interface Place {
  parent_id: string | null;
  deleted: boolean;
  title: string;
}

function placeAfter(
  id: string,
  targets: ReadonlyMap<string, Target>,
  material: UndoMaterial,
): Place | undefined {
  const current = material.records.get(id);
  if (current === undefined) return undefined;
  const after = { ...current, ...targets.get(id)?.patch };
  return {
    parent_id: (after['parent_id'] ?? null) as string | null,
    deleted: (after['deleted_at'] ?? null) !== null,
    title: String(current['title']),
  };
}

/** The first item that could not be what it is to become: its parent would be deleted, or itself above live items. */
export function structuralProblem(
  all: readonly Target[],
  links: readonly LinkBack[],
  material: UndoMaterial,
): { id: string; reason: string } | undefined {
  const targets = new Map(
    all.filter(({ entity }) => entity === 'work_item').map((target) => [target.id, target]),
  );
  const after = (id: string) => placeAfter(id, targets, material);
  for (const { kind, source_id, target_id } of links) {
    if (kind === 'unlink') continue;
    const gone = [source_id, target_id].map(after).find((place) => place?.deleted !== false);
    if (gone === undefined) continue;
    return { id: source_id, reason: `a link would come back to "${gone.title}", which is deleted` };
  }
  const titlesBelow = livingBelow([...targets.keys()], material, after);
  for (const { id, patch, current } of targets.values()) {
    const place = after(id);
    if (place === undefined) continue;
    if (place.deleted && current['deleted_at'] !== null && !('deleted_at' in patch)) {
      return {
        id,
        reason: `"${place.title}" was deleted at ${String(current['deleted_at'])}; restore it first`,
      };
    }
    if ((!place.deleted || 'parent_id' in patch) && place.parent_id !== null) {
      const parent = after(place.parent_id);
      // Whatever is deleted in the end is so only when everything has its place.
      const isThere = material.records.get(place.parent_id)?.['deleted_at'] === null;
      if (parent === undefined || (parent.deleted && (!place.deleted || !isThere))) {
        return {
          id,
          reason: `its parent "${parent?.title ?? place.parent_id}" is deleted; restore that first`,
        };
      }
    }
    if (!place.deleted || current['deleted_at'] !== null) continue;
    const title = titlesBelow.get(id);
    if (title !== undefined)
      return { id, reason: `"${title}" stands below "${place.title}", which would be deleted` };
  }
  return undefined;
}

/** The title of one item that would stand below each, not deleted: one is enough to keep its parent. */
function livingBelow(
  ids: readonly string[],
  { children }: UndoMaterial,
  after: (id: string) => Place | undefined,
): ReadonlyMap<string, string> {
  const present = children.map(({ id, ...child }) => after(id) ?? { ...child, deleted: false });
  const titles = new Map<string, string>();
  for (const place of [...present, ...ids.map(after)]) {
    if (place === undefined || place.deleted || place.parent_id === null) continue;
    if (!titles.has(place.parent_id)) titles.set(place.parent_id, place.title);
  }
  return titles;
}

/**
 * Links that go make room first; then items come back and move, parents before what is below them; then links come
 * back while both of their items are there; last, items go, those below first.
 */
export function orderedParts(
  targets: readonly Target[],
  links: readonly LinkBack[],
  material: UndoMaterial,
): BatchPart[] {
  const isDeleted = ({ patch }: Target) => typeof patch['deleted_at'] === 'string';
  const [going, staying] = [targets.filter(isDeleted), targets.filter((target) => !isDeleted(target))];
  const link = ({ source_id, target_id, dependency_type, kind }: LinkBack): BatchPart => ({
    entity: 'dependency',
    entity_id: source_id,
    kind,
    patch: { target_id, dependency_type },
  });
  return [
    ...links.filter(({ kind }) => kind === 'unlink').map(link),
    ...parentsFirst(staying, material).map(update),
    ...links.filter(({ kind }) => kind === 'link').map(link),
    ...childrenFirst(going, material).map(update),
  ];
}

function update({ id, entity, current, patch }: Target): BatchPart {
  return { entity, entity_id: id, kind: 'update', base_version: current['version'] as number, patch };
}

/** Parents, as they will be, before their children: so no item is ever moved below itself. */
function parentsFirst(targets: readonly Target[], material: UndoMaterial): Target[] {
  const byId = new Map(targets.map((target) => [target.id, target]));
  const ordered = new Set<Target>();
  for (const target of targets) {
    const chain: Target[] = [];
    const seen = new Set<string>();
    for (let id: string | null = target.id; id !== null && !seen.has(id);) {
      seen.add(id);
      const there = byId.get(id);
      if (there !== undefined) chain.unshift(there);
      id = placeAfter(id, byId, material)?.parent_id ?? null;
    }
    for (const one of chain) ordered.add(one);
  }
  return [...ordered];
}

/** Items before those that they stand below, both now and in the end: only then may these go. */
function childrenFirst(targets: readonly Target[], material: UndoMaterial): Target[] {
  const byId = new Map(targets.map((target) => [target.id, target]));
  const pairs = targets.flatMap((target) => {
    const parents = [target.current['parent_id'], placeAfter(target.id, byId, material)?.parent_id];
    return [...new Set(parents)].map((parent) => ({ parent, target }));
  });
  const below = groupBy(pairs, ({ parent }) => parent);
  const ordered = new Set<Target>();
  const begun = new Set<Target>();
  const visit = (target: Target): void => {
    if (begun.has(target)) return;
    begun.add(target);
    for (const { target: child } of below.get(target.id) ?? []) visit(child);
    ordered.add(target);
  };
  targets.forEach(visit);
  return [...ordered];
}
