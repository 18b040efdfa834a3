/**
 * Moves a folder's embedded tracker to PostgreSQL, the same project under the same id.
 *
 *     worktrail.db, held alone ──copy──▶ schema worktrail_<slug>.new ──compare every row──▶ renamed to
 *     worktrail_<slug> ──▶ project.json says postgres ──▶ worktrail.db is let go of, as it was
 *
 * Until the rename nobody can take the copy for the tracker, and until project.json is written the folder goes on
 * with its file: whatever ends the move on the way, running it again completes it.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInRepository } from '../git/repository.ts';
import { inOurWords, refused } from './refused.ts';
import { compareAll, copyMissing, type Compared, type TableStep } from './rows.ts';
import { holdAlone, nothingToMove, sourceProject } from './source.ts';
import { TIMEOUTS, lookForProject, openTarget, publish } from './target.ts';
import { SQLITE_FILE, openPrimary, publicUrl, readMemory, slugOfFolder } from '../opening/open-primary.ts';
import { openStore, type OpenOptions } from '../opening/open-store.ts';
import { CONTENTION_LIMIT_MS } from '../database/retry.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

const SETTLE_PATIENCE_MS = 10_000;
/**
 * A program that began to open the file before project.json was written waits for it this long at most. It must
 * not get in after the move: what it wrote to the file would be lost.
 */
const OPENERS_PATIENCE_MS = CONTENTION_LIMIT_MS + 2_000;

/** The folder whose tracker is moved, and where to. */
export interface MoveOptions extends Pick<PrimaryOptions, 'projectDir' | 'dataDir' | 'slug'> {
  /** Where PostgreSQL is. */
  url: string;
  onProgress?: (step: MoveStep) => void;
  /** For tests, which know that no other program opens the file. */
  openersPatienceMs?: number;
}

/** How far the move is. */
export type MoveStep =
  | TableStep
  /** The copy is the tracker now; the file is held until no program can be waiting for it. */
  | { step: 'switched'; heldForMs: number };

/** What was done, and where the tracker is now. */
export interface MoveReport extends Pick<Compared, 'tables' | 'rows'> {
  /** `already`: an earlier run had completed the move, and nothing was done. */
  outcome: 'moved' | 'already';
  project_id: string;
  project_slug: string;
  engine: string;
  /** Where the tracker is now, without secrets. */
  location: string;
  /** The embedded file, left as it was and no longer used; null when it is not there any more. */
  old_file: string | null;
  /** Null where nothing was done. */
  sha256: Compared['sha256'] | null;
}

/**
 * Copies, compares and switches. Safe to run again after any interruption.
 * @throws DatabaseError saying what is in the way; the folder goes on with its file then
 */
export async function moveToPostgres(options: MoveOptions): Promise<MoveReport> {
  const { dataDir, url } = options;
  const file = path.join(dataDir, SQLITE_FILE);
  if (readMemory(dataDir)?.store === 'postgres') return await alreadyMoved(options, file);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) throw nothingToMove(file);
  await settleJournals(options);
  const slug = slugOfFolder(options);
  const source = await holdAlone(file);
  try {
    const project = await sourceProject(source.connection, slug.value, file);
    const target = await openTarget(url, slug, project, source.connection);
    let moved: Compared;
    try {
      const copied = await copyMissing(source.connection, target.session, options.onProgress);
      moved = await compareAll(source.connection, target.session, copied, options.onProgress);
      await publish(target, slug.value);
    } finally {
      await target.session.close();
    }
    await switchFolder(options);
    const heldForMs = options.openersPatienceMs ?? OPENERS_PATIENCE_MS;
    options.onProgress?.({ step: 'switched', heldForMs });
    await sleep(heldForMs);
    return {
      outcome: 'moved',
      project_id: project.project_id,
      project_slug: project.project_slug,
      engine: target.session.engine,
      location: publicUrl(url, slug.value),
      old_file: file,
      ...moved,
    };
  } catch (error) {
    throw inOurWords(error);
  } finally {
    source.close();
  }
}

/** Writes that wait belong to the tracker as much as those in it: they have to arrive first. */
async function settleJournals({ projectDir, dataDir, slug }: MoveOptions): Promise<void> {
  const embedded: OpenOptions = { projectDir, dataDir, slug, databaseUrl: undefined };
  const store = await openStore(embedded);
  try {
    await store.settle(SETTLE_PATIENCE_MS);
    const { state, reason, waiting, journals } = await store.layers();
    if (state !== 'online') {
      throw refused(
        'sqlite',
        `the embedded database cannot be used at the moment (${reason ?? `it is ${state}`})`,
        'Run `worktrail doctor`, and move the tracker when all is well.',
      );
    }
    if (waiting.total > 0) {
      throw refused(
        'sqlite',
        `${waiting.total} of the writes made here could not be applied yet, and they would be left behind`,
        'Settle open conflicts (`worktrail conflicts`), let `worktrail doctor --fix` try what was put aside, then move the tracker.',
      );
    }
    const hasGit = await isInRepository(projectDir);
    const unread = journals.find(({ name, problem }) => problem !== null && (name !== 'git' || hasGit));
    if (unread !== undefined) {
      throw refused(
        'sqlite',
        `it cannot be known whether writes wait: ${unread.problem ?? ''}`,
        'Run `worktrail doctor` and follow what it says, then move the tracker.',
      );
    }
  } finally {
    await store.close();
  }
}

/** From here on the folder opens PostgreSQL and refuses its file. */
async function switchFolder({ projectDir, dataDir, slug, url }: MoveOptions): Promise<void> {
  const primary = await openPrimary({
    projectDir,
    dataDir,
    slug,
    databaseUrl: url,
    isMoving: true,
    timeouts: TIMEOUTS,
  });
  await primary.close();
}

async function alreadyMoved(options: MoveOptions, file: string): Promise<MoveReport> {
  const { dataDir, url } = options;
  const slug = slugOfFolder(options).value;
  const memory = readMemory(dataDir);
  const found = await lookForProject(url, slug);
  if (memory === undefined || found.project?.project_id !== memory.project_id) {
    throw refused(
      'postgres',
      `the tracker of this folder is on PostgreSQL already, and ${publicUrl(url, slug)} does not have it`,
      'Check the address: it has to be the one that the tracker was moved to.',
    );
  }
  return {
    outcome: 'already',
    project_id: memory.project_id,
    project_slug: memory.project_slug,
    engine: found.engine,
    location: publicUrl(url, slug),
    old_file: existsSync(file) ? file : null,
    tables: [],
    rows: 0,
    sha256: null,
  };
}
