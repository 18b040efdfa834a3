// Which faults come when: a plan that follows from the seed alone, and its execution.
import { setTimeout as sleep } from 'node:timers/promises';
import { DATABASE_FAULTS, TABLE_FAULTS } from './faults/database.ts';
import { DATABASE_DISK_FAULTS, DISK_FAULTS } from './faults/disks.ts';
import { FAIL_OVERS } from './faults/fail-over.ts';
import type { Fault, Faults, Ongoing } from './faults/fault.ts';
import {
  EMBEDDED_FAULTS,
  EMBEDDED_FILE_FAULTS,
  FILE_FAULTS,
  FOLDER_FAULTS,
  JOURNAL_FAULTS,
} from './faults/files.ts';
import { LOST_COMMITS, NETWORK_FAULTS } from './faults/network.ts';
import { SERVER_FAULTS } from './faults/servers.ts';
import { Random } from './random.ts';
import type { Stage } from './stage.ts';
import { came } from './until.ts';

const FAULTS = {
  database: DATABASE_FAULTS,
  tables: TABLE_FAULTS,
  network: NETWORK_FAULTS,
  'lost commits': LOST_COMMITS,
  servers: SERVER_FAULTS,
  files: FILE_FAULTS,
  journals: JOURNAL_FAULTS,
  folders: FOLDER_FAULTS,
  embedded: EMBEDDED_FAULTS,
  'embedded files': EMBEDDED_FILE_FAULTS,
  disks: DISK_FAULTS,
  'database disk': DATABASE_DISK_FAULTS,
  'fail-over': FAIL_OVERS,
} satisfies Record<string, Faults>;
export type FaultFamily = keyof typeof FAULTS;

export interface Planned {
  name: string;
  fault: Fault;
  /** From the beginning. */
  atMs: number;
  forMs: number;
  seed: string;
}

const FAULT_LEAST_MS = 100;
const FAULT_MOST_MS = 3_000;
/** How long undoing may be tried: PostgreSQL has to recover first. */
const END_PATIENCE_MS = 60_000;

/** Families are equally frequent, and the faults within each. */
export function planFaults(
  seed: string,
  families: readonly FaultFamily[],
  { totalMs, each }: { totalMs: number; each: number },
): Planned[] {
  const random = new Random(`${seed} faults`);
  const planned: Planned[] = [];
  for (let atMs = random.between(50, 600); atMs < totalMs; atMs += random.between(50, 2 * each)) {
    const [name, fault] = random.pick(Object.entries<Fault>(FAULTS[random.pick(families)]));
    // Short ones are the more frequent: what matters happens at both ends of a fault.
    const forMs = Math.round(FAULT_LEAST_MS * (FAULT_MOST_MS / FAULT_LEAST_MS) ** random.next());
    planned.push({
      name,
      fault,
      atMs,
      forMs: Math.min(forMs, totalMs - atMs + 200),
      seed: `${seed} ${atMs}`,
    });
  }
  return planned;
}

/** Makes the faults as planned and undoes them all; what cannot be made at its moment is left out. */
export async function makeFaults(stage: Stage, planned: readonly Planned[]): Promise<void> {
  const startedAt = Date.now();
  const held = new Set<string>();
  await Promise.all(
    planned.map(async ({ name, fault, atMs, forMs, seed }) => {
      await sleep(Math.max(0, startedAt + atMs - Date.now()));
      const random = new Random(seed);
      const target = fault.target(stage, random);
      if (held.has(target)) return;
      held.add(target);
      const ongoing = await fault.begin(stage, target, random).catch(() => undefined);
      if (ongoing !== undefined) await undoLater(stage, name, target, ongoing, forMs);
      held.delete(target);
    }),
  );
}

async function undoLater(
  stage: Stage,
  fault: string,
  target: string,
  ongoing: Ongoing,
  forMs: number,
): Promise<void> {
  const { end, ...facts } = ongoing;
  const record = { fault, target, from: Date.now(), to: Infinity, ...facts };
  stage.faults.push(record);
  await sleep(forMs);
  if (record.severs !== undefined) record.to = Date.now();
  const isUndone = await came(async () => {
    await end();
    return true;
  }, END_PATIENCE_MS);
  if (!isUndone) stage.oddities.push(`the checker could not undo "${fault}" of ${target}`);
  if (record.severs === undefined) record.to = Date.now();
}
