/** Writes that could not be applied as they were made: open ones and how others were settled. */
import { and, count, eq, getTableColumns, inArray, isNotNull, isNull, or, sql, type SQL } from 'drizzle-orm';
import { partsOf } from '../../domain/batch.ts';
import type { Change, Entity } from '../../domain/change.ts';
import type { ConflictRecord } from '../../domain/conflict-record.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { given, present } from './conditions.ts';
import { findPage, type Order, type Page, type PageRequest } from './paging.ts';

export interface ConflictFilter extends PageRequest {
  resolved: boolean;
  entity?: Entity | undefined;
  /** A record's id; a dependency is found from both of its items. */
  record_id?: string | undefined;
}

function conflictColumns({ conflicts: t }: Tables) {
  const { resolved_by_change: _inner, ...columns } = getTableColumns(t);
  return columns;
}

/** Newest first. */
export async function listConflicts(c: Connection, filter: ConflictFilter): Promise<Page<ConflictRecord>> {
  const { conflicts: t, openConflicts: o } = c.tables;
  const order: Order = { name: 'conflicts', columns: [t.found_at, t.id], descending: true };
  const where = present(
    filter.resolved ? isNotNull(t.resolved_at) : isNull(t.resolved_at),
    given(filter.entity, (entity) => eq(t.entity, entity)),
    given(filter.record_id, (id) =>
      or(
        eq(t.entity_id, id),
        inArray(t.id, c.db.select({ id: o.conflict_id }).from(o).where(eq(o.record_id, id))),
      ),
    ),
  );
  return await findPage(c, {
    name: 'list_conflicts',
    table: t,
    select: c.db.select(conflictColumns(c.tables)).from(t).$dynamic(),
    where,
    order,
    request: filter,
  });
}

export async function findConflict(c: Connection, id: string): Promise<ConflictRecord | undefined> {
  const { conflicts: t } = c.tables;
  const rows = await c.db.select(conflictColumns(c.tables)).from(t).where(eq(t.id, id));
  return rows[0];
}

export async function findConflictsByIdRange(
  c: Connection,
  range: { from: string; to: string },
  limit: number,
): Promise<{ id: string; title: string }[]> {
  const { conflicts: t } = c.tables;
  return await c.db
    .select({ id: t.id, title: t.reason })
    .from(t)
    .where(and(sql`${t.id} >= ${range.from}`, sql`${t.id} <= ${range.to}`))
    .orderBy(t.id)
    .limit(limit);
}

/** How many open conflicts each of the records has; records without any are left out. */
export async function countOpenConflicts(
  c: Connection,
  recordIds: readonly string[],
): Promise<Map<string, number>> {
  if (recordIds.length === 0) return new Map();
  const { openConflicts: o } = c.tables;
  const rows = await c.db
    .select({ id: o.record_id, conflicts: count() })
    .from(o)
    .where(inArray(o.record_id, [...recordIds]))
    .groupBy(o.record_id);
  return new Map(rows.map(({ id, conflicts }) => [id, Number(conflicts)]));
}

/** The writes of one tracker folder that wait for a decision. */
export async function findOpenConflictsOf(c: Connection, device: string): Promise<ConflictRecord[]> {
  const { conflicts: t } = c.tables;
  return await c.db
    .select(conflictColumns(c.tables))
    .from(t)
    .where(and(eq(t.device, device), isNull(t.resolved_at)));
}

/** What became of these changes where they met a conflict, as far as it concerns one record. */
export async function findConflictsOf(
  c: Connection,
  change_ids: readonly string[],
  record_id: string,
): Promise<{
  /** The changes by which they were made again, by the ids of what was. */
  reapplied: ReadonlyMap<string, string>;
  /** Their updates of the record, where they were not. */
  refused: Change[];
}> {
  if (change_ids.length === 0) return { reapplied: new Map(), refused: [] };
  const { conflicts: t } = c.tables;
  const find = (where: SQL | undefined) =>
    c.db
      .select({ id: t.id, change: t.resolved_by_change, resolution: t.resolution, changes: t.changes })
      .from(t)
      .where(where)
      .orderBy(t.id);
  const rows = await find(inArray(t.id, [...change_ids]));
  // A conflict has the id of the first change of its write.
  const others = change_ids.filter((id) => !rows.some((row) => row.id === id));
  const isNamed = (id: string) => sql`cast(${t.changes} as text) like ${`%${id}%`}`;
  const idsIn = ({ changes }: (typeof rows)[number]) =>
    change_ids.filter((id) => changes.some((change) => change.id === id));
  if (others.length > 0) {
    const named = await find(or(...others.map(isNamed)));
    // What is only built on such a change names it too.
    const known = new Set(rows.map(({ id }) => id));
    rows.push(...named.filter((row) => !known.has(row.id) && idsIn(row).length > 0));
  }
  const isReapplied = ({ resolution }: (typeof rows)[number]) => resolution === 'reapply';
  const refused = rows.filter((row) => !isReapplied(row)).flatMap(({ changes }) => changes.flatMap(partsOf));
  const asked = await Promise.all(refused.map((change) => askedBy(c, change)));
  return {
    reapplied: new Map(
      rows
        .filter(isReapplied)
        .flatMap((row) => idsIn(row).map((id): [string, string] => [id, row.change ?? id])),
    ),
    refused: asked.flat().filter(({ kind, entity_id }) => kind === 'update' && entity_id === record_id),
  };
}

/** A decision that was refused had made the changes of its conflict again, or others in their place. */
async function askedBy(c: Connection, change: Change): Promise<Change[]> {
  if (change.kind !== 'resolve') return [change];
  const { resolution, fields } = change.patch as { resolution: string; fields?: JsonObject };
  if (resolution === 'keep_theirs') return [];
  const { id } = change;
  const made = (await findConflict(c, change.entity_id))?.changes.flatMap(partsOf) ?? [];
  return made.map((one) => ({ ...one, id, patch: resolution === 'custom' ? (fields ?? {}) : one.patch }));
}
