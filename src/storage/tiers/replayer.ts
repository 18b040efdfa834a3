/**
 * Brings the writes that wait to the primary: in order, each exactly once. What cannot be settled holds back what
 * must not overtake it (`domain/footprint.ts`), and nothing else.
 */
import type { Change } from '../../domain/change.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import { HeldBack, footprintOf, type Wait } from '../../domain/footprint.ts';
import type { ReplayOutcome } from '../apply/replay.ts';
import type { Connection } from '../database/connection.ts';
import { layerFailure, reasonOf } from '../database/driver-errors.ts';
import { nameFailedTable } from '../database/failed-table.ts';
import { findSettled } from '../queries/change-records.ts';
import { findOpenConflictsOf } from '../queries/conflicts.ts';
import type { Primary } from '../primary/sql-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { ATTEMPTS_MAX, holdOf } from './held-writes.ts';
import type { JournalEntry } from '../contract/journal.ts';
import type { Journals } from '../journals/journals.ts';
import type { TierMemory } from './tier-memory.ts';
import { isMismatch } from './primary-failures.ts';

/** Settled writes are let go of in groups; one that is tried again is found settled. */
const REMOVE_AT_ONCE = 20;
/** So long one pass tries writes that fail, as while a table is locked; the next pass goes on with the others. */
const FUTILE_MAX_MS = 2_000;

export interface ReplayReport {
  applied: number;
  conflicts: number;
  rejected: number;
  /** The ids of writes that stay: behind an open conflict, put aside, to be tried again, or made by a newer program. */
  held: string[];
  /** Why writes failed without being settled, each reason once. */
  problems: string[];
  /** Whether there is more to do at once: the pass came to its end before all was tried. */
  again: boolean;
  /** The open conflicts of this folder behind which writes wait. */
  conflictsInTheWay: string[];
}

export interface ReplayOptions {
  primary: Primary;
  journals: Journals;
  memory: TierMemory;
  clock: Pick<Clock, 'now' | 'random'>;
  /** The ids of writes that failed in the passes before this one of the same round; kept here for the next. */
  tried?: Set<string>;
  /** Told of each write that was settled. */
  onSettled?: (entry: JournalEntry, outcome: ReplayOutcome) => void;
  /** Told when the primary fails, before what was settled is let go of: nobody else is to ask it meanwhile. */
  onFailed?: (error: unknown) => void;
  shouldStop?: () => boolean;
  /** Told of every write that was settled. */
  onProgress?: ReportProgress;
}

/**
 * One pass over everything that waits. What failed before is tried again only when it is due.
 * @throws DatabaseError when the primary fails; what was settled until then stays settled
 */
