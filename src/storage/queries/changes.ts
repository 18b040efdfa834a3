/** Reading the record of all changes: history, and what happened since a version. */
import { and, asc, eq, gt, gte, lt, lte, ne, or, sql, type Column, type SQL } from 'drizzle-orm';
import type { Entity, RecordedChange } from '../../domain/change.ts';
import { idRange } from '../../domain/ids.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { given, present } from './conditions.ts';
import { findPage, type Order, type Page, type PageRequest } from './paging.ts';

export function changeColumns({ changes: t }: Tables) {
  return {
    seq: t.seq,
    change_id: t.change_id,
    at: t.at,
    actor: t.actor,
    client: t.client,
    person: t.person,
    device: t.device,
    session: t.session,
    entity: t.entity,
    entity_id: t.entity_id,
    related_id: t.related_id,
    kind: t.kind,
    base_version: t.base_version,
    version: t.version,
    fields: t.fields,
    merged_with: t.merged_with,
  };
}

/** What was recorded for a record after a version of it, oldest first. */
export async function findChangesSince(
  c: Connection,
  entityId: string,
  version: number,
): Promise<RecordedChange[]> {
  return await c
    .statement('changes_since_version', (db, t) =>
      db
        .select(changeColumns(t))
        .from(t.changes)
        .where(
          and(
            eq(t.changes.entity_id, sql.placeholder('entity_id')),
            gt(t.changes.version, sql.placeholder('version')),
          ),
        )
        .orderBy(asc(t.changes.seq)),
    )
    .execute({ entity_id: entityId, version });
}

export interface ChangeFilter extends PageRequest {
  entity?: Entity | undefined;
  /** A record's id; a dependency is found from both of its items. */
  record_id?: string | undefined;
  /** A name, person, client, device or session: see `madeBy`. */
  maker?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** Only what came after this position in the feed, oldest first; without it, newest first. */
  since?: number | undefined;
}

export async function listChanges(c: Connection, filter: ChangeFilter): Promise<Page<RecordedChange>> {
  const { changes: t } = c.tables;
  const catchingUp = filter.since !== undefined;
  const order: Order = {
    name: catchingUp ? 'changes since' : 'changes',
    columns: [t.seq],
    descending: !catchingUp,
  };
  return await findPage(c, {
    name: 'list_changes',
    table: t,
    select: c.db.select(changeColumns(c.tables)).from(t).$dynamic(),
    where: conditions(c.tables, filter),
    order,
    request: filter,
  });
}

/**
 * Changes by somebody: signed with this name, by this person, through this client (with or without its version), on this
 * device (its id, or 6 or more characters of it) or in this session (as it is shown, or whole).
 */
export function madeBy({ changes: t }: Tables, maker: string): SQL | undefined {
  return or(
    eq(t.actor, maker),
    eq(t.person, maker),
    eq(t.client, maker),
    beginsWith(t.client, `${maker}/`),
    eq(t.session, maker),
    ...inSession(t.session, maker),
    ...onDevice(t.device, maker.toLowerCase().replaceAll('-', '')),
  );
}

/** As a range, which an index answers: the columns are compared byte by byte. @param prefix ends in ASCII */
function beginsWith(column: Column, prefix: string): SQL | undefined {
  const last = prefix.length - 1;
  return and(
    gte(column, prefix),
    lt(column, prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1)),
  );
}

/** As `shortSession` shows it. */
function inSession(session: Column, shown: string): (SQL | undefined)[] {
  const isShort = /^[0-9a-f]{8}(-[0-9a-f]{4})?$/.test(shown);
  return isShort ? [and(beginsWith(session, `${shown}-`), isShownAs(session, shown))] : [];
}

function isShownAs(session: Column, shown: string): SQL {
  const version = sql`substr(${session}, 15, 1)`;
  return shown.includes('-') ? eq(version, '7') : ne(version, '7');
}

function onDevice(device: Column, hex: string): (SQL | undefined)[] {
  if (!/^[0-9a-f]{6,32}$/.test(hex)) return [];
  const { from, to } = idRange(hex);
  return [and(gte(device, from), lte(device, to))];
}

function conditions(tables: Tables, filter: ChangeFilter): SQL[] {
  const { changes: t } = tables;
  return present(
    given(filter.maker, (maker) => madeBy(tables, maker)),
    given(filter.entity, (entity) => eq(t.entity, entity)),
    given(filter.record_id, (id) => or(eq(t.entity_id, id), eq(t.related_id, id))),
    given(filter.from, (from) => gte(t.at, from)),
    given(filter.to, (to) => lte(t.at, to)),
    // A position that was learnt offline tells the real one it lies after.
    given(filter.since, (seq) => gt(t.seq, seq % PROVISIONAL_FEED_STEP)),
  );
}
