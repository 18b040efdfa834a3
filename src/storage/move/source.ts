/** What is moved: the folder's embedded tracker, held alone while it is copied. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrackerError } from '../../domain/errors.ts';
import type { Connection } from '../database/connection.ts';
import { openDatabaseFile } from '../primary/database-file.ts';
import { classifyDriverError } from '../database/driver-errors.ts';
import { takeFileLock, type FileLock } from '../primary/file-lock.ts';
import { openingLock } from '../primary/open-in-place.ts';
import { readMigrations, schemaState } from '../primary/migrate.ts';
import { findProject, type ProjectRow } from '../queries/configuration.ts';
import { refuseForeignInTracker } from '../primary/schema-objects.ts';
import { connect } from '../primary/sqlite.ts';
import { isOurs, lastApplied } from '../primary/tracker-file.ts';
import { inOurWords, refused } from './refused.ts';

/** How long the file is asked for before whoever has it open is named as the reason. */
const ALONE_PATIENCE_MS = 5_000;
const ALONE_PAUSE_MS = 50;

/** The file, open; closing it lets others in again. */
export interface Held {
  connection: Connection;
  close(): void;
}

/**
 * The file, with nobody else in it, not even reading, until it is closed. A kill lets go of it too.
 * @throws DatabaseError when somebody has it open for long, or it is another version's
 */
export async function holdAlone(file: string): Promise<Held> {
  const database = openDatabaseFile(file, { fileMustExist: true });
  let lock: FileLock | undefined;
  try {
    // Who holds the file alone has no index beside its log: to those who open it, it would look like a lost one.
    lock = await takeFileLock(openingLock(file));
    database.pragma('busy_timeout = 0');
    // Set before the first read, this takes the file itself: it fails while any other process has it open.
    database.pragma('locking_mode = EXCLUSIVE');
    const giveUpAt = Date.now() + ALONE_PATIENCE_MS;
    for (;;) {
      try {
        database.exec('begin immediate');
        break;
      } catch (error) {
        if (classifyDriverError(error) !== 'contention') throw error;
        if (Date.now() > giveUpAt) throw inUse(file, error);
        await sleep(ALONE_PAUSE_MS);
      }
    }
    const migrations = readMigrations('sqlite');
    refuseForeignInTracker(database, migrations);
    const state = schemaState(lastApplied(database), migrations);
    if (!isOurs(database) || state !== 'current') {
      throw refused(
        'sqlite',
        `${file} has the schema of another version of Worktrail`,
        'Update Worktrail here to the version that the others use, then move the tracker.',
      );
    }
    return {
      connection: connect(database, {}),
      close: () => {
        if (database.inTransaction) database.exec('rollback');
        database.close();
        lock?.close();
      },
    };
  } catch (error) {
    database.close();
    lock?.close();
    throw inOurWords(error);
  }
}

/**
 * The project in the file.
 * @param slug what the folder calls it
 * @throws DatabaseError when there is none, or it has another name
 */
export async function sourceProject(c: Connection, slug: string, file: string): Promise<ProjectRow> {
  const project = await findProject(c);
  if (project === undefined) throw nothingToMove(file);
  if (project.project_slug !== slug) {
    throw refused(
      'sqlite',
      `the tracker is called "${project.project_slug}", and project.slug is set to "${slug}"`,
      `Set project.slug in worktrail.config.json to "${project.project_slug}", or take it out, then move the tracker.`,
    );
  }
  return project;
}

/** For a file without a tracker. */
export function nothingToMove(file: string): TrackerError {
  return refused(
    'sqlite',
    `there is no embedded tracker to move: ${file} is missing or empty`,
    'To begin a new tracker on PostgreSQL, set DATABASE_URL, or database.url in worktrail.config.json.',
  );
}

function inUse(file: string, cause: unknown): TrackerError {
  return refused(
    'sqlite',
    `another program has ${file} open`,
    "Close the AI clients and servers that use this project's tracker, then run the same command again.",
    cause,
  );
}
