/**
 * How recorded changes are taken back: which of them can be, which not and why, and the updates that do it. Changes
 * of the same field must go from the newest on; nothing that others changed since is overwritten. Pure.
 */
import type { BatchPart } from './batch.ts';
import type { RecordedChange } from './change.ts';
import { equalJson, ownValue, type JsonObject, type JsonValue } from './json.ts';
import { LABEL, effectsOf, listOf, neverUndone, withoutTakenBack, type Step } from './undo.ts';

export interface UndoMaterial {
  /** What to take back: all rows of each change, oldest first. */
  wanted: readonly RecordedChange[];
  /** Everything recorded of the same records since the first of these, oldest first. */
  timeline: readonly RecordedChange[];
  /** The records as they are, and the items that their places depend on. */
  records: ReadonlyMap<string, JsonObject>;
  /** Live items below those that may be deleted. */
  children: readonly { id: string; parent_id: string | null; title: string }[];
  /** The time of the undo. */
  now: string;
}

export interface RefusedUndo {
  change_id: string;
  reason: string;
}

export interface UndoPlan {
  /** What does it, in an order in which the rules allow it. */
  parts: BatchPart[];
  /** Ids of the changes that are taken back, newest first. */
  undone: string[];
  /** Newest first. */
  refused: RefusedUndo[];
}

export function planUndo(material: UndoMaterial): UndoPlan {
  const changes = groupByChange(material.wanted);
  const blocked = new Map<string, string>();
  for (;;) {
    const { accepted, refused } = choose(changes, material, blocked);
    const targets = targetsOf(accepted, material);
    const links = linksOf(accepted, material);
    const problem = structuralProblem(targets, links, material);
    if (problem === undefined) {
      const parts = partsOf(targets, links, material);
      return { parts, undone: accepted.map(({ change_id }) => change_id), refused };
    }
    // One more change is left out each time, so this ends.
    const culprits = accepted.filter(({ rows }) => rows.some(({ entity_id }) => entity_id === problem.id));
    for (const { change_id } of culprits) blocked.set(change_id, problem.reason);
  }
}

interface WantedChange {
  change_id: string;
  rows: RecordedChange[];
}

/** Newest first. */
function groupByChange(rows: readonly RecordedChange[]): WantedChange[] {
  const groups = new Map<string, RecordedChange[]>();
  for (const row of rows) groups.set(row.change_id, [...(groups.get(row.change_id) ?? []), row]);
  const last = ({ rows: own }: WantedChange) => own.at(-1)?.seq ?? 0;
  return [...groups].map(([change_id, own]) => ({ change_id, rows: own })).sort((a, b) => last(b) - last(a));
}

function choose(
  changes: readonly WantedChange[],
  material: UndoMaterial,
  blocked: ReadonlyMap<string, string>,
): { accepted: WantedChange[]; refused: RefusedUndo[] } {
  const byRecord = new Map<string, RecordedChange[]>();
  for (const row of material.timeline) {
    const known = byRecord.get(recordKey(row));
    if (known === undefined) byRecord.set(recordKey(row), [row]);
    else known.push(row);
  }
  const accepted: WantedChange[] = [];
  const refused: RefusedUndo[] = [];
  const gone = new Set<string>();
  for (const change of changes) {
    const { change_id, rows } = change;
    gone.add(change_id);
    const others = (row: RecordedChange) =>
      (byRecord.get(recordKey(row)) ?? []).filter(
        (later) => later.seq > row.seq && !gone.has(later.change_id),
      );
    const reason =
      blocked.get(change_id) ?? firstOf(rows, (row) => whyNot(row, others(row), material.records));
    if (reason === undefined) accepted.push(change);
    else {
      refused.push({ change_id, reason });
      gone.delete(change_id);
    }
  }
  return { accepted, refused };
}

/** A dependency has a history of its own under its source item. */
const recordKey = ({ entity, entity_id }: RecordedChange) =>
  entity === 'dependency' ? `links of ${entity_id}` : entity_id;

