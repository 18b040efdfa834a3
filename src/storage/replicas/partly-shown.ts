/**
 * Records of a layer that does not show all of their fields: the status file. What fills these fields there is no value
 * of theirs, so each record names them (`unknown_fields`), and its version says so to whoever gets it.
 */
import { gte } from 'drizzle-orm';
import type { Entity } from '../../domain/change.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isPlainObject } from '../../domain/json.ts';
import { SETS } from '../../domain/conflict.ts';
import { isPartlyShown, partlyShown } from '../../domain/provisional-version.ts';
import { fieldsNotShown, isShown } from '../status-file/shown-fields.ts';
import type { Connection } from '../database/connection.ts';

/** The fields that waiting changes set, on records that are partly shown: metadata key by key. */
type SetHere = ReadonlyMap<string, ReadonlySet<string>>;

async function findSetHere(c: Connection): Promise<SetHere> {
  const { changes: t } = c.tables;
  const rows = await c.db
    .select({ id: t.entity_id, fields: t.fields })
    .from(t)
    .where(gte(t.version, partlyShown(0)));
  const set = new Map<string, Set<string>>();
  for (const { id, fields } of rows) {
    const known = set.get(id) ?? new Set();
    for (const { field } of fields) known.add(field);
    set.set(id, known);
  }
  return set;
}

/**
 * Whether a record of such a layer says what a field holds: the file shows it, or a change that waits here set it.
 * @returns for a record by its id
 */
export async function findKnownFields(
  c: Connection,
  entity: Entity,
): Promise<(record: JsonObject, field: string) => boolean> {
  const set = await findSetHere(c);
  return (record, field) =>
    isShown(entity, field) ||
    (set.get(String(record['id']))?.has(field) ?? false) ||
    (field === 'parent_id' && record[field] !== null);
}

/** What was asked of such a layer, with `unknown_fields` in each record that lacks some; it is altered in place. */
export async function tellUnknown<T>(c: Connection, data: T): Promise<T> {
  const found: Record<string, unknown>[] = [];
  collect(data, found);
  if (found.length === 0) return data;
  const set = await findSetHere(c);
  for (const record of found) {
    const entity = entityOf(record);
    if (entity === undefined) continue;
    const own = set.get(String(record['id']));
    const unknown = fieldsNotShown(entity).filter(
      (field) =>
        field in record &&
        // A set that was given here is not all of it: to what was there it is added.
        (SETS.has(field) || own?.has(field) !== true) &&
        !(field === 'parent_id' && record[field] !== null),
    );
    if (unknown.length > 0) record['unknown_fields'] = unknown;
  }
  return data;
}

function collect(value: unknown, found: Record<string, unknown>[]): void {
  if (Array.isArray(value)) for (const entry of value) collect(entry, found);
  if (!isPlainObject(value)) return;
  const record = value as Record<string, unknown>;
  if (typeof record['version'] === 'number' && isPartlyShown(record['version'])) found.push(record);
  for (const inner of Object.values(record)) collect(inner, found);
}

/** By the fields that only one kind of record has. */
function entityOf(record: object): Entity | undefined {
  const marks = Object.entries(MARKS) as [Entity, string | null][];
  return marks.find(([, field]) => field !== null && field in record)?.[0];
}

/** Null for what has no version, and so says of none that it is shown in part. */
const MARKS: { readonly [E in Entity]: string | null } = {
  work_item: 'item_type',
  dependency: null,
  note: null,
  enhancement: 'target_quarter',
  vendor: 'extractor_version',
  deployment: 'deployed_at',
  configuration: 'default_token_budget',
  conflict: null,
};
