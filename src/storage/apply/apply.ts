/**
 * Applying changes: the only code that writes records. One transaction applies all of the given changes or
 * none; the feed counter is bumped last, so that its order is the order of the commits.
 */
import { createHash } from 'node:crypto';
import { eq, or, sql } from 'drizzle-orm';
import { mapInTurns, stretches } from '../../platform/in-turns.ts';
import { validationError } from '../../domain/errors.ts';
import {
  CHANGE_SCHEMA_VERSION,
  isChangeName,
  type Applied,
  type Change,
  type ChangeName,
} from '../../domain/change.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import { partsOf } from '../../domain/batch.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { stableJson, type JsonObject } from '../../domain/json.ts';
import { PROVISIONAL_FEED_STEP, knownVersion } from '../../domain/provisional-version.ts';
import type { Connection } from '../database/connection.ts';
import { changeIdAt } from '../queries/feed.ts';
import { pipelined } from '../database/pipelined.ts';
import { insertRows } from '../database/table-copy.ts';
import { archiveSubtree, restoreSubtree } from './archive.ts';
import { applyBatch, structureLock } from './batch.ts';
import { updateConfiguration } from './configuration.ts';
import { claimWorkItem } from './claims.ts';
import { resolveConflict } from './conflicts.ts';
import { recount } from './counts.ts';
import { findCurrentRecord } from './current-record.ts';
import { addDependency, removeDependency, type LinkChange } from './dependencies.ts';
import { recordDeployment } from './deployments.ts';
import { addLinks } from './dependency-batch.ts';
import { unknownChange, type Effect, type Touched } from './effect.ts';
import { createEnhancement, updateEnhancement } from './enhancements.ts';
import { refreshQueue } from './readiness.ts';
import { addNote } from './notes.ts';
import { registerVendor, updateVendor } from './vendors.ts';
import { createWorkItems, type Creation } from './work-item-batch.ts';
import { createWorkItem, updateWorkItem } from './work-items.ts';

type Rule<Own> = (c: Connection, change: Own) => Promise<Effect>;

export interface ApplyOptions {
  /** Merge whatever can be merged, as if every change had asked for it. */
  merge?: boolean;
}

const RULES: { readonly [Name in ChangeName]: Rule<ChangeOf<Name>> } = {
  'create work_item': createWorkItem,
  'update work_item': updateWorkItem,
  'claim work_item': claimWorkItem,
  'link dependency': addDependency,
  'unlink dependency': removeDependency,
  'create note': addNote,
  'archive work_item': archiveSubtree,
  'restore work_item': restoreSubtree,
  'create enhancement': createEnhancement,
  'update enhancement': updateEnhancement,
  'create vendor': registerVendor,
  'update vendor': updateVendor,
  'create deployment': recordDeployment,
  'update configuration': updateConfiguration,
  'batch work_item': (c, change) => applyBatch(c, change, applyRule),
  'batch dependency': (c, change) => applyBatch(c, change, applyRule),
  'batch vendor': (c, change) => applyBatch(c, change, applyRule),
  'batch enhancement': (c, change) => applyBatch(c, change, applyRule),
  'batch configuration': (c, change) => applyBatch(c, change, applyRule),
  'resolve conflict': (c, change) => resolveConflict(c, change, (again) => applyRule(c, again)),
};

/**
 * Applies the changes in order, inside the caller's transaction.
 * @throws TrackerError for a change that breaks a rule; the caller then rolls everything back
 */
export async function applyChanges(
  c: Connection,
  changes: readonly Change[],
  { merge = false }: ApplyOptions = {},
): Promise<Applied[]> {
  const answers: Applied[] = [];
  const done: { change: Change; effect: Effect }[] = [];
  const runs = runsOf(changes);
  // As in a batch: before any row is locked.
  const lock = runs.length < changes.length ? structureLock(changes) : undefined;
  if (lock !== undefined) await c.lockStructure(lock);
  const made = new Map<string, WorkItem>();
  const turn = stretches();
  for (const run of runs) {
    await turn();
    const [change] = run;
    const first = change.idempotency_key === null ? undefined : await findFirstResult(c, change);
    if (first !== undefined) {
      answers.push(first);
      continue;
    }
    const effects = await applyRun(c, run, made, merge);
    for (const [at, effect] of effects.entries()) {
      const own = run[at] ?? change;
      done.push({ change: own, effect });
      answers.push(answer(own, effect, false));
    }
  }
  if (done.length === 0) return answers;
  const settled = await mapInTurns(done, ({ change, effect }) => {
    const { id: change_id, idempotency_key } = change;
    if (idempotency_key === null) return { change_id };
    const result = answer(change, effect, false) as unknown as JsonObject;
    return { change_id, idempotency_key, request_hash: requestHash(change), result };
  });
  await pipelined(recordApplied(c, settled), recordTouched(c, done));
  return answers;
}