export async function replayWaiting(options: ReplayOptions): Promise<ReplayReport> {
  const { primary, journals, memory, clock, onSettled, onProgress, shouldStop, tried = new Set() } = options;
  const { held } = memory;
  const report: ReplayReport = {
    applied: 0,
    conflicts: 0,
    rejected: 0,
    held: [],
    problems: [],
    again: false,
    conflictsInTheWay: [],
  };
  const { entries, hidden } = await journals.forReplay();
  const failures = held.failures();
  const isRetryDue = held.isRetryDue(clock.now());
  const isParked = (entry: JournalEntry) => holdOf(entry, failures) === 'parked';
  const isParkedDue = entries.some(isParked) && held.isParkedDue(clock.now());
  const back = new HeldBack();
  const forPerson = new Set<string>();
  let settled: string[] = [];
  let done = 0;
  let futileMs = 0;
  let isFailing = false;
  let isParking = false;
  let hasProgressed = false;
  const letGo = async () => {
    if (settled.length > 0) await journals.remove(settled);
    settled = [];
  };
  const hold = (entry: JournalEntry, wait: Wait) => {
    report.held.push(entry.id);
    if (wait === 'person') forPerson.add(entry.id);
    back.hold(journals.footprintOf(entry), wait);
  };
  for (const entry of hidden) back.hold(journals.footprintOf(entry), 'moment');
  const conflicts = entries.some((entry) => whyNotTried(entry) === undefined)
    ? await openConflictsOf(primary, entries)
    : [];
  for (const { changes } of conflicts) back.hold(footprintOf(changes), 'person');
  // What was settled, when its answer was lost, must not wait behind its own conflict, or behind others.
  const asked = held.maybeSettled(
    behindConflicts(),
    conflicts.map(({ id }) => id),
    clock.now(),
  );
  const found = await findSettledOf(primary, asked);
  const settledBefore = found ?? new Set<string>();
  if (found !== undefined)
    held.noteUnsettled(
      asked.filter(({ id }) => !found.has(id)),
      clock.now(),
    );
  try {
    for (const entry of entries) {
      if (shouldStop?.() === true) break;
      const wait = back.waitOf(journals.footprintOf(entry)) ?? whyNotTried(entry);
      if (wait !== undefined && !settledBefore.has(entry.id)) {
        hold(entry, wait);
        continue;
      }
      if (futileMs > FUTILE_MAX_MS) {
        report.again = true;
        hold(entry, 'moment');
        continue;
      }
      const outcome = await settle(entry);
      if (typeof outcome === 'string') {
        hold(entry, outcome);
        continue;
      }
      if (outcome.outcome === 'waiting') {
        report.conflictsInTheWay.push(outcome.conflict_id);
        hold(entry, 'person');
        continue;
      }
      if (outcome.outcome === 'applied') report.applied += 1;
      if (outcome.outcome === 'conflict') report.conflicts += 1;
      if (outcome.outcome === 'rejected') report.rejected += 1;
      if (outcome.outcome === 'conflict' || outcome.outcome === 'rejected') {
        report.conflictsInTheWay.push(entry.id);
        back.hold(journals.footprintOf(entry), 'person');
      }
      if (failures.has(entry.id)) hasProgressed = true;
      // A decision lets go of what waits behind its conflict.
      if (entry.changes.some(({ kind }) => kind === 'resolve')) report.again = true;
      onSettled?.(entry, outcome);
      done += 1;
      onProgress?.({ phase: 'replay', done, total: entries.length });
      settled.push(entry.id);
      if (settled.length >= REMOVE_AT_ONCE) await letGo();
    }
  } catch (error) {
    options.onFailed?.(error);
    throw error;
  } finally {
    await letGo();
  }
  held.forPerson = forPerson;
  report.conflictsInTheWay.push(...conflicts.map(({ id }) => id));
  if (isParkedDue || isParking) held.noteParkedTried(clock.now());
  if (report.again && !hasProgressed) return report;
  tried.clear();
  planNextTry();
  return report;

  /** Those that wait for a decision, or for one that does. */
  function behindConflicts(): JournalEntry[] {
    const inFront = new HeldBack();
    for (const { changes } of conflicts) inFront.hold(footprintOf(changes), 'person');
    return entries.filter((entry) => {
      const footprint = journals.footprintOf(entry);
      const isBehind = inFront.waitOf(footprint) === 'person';
      if (isBehind) inFront.hold(footprint, 'person');
      return isBehind;
    });
  }

  /** Why a write has to wait although nothing is in front of it. */
  function whyNotTried(entry: JournalEntry): Wait | undefined {
    if (entry.newer !== undefined) return 'person';
    if (isParked(entry)) return isParkedDue && !tried.has(entry.id) ? undefined : 'person';
    if (tried.has(entry.id)) return 'moment';
    return failures.has(entry.id) && !isRetryDue ? 'moment' : undefined;
  }

  function planNextTry(): void {
    const isWaiting = entries.some(({ id }) => failures.has(id) && report.held.includes(id));
    if (hasProgressed || (isFailing && isRetryDue)) {
      held.planRetry(clock.now(), clock.random(), hasProgressed);
    } else if (!isFailing && !isWaiting) held.endRetries();
  }

  /** @returns how long it has to wait where it could not be settled */
  async function settle(entry: JournalEntry): Promise<ReplayOutcome | Wait> {
    const startedAt = clock.now();
    try {
      return await primary.replay(entry);
    } catch (error) {
      const failure = layerFailure(error);
      // A store that refuses as a whole, as one of a newer version, says nothing about the write.
      if (failure === 'unavailable' || failure === 'mistake' || isMismatch(error)) throw error;
      futileMs += Math.max(0, clock.now() - startedAt);
      tried.add(entry.id);
      const reason = nameFailedTable(reasonOf(error), error);
      const isKnown = failure !== undefined;
      const before = failures.get(entry.id);
      held.noteFailure(entry.id, { reason, isKnown, before });
      if (!report.problems.includes(reason)) report.problems.push(reason);
      const attempts = (before?.attempts ?? 0) + (isKnown ? 0 : 1);
      if (attempts < ATTEMPTS_MAX) isFailing = true;
      else isParking = true;
      return attempts < ATTEMPTS_MAX ? 'moment' : 'person';
    }
  }
}

/** The conflicts that wait for a decision, of the folder that made these writes: asked once and not for each of them. */
export async function openConflictsOf(
  primary: Primary,
  entries: readonly JournalEntry[],
): Promise<{ id: string; changes: Change[] }[]> {
  const devices = new Set(entries.map(({ device }) => device));
  const find = async (c: Connection) => {
    const found: { id: string; changes: Change[] }[] = [];
    for (const device of devices) found.push(...(await findOpenConflictsOf(c, device)));
    return found;
  };
  // Else each write asks for itself.
  return (await unlessTableFails(() => primary.inSnapshot(find))) ?? [];
}

/** Which of these writes were settled, by id; undefined where that cannot be asked. */
async function findSettledOf(
  primary: Primary,
  entries: readonly JournalEntry[],
): Promise<ReadonlySet<string> | undefined> {
  const ids = entries.map(({ id }) => id);
  if (ids.length === 0) return new Set();
  return await unlessTableFails(() => primary.inSnapshot((c) => findSettled(c, ids)));
}

/** @returns undefined where a table of the primary cannot be read, is locked, or not for this user */
async function unlessTableFails<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (/^(partial|denied|contention)$/.test(layerFailure(error) ?? '')) return undefined;
    throw error;
  }
}
