// The tables agree with one another: versions and the feed have no gaps, records are what the changes made of them, and
// what is derived follows from the records.
import type { History, ItemRow, Json, RecordedChange, Tables, Violation } from '../history.ts';
import { labelsOf, push } from '../ledger.ts';

export function checkTables({ tables }: History): Violation[] {
  const found = [
    ...checkFeed(tables),
    ...checkItems(tables),
    ...checkCounters(tables),
    ...checkCounts(tables),
    ...checkReady(tables),
  ];
  return found.map(([guarantee, what]) => ({ guarantee, what, calls: [] }));
}

type Finding = [guarantee: string, what: string];

function checkFeed({ changes, feed }: Tables): Finding[] {
  const gap = changes.findIndex(({ seq }, index) => seq !== index + 1);
  if (gap >= 0) return [['the feed has no gaps', `position ${gap + 1} is ${String(changes[gap]?.seq)}`]];
  return changes.length === feed ? [] : [['the feed has no gaps', `${changes.length} changes, head ${feed}`]];
}

function checkItems({ changes, items }: Tables): Finding[] {
  const byItem = new Map<string, RecordedChange[]>();
  for (const change of changes) if (change.entity === 'work_item') push(byItem, change.entity_id, change);
  return items.flatMap((item) => {
    const own = byItem.get(item.id) ?? [];
    const versions = own.flatMap(({ version }) => (version === null ? [] : [version]));
    const name = `item ${item.id.slice(0, 8)}`;
    const found: Finding[] = [];
    if (versions.some((version, index) => version !== index + 1) || versions.length !== item.version)
      found.push(['versions have no gaps', `${name} at ${item.version}: ${versions.join(' ')}`]);
    for (const [field, expected, actual] of differences(own, item))
      found.push(['records are what the changes made', `${name}.${field}: ${expected}, but ${actual}`]);
    return found;
  });
}

/** What following the changes gives, beside what the row has. */
function differences(changes: readonly RecordedChange[], item: ItemRow): [string, string, string][] {
  const expected = new Map<string, Json>();
  for (const { fields } of changes) for (const { field, to } of fields) expected.set(field, to);
  const actual = new Map<string, Json>([
    ['title', item.title],
    ['status', item.status],
    ['description', item.description],
    ['labels', [...item.labels].sort()],
    ...Object.entries(item.metadata).map(([key, value]): [string, Json] => [`metadata.${key}`, value]),
  ]);
  for (const key of expected.keys())
    if (key.startsWith('metadata.') && !actual.has(key)) actual.set(key, null);
  return [...actual].flatMap(([field, value]) => {
    const followed = expected.get(field) ?? null;
    const wanted = text(field === 'labels' ? labelsOf(followed).sort() : followed);
    return wanted === text(value) ? [] : [[field, wanted, text(value)] as [string, string, string]];
  });
}

/** A description that counts has gone up by one with each change of it. */
function checkCounters({ changes, conflicts }: Tables): Finding[] {
  const settled = new Set(conflicts.map(({ id }) => id));
  return changes.flatMap(({ fields, seq, change_id, entity }) =>
    fields.flatMap(({ field, from, to }): Finding[] => {
      const [before, after] = [countIn(from), countIn(to)];
      if (entity !== 'work_item' || field !== 'description' || after === undefined) return [];
      if (settled.has(change_id) || after === (before ?? 0) + 1) return [];
      return [['counters count each change', `from ${before ?? 0} to ${after} at position ${seq}`]];
    }),
  );
}

function countIn(value: Json): number | undefined {
  const digits = typeof value === 'string' ? /^(\d+) C\./.exec(value)?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}

function checkCounts({ items, counts }: Tables): Finding[] {
  const kind = ({ item_type, status }: { item_type: string; status: string }) => `${item_type} ${status}`;
  const kinds = new Set([...items.map(kind), ...counts.map(kind)]);
  return [...kinds].flatMap((one): Finding[] => {
    const actual = items.filter((item) => kind(item) === one).length;
    const counted = counts.filter((row) => kind(row) === one).reduce((sum, row) => sum + row.items, 0);
    return actual === counted ? [] : [['counts are exact', `${one}: ${actual} items, ${counted} counted`]];
  });
}

/** Open items without an open one that blocks them, whoever has claimed them. */
function checkReady({ items, dependencies, ready }: Tables): Finding[] {
  const open = new Set(items.filter(({ status }) => isOpen(status)).map(({ id }) => id));
  const blocked = new Set(
    dependencies.flatMap(({ source_id, target_id, dependency_type }) => {
      if (dependency_type === 'blocks') return open.has(source_id) ? [target_id] : [];
      if (dependency_type === 'depends_on') return open.has(target_id) ? [source_id] : [];
      return [];
    }),
  );
  const expected = items
    .filter(({ id, status }) => ['planned', 'active'].includes(status) && !blocked.has(id))
    .map(({ id }) => id)
    .sort();
  const actual = [...ready].sort();
  if (text(expected) === text(actual)) return [];
  return [
    [
      'the queue of ready work follows from the items',
      `${expected.length} are ready, ${actual.length} queue`,
    ],
  ];
}

function isOpen(status: string): boolean {
  return !['completed', 'cancelled'].includes(status);
}

function text(value: Json): string {
  return JSON.stringify(value);
}
