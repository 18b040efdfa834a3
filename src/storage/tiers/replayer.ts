/**
 * Brings the writes that wait to the primary: in order, each exactly once. What cannot be settled holds back
 * the later writes to the same records, and nothing else.
 */
import type { ReportProgress } from '../../domain/progress.ts';
import type { ReplayOutcome } from '../sql/apply/replay.ts';
import { layerFailure } from '../sql/driver-errors.ts';
import type { Primary } from '../sql/sql-store.ts';
import { reachOfEntry, type JournalEntry } from './journal.ts';
import type { Journals } from './journals.ts';
import type { TierMemory } from './tier-memory.ts';
import { isMismatch } from './primary-failures.ts';
import { reasonOf } from './words.ts';

/** A write that fails so often for no reason that is known is put aside, so that others go on. */
export const ATTEMPTS_MAX = 5;
/** Settled writes are let go of in groups; one that is tried again is found settled. */
const REMOVE_AT_ONCE = 20;

export interface ReplayReport {
  applied: number;
  conflicts: number;
  rejected: number;
  /** The ids of writes that stay: behind an open conflict, put aside, or made by a newer program. */
  held: string[];
  /** Why writes failed without being settled, each reason once. */
  problems: string[];
  /** Whether trying again soon makes sense: something was in the way for a moment. */
  again: boolean;
}

/** Why a write stays where it is. */
export type Hold = 'parked' | 'newer_version';

export interface ReplayOptions {
  primary: Primary;
  journals: Journals;
  memory: TierMemory;
  /** Told of each write that was settled. */
  onSettled?: (entry: JournalEntry, outcome: ReplayOutcome) => void;
  shouldStop?: () => boolean;
  /** Told of every write that was settled. */
  onProgress?: ReportProgress;
}

/**
 * One pass over everything that waits.
 * @throws DatabaseError when the primary fails; what was settled until then stays settled
 */
export async function replayWaiting(options: ReplayOptions): Promise<ReplayReport> {
  const { primary, journals, memory, onSettled, onProgress, shouldStop } = options;
  const report: ReplayReport = {
    applied: 0,
    conflicts: 0,
    rejected: 0,
    held: [],
    problems: [],
    again: false,
  };
  const { entries } = await journals.waiting();
  const failures = memory.failures();
  const heldBack = new Set<string>();
  let settled: string[] = [];
  let done = 0;
  const letGo = async () => {
    if (settled.length > 0) await journals.remove(settled);
    settled = [];
  };
  const hold = (entry: JournalEntry) => {
    report.held.push(entry.id);
    for (const name of reachOfEntry(entry).alters) heldBack.add(name);
  };
  try {
    for (const entry of entries) {
      if (shouldStop?.() === true) break;
      const { alters, needs } = reachOfEntry(entry);
      if ([...alters, ...needs].some((name) => heldBack.has(name)) || holdOf(entry, failures) !== undefined) {
        hold(entry);
        continue;
      }
      const outcome = await settle(entry);
      if (outcome === undefined || outcome.outcome === 'waiting') {
        hold(entry);
        continue;
      }
      if (outcome.outcome === 'applied') report.applied += 1;
      if (outcome.outcome === 'conflict') report.conflicts += 1;
      if (outcome.outcome === 'rejected') report.rejected += 1;
      onSettled?.(entry, outcome);
      done += 1;
      onProgress?.({ phase: 'replay', done, total: entries.length });
      settled.push(entry.id);
      if (settled.length >= REMOVE_AT_ONCE) await letGo();
    }
  } finally {
    await letGo();
  }
  return report;

  async function settle(entry: JournalEntry): Promise<ReplayOutcome | undefined> {
    try {
      return await primary.replay(entry);
    } catch (error) {
      const failure = layerFailure(error);
      // A store that refuses as a whole, as one of a newer version, says nothing about the write.
      if (failure === 'unavailable' || failure === 'mistake' || isMismatch(error)) throw error;
      if (failure === 'contention') report.again = true;
      else {
        const reason = reasonOf(error);
        memory.noteFailure(entry.id, reason);
        if (!report.problems.includes(reason)) report.problems.push(reason);
      }
      return undefined;
    }
  }
}

/** Why a write is not even tried; undefined for one that is. */
export function holdOf(entry: JournalEntry, failures: ReadonlyMap<string, number>): Hold | undefined {
  if (entry.newer !== undefined) return 'newer_version';
  return (failures.get(entry.id) ?? 0) >= ATTEMPTS_MAX ? 'parked' : undefined;
}
