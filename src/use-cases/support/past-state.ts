/** A record as it was at a past time, rebuilt from what it is now and from every change since. */
import type { RecordedChange } from '../../domain/change.ts';
import { linkMeaning, type Dependency, type DependencyType } from '../../domain/dependency.ts';
import type { JsonObject } from '../../domain/json.ts';
import { TrackerError, notFound } from '../../domain/errors.ts';
import type { Reader } from '../../storage/queries/reader.ts';

export interface PastState {
  /** The record with every field as it was. A metadata key whose value was null is absent. */
  state: JsonObject;
  /** Of a work item: its links at that time. */
  dependencies?: Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>[];
  /** The change that made it so; absent for what was there from the start. */
  last?: RecordedChange;
}

/** @throws NotFoundError for a time before the record was made, saying when it was */
export async function readPastState(reader: Reader, id: string, time: string): Promise<PastState> {
  const first = await reader.findFirstRow(id);
  const entity = first?.entity ?? 'configuration';
  const record = await reader.findRecord(entity, id);
  if (record === undefined || record['id'] !== id) throw notFound('record', { id });
  const created = first?.kind === 'create' ? first.at : String(record['created_at']);
  const after = await reader.findRowsAfter(id, time, 'record');
  const oldest = after.at(-1);
  if (oldest?.kind === 'create' || created > time) throw notYet(entity, id, created);
  const last = await reader.findLastRow(id, (oldest?.seq ?? Number.MAX_SAFE_INTEGER) - 1);
  const state = takeBack(record, after);
  if (oldest !== undefined) Object.assign(state, bookkeeping(record, oldest, last));
  if (entity !== 'work_item') return { state, ...(last !== undefined && { last }) };
  Object.assign(state, await placeAt(reader, state, time));
  return { state, dependencies: await linksAt(reader, id, time), ...(last !== undefined && { last }) };
}

/**
 * A record as it was before these changes of it.
 * @param rows newest first
 */
export function takeBack(record: JsonObject, rows: readonly RecordedChange[]): JsonObject {
  const state: JsonObject = { ...record };
  const metadata: JsonObject = { ...(record['metadata'] as JsonObject | undefined) };
  for (const { fields } of rows) {
    for (const { field, from } of fields) {
      if (!field.startsWith(METADATA)) state[field] = from;
      else if (from === null) Reflect.deleteProperty(metadata, field.slice(METADATA.length));
      else metadata[field.slice(METADATA.length)] = from;
    }
  }
  return 'metadata' in record ? { ...state, metadata } : state;
}

const METADATA = 'metadata.';

/** What every update touches is not among the recorded fields: it follows from the change before. */
function bookkeeping(
  record: JsonObject,
  oldest: RecordedChange,
  last: RecordedChange | undefined,
): JsonObject {
  const known = {
    version: last?.version ?? oldest.base_version ?? 1,
    updated_at: last?.at ?? (record['created_at'] as string),
    updated_by: last?.actor ?? (record['created_by'] as string),
  };
  return Object.fromEntries(Object.entries(known).filter(([field]) => field in record));
}

/** Moving an ancestor moves an item too, and is recorded of the ancestor only. */
async function placeAt(reader: Reader, state: JsonObject, time: string): Promise<JsonObject> {
  const path = [state['id'] as string];
  let parent = state['parent_id'] as string | null;
  while (parent !== null && !path.includes(parent)) {
    path.unshift(parent);
    const [above] = await reader.findWorkItems([parent]);
    if (above === undefined) break;
    const moves = await reader.findRowsAfter(parent, time, 'record');
    parent = takeBack(above as unknown as JsonObject, moves)['parent_id'] as string | null;
  }
  return { path: `/${path.join('/')}`, depth: path.length - 1 };
}

async function linksAt(
  reader: Reader,
  id: string,
  time: string,
): Promise<NonNullable<PastState['dependencies']>> {
  const links = new Map<string, Pick<Dependency, 'source_id' | 'target_id' | 'dependency_type'>>();
  for (const link of await reader.findLinksOf([id])) links.set(linkMeaning(link), link);
  for (const { entity_id: source_id, related_id, fields } of await reader.findRowsAfter(id, time, 'links')) {
    for (const { from, to } of fields) {
      const [dependency_type] = String(from ?? to).split(' ') as [DependencyType];
      const link = { source_id, target_id: related_id ?? '', dependency_type };
      if (from === null) links.delete(linkMeaning(link));
      else links.set(linkMeaning(link), link);
    }
  }
  return [...links.values()];
}

function notYet(entity: string, id: string, created: string): TrackerError {
  return new TrackerError(
    'NotFoundError',
    `This ${entity.replace('_', ' ')} was not there yet: it was recorded first at ${created}.`,
    { entity, id, created_at: created, did_you_mean: [] },
    'Ask about a time after that.',
  );
}
