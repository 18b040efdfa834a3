/** What a database acknowledged to this folder and has lost: told so that a person can decide, and put back. */
import type { Config } from '../../config/config.ts';
import { partsOf } from '../../domain/batch.ts';
import { makerOf, nameOf, type Maker } from '../../domain/worker.ts';
import { databaseError } from '../../domain/errors.ts';
import { inspectLayers, type Inspection } from '../../storage/maintenance/inspect-layers.ts';
import { recoverWrites } from '../../storage/maintenance/recover-writes.ts';
import type { Accepted } from '../../storage/maintenance/accept-primary.ts';
import type { JournalEntry, JournalName } from '../../storage/contract/journal.ts';

/** One write that would be made again. */
export interface LostWrite {
  id: string;
  /** When the database acknowledged it, ISO 8601. */
  at: string;
  changes: (Maker & { kind: string; entity: string; entity_id: string })[];
}

/** Who made lost writes, and since when. */
export interface LostBy {
  /** The name they were signed with, and the person where that is another. */
  actor: string;
  writes: number;
  since: string;
}

export interface Recovery {
  /** Why the database is not in use; null when it is. */
  refused: string | null;
  lost: LostWrite[];
  by: LostBy[];
  /** Null where nothing was done yet. */
  done: { accepted: Accepted; kept_in: JournalName[] } | null;
}

/**
 * @param confirm asked once it is known what would be put back
 * @throws DatabaseError when the database cannot be compared, or when nothing can be noted
 */
export async function recover(
  config: Config,
  confirm: (recovery: Recovery) => Promise<boolean>,
): Promise<Recovery> {
  const found = await inspectLayers(config);
  let recovery: Recovery;
  try {
    recovery = recoverable(found);
  } finally {
    await found.close();
  }
  const isNeeded = recovery.lost.length > 0 || recovery.refused !== null;
  if (!isNeeded || !(await confirm(recovery))) return recovery;
  const { accepted, entries, kept_in } = await recoverWrites(config);
  return { ...recovery, lost: entries.map(told), by: lostBy(entries), done: { accepted, kept_in } };
}

function recoverable({ lacking, refusal, sighting, seen }: Inspection): Recovery {
  if (seen.problem !== null) {
    const next = 'Look at the file with `worktrail doctor --adopt FILE`. Nothing was changed.';
    throw databaseError(seen.location, seen.problem, next);
  }
  if (lacking === null) {
    const reason = refusal?.why ?? sighting.problem ?? 'it is not there yet';
    throw databaseError(sighting.source, reason, 'Run `worktrail doctor` first. Nothing was changed.');
  }
  const { entries } = lacking;
  return { refused: refusal?.why ?? null, lost: entries.map(told), by: lostBy(entries), done: null };
}

/** In the order of the first lost write of each. */
export function lostBy(entries: readonly JournalEntry[]): LostBy[] {
  const all = new Map<string, LostBy>();
  for (const { at, changes } of entries) {
    for (const actor of new Set(changes.map(nameOf))) {
      const known = all.get(actor);
      if (known === undefined) all.set(actor, { actor, writes: 1, since: at });
      else known.writes += 1;
    }
  }
  return [...all.values()];
}

function told({ id, at, changes }: JournalEntry): LostWrite {
  return {
    id,
    at,
    changes: changes
      .flatMap(partsOf)
      .map(({ kind, entity, entity_id, ...change }) => ({ kind, entity, entity_id, ...makerOf(change) })),
  };
}