/** What of these can be applied by the same statements: new items one after the other, and so links. */
function runsOf(changes: readonly Change[]): [Change, ...Change[]][] {
  const runs: [Change, ...Change[]][] = [];
  for (const change of changes) {
    const run = runs.at(-1);
    if (run !== undefined && isAlike(run[0], change)) run.push(change);
    else runs.push([change]);
  }
  return runs;
}

function isAlike(a: Change, b: Change): boolean {
  if (a.idempotency_key !== null || b.idempotency_key !== null) return false;
  if (a.kind !== b.kind || a.entity !== b.entity) return false;
  return (a.kind === 'create' && a.entity === 'work_item') || a.kind === 'link';
}

/** @param made items of earlier runs, as they are: what a rule changed since is forgotten */
async function applyRun(
  c: Connection,
  run: [Change, ...Change[]],
  made: Map<string, WorkItem>,
  merge: boolean,
): Promise<Effect[]> {
  if (run.length > 1) {
    return run[0].kind === 'link'
      ? await addLinks(c, [...run] as LinkChange[], made)
      : await createWorkItems(c, [...run] as Creation[], made);
  }
  const effect = await applyRule(c, merge ? { ...run[0], on_conflict: 'merge' } : run[0]);
  for (const { entity_id } of effect.touched) made.delete(entity_id);
  return [effect];
}

function applyRule(c: Connection, change: Change): Promise<Effect> {
  const name = `${change.kind} ${change.entity}`;
  if (!isChangeName(name)) throw unknownChange(change);
  // Tools and journals hold a patch against its schema before it comes here.
  const rule = RULES[name] as Rule<Change>;
  return rule(c, change);
}

/**
 * The first answer to a change that was applied before, found by its id or its idempotency key.
 * @throws ValidationError when the key was used for another operation
 */
export async function findFirstResult(c: Connection, change: Change): Promise<Applied | undefined> {
  const { appliedChanges: t } = c.tables;
  const rows = await c.db
    .select()
    .from(t)
    .where(
      change.idempotency_key === null
        ? eq(t.change_id, change.id)
        : or(eq(t.change_id, change.id), eq(t.idempotency_key, change.idempotency_key)),
    );
  const [row] = rows;
  if (row === undefined) return undefined;
  if (row.request_hash !== null && row.request_hash !== requestHash(change)) {
    throw validationError(
      {
        field: 'idempotency_key',
        constraint: 'was used before for another operation',
        value: change.idempotency_key,
      },
      'Use a new key for a new operation; repeat the same arguments to get the first result again.',
    );
  }
  const first = row.result as unknown as Omit<Applied, 'repeated'> | null;
  if (first !== null) return { ...first, repeated: true };
  return {
    change_id: change.id,
    entity: change.entity,
    entity_id: change.entity_id,
    record: await findCurrentRecord(c, change),
    merged_with: [],
    warnings: [],
    repeated: true,
  };
}

function answer(change: Change, effect: Effect, repeated: boolean): Applied {
  return {
    change_id: change.id,
    entity: change.entity,
    entity_id: change.entity_id,
    record: effect.record,
    merged_with: effect.merged_with,
    warnings: effect.warnings,
    repeated,
  };
}

/**
 * What was asked, without what differs from try to try: the id of the change, its time, a new record's id, and
 * the moment of a deletion, which clients take from their clock. A claim is asked for by a session: its first answer holds the
 * token, and another session with the same key holds nothing.
 */
function requestHash(change: Change): string {
  const asked = change.kind === 'batch' ? partsOf(change).map(askedBy) : askedBy(change);
  return createHash('sha256').update(stableJson(asked)).digest('hex');
}

