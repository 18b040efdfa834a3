/**
 * Copies of the project's records that stand in for the primary: the cache, a snapshot in git, the status file.
 * Each is a SQLite database with the ordinary tables, so that the ordinary queries and rules run on it, with the
 * writes that wait for the primary laid on top.
 */
import { WordedError } from '../../platform/worded-error.ts';
import { and, eq, sql, type SQL } from 'drizzle-orm';
import { TrackerError } from '../../domain/errors.ts';
import { recordsOf } from '../../domain/batch.ts';
import type { Applied, Change } from '../../domain/change.ts';
import { LEASE_DEFAULT_MINUTES, leaseEnd, type ClaimRequest } from '../../domain/claim.ts';
import type { JsonValue } from '../../domain/json.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { applyChanges, findFirstResult } from '../apply/apply.ts';
import type { Connection, Session } from '../database/connection.ts';
import { classifyDriverError } from '../database/driver-errors.ts';
import type { DataSource } from '../contract/store.ts';
import { withBase } from './base-fields.ts';
import { tellUnknown } from './partly-shown.ts';
import {
  inReplayOrder,
  type JournalEntry,
  type JournalName,
  type WaitingWrites,
} from '../contract/journal.ts';

/** A replica that can be asked: everything that waits is on top of it. */
export interface ReadyReplica {
  session: Session;
  /** The moment its records are from, ISO 8601. */
  as_of: string;
  /** The position of the feed that they are from; null when the layer does not know. */
  seq: number | null;
  /** The ids of the waiting writes that did not fit, and so are not on top. */
  leftOut: ReadonlySet<string>;
  /** What it does not know, in sentences for a person. */
  notes: string[];
  /** Whether its records have all their fields: those of a status file lack many. */
  hasAllFields: boolean;
}

