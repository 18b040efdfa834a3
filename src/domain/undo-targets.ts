/** What records and links are to become when changes are taken back. Pure. */
import type { RecordedChange } from './change.ts';
import { groupBy } from './grouping.ts';
import { equalJson, ownValue, type JsonObject, type JsonValue } from './json.ts';
import { LABEL, effectsOf, firstOf, listOf, stepsByField, withoutTakenBack, type Step } from './undo.ts';
import type { UndoMaterial, WantedChange } from './undo-material.ts';

/** What a record is to become. */
export interface Target {
  id: string;
  entity: RecordedChange['entity'];
  current: JsonObject;
  patch: JsonObject;
}

export function targetsOf(accepted: readonly WantedChange[], material: UndoMaterial): Target[] {
  const rows = accepted
    .flatMap((change) => change.rows)
    .filter(({ entity }) => entity !== 'dependency')
    .sort((a, b) => a.seq - b.seq);
  const takenBack = new Set(accepted.map(({ change_id }) => change_id));
  return [...groupBy(rows, ({ entity_id }) => entity_id)].flatMap(([id, own]): Target[] => {
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

/** A link that is to come back or to go. */
export interface LinkBack {
  source_id: string;
  target_id: string;
  dependency_type: string;
  kind: 'link' | 'unlink';
}

/** Links as they were before the first of the changes. */
export function linksOf(accepted: readonly WantedChange[], { timeline }: UndoMaterial): LinkBack[] {
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
