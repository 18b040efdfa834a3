/**
 * A write as data. Every write of the tracker is one `Change`; applying it is the only way a record comes to
 * be or alters. What a change did is kept for ever as a `RecordedChange`: that is the history, the way a
 * retry finds its first result, and what three-way merges are made from.
 */
import * as z from 'zod';
import { idOrPrefix, integer, line, pageInput, timestampInput } from './fields.ts';
import { equalJson, isPlainObject, ownValue, type JsonObject, type JsonValue } from './json.ts';
import { NAME_MAX_CHARACTERS } from './limits.ts';
import type { Warning } from './warnings.ts';
import type { Worker } from './worker.ts';

/** Raised when the meaning of a recorded change alters. */
export const CHANGE_SCHEMA_VERSION = 1;

/**
 * `create` and `update` make and alter versioned records; `link` and `unlink` add and remove dependencies;
 * `archive` and `restore` move an item with everything below it; `resolve` settles a conflict; `claim` takes, renews,
 * releases or hands over the claim on an item; a `batch` is many changes that are applied as one (see `batch.ts`).
 */
export const CHANGE_KINDS = [
  'create',
  'update',
  'link',
  'unlink',
  'archive',
  'restore',
  'resolve',
  'claim',
  'batch',
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/**
 * The nouns, and the kinds of change that each has. Whatever must know a noun is a table over `Entity`, whatever must
 * know a kind of change one over `ChangeName`: of a new line here, the compiler names every place that lacks it.
 */
const KINDS_OF = {
  work_item: ['create', 'update', 'archive', 'restore', 'claim', 'batch'],
  dependency: ['link', 'unlink', 'batch'],
  note: ['create'],
  enhancement: ['create', 'update', 'batch'],
  vendor: ['create', 'update', 'batch'],
  deployment: ['create'],
  configuration: ['update', 'batch'],
  /** It comes to be where a write cannot be applied, by no change of its own. */
  conflict: ['resolve'],
} as const satisfies Readonly<Record<string, readonly ChangeKind[]>>;

export type Entity = keyof typeof KINDS_OF;
export const ENTITIES = Object.keys(KINDS_OF) as [Entity, ...Entity[]];

/** As `create work_item`: the kind first. */
export type ChangeName = { [E in Entity]: `${(typeof KINDS_OF)[E][number]} ${E}` }[Entity];

const CHANGE_NAMES: ReadonlySet<string> = new Set(
  ENTITIES.flatMap((entity) => KINDS_OF[entity].map((kind) => `${kind} ${entity}`)),
);

/** False for what only newer programs know: their journals and exports may hold it. */
export function isChangeName(name: string): name is ChangeName {
  return CHANGE_NAMES.has(name);
}

export interface Change extends Partial<Pick<Worker, 'person' | 'device' | 'session'>> {
  /** UUID v7. Applying the same id twice gives the first result and changes nothing. */
  id: string;
  /** When the change was made, ISO 8601 UTC with milliseconds. */
  at: string;
  /** The name that it is signed with: the client's, unless the call gave another. Records show it (`created_by`). */
  actor: string;
  /** The program it came through, as `claude-code/2.1` or `cli`. */
  client: string;
  entity: Entity;
  /** The record's id; a dependency is filed under its source item. */
  entity_id: string;
  kind: ChangeKind;
  /** The version an update was based on; null for everything else. */
  base_version: number | null;
  /** The fields to set, validated. `metadata` is partial: a null in it removes the key. */
  patch: JsonObject;
  on_conflict: 'reject' | 'merge';
  /** Whether deleting or restoring an item takes its descendants along. */
  cascade: boolean;
  /** The fencing token of the claim under which the change is made; null without one. */
  claim_token: number | null;
  /** Of a token that the program added for the session: it counts against other holders only. */
  token_added?: true;
  idempotency_key: string | null;
  schema_version: number;
  /** Of an update made while the primary was away: the touched fields as its maker saw them, metadata key by key. */
  base_fields?: JsonObject;
  /** Of an update made on a provisional version: the changes of the same maker that led there. */
  own_changes?: string[];
  /** Of a claim granted while the primary was away: until when it was granted then, on this machine's clock. */
  granted_until?: string;
}

/** One field of a record, before and after. Metadata is named key by key: `metadata.blocked_reason`. */
export interface FieldChange {
  field: string;
  from: JsonValue;
  to: JsonValue;
}

/** What one change did to one record. */
export interface RecordedChange {
  /** Position in the feed: grows by one per record changed, in the order of the commits. */
  seq: number;
  change_id: string;
  at: string;
  actor: string;
  client: string;
  /** Null, as device and session, where an earlier version recorded it. */
  person: string | null;
  device: string | null;
  session: string | null;
  entity: Entity;
  entity_id: string;
  /** The other item of a dependency. */
  related_id: string | null;
  kind: ChangeKind;
  base_version: number | null;
  /** The version the record had after the change; null for a dependency. */
  version: number | null;
  fields: FieldChange[];
  /** The versions this update was merged with, where it was. */
  merged_with: number[];
}

/** What the store answers to a change. */
export interface Applied {
  change_id: string;
  entity: Entity;
  entity_id: string;
  /** The record right after the change (for an `unlink`: the dependency that was removed). */
  record: JsonObject;
  merged_with: number[];
  warnings: Warning[];
  /** True when this change had been applied before and this is its first result again. */
  repeated: boolean;
}

export const queryHistoryInput = z.object({
  id: idOrPrefix.optional(),
  vendor: line(NAME_MAX_CHARACTERS).optional(),
  entity: z.enum(ENTITIES).optional(),
  actor: line(NAME_MAX_CHARACTERS).optional(),
  from: timestampInput.optional(),
  to: timestampInput.optional(),
  since: integer(0).optional(),
  as_of: timestampInput.optional(),
  ...pageInput,
});
export type QueryHistoryInput = z.output<typeof queryHistoryInput>;

/** Fields that every update touches and that therefore say nothing. */
const BOOKKEEPING = new Set(['version', 'updated_at', 'updated_by']);

/** The fields in which two states of a record differ, in the order of the newer one's keys. */
export function fieldChanges(before: object | null, after: object): FieldChange[] {
  const old = before as Record<string, JsonValue> | null;
  const changes: FieldChange[] = [];
  for (const [field, to] of Object.entries(after as Record<string, JsonValue>)) {
    if (BOOKKEEPING.has(field)) continue;
    const from = old?.[field] ?? null;
    if (equalJson(from, to)) continue;
    if (field === 'metadata' && isPlainObject(to)) changes.push(...metadataChanges(from, to as JsonObject));
    else changes.push({ field, from, to });
  }
  return changes;
}

function metadataChanges(from: JsonValue, to: JsonObject): FieldChange[] {
  const old = isPlainObject(from) ? (from as JsonObject) : {};
  const keys = new Set([...Object.keys(old), ...Object.keys(to)]);
  // Databases keep keys in orders of their own.
  return [...keys]
    .sort()
    .map((key) => ({ field: `metadata.${key}`, from: ownValue(old, key), to: ownValue(to, key) }))
    .filter(({ from: before, to: after }) => !equalJson(before, after));
}
