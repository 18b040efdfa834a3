// Whether an answer is true, judged at the moment it is given.
import { partsOf } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../../src/domain/json.ts';
import { knownVersion } from '../../../src/domain/provisional-version.ts';
import type { Answer, WriteAnswer } from '../../../src/storage/contract/store.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';
import type { Target } from './client.ts';
import { mayFollow, touches, type Attempt, type Write } from './ledger.ts';
import type { ModelProcess } from './machine.ts';
import type { World } from './world.ts';

export interface ItemAnswer {
  /** Where the feed stood in the store that answered. */
  seq: number;
  record: JsonObject | undefined;
  /** By how much a list counts more than it lists. */
  miscount?: number;
}

const REPLICAS: ReadonlySet<string> = new Set(['sqlite_cache', 'git_history', 'markdown_file']);
/** So long after a write every process of the machine must have noticed it in the journals. */
const NOTICED_MS = 3_000;

/** A copy says from when it is, and is from then; the primary's answer is what it holds. */
export function checkReadAnswer(
  world: World,
  at: ModelProcess,
  target: Target,
  answer: Answer<ItemAnswer>,
  before: { waiting: readonly JournalEntry[]; moment: number },
): void {
  const { source, as_of, warnings, data } = answer;
  const what = `${source} answered for ${target.id.slice(0, 8)}`;
  const version = data.record?.['version'];
  if ((data.miscount ?? 0) !== 0) world.violated(`${what} and counted ${data.miscount} more than it listed`);
  if (source === 'postgres') {
    if (as_of !== undefined || warnings.length > 0) return;
    const expected = versionAt(world, target.id, data.seq);
    const isThere =
      target.entity !== 'note' || isMade(world, target.id, data.seq) === (data.record !== undefined);
    if (version !== expected || !isThere)
      world.violated(`${what} version ${String(version)}, it is ${String(expected)}`);
    return;
  }
  if (!REPLICAS.has(source)) return world.violated(`${what}, which is no layer here`);
  if (as_of === undefined) return world.violated(`${what} without its age`);
  if (warnings.length === 0) world.violated(`${what} without a warning`);
  const moment = at.machine.momentOf(as_of);
  if (moment === undefined) return world.violated(`${what} as of ${as_of}, which never was`);
  const least = versionAt(world, target.id, world.server.seqBefore(moment));
  if (least !== undefined && !(typeof version === 'number' && knownVersion(version) >= least)) {
    world.violated(`${what} version ${String(version)} as of ${as_of}, when it was ${least}`);
  }
  if (source === 'sqlite_cache') checkWaitingShown(world, at, target, data.record, before);
}

/** What a client was shown it is shown again, or told that the answer is older. */
export function checkNotBefore(
  world: World,
  at: ModelProcess,
  { id }: Target,
  { source, warnings, data }: Answer<ItemAnswer>,
): void {
  const version = data.record?.['version'];
  const shown = at.shown.get(id) ?? 0;
  const now = typeof version === 'number' ? knownVersion(version) : 0;
  // Its clock tells which answer is older.
  const isTold = warnings.some(({ code }) => code === 'went_back') || at.machine.hasJumped;
  if (source !== 'postgres' && now < shown && !isTold)
    world.violated(`${source} answered for ${id.slice(0, 8)} version ${now} after ${shown}, without a word`);
  at.shown.set(id, Math.max(shown, now));
}

function checkWaitingShown(
  world: World,
  at: ModelProcess,
  target: Target,
  record: JsonObject | undefined,
  { waiting, moment }: { waiting: readonly JournalEntry[]; moment: number },
): void {
  if (at.machine.isTroubled) return;
  for (const { changes } of waiting) {
    for (const change of changes.flatMap(partsOf)) {
      if (change.entity_id !== target.id || change.entity !== target.entity) continue;
      const write = world.ledger.writeOf(change.id);
      const attempt = write?.attempts.find(({ outcome }) => outcome === 'acknowledged');
      if (write === undefined || attempt === undefined) continue;
      const isNoticed = attempt.at === at || world.time.now - attempt.time > NOTICED_MS;
      if (!isNoticed || (attempt.endedAt ?? Infinity) > moment) continue;
      if (attempt.source !== 'sqlite_cache' || attempt.isUnchecked === true) continue;
      checkShown(world, { write, change, attempt, record, what: 'a waiting write' });
    }
  }
}

