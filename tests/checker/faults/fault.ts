// What all faults have in common: they take hold of something, last for a while, and are undone.
import type { FaultRecord } from '../history.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import { came } from '../until.ts';

export interface Fault {
  /** What it happens to. Two faults do not hold the same at the same time. */
  target(stage: Stage, random: Random): string;
  /** Resolves when the fault holds. One that cannot be made at this moment, as on a dead server, may throw. */
  begin(stage: Stage, target: string, random: Random): Promise<Ongoing>;
}

export interface Ongoing extends Omit<FaultRecord, 'fault' | 'target' | 'from' | 'to'> {
  /** Undoes it; is repeated until it succeeds. */
  end(): Promise<void> | void;
}

export type Faults = Readonly<Record<string, Fault>>;

const UNDO_PATIENCE_MS = 30_000;

/** Begins a fault. One that fails on the way, as on a server that dies meanwhile, may hold all the same: it is undone. */
export async function beginOrUndo(
  begin: () => Promise<unknown>,
  end: () => Promise<void>,
): Promise<Pick<Ongoing, 'end'>> {
  try {
    await begin();
    return { end };
  } catch (error) {
    await came(() => end().then(() => true), UNDO_PATIENCE_MS);
    throw error;
  }
}

export function everyFolder({ folders }: Stage): string[] {
  return folders.map(({ name }) => name);
}
