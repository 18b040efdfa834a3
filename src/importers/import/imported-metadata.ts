/** `metadata.imported`: where an item came from, and every field of the source without a home here. */
import { createHash } from 'node:crypto';
import { jsonBytes, stableJson, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { METADATA_MAX_BYTES } from '../../domain/limits.ts';
import type { ItemStatus, ItemType } from '../../domain/work-item.ts';
import { cleanJson, cleanKey, setFree, splitBytes, type Replacements } from './within-limits.ts';
import type { ImportSource } from './plan.ts';

export interface ImportedOrigin {
  source: ImportSource;
  namespace: string;
  id: string;
  /** See `hashOf`. */
  hash: string;
  /** Where the source lay when the item was last brought. */
  from?: string;
}

/** What a source and its groups are called may only be settled later, and may be longer than what stands here. */
const ROOM_FOR_NAMES_BYTES = 1024;
const ROOM_BYTES = METADATA_MAX_BYTES - ROOM_FOR_NAMES_BYTES;

/** What an item is of what the source says of others too. */
export interface Derived {
  type: ItemType;
  status: ItemStatus;
  priority: number;
  parent: string | null;
}

/** SHA-256 (hex) of the stable JSON of what the source says, so that a later import can tell "unchanged". */
export function hashOf(said: unknown, derived: Derived): string {
  return createHash('sha256').update(stableJson({ said, derived })).digest('hex');
}

/**
 * Metadata of at most 100 KB: the known keys, and `imported` with the origin, the source's own fields and what
 * the import adds. Where it is too much, the largest fields are left out and named to `onLoss`.
 * @param fields as the source names them; a name that is taken gets a `_` at its end
 * @param rest the end of a description past its limit; as much of it as fits goes to `description_rest`
 */
export function buildMetadata(
  known: JsonObject,
  origin: ImportedOrigin,
  fields: readonly (readonly [name: string, value: unknown])[],
  rest: string,
  replaced: Replacements,
  onLoss: (message: string) => void,
): JsonObject {
  const imported: JsonObject = { ...origin };
  for (const [name, value] of fields) {
    if (value !== undefined) setFree(imported, cleanKey(name, replaced), cleanJson(value, replaced));
  }
  const metadata: JsonObject = { ...(cleanJson(known, replaced) as JsonObject), imported };
  if (jsonBytes(metadata) > ROOM_BYTES) dropLargest(metadata, imported, origin, onLoss);
  if (rest !== '') keepRest(metadata, imported, rest, onLoss);
  return metadata;
}

function dropLargest(
  metadata: JsonObject,
  imported: JsonObject,
  origin: ImportedOrigin,
  onLoss: (message: string) => void,
): void {
  const candidates: { owner: JsonObject; name: string; bytes: number }[] = [];
  const add = (owner: JsonObject, name: string, value: JsonValue) =>
    candidates.push({ owner, name, bytes: jsonBytes(value) + jsonBytes(name) + 2 });
  for (const [name, value] of Object.entries(imported))
    if (!Object.hasOwn(origin, name)) add(imported, name, value);
  for (const [name, value] of Object.entries(metadata)) if (name !== 'imported') add(metadata, name, value);
  candidates.sort((a, b) => b.bytes - a.bytes);
  let excess = jsonBytes(metadata) - ROOM_BYTES;
  for (const { owner, name, bytes } of candidates) {
    if (excess <= 0) return;
    delete owner[name];
    excess -= bytes;
    onLoss(
      `the field "${name}" (${bytes} bytes) is past the metadata limit of ${METADATA_MAX_BYTES} bytes and was left out`,
    );
  }
}

/** JSON text of a character can be longer than its UTF-8 (a quote, a control character): halve until it fits. */
function keepRest(
  metadata: JsonObject,
  imported: JsonObject,
  rest: string,
  onLoss: (message: string) => void,
): void {
  const room = ROOM_BYTES - jsonBytes(metadata) - '"description_rest":"",'.length;
  let kept = splitBytes(rest, room);
  while (kept.start !== '' && jsonBytes(kept.start) - 2 > room) {
    const excess = jsonBytes(kept.start) - 2 - room;
    kept = splitBytes(
      rest,
      Math.min(Buffer.byteLength(kept.start) - Math.ceil(excess / 6), Buffer.byteLength(kept.start) - 1),
    );
  }
  if (kept.start !== '') setFree(imported, 'description_rest', kept.start);
  const lost = Buffer.byteLength(rest) - Buffer.byteLength(kept.start);
  if (lost > 0) {
    onLoss(
      `the last ${lost} bytes of the description fit neither the description nor the metadata and were left out`,
    );
  }
}