/** Safe for concurrent callers. */
export interface Replica {
  readonly source: DataSource;
  /** What it is called in messages, as `the local cache`. */
  readonly label: string;
  /** Where it is, for people. */
  readonly location: string;
  /** Whether it has everything that the primary had, history included. */
  readonly isWhole: boolean;
  /** The moment its records are from, as cheaply as possible; undefined when it has none. Never throws. */
  age(): Promise<string | undefined>;
  /** @throws LayerUnavailable when it has nothing or is damaged */
  run<T>(waiting: WaitingWrites, work: (ready: ReadyReplica) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** What a write needs to be replayed later, and what its caller is answered now. */
export interface PreparedWrite {
  /** The changes as they are journaled; none when all of them had been applied before. */
  changes: Change[];
  applied: Applied[];
  /** The versions that these changes, and none before them, have made. */
  made: { record_id: string; version: number; change_id: string }[];
  /** Where those are that had been applied before. */
  keptIn: Keeper[];
}

/** Where an acknowledged change can be. */
export type Keeper = JournalName | 'primary';

/** What a tracker folder knows of its own writes. */
export interface OwnWrites {
  /** The changes that led to a provisional version of a record. */
  ownChanges(record_id: string, version: number): string[];
  /** The journal in which a change waits. */
  findWaiting(change_id: string): Promise<JournalName | undefined>;
}

/**
 * Validates changes against a replica and applies them there once `accept` has saved them.
 * @throws TrackerError when a rule is broken; nothing was saved or applied then
 */
export async function applyToReplica(
  { session, hasAllFields }: Pick<ReadyReplica, 'session' | 'hasAllFields'>,
  changes: readonly Change[],
  own: OwnWrites,
  accept: (write: PreparedWrite) => Promise<void>,
): Promise<PreparedWrite> {
  return await session.write(async (c) => {
    const seen = await findApplied(
      c,
      changes.map(({ id }) => id),
    );
    const write: PreparedWrite = { changes: [], applied: [], made: [], keptIn: [] };
    for (const change of changes) {
      const first = seen.has(change.id) ? await findFirstResult(c, change) : undefined;
      const prepared = first === undefined ? await withBase(c, change, own.ownChanges) : change;
      const applied = first ?? (await applyChanges(c, [prepared]))[0];
      if (applied === undefined) throw new Error('a change was applied without a result');
      if (!hasAllFields) await tellUnknown(c, applied.record);
      write.applied.push(first === undefined ? applied : { ...first, repeated: false });
      if (!applied.repeated) {
        write.changes.push(withGrant(prepared, applied));
        if (prepared.kind !== 'claim') write.made.push(...madeBy(applied));
        continue;
      }
      const keeper = await keeperOf(c, applied, own);
      if (keeper !== undefined) {
        write.keptIn.push(keeper);
        continue;
      }
      // Withdrawn when no journal could keep it in the end: now it is saved under its first name.
      const { change_id: id, entity_id } = applied;
      write.changes.push(await withBase(c, { ...change, id, entity_id }, own.ownChanges));
    }
    if (write.changes.length > 0) await accept(write);
    return write;
  });
}

/** A claim with the end that its holder is told: laid over a copy again, it ends then too. */
function withGrant(change: Change, { record }: Applied): Change {
  const until = record['claim_expires_at'];
  return change.kind === 'claim' && typeof until === 'string' ? { ...change, granted_until: until } : change;
}

function madeBy({ entity, entity_id, change_id, record }: Applied): PreparedWrite['made'] {
  const batched = recordsOf(record);
  if (batched !== undefined) {
    return batched.flatMap(({ id: record_id, version }) =>
      version === null ? [] : [{ record_id, version, change_id }],
    );
  }
  // Settling a conflict alters the record that it is about.
  const altered = entity === 'conflict' ? record['record'] : { id: entity_id, version: record['version'] };
  const { id, version } = (altered ?? {}) as { id?: string; version?: JsonValue };
  return id !== undefined && typeof version === 'number' ? [{ record_id: id, version, change_id }] : [];
}

/** Where a change is that the replica remembers; undefined when it is nowhere else. */
async function keeperOf(
  c: Connection,
  { change_id, entity_id }: Applied,
  own: OwnWrites,
): Promise<Keeper | undefined> {
  const { changes: t } = c.tables;
  const rows = await c.db
    .select({ seq: t.seq })
    .from(t)
    .where(and(eq(t.entity_id, entity_id), eq(t.change_id, change_id)));
  if (rows.some(({ seq }) => seq < PROVISIONAL_FEED_STEP)) return 'primary';
  return await own.findWaiting(change_id);
}

/** Stands among the ids of writes that were left out of a copy; no write has it. */
export const OUT_OF_ORDER = 'out of order';

/**
 * Applies the waiting writes that are not on top of the replica yet, inside the caller's transaction. One that
 * does not fit what is there now is left out: replaying it will show that as a conflict.
 * @param leftOut the ids of those that did not fit before. They are tried again when one that comes before them
 * in the replay has turned up, never for one that comes after: it would lie below what it should lie above
 * @returns the ids of all that are left out now, and `OUT_OF_ORDER` among them when a write came here after one that
 * follows it in the replay: what lies on top then may be something else than the replay will make of it, until all of
 * it is laid anew
 */
export async function layOnTop(
  c: Connection,
  waiting: readonly JournalEntry[],
  leftOut: ReadonlySet<string> = new Set(),
): Promise<Set<string>> {
  const out = new Set<string>();
  if (leftOut.has(OUT_OF_ORDER)) out.add(OUT_OF_ORDER);
  let hasMore = false;
  const there = await findApplied(
    c,
    waiting.flatMap(({ changes }) => changes.slice(0, 1).map(({ id }) => id)),
  );
  const inOrder = [...waiting].sort(inReplayOrder);
  const lastThere = inOrder.findLastIndex(
    ({ changes: [first] }) => first !== undefined && there.has(first.id),
  );
  for (const [index, entry] of inOrder.entries()) {
    const [first] = entry.changes;
    if (first === undefined || there.has(first.id)) continue;
    if (leftOut.has(entry.id) && !hasMore) {
      out.add(entry.id);
      continue;
    }
    if (index < lastThere) out.add(OUT_OF_ORDER);
    execute(c, sql`savepoint waiting_write`);
    try {
      await applyChanges(c, entry.changes.map(withEnd), { merge: true });
      hasMore = true;
    } catch (error) {
      // A duplicate: the copy has what the write made, and does not remember which write that was.
      if (!(error instanceof TrackerError) && classifyDriverError(error) !== 'duplicate') throw error;
      execute(c, sql`rollback to waiting_write`);
      out.add(entry.id);
    }
    execute(c, sql`release waiting_write`);
  }
  return out;
}

/**
 * A claim that was saved without being checked was granted nowhere, so that nobody said when it ends: then so long after
 * it was made. Else it would begin anew with every copy it is laid over.
 */
function withEnd(change: Change): Change {
  if (change.kind !== 'claim' || change.granted_until !== undefined) return change;
  const { lease_seconds } = change.patch as unknown as ClaimRequest;
  return { ...change, granted_until: leaseEnd(change.at, lease_seconds ?? LEASE_DEFAULT_MINUTES * 60) };
}

/** Which of these changes a replica has on it. */
async function findApplied(c: Connection, change_ids: readonly string[]): Promise<Set<string>> {
  const rows = await c
    .statement('applied_of_many', (db, { appliedChanges: t }) =>
      db
        .select({ id: t.change_id })
        .from(t)
        // One parameter for any number of ids, as SQLite has it.
        .where(sql`${t.change_id} in (select value from json_each(${sql.placeholder('ids')}))`),
    )
    .execute({ ids: JSON.stringify(change_ids) });
  return new Set(rows.map(({ id }) => id));
}

/** A statement without a result on a SQLite connection. */
export function execute(c: Connection, statement: SQL): void {
  // The reference dialect's type calls this `execute`, the SQLite driver `run`.
  (c.db as unknown as { run(statement: SQL): unknown }).run(statement);
}

/** A replica, or another layer, that has nothing or is damaged. `message` is in our words. */
export class LayerUnavailable extends WordedError {
  override readonly name = 'LayerUnavailable';
}
