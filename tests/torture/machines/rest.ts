// Waits until machines are at rest, and settles what is left then.
import type { ConflictRecord } from '../../../src/domain/conflict-record.ts';
import { allRows } from '../../storage/tiers/filled-session.ts';
import { areHeldBack } from '../model/healing.ts';
import type { Random } from '../model/random.ts';
import { until } from '../scene.ts';
import type { Machine } from './machine.ts';
import type { Project } from './project.ts';
import { openConflictsOf, type Reads } from './rows.ts';

/** Waits until both machines are online, their copies are as far as the database, and only what is held back waits. */
export async function untilAtRest(machines: readonly Machine[], { primary, pause }: Project): Promise<void> {
  const isAtRest = async () => {
    await openAtRest(machines, primary);
    return true;
  };
  await until('only what is held back waits', isAtRest, pause);
}

/** Settles conflicts, each from either machine, until none is left and nothing waits. */
export async function settleAll(
  machines: readonly Machine[],
  { primary, pause }: Project,
  random: Random,
): Promise<void> {
  const isSettled = async () => {
    for (const conflict of await random.pick(machines).person.conflicts())
      await random.pick(machines).person.decide(conflict);
    const open = await openAtRest(machines, primary);
    return open.length === 0;
  };
  await until('every conflict is settled and nothing waits', isSettled, pause);
}

/** The open conflicts; fails with what keeps machines from being at rest. */
async function openAtRest(machines: readonly Machine[], primary: Reads): Promise<ConflictRecord[]> {
  const rows = await allRows(primary, ['conflicts', 'feed', 'appliedChanges']);
  const settled = new Set(rows.appliedChanges?.map((row) => String(row['change_id'])));
  const open = openConflictsOf(rows);
  const held = open.map(({ changes }) => changes);
  const seq = Number(rows.feed?.[0]?.['seq']);
  const unrest: string[] = [];
  for (const { name, store, place } of machines) {
    const cursor = place.cursor();
    const pending = await store.pending();
    const isFresh = pending.length > 0 || cursor === seq;
    const isLetGo = !pending.some(({ changes: [first] }) => first !== undefined && settled.has(first.id));
    if (store.state !== 'online' || !isLetGo || !areHeldBack(pending, held) || !isFresh)
      unrest.push(`${name} is ${store.state}, ${pending.length} wait, copied ${String(cursor)} of ${seq}`);
  }
  if (unrest.length > 0) throw new Error(unrest.join('; '));
  return open;
}
