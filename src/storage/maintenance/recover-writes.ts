/** Gives a database back what it acknowledged to this folder and has lost. */
import path from 'node:path';
import { isInRepository } from '../git/repository.ts';
import { adoptWrites, isOfThisProject } from './adopt-writes.ts';
import { readGitJournal, readOutbox, readPending } from './inspect-journals.ts';
import type { InspectOptions } from './inspect-layers.ts';
import { OUTBOX_FILE } from '../opening/open-store.ts';
import { acceptPrimary, type Accepted } from './accept-primary.ts';
import type { JournalEntry, JournalName } from '../contract/journal.ts';

export interface Recovered {
  accepted: Accepted;
  /** The writes that wait in a journal again, under the ids that they had. */
  entries: JournalEntry[];
  kept_in: JournalName[];
}

/**
 * Accepts the database as it is, and lets the writes that it lacks wait again as writes of this folder, in the order
 * in which they had been applied and before all that waits. Like all that waits they are applied once, merged, or kept as
 * conflicts. Cut off at any moment, the same command again completes it.
 * @throws DatabaseError when the database holds another project or does not answer, or when nothing can be noted
 */
export async function recoverWrites(options: InspectOptions): Promise<Recovered> {
  const entries: JournalEntry[] = [];
  const kept_in: JournalName[] = [];
  const accepted = await acceptPrimary(options, async (lost) => {
    if (lost.length === 0) return;
    entries.push(
      ...inOrder(
        lost.map(({ entry }) => entry),
        await firstWaiting(options, new Set(lost.map(({ entry }) => entry.id))),
      ),
    );
    kept_in.push(...(await adoptWrites(options, entries)));
  });
  return { accepted, entries, kept_in };
}

/**
 * Where in the order of replay the first write stands that waits here; infinity where none does.
 * @param lost those that are put back: where that was cut off before, some of them wait already
 */
async function firstWaiting(options: InspectOptions, lost: ReadonlySet<string>): Promise<number> {
  const { projectDir, dataDir } = options;
  const journals = [
    await readOutbox(path.join(dataDir, OUTBOX_FILE)),
    await readGitJournal(options, await isInRepository(projectDir)),
    await readPending(dataDir),
  ];
  const waiting = journals
    .flatMap(({ entries }) => entries)
    .filter((entry) => !lost.has(entry.id) && isOfThisProject(options, entry));
  return Math.min(...waiting.map(({ lamport }) => lamport), Number.POSITIVE_INFINITY);
}

/** What had been applied was made before what waited still, whatever its clock says. */
export function inOrder(entries: readonly JournalEntry[], before: number): JournalEntry[] {
  let next = before;
  return entries
    .toReversed()
    .map((entry) => ({ ...entry, lamport: (next = Math.min(entry.lamport, next - 1)) }))
    .toReversed();
}
