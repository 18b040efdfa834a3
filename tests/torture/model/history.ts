// Whether the record of changes is whole, and the records, counts and labels are what it says.
import { partsOf } from '../../../src/domain/batch.ts';
import { equalJson, type JsonValue } from '../../../src/domain/json.ts';
import type { SqlRow } from './database.ts';
import { MOVED_ALONG, type Found } from './found.ts';
import type { World } from './world.ts';

/** Versions and positions have no gaps, and each change begins where the one before ended. */
export function checkHistory(world: World, { history }: Found): void {
  const versions = new Map<string, number>();
  const values = new Map<string, JsonValue>();
  history.forEach((row, index) => {
    const { seq, entity, entity_id, kind, version, fields } = row;
    if (seq !== index + 1) world.violated(`the feed has ${seq} at its place ${index + 1}`);
    if (version !== null) {
      const expected = (versions.get(entity_id) ?? 0) + 1;
      if (version !== expected)
        world.violated(`${entity} ${entity_id} has version ${version} where ${expected} was due`);
      versions.set(entity_id, version);
    } else if (kind !== 'claim') return;
    for (const { field, from, to } of fields) {
      if (MOVED_ALONG.has(field)) continue;
      const name = `${entity_id} ${field}`;
      if (!equalJson(values.get(name) ?? null, from)) {
        world.violated(
          `${entity} ${entity_id}: ${field} was ${JSON.stringify(values.get(name))}, the history says ${JSON.stringify(from)}`,
        );
      }
      values.set(name, to);
    }
  });
  const { right } = world.server;
  if (right.seq !== history.length)
    world.violated(`the feed stands at ${right.seq} after ${history.length} changes`);
  for (const table of ['work_items', 'vendors', 'enhancements']) {
    for (const row of right.all<SqlRow & { id: string; version: number }>(`select * from ${table}`)) {
      if (row.version !== versions.get(row.id))
        world.violated(`${row.id} has version ${row.version}, the history ${String(versions.get(row.id))}`);
      for (const field of [
        'title',
        'status',
        'deleted_at',
        'parent_id',
        'completed_at',
        'extractor_version',
        'archived_at',
        'claimed_by',
        'claim_expires_at',
        'target_quarter',
        'work_item_id',
      ]) {
        if (field in row && !equalJson(row[field], values.get(`${row.id} ${field}`) ?? null)) {
          world.violated(
            `${row.id}: ${field} is ${String(row[field])}, the history says ${String(values.get(`${row.id} ${field}`))}`,
          );
        }
      }
    }
  }
}

/** Every note is one that somebody wrote, as he wrote it, and there once. */
export function checkNotes(world: World, { history }: Found): void {
  const rows = world.server.right.all<{ id: string; item_id: string; text: string }>('select * from notes');
  const recorded = history.filter(({ entity }) => entity === 'note').map(({ entity_id }) => entity_id);
  const texts = new Set<string>();
  for (const { id, item_id, text } of rows) {
    if (recorded.filter((one) => one === id).length !== 1)
      world.violated(`the note ${id} is not in the history once`);
    const made = world.ledger.touching(id).flatMap(({ changes }) => changes.flatMap(partsOf));
    const isMade = made.some(
      ({ entity_id, patch }) =>
        entity_id === id && patch['text'] === text && (patch['item_id'] ?? item_id) === item_id,
    );
    if (!isMade) world.violated(`nobody wrote the note ${id}: ${text}`);
    if (texts.has(text)) world.violated(`a note is there twice: ${text}`);
    texts.add(text);
  }
  if (rows.length !== recorded.length)
    world.violated(`there are ${rows.length} notes, the history has ${recorded.length}`);
}

/** Below what is archived everything is, and nothing of it is open. */
export function checkArchive(world: World): void {
  const rows = world.server.right.all<{ id: string; what: string }>(
    `select w.id, 'stays out of the archive below ' || a.id what from work_items a
       join work_items w on w.path like a.path || '%' where a.archived_at is not null and w.archived_at is null
     union all
     select id, 'is in the archive and ' || status from work_items
       where archived_at is not null and deleted_at is null and status not in ('completed', 'cancelled')`,
  );
  for (const { id, what } of rows) world.violated(`${id} ${what}`);
}

/** Counts and labels are what the items say. */
export function checkDerived(world: World): void {
  const { right } = world.server;
  const counted = right.all(
    `select case when archived_at is not null then 'archived' when deleted_at is not null then 'deleted' else 'live' end shelf,
     item_type, status, count(*) items from work_items group by 1, 2, 3 order by 1, 2, 3`,
  );
  const kept = right.all('select * from work_item_counts where items <> 0 order by 1, 2, 3');
  if (!equalJson(counted, kept))
    world.violated(`the counts are ${JSON.stringify(kept)}, there are ${JSON.stringify(counted)}`);
  const labels = right.all(
    'select distinct w.id item_id, l.value label from work_items w, json_each(w.labels) l order by 1, 2',
  );
  const rows = right.all('select * from work_item_labels order by 1, 2');
  if (!equalJson(labels, rows)) world.violated('the table of labels differs from the labels of the items');
}
