/** Gives a database back what it acknowledged to this folder and has lost. */
import { adoptWrites } from './adopt-writes.ts';
import type { InspectOptions } from './inspect-layers.ts';
import { acceptPrimary, withSeen, type Accepted } from './tiers/accept-primary.ts';
import type { JournalEntry, JournalName } from './tiers/journal.ts';

export interface Recovered {
  accepted: Accepted;
  /** The writes that wait in a journal again, under the ids that they had. */
  entries: JournalEntry[];
  kept_in: JournalName[];
}

/**
 * Accepts the database as it is, and lets the writes that it lacks wait again as writes of this folder, in the order
 * in which they were acknowledged. Like all that waits they are applied once, merged, or kept as conflicts. Cut off at
 * any moment, the same command again completes it.
 * @throws DatabaseError when the database holds another project or does not answer, or when nothing can be noted
 */
export async function recoverWrites(options: InspectOptions): Promise<Recovered> {
  const accepted = await acceptPrimary(options);
  const lost = withSeen(options.dataDir, (tables) => tables.lost());
  const entries = inOrder(lost.map(({ entry }) => entry));
  if (entries.length === 0) return { accepted, entries, kept_in: [] };
  const kept_in = await adoptWrites(options, entries);
  // From here on a journal has them.
  withSeen(options.dataDir, (tables) => tables.forget(lost.map(({ number }) => number)));
  return { accepted, entries, kept_in };
}

/** What waits is applied by this clock: writes of one millisecond keep their order. */
export function inOrder(entries: readonly JournalEntry[]): JournalEntry[] {
  let lamport = 0;
  return entries.map((entry) => ({ ...entry, lamport: (lamport = Math.max(lamport + 1, entry.lamport)) }));
}
