/** What a person decides about writes that nothing proves to be theirs: look at them, and take them over. */
import path from 'node:path';
import { databaseError, validationError } from '../../domain/errors.ts';
import { readPlainFile, UnsuitableFile } from '../../platform/plain-file.ts';
import { GitJournal } from '../journals/git-journal.ts';
import { isInRepository } from '../git/repository.ts';
import { readGitJournal, readOutbox, readPending } from './inspect-journals.ts';
import { MarkdownJournal } from '../journals/markdown-journal.ts';
import { readRecords, entryIn } from '../journals/markdown-journal-format.ts';
import { readMemory } from '../opening/open-primary.ts';
import { OUTBOX_FILE, PENDING_DIR, madeIfMissing } from '../opening/open-store.ts';
import { describeFailure } from '../database/driver-errors.ts';
import { deviceOf } from '../journals/device.ts';
import {
  inReplayOrder,
  type Journal,
  type JournalEntry,
  type JournalName,
  type UnsealedWrite,
} from '../contract/journal.ts';
import { LazyOutbox } from '../journals/lazy-outbox.ts';
import { salvage } from '../journals/outbox-salvage.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

export type AdoptOptions = Pick<PrimaryOptions, 'projectDir' | 'dataDir'>;

const FILE_MAX_BYTES = 256 * 1024 * 1024;
const SQLITE_HEADER = 'SQLite format 3\0';
/** A clock of another machine may be ahead; one further ahead would push every later write with it. */
const CLOCK_AHEAD_MAX_MS = 24 * 60 * 60 * 1000;

/** The writes in the journals that nothing proves to be ours. Alters none. */
export async function findUnsealed(options: AdoptOptions): Promise<UnsealedWrite[]> {
  const { projectDir, dataDir } = options;
  const hasGit = await isInRepository(projectDir);
  const journals = [
    await readOutbox(path.join(dataDir, OUTBOX_FILE)),
    await readGitJournal(options, hasGit),
    await readPending(dataDir),
  ];
  return journals.flatMap(({ unsealed }) => unsealed);
}

/**
 * The writes in a file or ref, in the order of their replay: one of those that `findUnsealed` names, or any file with
 * records of a journal in it, such as a damaged one or one of another machine.
 * @throws ValidationError when there is nothing to take over
 */
export async function readPlace(options: AdoptOptions, place: string): Promise<JournalEntry[]> {
  const file = path.resolve(place);
  const listed = (await findUnsealed(options)).filter((one) => one.place === place || one.place === file);
  const entries = listed.length > 0 ? listed.map(({ entry }) => entry) : readFromFile(place, file);
  const unique = [...new Map(entries.map((entry) => [entry.id, entry])).values()].sort(inReplayOrder);
  if (unique.length > 0) return unique;
  throw nothingIn(place, 'must name a file or ref that holds waiting writes');
}

function readFromFile(place: string, file: string): JournalEntry[] {
  const content = readGiven(place, file);
  if (content === undefined) throw nothingIn(place, 'must name a file or ref that is there');
  if (content.toString('latin1', 0, SQLITE_HEADER.length) === SQLITE_HEADER) {
    const log = readGiven(place, `${file}-wal`) ?? Buffer.alloc(0);
    return [...salvage(content, log).entries.values()].map(({ entry }) => entry);
  }
  return readRecords(content).records.flatMap((record) => entryIn(record) ?? []);
}

function readGiven(place: string, file: string): Buffer | undefined {
  try {
    return readPlainFile(file, { maxBytes: FILE_MAX_BYTES, inside: path.dirname(file) });
  } catch (error) {
    if (!(error instanceof UnsuitableFile)) throw error;
    throw nothingIn(place, `must name a file that can be read: ${error.message}`);
  }
}

function nothingIn(place: string, constraint: string) {
  return validationError(
    { field: '--adopt', constraint, value: place },
    'Run `worktrail doctor --adopt` to see what can be taken over. Nothing was changed.',
  );
}

/** Whether a write is of this folder's project, or of none yet. */
export function isOfThisProject({ dataDir }: AdoptOptions, { project_id }: JournalEntry): boolean {
  return project_id === undefined || project_id === readMemory(dataDir)?.project_id;
}

/**
 * Seals the writes as waiting ones of this folder, under the ids that they have: what was applied before is applied
 * once. They leave their place when they are applied.
 * @returns where they wait now
 * @throws DatabaseError when no journal takes one; those before it were taken over
 */
export async function adoptWrites(
  options: AdoptOptions,
  entries: readonly JournalEntry[],
): Promise<JournalName[]> {
  const { projectDir, dataDir } = options;
  const device = deviceOf(dataDir, madeIfMissing(dataDir));
  const journals: Journal[] = [
    new LazyOutbox(path.join(dataDir, OUTBOX_FILE), Date.now),
    new GitJournal(projectDir, device),
    new MarkdownJournal(path.join(dataDir, PENDING_DIR), device),
  ];
  try {
    const used = new Set<JournalName>();
    for (const entry of entries) used.add(await appendTo(journals, { ...entry, ...ownOrder(entry), device }));
    return [...used];
  } finally {
    for (const journal of journals) await journal.close();
  }
}

function ownOrder({ lamport }: JournalEntry): { lamport: number } {
  const now = Date.now();
  return { lamport: lamport > 0 && lamport < now + CLOCK_AHEAD_MAX_MS ? lamport : now };
}

async function appendTo(journals: readonly Journal[], entry: JournalEntry): Promise<JournalName> {
  let cause: unknown;
  for (const journal of journals) {
    try {
      await journal.append(entry);
      return journal.name;
    } catch (error) {
      cause = error;
    }
  }
  const reason = describeFailure(cause);
  throw databaseError('outbox', reason, 'Check the free disk space and run the same command again.', cause);
}
