// No silent overwrite: what an update replaced is compared with what its maker was shown.
import { partsOf } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../../src/domain/json.ts';
import { isPartlyShown } from '../../../src/domain/provisional-version.ts';
import { describe } from './answers.ts';
import { MOVED_ALONG, type Found, type HistoryRow } from './found.ts';
import type { World } from './world.ts';

/** What an update replaced is what its maker had seen. */
export function checkOverwrites(world: World, found: Found): void {
  for (const row of found.history) {
    if (row.kind !== 'update') continue;
    const made = world.ledger.changeOf(row.change_id);
    const view = world.ledger.writeOf(row.change_id)?.seen.get(row.entity_id);
    const isOwn = ({ kind, entity_id }: Change) => kind === 'update' && entity_id === row.entity_id;
    const change = made === undefined ? undefined : partsOf(made).find(isOwn);
    // Deciding a conflict is meant to replace what is there; what goes along with a deleted parent is not named.
    if (change === undefined || view === undefined) continue;
    for (const { field, from, to } of row.fields) {
      if (MOVED_ALONG.has(field) || CLAIMED.has(field)) continue;
      const seen = seenValue(view.record, field);
      const isFair =
        field === 'labels'
          ? altersOwnOnly({ seen, mine: change.patch['labels'] ?? null, from, to })
          : equalJson(seen, from) ||
            isNothing(change, from) ||
            (field === 'completed_at' && (wasDecided(world, found, row, from) || isFilledIn(change, from)));
      if (isFair) continue;
      const [was, is, saw] = [from, to, seen].map((value) => JSON.stringify(value));
      world.violated(
        `silently overwritten: ${field} was ${String(was)} and became ${String(is)}, the maker had seen ${String(saw)}: ${describe(change)}`,
      );
    }
  }
}

/** Where nothing is, an update takes nothing away, whatever an own one before it was answered that nobody could check. */
const isNothing = ({ base_version }: Change, from: JsonValue): boolean =>
  from === null && isPartlyShown(base_version ?? 0);

/** An open item has no such time, whatever the echo of an unchecked update said: closing it takes nothing away. */
const isFilledIn = ({ patch }: Change, from: JsonValue): boolean =>
  from === null && !Object.hasOwn(patch, 'completed_at');

/** Whether it is the time at which a conflict was decided: what is completed by that is so then, not when it was made. */
function wasDecided(world: World, found: Found, { seq, entity_id }: HistoryRow, value: JsonValue): boolean {
  const last = found.history.findLast(
    (row) =>
      row.seq < seq &&
      row.entity_id === entity_id &&
      row.fields.some(({ field, to }) => field === 'completed_at' && equalJson(to, value)),
  );
  return last !== undefined && world.ledger.changeOf(last.change_id)?.kind === 'resolve';
}

/** Closing an item ends the claim on it, whoever has it. */
const CLAIMED: ReadonlySet<string> = new Set(['claimed_by', 'claim_expires_at']);

/** Labels are a set: an update adds what its maker added and removes what he removed, and nothing else. */
export function altersOwnOnly({
  seen,
  mine,
  from,
  to,
}: Record<'seen' | 'mine' | 'from' | 'to', JsonValue>): boolean {
  const without = (list: JsonValue, other: JsonValue) =>
    asList(list).filter((label) => !asList(other).includes(label));
  const added = without(without(to, from), without(mine, seen));
  const removed = without(without(from, to), without(seen, mine));
  return added.length + removed.length === 0;
}

const asList = (value: unknown): JsonValue[] => (Array.isArray(value) ? (value as JsonValue[]) : []);

function seenValue(record: JsonObject, field: string): JsonValue {
  if (!field.startsWith('metadata.')) return record[field] ?? null;
  return ((record['metadata'] ?? {}) as JsonObject)[field.slice('metadata.'.length)] ?? null;
}
