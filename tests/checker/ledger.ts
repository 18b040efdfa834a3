// Brings together what was asked for, what was answered and what the tables hold: the marks of writes tell which change
// or conflict is whose.
import type { Call, ConflictRow, Deed, History, Json, JsonObject, RecordedChange } from './history.ts';

/** `s1-17`, `T.s1-17` for a title, `L.` a label, `C.` a count; `s1-17.2` is a part of a plan or bulk update. */
const MARK = /\b(?:[TLC]\.)?s\d+-\d+(?:\.\d+)?\b/;

/** One write, with all calls that tried it: a call without an answer may be repeated under the same key. */
export interface Write {
  deed: Deed;
  calls: Call[];
  /** `unknown`: no call was answered with success, and one was not answered at all. */
  told: 'acknowledged' | 'unknown' | 'refused';
  /** The call that acknowledged it. */
  acknowledged: Call | undefined;
  conflict: ConflictRow | undefined;
}

export interface Ledger {
  history: History;
  /** By each of its marks. */
  writes: Map<string, Write>;
  /** The changes that show a mark, in the order of the feed. */
  changesOf: Map<string, RecordedChange[]>;
  /** Items of which something waited for a person, or for something that did. */
  heldItems: ReadonlySet<string>;
  call(n: number): Call | undefined;
}

export function makeLedger(history: History): Ledger {
  const changesOf = new Map<string, RecordedChange[]>();
  for (const change of history.tables.changes)
    for (const mark of marksOfChange(change)) push(changesOf, mark, change);
  const calls = new Map(history.calls.map((call) => [call.n, call]));
  const writes = writesOf(history);
  return {
    history,
    writes,
    changesOf,
    heldItems: itemsHeld(history, writes),
    call: (n) => calls.get(n),
  };
}

/** The items that a write alters and is built on. */
export function itemsOf({ item, basis }: Deed): string[] {
  return [...(item === null ? [] : [item]), ...Object.keys(basis ?? {})];
}

/** A write to several items waits as a whole, and so does what comes after it. */
function itemsHeld({ tables }: History, writes: ReadonlyMap<string, Write>): ReadonlySet<string> {
  const held = new Set(tables.conflicts.flatMap(({ changes }) => idsIn(changes)));
  const joined = [...writes.values()].map(({ deed }) => itemsOf(deed)).filter((items) => items.length > 1);
  for (let before = -1; before !== held.size;) {
    before = held.size;
    for (const items of joined)
      if (items.some((item) => held.has(item))) for (const item of items) held.add(item);
  }
  return held;
}

function idsIn(value: Json | undefined): string[] {
  if (Array.isArray(value)) return value.flatMap(idsIn);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' && ['entity_id', 'item_id', 'target_id'].includes(key) ? [inner] : idsIn(inner),
  );
}

/** Each write once. */
export function eachWrite({ writes }: Ledger): Write[] {
  return [...new Set(writes.values())];
}

/** The place in the feed where a write took effect by itself; undefined where it has not, or a person had a hand in it. */
export function placeInFeed({ changesOf }: Ledger, write: Write): number | undefined {
  if (write.conflict !== undefined) return undefined;
  return changesOf.get(write.deed.marks[0] ?? '')?.[0]?.seq;
}

export function isPrimaryDurable(history: History, call: Call): boolean {
  return call.outcome === 'answered' && call.answer['durability'] === history.primary;
}

/** The marks that a change brought in. */
export function marksOfChange({ entity, entity_id, related_id, kind, fields }: RecordedChange): string[] {
  // The links of a plan are told by its items.
  if (entity === 'dependency') {
    const isMarked = kind === 'link' && fields.some(({ to }) => String(to).startsWith('relates_to'));
    return isMarked ? [linkMark(entity_id, related_id ?? '')] : [];
  }
  if (entity === 'conflict') return [];
  return fields
    .flatMap(({ field, from, to }) => {
      if (field.startsWith('metadata.')) return to === null ? [] : [field.slice('metadata.'.length)];
      if (field === 'labels') {
        const before = new Set(labelsOf(from));
        return labelsOf(to).filter((label) => !before.has(label));
      }
      if (!['title', 'description', 'text'].includes(field) || typeof to !== 'string') return [];
      const mark = MARK.exec(to)?.[0];
      return mark === undefined ? [] : [mark];
    })
    .filter((mark) => MARK.test(mark));
}

/** Links have no text to mark: the two ends do it. */
export function linkMark(a: string, b: string): string {
  return `link ${[a, b].sort().join(' ')}`;
}

export function labelsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function writesOf(history: History): Map<string, Write> {
  const conflicts = conflictsByMark(history.tables.conflicts);
  const writes = new Map<string, Write>();
  for (const call of history.calls) {
    const { deed } = call;
    if (deed === undefined || deed.marks.length === 0) continue;
    const known = writes.get(deed.marks[0] ?? '');
    const write: Write = known ?? {
      deed,
      calls: [],
      told: 'refused',
      acknowledged: undefined,
      conflict: deed.marks.map((mark) => conflicts.get(mark)).find((row) => row !== undefined),
    };
    write.calls.push(call);
    if (call.outcome === 'answered') {
      write.told = 'acknowledged';
      write.acknowledged ??= call;
    } else if (call.outcome === 'lost' && write.told === 'refused') write.told = 'unknown';
    for (const mark of deed.marks) writes.set(mark, write);
  }
  return writes;
}

function conflictsByMark(rows: readonly ConflictRow[]): Map<string, ConflictRow> {
  const found = new Map<string, ConflictRow>();
  for (const row of rows) for (const mark of marksOfWaiting(row.changes)) found.set(mark, row);
  return found;
}

/** The marks that a kept change would bring in. What its maker had seen of others is not of that kind. */
function marksOfWaiting(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(marksOfWaiting);
  if (value === null || typeof value !== 'object') return [];
  const object: JsonObject = value;
  const link =
    object['entity'] === 'dependency' && isObject(object['patch'])
      ? [linkMark(String(object['entity_id']), String(object['patch']['target_id']))]
      : [];
  const marks = Object.entries(object).flatMap(([key, inner]) => {
    if (key === 'base_fields' || key === 'labels') return [];
    if (key === 'metadata' && isObject(inner)) return Object.keys(inner);
    if (typeof inner === 'string' && ['title', 'text', 'description'].includes(key))
      return MARK.exec(inner)?.slice(0, 1) ?? [];
    return marksOfWaiting(inner);
  });
  return [...link, ...marks.filter((mark) => MARK.test(mark))];
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/**
 * Whether a fault is documented to destroy the one place where the write was.
 * @param before a call that did not meet the write; by default the end of the schedule
 */
export function mayBeLost(
  { faults, primary }: History,
  { acknowledged }: Pick<Write, 'acknowledged'>,
  before?: Call,
): boolean {
  if (acknowledged === undefined) return false;
  const { folder, start, answer } = acknowledged;
  const isKept = answer['durability'] !== primary;
  // What the primary forgets, the folders give back.
  return faults.some(
    ({ destroysJournalsOf, from, to }) =>
      isKept && destroysJournalsOf === folder && start <= to && (before?.end ?? Infinity) >= from,
  );
}

/** Whether what was acknowledged then may be gone from the primary, until its folder gives it back. */
export function isForgotten({ faults }: History, { start, end }: Call): boolean {
  return faults.some(({ primaryForgetsFrom, to }) => (primaryForgetsFrom ?? Infinity) <= end && start <= to);
}
