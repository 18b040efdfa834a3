/** Bringing a copy up to its primary: what came by the feed since, instead of what was written here. */
import { asc, gt, inArray } from 'drizzle-orm';
import type { ChangeKind, Entity, FieldChange } from '../../domain/change.ts';
import type { Connection } from '../database/connection.ts';
import { clearTables, copyTables, insertRows } from '../database/table-copy.ts';
import { copyRecords, type TouchedRecords } from './record-copy.ts';

const ROWS_PER_READ = 500;

/**
 * Copies everything.
 * @param onRows told how many rows were copied so far, of all tables together
 */
export async function fill(
  from: Connection,
  to: Connection,
  onRows: (rows: number) => void = () => undefined,
): Promise<void> {
  await clearTables(to);
  const copied = new Map<string, number>();
  const onProgress = (table: string, rows: number) => {
    copied.set(table, rows);
    onRows([...copied.values()].reduce((sum, each) => sum + each, 0));
  };
  await copyTables(from, to, { onProgress });
}

interface LocalRecords extends TouchedRecords {
  changes: string[];
}

/** What was written here and did not come from the primary's feed. */
export async function localRecords(c: Connection, cursor: number): Promise<LocalRecords> {
  const t = c.tables.changes;
  const rows = await c.db
    .select({
      change_id: t.change_id,
      entity: t.entity,
      entity_id: t.entity_id,
      related_id: t.related_id,
      kind: t.kind,
      fields: t.fields,
    })
    .from(t)
    .where(gt(t.seq, cursor));
  const touched: LocalRecords = { ...touchedBy(rows), changes: [] };
  touched.changes = [...new Set(rows.map(({ change_id }) => change_id))];
  return touched;
}

interface TouchingRow {
  entity: Entity;
  entity_id: string;
  related_id: string | null;
  kind: ChangeKind;
  fields: FieldChange[];
}

function touchedBy(rows: readonly TouchingRow[]): TouchedRecords {
  const touched: TouchedRecords = { ids: new Map(), moved: new Set() };
  const add = (entity: Entity, id: string) => {
    const ids = touched.ids.get(entity) ?? new Set<string>();
    touched.ids.set(entity, ids.add(id));
  };
  for (const { entity, entity_id, related_id, kind, fields } of rows) {
    add(entity, entity_id);
    if (related_id !== null) add(entity, related_id);
    // Moving an item takes everything below it along, without a row for each. A new item has nothing below it.
    if (kind !== 'create' && fields.some(({ field }) => field === 'parent_id')) touched.moved.add(entity_id);
  }
  return touched;
}

/**
 * Takes back what was written here and copies what came since `cursor`.
 * @param waitingIds changes that are laid on top again: one that changed nothing left no row among the local ones
 */
export async function catchUp(
  from: Connection,
  to: Connection,
  cursor: number,
  waitingIds: readonly string[],
): Promise<void> {
  const local = await localRecords(to, cursor);
  const { changes, appliedChanges, feed } = to.tables;
  await to.db.delete(changes).where(gt(changes.seq, cursor));
  for (const ids of inChunks([...local.changes, ...(await withoutRows(to, waitingIds))])) {
    await to.db.delete(appliedChanges).where(inArray(appliedChanges.change_id, ids));
  }
  const touched: TouchedRecords = { ids: new Map(local.ids), moved: new Set(local.moved) };
  for (let after = cursor; ;) {
    const t = from.tables.changes;
    const rows = await from.db
      .select()
      .from(t)
      .where(gt(t.seq, after))
      .orderBy(asc(t.seq))
      .limit(ROWS_PER_READ);
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.seq;
    await insertRows(to, 'changes', rows);
    const ids = [...new Set(rows.map(({ change_id }) => change_id))];
    const a = from.tables.appliedChanges;
    const applied = await from.db.select().from(a).where(inArray(a.change_id, ids));
    // A write of many rows may reach over the end of a chunk.
    await to.db.delete(appliedChanges).where(inArray(appliedChanges.change_id, ids));
    await insertRows(to, 'appliedChanges', applied);
    const more = touchedBy(rows);
    for (const [entity, added] of more.ids) {
      touched.ids.set(entity, new Set([...(touched.ids.get(entity) ?? []), ...added]));
    }
    for (const id of more.moved) touched.moved.add(id);
  }
  await copyRecords(from, to, touched);
  const [position] = await from.db.select().from(from.tables.feed);
  if (position !== undefined) await to.db.update(feed).set(position);
}

/** Those of the changes that the record of changes knows nothing of. */
async function withoutRows(
  { db, tables: { changes } }: Connection,
  ids: readonly string[],
): Promise<string[]> {
  const known = new Set<string>();
  for (const chunk of inChunks(ids)) {
    const rows = await db
      .select({ id: changes.change_id })
      .from(changes)
      .where(inArray(changes.change_id, chunk));
    for (const { id } of rows) known.add(id);
  }
  return ids.filter((id) => !known.has(id));
}

function* inChunks(ids: readonly string[]): Generator<string[]> {
  for (let start = 0; start < ids.length; start += ROWS_PER_READ)
    yield ids.slice(start, start + ROWS_PER_READ);
}
