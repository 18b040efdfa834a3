// The promise, checked on what is in the primary and the caches in the end against what callers were told.
import type { Change, FieldChange } from '../../../src/domain/change.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../../src/domain/json.ts';
import { describe } from './answers.ts';
import { layOnTop } from '../../../src/storage/tiers/replica.ts';
import { TABLE_NAMES, borrowDatabase, giveBack, type SqlRow } from './database.ts';
import type { Machine } from './machine.ts';
import { verdictOf, type Write } from './ledger.ts';
import type { World } from './world.ts';

interface HistoryRow {
  seq: number;
  change_id: string;
  entity: string;
  entity_id: string;
  related_id: string | null;
  kind: string;
  version: number | null;
  fields: FieldChange[];
}

interface ConflictRow {
  id: string;
  kind: string;
  changes: Change[];
  resolved_at: string | null;
  resolved_by_change: string | null;
}

type Fate = 'applied' | 'in conflict' | 'waiting' | 'none';

/** What became of the writes, for the report of a run. */
export interface Fates {
  acknowledged: number;
  applied: number;
  conflicts: number;
  rejected: number;
  notSaved: number;
  refused: number;
  unknown: number;
}

export function checkPrimary(world: World): void {
  const found = readPrimary(world);
  checkFates(world, found);
  checkForeign(world, found);
  checkHistory(world, found);
  checkOverwrites(world, found);
  checkDerived(world);
  checkConflictsShown(world, found);
}

export type Found = ReturnType<typeof readPrimary>;

export function readPrimary({ server: { right } }: World) {
  const parsed = <T>(row: SqlRow, ...names: string[]): T => {
    const copy = { ...row };
    for (const name of names) copy[name] = JSON.parse(String(row[name]));
    return copy as T;
  };
  const history = right
    .all('select * from changes order by seq')
    .map((row) => parsed<HistoryRow>(row, 'fields'));
  const conflicts = right.all('select * from conflicts').map((row) => parsed<ConflictRow>(row, 'changes'));
  const settled = new Set(
    right.all<{ change_id: string }>('select change_id from applied_changes').map((row) => row.change_id),
  );
  const conflicting = new Map(conflicts.flatMap((one) => one.changes.map(({ id }) => [id, one] as const)));
  const applied = new Set(
    history.filter((row) => row.entity !== 'conflict' || row.kind === 'resolve').map((row) => row.change_id),
  );
  return { history, conflicts, settled, conflicting, applied };
}

function fateOf(world: World, found: Found, change: Change): Fate {
  if (found.conflicting.has(change.id)) return 'in conflict';
  // Linking what is linked already is the only thing that leaves no trace in the history.
  if (found.settled.has(change.id) && (found.applied.has(change.id) || change.kind === 'link'))
    return 'applied';
  return world.machines.some((machine) => machine.hasEntries && machine.holds(change)) ? 'waiting' : 'none';
}

/** Each acknowledged write is one of applied, in conflict, waiting; no refused one is any; no write is two. */
function checkFates(world: World, found: Found): void {
  for (const write of world.ledger.writes) {
    const fates = write.changes.map((change) => fateOf(world, found, change));
    const verdict = verdictOf(write);
    write.changes.forEach((change, index) => {
      const fate = fates[index];
      if (verdict === 'acknowledged' && fate === 'none' && !isKeptUnderKey(world, found, change)) {
        world.violated(`lost: an acknowledged write is nowhere: ${describe(change)}`);
      }
      if (verdict === 'refused' && fate !== 'none' && !isSharedId(world, write, change)) {
        world.violated(`phantom: a refused write is ${String(fate)}: ${describe(change)} ${errorsOf(write)}`);
      }
      if (fate === 'in conflict' && found.applied.has(change.id)) {
        world.violated(`applied and reported as a conflict: ${describe(change)}`);
      }
    });
    const whole = new Set(
      fates.filter((_, index) => !isKeptUnderKey(world, found, write.changes[index] as Change)),
    );
    if (whole.size > 1)
      world.violated(`a write was torn: ${fates.join(', ')}: ${write.changes.map(describe).join('; ')}`);
    checkKey(world, found, write);
  }
}

