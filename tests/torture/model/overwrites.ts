// No silent overwrite: what an update replaced is compared with what its maker was shown.
import type { Change, FieldChange } from '../../../src/domain/change.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../../src/domain/json.ts';
import { describe } from './answers.ts';
import { MOVED_ALONG, type Found } from './found.ts';
import type { World } from './world.ts';

/** What an update replaced is what its maker had seen. */
export function checkOverwrites(world: World, found: Found): void {
  for (const row of found.history) {
    if (row.kind !== 'update') continue;
    const change = world.ledger.changeOf(row.change_id);
    const view = world.ledger.writeOf(row.change_id)?.seen.get(row.change_id);
    // Deciding a conflict is meant to replace what is there; what goes along with a deleted parent is not named.
    if (change?.kind !== 'update' || change.entity_id !== row.entity_id || view === undefined) continue;
    for (const { field, from, to } of row.fields) {
      if (MOVED_ALONG.has(field)) continue;
      if (field === 'labels') checkLabels(world, change, view.record, { from, to }, view.isComplete);
      else if (!view.isComplete && LITTLE_KNOWN.test(field)) continue;
      else if (
        !mayHaveSeen(world, found, { change, field, seq: row.seq }).some((value) => equalJson(value, from))
      ) {
        world.violated(
          `silently overwritten: ${field} was ${JSON.stringify(from)} and became ${JSON.stringify(to)}, the maker had seen ${JSON.stringify(seenValue(view.record, field))}: ${describe(change)}`,
        );
      }
    }
  }
}

/**
 * The values of a field that the maker of a change knew of: what it saw, and where that came from a write that was
 * not applied before it after all, what the maker of that one saw.
 */
function mayHaveSeen(
  world: World,
  found: Found,
  { change, field, seq }: { change: Change; field: string; seq: number },
): JsonValue[] {
  const applied = new Set(
    found.history.filter((row) => row.seq < seq && row.entity !== 'conflict').map((row) => row.change_id),
  );
  const pending = world.ledger
    .touching(change.entity_id)
    .flatMap(({ changes }) => changes)
    .filter((one) => one.entity_id === change.entity_id && sets(one, field) && !applied.has(one.id));
  return [change, ...pending].flatMap(({ id }) => {
    const view = world.ledger.writeOf(id)?.seen.get(id);
    return view === undefined ? [] : [seenValue(view.record, field)];
  });
}

function sets({ patch }: Change, field: string): boolean {
  if (field.startsWith('metadata.'))
    return Object.hasOwn((patch['metadata'] ?? {}) as JsonObject, field.slice('metadata.'.length));
  return Object.hasOwn(patch, field) || (field === 'completed_at' && Object.hasOwn(patch, 'status'));
}

/** What a status file does not say. */
const LITTLE_KNOWN = /^(description|assignee|priority|metadata)/;

function checkLabels(
  world: World,
  change: Change,
  record: JsonObject,
  { from, to }: Pick<FieldChange, 'from' | 'to'>,
  isComplete: boolean,
): void {
  if (!isComplete) return;
  const [seen, mine, before, after] = [record['labels'], change.patch['labels'], from, to].map(asList) as [
    JsonValue[],
    JsonValue[],
    JsonValue[],
    JsonValue[],
  ];
  const without = (list: JsonValue[], other: JsonValue[]) => list.filter((label) => !other.includes(label));
  const added = without(without(after, before), without(mine, seen));
  const removed = without(without(before, after), without(seen, mine));
  if (added.length + removed.length > 0) {
    const [was, has, saw] = [before, after, seen].map((list) => JSON.stringify(list));
    world.violated(
      `labels that others set were altered: ${String(was)} became ${String(has)}, the maker had seen ${String(saw)}: ${describe(change)}`,
    );
  }
}

const asList = (value: unknown): JsonValue[] => (Array.isArray(value) ? (value as JsonValue[]) : []);

function seenValue(record: JsonObject, field: string): JsonValue {
  if (!field.startsWith('metadata.')) return record[field] ?? null;
  return ((record['metadata'] ?? {}) as JsonObject)[field.slice('metadata.'.length)] ?? null;
}