function askedBy({ entity, kind, entity_id, base_version, patch, on_conflict, cascade, session }: Change) {
  // Made anew for each try.
  const { position: _position, ...asked } = patch;
  return {
    entity,
    kind,
    // Of a claim on whatever is ready next, a retry may find another candidate.
    entity_id: kind === 'create' || (kind === 'claim' && patch['next'] !== undefined) ? null : entity_id,
    base_version,
    patch: typeof asked['deleted_at'] === 'string' ? { ...asked, deleted_at: true } : asked,
    on_conflict,
    cascade,
    ...(kind === 'claim' && session !== undefined && { session }),
  };
}

export type AppliedRow = {
  change_id: string;
  idempotency_key?: string;
  request_hash?: string;
  result?: JsonObject;
};

/** Remembers that these changes are settled. Fails as a duplicate when one of them was before. */
export async function recordApplied(c: Connection, rows: AppliedRow[]): Promise<void> {
  const [row] = rows;
  if (rows.length === 1 && row !== undefined && row.idempotency_key === undefined) {
    await c
      .statement('mark_applied', (db, t) =>
        db.insert(t.appliedChanges).values({ change_id: sql.placeholder('change_id') } as never),
      )
      .execute({ change_id: row.change_id });
  } else await insertRows(c, 'appliedChanges', rows);
}

/** Adds to the record of changes what was done, under the next positions of the feed, and counts the items. */
export async function recordTouched(
  c: Connection,
  done: { change: Change; effect: Effect }[],
): Promise<void> {
  const rows = (
    await mapInTurns(done, ({ change, effect }) =>
      effect.touched.map((touched) => changeRow(c, change, effect, touched)),
    )
  ).flat();
  const last = done.at(-1)?.change.at;
  if (rows.length === 0 || last === undefined) return;
  const step = c.isReplica ? PROVISIONAL_FEED_STEP : 1;
  const standing = await takeFeed(c, rows.length * step, last);
  let seq = standing;
  const counted = done.flatMap(({ effect }) => effect.counted ?? []);
  const numbered = rows.map((row) => ({ ...row, seq: (seq += step) }));
  const relinked = done.flatMap(({ effect }) => effect.readiness ?? []);
  c.turn?.rows.push(...numbered);
  await pipelined(
    recount(c, counted),
    insertRows(c, 'changes', numbered),
    refreshQueue(c, counted, relinked),
    c.announceFeed(seq),
  );
}

function changeRow(c: Connection, change: Change, effect: Effect, touched: Touched) {
  const base_version = touched.base_version === undefined ? change.base_version : touched.base_version;
  return {
    change_id: change.id,
    at: change.at,
    actor: change.actor,
    client: change.client,
    person: change.person ?? null,
    device: change.device ?? null,
    session: change.session ?? null,
    entity: touched.entity,
    entity_id: touched.entity_id,
    related_id: touched.related_id ?? null,
    kind: touched.kind,
    base_version: base_version === null || c.isReplica ? base_version : knownVersion(base_version),
    version: touched.version,
    fields: touched.fields,
    merged_with: touched.merged_with ?? effect.merged_with,
    schema_version: CHANGE_SCHEMA_VERSION,
  };
}

/**
 * Moves on by `count` positions; other writers wait here until this transaction ends.
 * @returns where the feed stood before
 * @throws IdentityMismatch, NewerSchema
 */
async function takeFeed(c: Connection, count: number, at: string): Promise<number> {
  const seen = c.turn?.lookBack() ?? 0;
  const rows = await c
    .statement('take_feed', (db, t) =>
      db
        .update(t.feed)
        .set({
          seq: sql`${t.feed.seq} + ${sql.placeholder('count')}`,
          changed_at: sql`${sql.placeholder('at')}`,
        })
        .returning({
          seq: t.feed.seq,
          applied: c.schemaGuard.applied,
          at_seen: changeIdAt(t, sql.placeholder('seen')),
        }),
    )
    .execute({ count, at, seen });
  c.schemaGuard.check(rows[0]?.applied ?? null);
  const standing = Number(rows[0]?.seq) - count;
  c.turn?.compare({ seq: standing, at_seen: rows[0]?.at_seen ?? null });
  return standing;
}