const errorsOf = ({ attempts }: Write): string =>
  attempts.map(({ outcome, error }) => `[${outcome} ${error ?? ''}]`).join(' ');

/** Somebody else with the same key was first: his result was answered. */
function isKeptUnderKey(world: World, found: Found, change: Change): boolean {
  return world.ledger
    .withKeyOf(change)
    .some(({ changes }) =>
      changes.some((one) => one.id !== change.id && fateOf(world, found, one) !== 'none'),
    );
}

function isSharedId(world: World, write: Write, { id }: Change): boolean {
  return world.ledger.writeOf(id) !== write;
}

/** What one key names is done once. */
function checkKey(world: World, found: Found, write: Write): void {
  for (const change of write.changes) {
    const same = world.ledger.withKeyOf(change);
    if (same.length < 2 || same[0] !== write) continue;
    const applied = same
      .flatMap(({ changes }) => changes)
      .filter(({ id }) => found.settled.has(id) && !found.conflicting.has(id));
    if (applied.length > 1) world.violated(`one key was applied twice: ${applied.map(describe).join('; ')}`);
  }
}

/** Nothing is in the primary that nobody wrote, and nothing twice. */
function checkForeign(world: World, { history, settled, conflicts }: Found): void {
  for (const id of settled)
    if (world.ledger.writeOf(id) === undefined) world.violated(`nobody made the change ${id}`);
  const seen = new Set<string>();
  for (const row of history) {
    if (world.ledger.writeOf(row.change_id) === undefined)
      world.violated(`nobody made the change ${row.change_id}`);
    const what = [row.change_id, row.entity, row.entity_id, row.related_id, row.kind].join(' ');
    if (seen.has(what)) world.violated(`applied twice: ${what}`);
    seen.add(what);
    if (!settled.has(row.change_id)) world.violated(`recorded but not remembered as applied: ${what}`);
  }
  for (const { id, changes } of conflicts) {
    if (changes[0]?.id !== id && !changes.some((change) => world.ledger.writeOf(change.id))) {
      world.violated(`a conflict of a write that nobody made: ${id}`);
    }
  }
}

