// The promise, checked on what is in the primary in the end against what callers were told.
import { partsOf } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { describe } from './answers.ts';
import { readPrimary, type Found } from './found.ts';
import { checkArchive, checkDerived, checkHistory, checkNotes } from './history.ts';
import { checkHolders } from './holders.ts';
import { verdictOf, type Write } from './ledger.ts';
import { checkOrder } from './order.ts';
import { checkOverwrites } from './overwrites.ts';
import type { World } from './world.ts';

export function checkPrimary(world: World): void {
  const found = readPrimary(world);
  checkFates(world, found);
  checkForeign(world, found);
  checkBatches(world, found);
  checkHistory(world, found);
  checkHolders(world, found);
  checkNotes(world, found);
  checkArchive(world);
  checkOverwrites(world, found);
  checkOrder(world, found);
  checkDerived(world);
  checkConflictsShown(world, found);
}

type Fate = 'applied' | 'in conflict' | 'waiting' | 'none';

/** Linking what is linked and archiving what is archived already leave nothing in the history. */
const mayLeaveNoTrace = ({ kind }: Change): boolean => ['link', 'archive', 'restore'].includes(kind);

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

function fateOf(world: World, found: Found, change: Change): Fate {
  if (found.conflicting.has(change.id)) return 'in conflict';
  const leftTrace = found.applied.has(change.id) || partsOf(change).every(mayLeaveNoTrace);
  if (found.settled.has(change.id) && leftTrace) return 'applied';
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
      if (verdict === 'refused' && fate !== 'none') {
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

/** A batch that was applied, or made again to settle a conflict, was so with all of its parts. */
function checkBatches(world: World, found: Found): void {
  const rows = new Set(found.history.map(({ change_id, entity_id }) => `${change_id} ${entity_id}`));
  const check = (change: Change, as: string) => {
    if (change.kind !== 'batch') return;
    const missing = partsOf(change).filter(
      (part) => !mayLeaveNoTrace(part) && !rows.has(`${as} ${part.entity_id}`),
    );
    if (missing.length > 0)
      world.violated(`half a batch: ${missing.map(describe).join('; ')} is missing from ${describe(change)}`);
  };
  for (const change of world.ledger.writes.flatMap(({ changes }) => changes)) {
    if (found.settled.has(change.id) && !found.conflicting.has(change.id)) check(change, change.id);
  }
  for (const { changes, resolution, resolved_by_change } of found.conflicts) {
    if (resolution === 'reapply' && resolved_by_change !== null)
      for (const change of changes) check(change, resolved_by_change);
  }
}

function checkConflictsShown(world: World, { conflicts }: Found): void {
  const shown = new Set(
    world.server.right
      .all<{ record_id: string; conflict_id: string }>('select * from open_conflicts')
      .map(({ record_id, conflict_id }) => `${record_id} ${conflict_id}`),
  );
  for (const { id, changes, resolved_at } of conflicts) {
    for (const entity_id of new Set(changes.flatMap(partsOf).flatMap(recordsOf))) {
      const isShown = shown.has(`${entity_id} ${id}`);
      if (isShown !== (resolved_at === null)) {
        world.violated(
          `the conflict ${id}, ${resolved_at === null ? 'open' : 'settled'}, is ${isShown ? '' : 'not '}shown on ${entity_id}`,
        );
      }
    }
  }
}

/** The records that a change is about, as a conflict of it is shown. */
const recordsOf = ({ entity, entity_id, patch }: Change): string[] =>
  entity === 'dependency' ? [entity_id, String(patch['target_id'])] : [entity_id];

export const noFates = (): Fates => ({
  acknowledged: 0,
  applied: 0,
  conflicts: 0,
  rejected: 0,
  notSaved: 0,
  refused: 0,
  unknown: 0,
});

export function countFates(world: World): Fates {
  const found = readPrimary(world);
  const fates = noFates();
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
