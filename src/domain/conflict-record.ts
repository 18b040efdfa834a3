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
import type { JsonObject } from './json.ts';
import { NAME_MAX_CHARACTERS } from './limits.ts';

/** `conflict`: others changed the same fields meanwhile. `rejected`: it breaks a rule where it arrived. */
export type ConflictKind = 'conflict' | 'rejected';

/**
 * `keep_theirs` leaves the record as it is; `reapply` makes the change again on top of the current version;
 * `custom` makes another change instead.
 */
export const RESOLUTIONS = ['keep_theirs', 'reapply', 'custom'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

export interface ConflictRecord {
  /** The id of the write. */
  id: string;
  /** 1 while open, 2 when resolved. */
  version: number;
  kind: ConflictKind;
  entity: Entity;
  entity_id: string;
  device: string;
  actor: string;
  client: string;
  made_at: string;
  found_at: string;
  /** Why it could not be applied, for a person. */
  reason: string;
  changes: Change[];
  /** `theirs`, `yours` (each with the base in `from`) and `overlap` of a conflict; the error of a rejected write. */
  details: JsonObject;
  /** Null while open. */
  resolution: Resolution | null;
  resolved_at: string | null;
  resolved_by: string | null;
}

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