/** Versions and positions have no gaps, and each change begins where the one before ended. */
function checkHistory(world: World, { history }: Found): void {
  const versions = new Map<string, number>();
  const values = new Map<string, JsonValue>();
  history.forEach((row, index) => {
    const { seq, entity, entity_id, version, fields } = row;
    if (seq !== index + 1) world.violated(`the feed has ${seq} at its place ${index + 1}`);
    if (version === null) return;
    const expected = (versions.get(entity_id) ?? 0) + 1;
    if (version !== expected)
      world.violated(`${entity} ${entity_id} has version ${version} where ${expected} was due`);
    versions.set(entity_id, version);
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
  for (const table of ['work_items', 'vendors']) {
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

/** They follow from the parent's, without a change of their own. */
const MOVED_ALONG: ReadonlySet<string> = new Set(['path', 'depth']);

/** What an update replaced is what its maker had seen. */
function checkOverwrites(world: World, found: Found): void {
  for (const row of found.history) {
    if (row.kind !== 'update') continue;
    const change = world.ledger.changeOf(row.change_id);
    const view = world.ledger.writeOf(row.change_id)?.seen.get(row.change_id);
    // Deciding a conflict is meant to replace what is there; what goes along with a deleted parent is not named.
    if (change?.kind !== 'update' || change.entity_id !== row.entity_id || view === undefined) continue;
    for (const { field, from, to } of row.fields) {
      if (MOVED_ALONG.has(field)) continue;
      if (field === 'labels') checkLabels(world, change, view.record, { from, to }, view.isComplete);
      else if (!view.isComplete && LITTLE_KNOWN.test(field)) continue;
      else if (
        !mayHaveSeen(world, found, { change, field, seq: row.seq }).some((value) => equalJson(value, from))
      ) {
        world.violated(
          `silently overwritten: ${field} was ${JSON.stringify(from)} and became ${JSON.stringify(to)}, the maker had seen ${JSON.stringify(seenValue(view.record, field))}: ${describe(change)}`,
        );
      }
    }
  }
}

/**
 * The values of a field that the maker of a change knew of: what it saw, and where that came from a write that was
 * not applied before it after all, what the maker of that one saw.
 */
function mayHaveSeen(
  world: World,
  found: Found,
  { change, field, seq }: { change: Change; field: string; seq: number },
): JsonValue[] {
  const applied = new Set(
    found.history.filter((row) => row.seq < seq && row.entity !== 'conflict').map((row) => row.change_id),
  );
  const pending = world.ledger
    .touching(change.entity_id)
    .flatMap(({ changes }) => changes)
    .filter((one) => one.entity_id === change.entity_id && sets(one, field) && !applied.has(one.id));
  return [change, ...pending].flatMap(({ id }) => {
    const view = world.ledger.writeOf(id)?.seen.get(id);
    return view === undefined ? [] : [seenValue(view.record, field)];
  });
}

function sets({ patch }: Change, field: string): boolean {
  if (field.startsWith('metadata.'))
    return Object.hasOwn((patch['metadata'] ?? {}) as JsonObject, field.slice('metadata.'.length));
  return Object.hasOwn(patch, field) || (field === 'completed_at' && Object.hasOwn(patch, 'status'));
}

/** What a status file does not say. */
const LITTLE_KNOWN = /^(description|assignee|priority|metadata)/;

function checkLabels(
  world: World,
  change: Change,
  record: JsonObject,
  { from, to }: Pick<FieldChange, 'from' | 'to'>,
  isComplete: boolean,
): void {
  if (!isComplete) return;
  const [seen, mine, before, after] = [record['labels'], change.patch['labels'], from, to].map(asList) as [
    JsonValue[],
    JsonValue[],
    JsonValue[],
    JsonValue[],
  ];
  const without = (list: JsonValue[], other: JsonValue[]) => list.filter((label) => !other.includes(label));
  const added = without(without(after, before), without(mine, seen));
  const removed = without(without(before, after), without(seen, mine));
  if (added.length + removed.length > 0) {
    const [was, has, saw] = [before, after, seen].map((list) => JSON.stringify(list));
    world.violated(
      `labels that others set were altered: ${String(was)} became ${String(has)}, the maker had seen ${String(saw)}: ${describe(change)}`,
    );
  }
}

const asList = (value: unknown): JsonValue[] => (Array.isArray(value) ? (value as JsonValue[]) : []);

function seenValue(record: JsonObject, field: string): JsonValue {
  if (!field.startsWith('metadata.')) return record[field] ?? null;
  return ((record['metadata'] ?? {}) as JsonObject)[field.slice('metadata.'.length)] ?? null;
}

/** Counts and labels are what the items say. */
function checkDerived(world: World): void {
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

function checkConflictsShown(world: World, { conflicts }: Found): void {
  const shown = new Set(
    world.server.right
      .all<{ record_id: string; conflict_id: string }>('select * from open_conflicts')
      .map(({ record_id, conflict_id }) => `${record_id} ${conflict_id}`),
  );
  for (const { id, changes, resolved_at } of conflicts) {
    for (const { entity_id } of changes) {
      const isShown = shown.has(`${entity_id} ${id}`);
      if (isShown !== (resolved_at === null)) {
        world.violated(
          `the conflict ${id}, ${resolved_at === null ? 'open' : 'settled'}, is ${isShown ? '' : 'not '}shown on ${entity_id}`,
        );
      }
    }
  }
}

/** Every cache equals the primary, row by row; where writes wait, they are on top of it. */
export async function checkCopies(world: World): Promise<void> {
  const truth = world.server.right.tables();
  // What changed nothing is not in the feed, so that no copy learns of it; repeated there, it changes nothing again.
  const recorded = new Set(truth.get('changes')?.map((row) => row['change_id']));
  const onlyRecorded = (rows: SqlRow[] = []) => rows.filter((row) => recorded.has(row['change_id']));
  truth.set('applied_changes', onlyRecorded(truth.get('applied_changes')));
  for (const machine of world.machines) {
    if (machine.hasEntries) {
      await checkOnTop(world, machine);
      continue;
    }
    const copy = machine.cache.database.tables();
    copy.set('applied_changes', onlyRecorded(copy.get('applied_changes')));
    for (const name of TABLE_NAMES) {
      const [expected, actual] = [truth.get(name) ?? [], copy.get(name) ?? []].map((rows) =>
        rows.filter((row) => row['items'] !== 0),
      );
      const difference = firstDifference(expected ?? [], actual ?? []);
      if (difference !== undefined)
        world.violated(`the cache of machine ${machine.index} differs in ${name}: ${difference}`);
    }
  }
}

const RECORD_TABLES = [
  'vendors',
  'work_item_dependencies',
  'work_item_labels',
  'work_item_counts',
  'work_items',
];

async function checkOnTop(world: World, machine: Machine): Promise<void> {
  const expected = borrowDatabase('copy');
  expected.fill(world.server.right.tables(), '');
  expected.raw.exec('begin');
  await layOnTop(expected.connection, machine.entries());
  expected.raw.exec('commit');
  const [truth, copy] = [expected.tables(), machine.cache.database.tables()];
  for (const name of RECORD_TABLES) {
    const [a, b] = [truth, copy].map((tables) =>
      (tables.get(name) ?? []).filter((row) => row['items'] !== 0),
    );
    const difference = firstDifference(a ?? [], b ?? []);
    if (difference !== undefined)
      world.violated(
        `with what waits on top, the cache of machine ${machine.index} differs in ${name}: ${difference}`,
      );
  }
  giveBack('copy', expected);
}

function firstDifference(expected: SqlRow[], actual: SqlRow[]): string | undefined {
  for (let index = 0; index < Math.max(expected.length, actual.length); index += 1) {
    const [a, b] = [JSON.stringify(expected[index]), JSON.stringify(actual[index])];
    if (a === b || equalJson(readable(expected[index]), readable(actual[index]))) continue;
    return `${String(a).slice(0, 400)} in the primary, ${String(b).slice(0, 400)} in the copy`;
  }
  return undefined;
}

/** JSON by value: keys may come in another order. */
function readable(row: SqlRow | undefined): unknown {
  return Object.fromEntries(
    Object.entries(row ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' && /^[[{]/.test(value) ? (JSON.parse(value) as unknown) : value,
    ]),
  );
}

export function countFates(world: World): Fates {
  const found = readPrimary(world);
  const fates: Fates = {
    acknowledged: 0,
    applied: 0,
    conflicts: 0,
    rejected: 0,
    notSaved: 0,
    refused: 0,
    unknown: 0,
  };
  for (const { kind } of found.conflicts) {
    if (kind === 'conflict') fates.conflicts += 1;
    else fates.rejected += 1;
  }
  for (const write of world.ledger.writes) {
    const [first] = write.changes;
    if (first !== undefined && found.settled.has(first.id) && !found.conflicting.has(first.id))
      fates.applied += 1;
    for (const { outcome } of write.attempts) {
      if (outcome === 'acknowledged') fates.acknowledged += 1;
      else if (outcome === 'refused') fates.refused += 1;
      else if (outcome === 'not_saved') fates.notSaved += 1;
      else fates.unknown += 1;
    }
  }
  return fates;
}
