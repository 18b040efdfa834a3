/** What is copied: the project's primary, seen at one moment, and the writes that wait for it in this folder. */
import path from 'node:path';
import { sql } from 'drizzle-orm';
import { validationError } from '../../domain/errors.ts';
import { isInRepository } from '../git/repository.ts';
import { readGitJournal, readOutbox, readPending } from '../maintenance/inspect-journals.ts';
import { inspectStore, unavailableError } from '../maintenance/inspect-store.ts';
import { openPrimary, readMemory } from '../opening/open-primary.ts';
import { OUTBOX_FILE } from '../opening/open-store.ts';
import type { Connection, SourceName } from '../database/connection.ts';
import type { Primary } from '../primary/sql-store.ts';
import { inReplayOrder, type JournalEntry } from '../contract/journal.ts';
import { unsealedWarning } from '../contract/unsealed.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

/** The folder whose tracker it is, and the store that its settings name. */
export type TrackerPlace = Pick<PrimaryOptions, 'projectDir' | 'dataDir' | 'databaseUrl' | 'slug'>;

/** Whole tables pass: a slow line is waited for, and so is a lock that many writers hold in turn. */
export const PATIENT_TIMEOUTS = {
  connectMs: 10_000,
  queryMs: 1_800_000,
  statementMs: 1_790_000,
  lockMs: 30_000,
};

/** The server would end a transaction of which it hears nothing while a file is written or read. */
export async function allowPauses(source: SourceName, c: Connection): Promise<void> {
  if (source === 'postgres') await c.db.execute(sql`set local idle_in_transaction_session_timeout = 0`);
}

/** The writes of this folder that wait for the primary, and what could not be read of them. */
export interface WaitingHere {
  /** In the order of replay. */
  entries: JournalEntry[];
  /** Sentences for a person. */
  warnings: string[];
}

/** Alters none of the journals. */
export async function readWaiting({ projectDir, dataDir }: TrackerPlace): Promise<WaitingHere> {
  const hasGit = await isInRepository(projectDir);
  const project_id = readMemory(dataDir)?.project_id;
  const journals = [
    await readOutbox(path.join(dataDir, OUTBOX_FILE)),
    await readGitJournal({ projectDir, dataDir }, hasGit),
    await readPending(dataDir),
  ];
  const own = journals
    .flatMap(({ entries }) => entries)
    .filter((entry) => (entry.project_id ?? project_id) === project_id);
  const unsealed = journals.flatMap((one) => one.unsealed);
  const warnings = unsealed.length === 0 ? [] : [unsealedWarning(unsealed).message];
  for (const { name, location, problem, damage } of journals) {
    const isMissed = problem !== null && (name !== 'git' || hasGit);
    if (isMissed) warnings.push(`What waits in ${location} is not included: ${problem}.`);
    warnings.push(...damage);
  }
  const entries = [...new Map(own.map((entry) => [entry.id, entry])).values()].sort(inReplayOrder);
  return { entries, warnings };
}

/** The primary, open, and what waited just before anything of it was read. */
export interface Source {
  primary: Primary;
  waiting: WaitingHere;
  /** All of `work` sees one moment. It may be repeated from the start. */
  atOneMoment<T>(work: (c: Connection) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Opens the project's primary for copying it; makes none where there is none.
 * @throws ValidationError where there is no tracker yet; DatabaseError when it does not answer
 */
export async function openSource(place: TrackerPlace): Promise<Source> {
  const sighting = await inspectStore(place);
  if (sighting.problem !== null) throw unavailableError(sighting);
  if (!sighting.exists && readMemory(place.dataDir) === undefined) throw nothingThere(sighting.location);
  // Before the rows: what is replayed meanwhile is in both, and never in neither.
  const waiting = await readWaiting(place);
  const primary = await openPrimary({ ...place, timeouts: PATIENT_TIMEOUTS });
  return {
    primary,
    waiting,
    atOneMoment: (work) =>
      primary.inSnapshot(async (c) => {
        await allowPauses(primary.source, c);
        return await work(c);
      }),
    close: () => primary.close(),
  };
}

function nothingThere(location: string) {
  return validationError(
    { field: 'project', constraint: `there is no tracker yet at ${location}`, value: location },
    'Name the folder of a project with --project, or the database with --database; nothing was made.',
  );
}
