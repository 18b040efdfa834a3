/**
 * Many changes as one: applied together or not at all, under one id, one idempotency key and one entry of a
 * journal. A plan, an update of several items and taking back a change of several records are batches.
 */
import type { Change, Entity } from './change.ts';
import { isPlainObject, type JsonObject, type JsonValue } from './json.ts';

/** What a change of a batch says itself; the rest it has from the batch. */
const OWN_FIELDS = [
  'entity',
  'entity_id',
  'kind',
  'base_version',
  'patch',
  'on_conflict',
  'cascade',
  'claim_token',
  'token_added',
  'base_fields',
  'own_changes',
] as const satisfies readonly (keyof Change)[];

export type BatchPart = Pick<Change, 'entity' | 'entity_id' | 'kind' | 'patch'> &
  Partial<Pick<Change, (typeof OWN_FIELDS)[number]>>;

/** The patch of a batch. */
export function batchPatch(parts: readonly BatchPart[]): JsonObject {
  return { changes: parts.map(own) as unknown as JsonValue };
}

/** The changes that a batch consists of, in order; any other change is its only part. */
export function partsOf(change: Change): Change[] {
  if (change.kind !== 'batch') return [change];
  const common: Change = { ...change, patch: {}, idempotency_key: null };
  return (change.patch['changes'] as unknown as Partial<Change>[]).map((part) => ({ ...common, ...part }));
}

/** The batch with other parts. */
export function withParts(change: Change, parts: readonly Change[]): Change {
  return { ...change, patch: { ...change.patch, ...batchPatch(parts) } };
}

function own(part: BatchPart): Partial<Change> {
  const known = OWN_FIELDS.filter((field) => part[field] !== undefined);
  return Object.fromEntries(known.map((field) => [field, part[field]]));
}

/** A record that a batch made or altered, as its answer names it. */
export interface BatchedRecord {
  entity: Entity;
  id: string;
  /** Null for a dependency. */
  version: number | null;
}

/** The records in the answer to a batch; undefined when it answers another change. */
export function recordsOf(record: JsonObject): (BatchedRecord & JsonObject)[] | undefined {
  const records = record['records'];
  const isBatch =
    Array.isArray(records) && records.every((entry) => isPlainObject(entry) && 'entity' in entry);
  return isBatch ? (records as (BatchedRecord & JsonObject)[]) : undefined;
}
