/** Acknowledged writes that could not be applied as they were made: what is kept of them, and how they are settled. */
import * as z from 'zod';
import { ENTITIES, type Change, type Entity } from './change.ts';
import {
  actorName,
  idempotencyKey,
  idOrPrefix,
  jsonObject,
  lazily,
  line,
  pageInput,
  storedJson,
} from './fields.ts';
import { NAME_MAX_CHARACTERS } from './limits.ts';
import { json, nullableText, text, typed, whole, type RecordOf } from './record.ts';

/** `conflict`: others changed the same fields meanwhile. `rejected`: it breaks a rule where it arrived. */
const CONFLICT_KINDS = ['conflict', 'rejected'] as const;
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

/**
 * `keep_theirs` leaves the record as it is; `reapply` makes the change again on top of the current version;
 * `custom` makes another change instead.
 */
export const RESOLUTIONS = ['keep_theirs', 'reapply', 'custom'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** A write that could not be applied, as it is kept and answered. */
export const conflictRecord = lazily(() => ({
  /** The id of the write. */
  id: text,
  /** 1 while open, 2 when resolved. */
  version: whole,
  kind: z.enum(CONFLICT_KINDS),
  entity: typed<Entity>(text),
  entity_id: text,
  device: text,
  actor: text,
  client: text,
  person: nullableText,
  session: nullableText,
  made_at: text,
  found_at: text,
  /** Why it could not be applied, for a person. */
  reason: text,
  changes: z.array(typed<Change>(json)),
  /** `theirs`, `yours` (each with the base in `from`) and `overlap` of a conflict; the error of a rejected write. */
  details: json,
  /** Null while open. */
  resolution: z.enum(RESOLUTIONS).nullable(),
  resolved_at: nullableText,
  resolved_by: nullableText,
}));
export type ConflictRecord = RecordOf<typeof conflictRecord>;

export const listConflictsInput = z.object({
  id: idOrPrefix.optional(),
  vendor: line(NAME_MAX_CHARACTERS).optional(),
  entity: z.enum(ENTITIES).optional(),
  resolved: z.boolean().default(false),
  ...pageInput,
});
export type ListConflictsInput = z.output<typeof listConflictsInput>;

export const resolveConflictInput = z.object({
  id: idOrPrefix,
  resolution: z.enum(RESOLUTIONS),
  fields: jsonObject.optional(),
  resolved_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type ResolveConflictInput = z.output<typeof resolveConflictInput>;

/** What `fields` may be follows from the write that they belong to, so that only applying it can tell. */
export const resolvePatch = lazily(() =>
  z.object({ resolution: z.enum(RESOLUTIONS), fields: storedJson.optional() }),
);