/** What a client has just been told is saved, it sees. */
export function checkOwnWrite(
  world: World,
  at: ModelProcess,
  own: { write: Write; change: Change; attempt: Attempt; read: Answer<ItemAnswer> },
): void {
  const { read, attempt } = own;
  if (attempt.isUnchecked === true) return;
  const isPrimary = read.source === 'postgres';
  if (!isPrimary && (read.source !== 'sqlite_cache' || at.machine.isTroubled)) return;
  // What the primary has, a cache that others' changes put behind shows later; it says from when it is.
  if (!isPrimary && (attempt.durability === 'postgres' || attempt.source !== 'sqlite_cache')) return;
  // Behind an open conflict, or while no copy can show it, a write waits and the primary answers without it.
  // A cache that was not filled yet when it was written shows nothing either; then the answer says what it lacks.
  // Nor does one that a process has closed, which is about to end.
  const isEnding = !world.slots.some(({ process }) => process === at);
  const isLacking =
    (attempt.source !== 'sqlite_cache' || isEnding) &&
    read.warnings.some(({ code }) => code === 'pending_changes');
  // What a table refuses waits alone, and the primary answers on: a copy that shows it would be older in all else. The
  // answer says that it lacks it, and why.
  const isRefused = read.warnings.some(
    ({ code, message }) => code === 'pending_changes' && /does not take/.test(message),
  );
  const isHeld = isLacking || isRefused || hasOpenConflicts(world, at) || at.machine.isTroubled;
  if (isPrimary && attempt.durability !== 'postgres' && isHeld) return;
  checkShown(world, { ...own, record: read.data.record, what: `an own write, read from ${read.source},` });
}

function checkShown(
  world: World,
  own: { write: Write; change: Change; attempt: Attempt; record: JsonObject | undefined; what: string },
): void {
  const { write, change, attempt, record, what } = own;
  const missing = notShown(write, change, record);
  if (missing === undefined || isInConflict(world, change)) return;
  const others = touches(change)
    .flatMap((id) => world.ledger.touching(id))
    .concat(world.ledger.writes.filter(({ changes }) => changes.flatMap(partsOf).some(reachesFar)))
    .filter((other) => other !== write);
  const since = write.attempts[0]?.startedAt ?? attempt.startedAt;
  const isDisturbed = others.some(
    (other) => mayFollow(other, since) || other.changes.some(({ id }) => write.waitingBefore.has(id)),
  );
  if (!isDisturbed) {
    world.violated(
      `${what} of ${change.entity_id.slice(0, 8)} does not show: ${missing} (${describe(change)})`,
    );
  }
}

/** The first field of a change that a record does not have. */
function notShown(write: Write, change: Change, record: JsonObject | undefined): string | undefined {
  if (record === undefined) return 'the record is not there';
  if (change.kind === 'claim') {
    const holder = holderAfter(change);
    return holder === undefined || holder === record['claimed_by'] ? undefined : 'the claim';
  }
  if (change.kind === 'archive' || change.kind === 'restore') return undefined;
  for (const [field, value] of Object.entries(change.patch)) {
    if (field === 'deleted_at' || field === 'completed_at') continue;
    if (field === 'labels') {
      const seen = asList(write.seen.get(change.entity_id)?.record['labels'] ?? []);
      const added = asList(value).filter((label) => !seen.includes(label));
      if (!added.every((label) => asList(record['labels'] ?? []).includes(label))) return field;
    } else if (field === 'metadata') {
      const metadata = (record['metadata'] ?? {}) as JsonObject;
      for (const [key, entry] of Object.entries(value as JsonObject)) {
        if (key !== 'extractor_version' && isPlain(entry) && !equalJson(metadata[key] ?? null, entry))
          return `metadata.${key}`;
      }
    } else if (Object.hasOwn(record, field) && !equalJson(record[field], value)) return field;
  }
  return undefined;
}

