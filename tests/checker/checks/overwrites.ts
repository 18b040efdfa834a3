// Nothing is silently overwritten: whatever value a change replaced was the one that its maker had been shown.
import type { Call, History, Json, JsonObject, RecordedChange, Violation } from '../history.ts';
import { eachWrite, isObject, labelsOf, makeLedger, type Ledger } from '../ledger.ts';
import { recordsIn } from '../shown.ts';

export function checkOverwrites(history: History): Violation[] {
  const ledger = makeLedger(history);
  return eachWrite(ledger).flatMap(({ deed, calls, conflict }) => {
    // Who settled a conflict decided, with both sides in sight.
    if (conflict !== undefined || deed.basis === undefined) return [];
    const n = calls[0]?.n ?? 0;
    return [...new Set(deed.marks.flatMap((mark) => ledger.changesOf.get(mark) ?? []))].flatMap((change) => {
      const seen = recordSeen(ledger, deed.basis?.[change.entity_id], change.entity_id);
      const intended = patchOf(calls[0], change.entity_id);
      return overwritten(change, seen, intended).map((what) => ({
        guarantee: 'nothing is silently overwritten',
        what: `${String(deed.marks[0])}: ${what}`,
        calls: [n],
      }));
    });
  });
}

/** The record as the maker was shown it, read once and changed since; a field that it lacks was not shown. */
function recordSeen(ledger: Ledger, basis: number | number[] | undefined, id: string): JsonObject {
  const calls = [basis ?? []].flat().map((n) => ledger.call(n));
  return Object.assign({}, ...calls.map((call) => call && recordsIn(call).get(id))) as JsonObject;
}

function patchOf(call: Call | undefined, id: string): JsonObject {
  const updates = call?.args['updates'];
  if (!Array.isArray(updates)) return call?.args ?? {};
  return updates.filter(isObject).find((one) => one['id'] === id) ?? {};
}

/** The sentences about fields whose former value the maker had not been shown. */
function overwritten(change: RecordedChange, seen: JsonObject, intended: JsonObject): string[] {
  return change.fields.flatMap(({ field, from, to }) => {
    if (field === 'labels') {
      const kept = new Set([...labelsOf(to), ...labelsOf(seen['labels'])]);
      const gone = labelsOf(from).filter((label) => !kept.has(label));
      return gone.length > 0 ? [`removed labels it had not seen: ${gone.join(', ')}`] : [];
    }
    const [name, key] = splitField(field);
    if (!(name in intended)) return []; // what follows from a change, as completed_at does
    const shown: Json = key === undefined ? (seen[name] ?? null) : valueAt(seen[name], key);
    return same(shown, from) ? [] : [`${field} was ${text(from)}, and its maker had seen ${text(shown)}`];
  });
}

function splitField(field: string): [string, string | undefined] {
  return field.startsWith('metadata.') ? ['metadata', field.slice('metadata.'.length)] : [field, undefined];
}

function valueAt(value: Json | undefined, key: string): Json {
  return isObject(value) ? (value[key] ?? null) : null;
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function text(value: Json): string {
  return JSON.stringify(value);
}
