// What all faults have in common: they take hold of something, last for a while, and are undone.
import type { FaultRecord } from '../history.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

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

export function everyFolder({ folders }: Stage): string[] {
  return folders.map(({ name }) => name);
}
