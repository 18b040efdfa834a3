/** Which of the changes asked for can be taken back, and why not the others. Pure. */
import type { RecordedChange } from './change.ts';
import { groupBy } from './grouping.ts';
import type { JsonObject } from './json.ts';
import { LABEL, effectsOf, firstOf, neverUndone, stepsByField, withoutTakenBack } from './undo.ts';
import type { UndoMaterial, WantedChange } from './undo-material.ts';
import { makerText } from './worker.ts';

export interface RefusedUndo {
  change_id: string;
  reason: string;
}

/**
 * Looks from the newest change on, so that what others built on an accepted one is seen to be gone.
 * @param blocked ids of changes that are refused whatever else holds, with the reason
 */
export function chooseChanges(
  changes: readonly WantedChange[],
  material: UndoMaterial,
  blocked: ReadonlyMap<string, string>,
): { accepted: WantedChange[]; refused: RefusedUndo[] } {
  const byRecord = groupBy(material.timeline, recordKey);
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
    const { at, seq } = last.row;
    return `${spoken(field)} was changed again by ${makerText(last.row)} at ${at} (#${seq})`;
  }
  return undefined;
}

const spoken = (field: string) =>
  field.startsWith(LABEL)
    ? `the label "${field.slice(LABEL.length)}"`
    : field.startsWith('link ')
      ? 'the link'
      : field;