/** Who has the item after a claim that was granted; undefined where that stays who it was, whoever knows the token. */
function holderAfter({ patch, actor, claim_token }: Change): JsonValue | undefined {
  if (patch['action'] === 'release') return null;
  if (patch['action'] === 'hand_over') return patch['to'] ?? null;
  return claim_token === null ? actor : undefined;
}

/** Whether a change alters records that it does not name: what is below or above its own. */
const reachesFar = ({ kind, cascade, patch }: Change): boolean =>
  kind === 'archive' || kind === 'restore' || (cascade && 'deleted_at' in patch);

/** A write is where the answer says. */
export function checkWriteAnswer(world: World, at: ModelProcess, write: Write, answer: WriteAnswer): void {
  const { durability, warnings, source, as_of } = answer;
  for (const change of write.changes) {
    const what = `the answer "durable in ${durability}" for ${describe(change)}`;
    if (durability === 'postgres') {
      if (!isSettled(world, change)) world.violated(`${what} is not true`);
    } else if (durability === 'outbox' || durability === 'git' || durability === 'markdown') {
      const isThere = [...at.machine.media[durability].entries.values()].some((record) =>
        record.includes(change.id),
      );
      if (!isThere && !isSettled(world, change) && !isWaiting(world, change))
        world.violated(`${what} is not true`);
      if (!warnings.some(({ code }) => code === 'saved_locally')) world.violated(`${what} has no warning`);
      if (source === 'postgres') world.violated(`${what} is said to come from postgres`);
    } else world.violated(`${what} names no durable place`);
  }
  if (as_of !== undefined && at.machine.momentOf(as_of) === undefined) {
    world.violated(`a write was answered as of ${as_of}, which never was`);
  }
}

/** In the primary: applied, or kept as a conflict; for a key, also another write with it. */
function isSettled(world: World, change: Change): boolean {
  return sameWrites(world, change).some(
    ({ id }) => world.server.right.get('select 1 from applied_changes where change_id = ?', id) !== undefined,
  );
}

function isWaiting(world: World, change: Change): boolean {
  const same = sameWrites(world, change);
  return world.machines.some((machine) => same.some((one) => machine.holds(one)));
}

function sameWrites(world: World, change: Change): Change[] {
  const others = world.ledger.withKeyOf(change).flatMap(({ changes }) => changes);
  return [change, ...others.filter(({ idempotency_key }) => idempotency_key === change.idempotency_key)];
}

/** The version that a record had in the primary at a position of the feed. */
function versionAt(world: World, id: string, seq: number): number | undefined {
  const row = world.server.right.get<{ version: number | null }>(
    'select max(version) version from changes where entity_id = ? and seq <= ?',
    id,
    seq,
  );
  return row?.version ?? undefined;
}

function isMade(world: World, id: string, seq: number): boolean {
  const sql = 'select 1 from changes where entity_id = ? and seq <= ?';
  return world.server.right.get(sql, id, seq) !== undefined;
}

function isInConflict(world: World, { id }: Change): boolean {
  return world.server.right.get('select 1 from conflicts where instr(changes, ?) > 0', id) !== undefined;
}

function hasOpenConflicts(world: World, at: ModelProcess): boolean {
  const sql = 'select 1 from conflicts where device = ? and resolved_at is null';
  return world.server.right.get(sql, at.machine.id) !== undefined;
}

export function describe({ kind, entity, entity_id, patch, id, base_version }: Change): string {
  const fields = JSON.stringify(patch).slice(0, 90);
  return `${kind} ${entity} ${entity_id.slice(0, 8)} at ${String(base_version)} ${fields} (change ${id})`;
}

const asList = (value: JsonValue): JsonValue[] => (Array.isArray(value) ? value : []);
const isPlain = (value: JsonValue): boolean => typeof value !== 'object' || value === null;