function firstOf<T, R>(all: readonly T[], look: (one: T) => R | undefined): R | undefined {
  for (const one of all) {
    const found = look(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function whyNot(
  row: RecordedChange,
  later: readonly RecordedChange[],
  records: ReadonlyMap<string, JsonObject>,
): string | undefined {
  const never = neverUndone(row);
  if (never !== undefined) return never;
  if (!records.has(row.entity_id)) return `the ${row.entity} is no longer there`;
  const steps = stepsByField(later);
  const fields = row.kind === 'create' ? [...steps.keys()] : [...effectsOf(row).keys()];
  for (const field of fields) {
    const last = withoutTakenBack(steps.get(field) ?? []).at(-1);
    if (last === undefined) continue;
    const { actor, at, seq } = last.row;
    return `${spoken(field)} was changed again by ${actor} at ${at} (#${seq})`;
  }
  return undefined;
}

const spoken = (field: string) =>
  field.startsWith(LABEL)
    ? `the label "${field.slice(LABEL.length)}"`
    : field.startsWith('link ')
      ? 'the link'
      : field;

function stepsByField(rows: readonly RecordedChange[]): Map<string, Step[]> {
  const steps = new Map<string, Step[]>();
  for (const row of rows) {
    for (const [field, effect] of effectsOf(row)) {
      const step = { ...effect, row };
      const known = steps.get(field);
      if (known === undefined) steps.set(field, [step]);
      else known.push(step);
    }
  }
  return steps;
}

/** What a record is to become. */
interface Target {
  id: string;
  entity: RecordedChange['entity'];
  current: JsonObject;
  patch: JsonObject;
}

function targetsOf(accepted: readonly WantedChange[], material: UndoMaterial): Target[] {
  const rows = accepted
    .flatMap((change) => change.rows)
    .filter(({ entity }) => entity !== 'dependency')
    .sort((a, b) => a.seq - b.seq);
  const ids = [...new Set(rows.map(({ entity_id }) => entity_id))];
  const takenBack = new Set(accepted.map(({ change_id }) => change_id));
  return ids.flatMap((id): Target[] => {
    const own = rows.filter(({ entity_id }) => entity_id === id);
    const [first] = own;
    const current = material.records.get(id);
    if (first === undefined || current === undefined) return [];
    const patch = patchBack(own, current, material, takenBack);
    return Object.keys(patch).length === 0 ? [] : [{ id, entity: first.entity, current, patch }];
  });
}

/** Each field as it was before the first of the changes; only where that is not what it is. */
function patchBack(
  rows: readonly RecordedChange[],
  current: JsonObject,
  { now, timeline }: UndoMaterial,
  takenBack: ReadonlySet<string>,
): JsonObject {
  const patch: JsonObject = {};
  const metadata: JsonObject = {};
  const updates = rows.filter(({ kind }) => kind !== 'create');
  for (const [field, steps] of stepsByField(updates)) {
    const value = steps[0]?.from ?? null;
    if (field.startsWith(LABEL) || field === 'labels') continue;
    if (field.startsWith(METADATA)) {
      const key = field.slice(METADATA.length);
      if (!equalJson(ownValue((current['metadata'] ?? {}) as JsonObject, key), value)) metadata[key] = value;
    } else if (field === 'deleted_at') {
      // The time of a deletion stays what it is: only whether there is one counts.
      if ((current[field] === null) !== (value === null)) patch[field] = value;
    } else if (!equalJson(current[field] ?? null, value)) patch[field] = value;
  }
  const labels = labelsBack(updates, current, timeline, takenBack);
  if (labels !== undefined && !equalJson(labels, current['labels'])) patch['labels'] = labels;
  if (Object.keys(metadata).length > 0) patch['metadata'] = metadata;
  const completed = firstOf(updates, ({ fields }) => fields.find(({ field }) => field === 'completed_at'));
  const status = patch['status'] ?? current['status'];
  if (completed !== undefined && completed.from !== null && status === 'completed') {
    patch['completed_at'] = completed.from;
  }
  if (rows.length > updates.length) {
    delete patch['deleted_at'];
    if (current['deleted_at'] === null) patch['deleted_at'] = now;
  }
  // What was deleted by these very changes, and stays so, may be edited as it is.
  const wasDeletedHere =
    rows.length > updates.length ||
    updates.some(({ fields }) => fields.some(({ field }) => field === 'deleted_at'));
  const stays = current['deleted_at'] !== null && !('deleted_at' in patch);
  if (stays && wasDeletedHere && Object.keys(patch).length > 0)
    patch['deleted_at'] = current['deleted_at'] ?? null;
  return patch;
}

const METADATA = 'metadata.';

/** Exactly as they were, unless others changed further labels since: those stay. */
function labelsBack(
  updates: readonly RecordedChange[],
  current: JsonObject,
  timeline: readonly RecordedChange[],
  takenBack: ReadonlySet<string>,
): JsonValue | undefined {
  const ofLabels = (rows: readonly RecordedChange[]): Step[] =>
    rows.flatMap((row) =>
      row.fields.filter(({ field }) => field === 'labels').map((one) => ({ ...one, row })),
    );
  const own = ofLabels(updates);
  const [first] = own;
  if (first === undefined) return undefined;
  const { entity_id, seq } = first.row;
  const others = timeline.filter(
    (row) =>
      row.entity_id === entity_id &&
      row.entity !== 'dependency' &&
      row.seq > seq &&
      !takenBack.has(row.change_id),
  );
  if (withoutTakenBack(ofLabels(others)).length === 0) return first.from;
  const labels = new Set(listOf(current['labels']));
  for (const [field, steps] of stepsByField(updates)) {
    if (!field.startsWith(LABEL)) continue;
    if (steps[0]?.from === null) labels.delete(field.slice(LABEL.length));
    else labels.add(field.slice(LABEL.length));
  }
  return [...labels];
}

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
function structuralProblem(
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
    const child = material.children.find(({ id: below, parent_id }) => {
      const stays = after(below) ?? { parent_id, deleted: false };
      return stays.parent_id === id && !stays.deleted;
    });
    const moved = [...targets.keys()].find((other) => {
      const there = after(other);
      return there?.parent_id === id && !there.deleted;
    });
    const title = child?.title ?? (moved === undefined ? undefined : after(moved)?.title);
    if (title !== undefined)
      return { id, reason: `"${title}" stands below "${place.title}", which would be deleted` };
  }
  return undefined;
}

interface LinkBack {
  source_id: string;
  target_id: string;
  dependency_type: string;
  kind: 'link' | 'unlink';
}

/** Links as they were before the first of the changes. */
function linksOf(accepted: readonly WantedChange[], { timeline }: UndoMaterial): LinkBack[] {
  const takenBack = new Set(accepted.map(({ change_id }) => change_id));
  const first = new Map<string, RecordedChange>();
  const net = new Map<string, number>();
  for (const row of timeline) {
    if (row.entity !== 'dependency' || !takenBack.has(row.change_id)) continue;
    const key = `${row.entity_id} ${[...effectsOf(row).keys()].join()}`;
    if (!first.has(key)) first.set(key, row);
    net.set(key, (net.get(key) ?? 0) + (row.kind === 'link' ? 1 : -1));
  }
  return [...first].flatMap(([key, row]): LinkBack[] => {
    if (net.get(key) === 0) return [];
    const [{ from, to } = { from: null, to: null }] = row.fields;
    const [dependency_type = ''] = String(from ?? to).split(' ');
    const kind = row.kind === 'link' ? 'unlink' : 'link';
    return [{ source_id: row.entity_id, target_id: row.related_id ?? '', dependency_type, kind }];
  });
}

/**
 * Links that go make room first; then items come back and move, parents before what is below them; then links come
 * back while both of their items are there; last, items go, those below first.
 */
function partsOf(
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
  const below = new Map<string, Target[]>();
  for (const target of targets) {
    const parents = new Set([target.current['parent_id'], placeAfter(target.id, byId, material)?.parent_id]);
    for (const parent of parents) {
      if (typeof parent === 'string') below.set(parent, [...(below.get(parent) ?? []), target]);
    }
  }
  const ordered = new Set<Target>();
  const begun = new Set<Target>();
  const visit = (target: Target): void => {
    if (begun.has(target)) return;
    begun.add(target);
    for (const child of below.get(target.id) ?? []) visit(child);
    ordered.add(target);
  };
  targets.forEach(visit);
  return [...ordered];
}
