/** Where a file is loaded into: the store that the settings name, under the name of the file's project. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { type TrackerError, databaseError, validationError } from '../../domain/errors.ts';
import { recordMeeting } from '../opening/first-meeting.ts';
import {
  SQLITE_FILE,
  publicUrl,
  readMemory,
  schemaName,
  slugOfFolder,
  writeMemory,
} from '../opening/open-primary.ts';
import { OUTBOX_FILE } from '../opening/open-store.ts';
import { prepareDataDir } from '../opening/data-folder.ts';
import type { Connection, Session, SourceName } from '../database/connection.ts';
import { driverCode, layerFailure } from '../database/driver-errors.ts';
import { openPostgres } from '../primary/postgres.ts';
import { asideName, setAside } from '../primary/set-aside.ts';
import { openSqlite } from '../primary/sqlite.ts';
import { TABLE_NAMES } from '../database/table-copy.ts';
import { putCacheAside, withSeen } from '../maintenance/accept-primary.ts';
import { LazyOutbox } from '../journals/lazy-outbox.ts';
import { SEEN_FILE } from '../tiers/seen-file.ts';
import { TierMemory } from '../tiers/tier-memory.ts';
import type { ExportHeader } from './format.ts';
import { PATIENT_TIMEOUTS, allowPauses, type TrackerPlace } from './source.ts';
import { countRows } from './write-export.ts';

/** A store that can be replaced as a whole. */
export interface Target {
  session: Session;
  source: SourceName;
  location: string;
}

/** Rows that a tracker has which nobody has used yet. */
const FOUNDING_TABLES: readonly string[] = ['meta', 'feed', 'project_configuration'];

/**
 * Opens the store for the project of a file; makes it where there is none.
 * @throws ValidationError where the folder's tracker is another or elsewhere; DatabaseError when it cannot be used
 */
export async function openTarget(place: TrackerPlace, header: ExportHeader): Promise<Target> {
  refuseMisplaced(place, header);
  const { dataDir, databaseUrl } = place;
  prepareDataDir(dataDir);
  const file = path.join(dataDir, SQLITE_FILE);
  const { session, state } =
    databaseUrl === undefined
      ? await openSqlite({ file })
      : await openPostgres({
          url: databaseUrl,
          schema: schemaName(header.project_slug),
          timeouts: PATIENT_TIMEOUTS,
        });
  if (state === 'current') {
    const location = databaseUrl === undefined ? file : publicUrl(databaseUrl, header.project_slug);
    return { session, source: session.source, location };
  }
  await session.close();
  throw databaseError(
    session.source,
    'this store was made by a newer Worktrail',
    'Update Worktrail here to the version that the others use, then repeat the call. Nothing was changed.',
  );
}

/** A file belongs where its project is, or where none is yet; never silently beside a tracker of another kind. */
function refuseMisplaced(place: TrackerPlace, { project_slug, project_id }: ExportHeader): void {
  const { dataDir, databaseUrl, slug } = place;
  const memory = readMemory(dataDir);
  const file = path.join(dataDir, SQLITE_FILE);
  if (slug.explicit && slug.value !== project_slug) {
    throw misplaced(
      `the file is of the project "${project_slug}", and project.slug is set to "${slug.value}"`,
      `Set project.slug in worktrail.config.json to "${project_slug}", or take it out, then repeat the call.`,
    );
  }
  if (databaseUrl === undefined && memory?.store === 'postgres') {
    throw misplaced(
      'the tracker of this folder is on PostgreSQL, and no address of it is set here',
      'Set DATABASE_URL, or name another folder with --project.',
    );
  }
  if (databaseUrl !== undefined && memory?.store === 'sqlite' && existsSync(file)) {
    throw misplaced(
      `this folder has an embedded tracker (${file}), and it has not been moved to PostgreSQL`,
      'Run `worktrail migrate --to-postgres URL` to move it, or name another folder with --project.',
    );
  }
  if (databaseUrl !== undefined && memory !== undefined && memory.project_id !== project_id) {
    const { value } = slugOfFolder(place);
    throw misplaced(
      `this folder works with the project "${value}" (${memory.project_id}), and the file is of "${project_slug}" (${project_id})`,
      'Name a folder that has no tracker yet with --project.',
    );
  }
}

function misplaced(constraint: string, next: string): TrackerError {
  return validationError({ field: 'project', constraint, value: null }, `${next} Nothing was changed.`);
}

/** What a store holds when nobody can write to it any more. */
export interface Standing {
  /** Null where no project was founded yet. */
  project: { project_id: string; project_slug: string; seq: number; changed_at: string } | null;
  /** Whether nothing was ever done in it. */
  isEmpty: boolean;
}

/** Keeps every other writer out until the transaction ends, and looks at what there is. */
export async function takeAlone({ source }: Target, c: Connection): Promise<Standing> {
  await allowPauses(source, c);
  if (source === 'postgres') {
    const all = TABLE_NAMES.map((name) => sql`${c.tables[name] as PgTable}`);
    await c.db.execute(sql`lock table ${sql.join(all, sql`, `)} in exclusive mode`);
  }
  const [meta] = await c.db.select().from(c.tables.meta);
  const [feed] = await c.db.select().from(c.tables.feed);
  const counts = await countRows(c);
  const isUnused = Object.entries(counts).every(
    ([table, rows]) => rows === 0 || FOUNDING_TABLES.includes(table),
  );
  return {
    project: meta === undefined ? null : { ...meta, seq: feed?.seq ?? 0, changed_at: feed?.changed_at ?? '' },
    isEmpty: isUnused && (feed?.seq ?? 0) === 0,
  };
}

/**
 * The folder takes the loaded state for the truth: it remembers its project, forgets how far the store was before,
 * and puts its copy of it aside. Safe to repeat.
 */
export async function settleFolder(
  { projectDir, dataDir }: TrackerPlace,
  { source }: Target,
  { project_id, project_slug }: ExportHeader,
): Promise<void> {
  if (source === 'postgres') recordMeeting(projectDir, { project_id, project_slug });
  writeMemory(dataDir, { project_id, project_slug, store: source });
  const outboxFile = path.join(dataDir, OUTBOX_FILE);
  if (existsSync(outboxFile)) {
    const outbox = new LazyOutbox(outboxFile, Date.now);
    try {
      const memory = new TierMemory(() => outbox.open({ create: false }));
      memory.noteOutage(null);
    } finally {
      await outbox.close();
    }
  }
  forgetSeen(dataDir);
  if (source === 'postgres') putCacheAside(dataDir);
}

/** The state was put back by a person, and what there was before is kept as a backup: nothing of it is missing. */
function forgetSeen(dataDir: string): void {
  if (!existsSync(path.join(dataDir, SEEN_FILE))) return;
  withSeen(dataDir, (tables) =>
    tables.transaction(() => {
      tables.forgetAll();
      tables.reset({ seq: 0, change_id: null });
    }),
  );
}

/** Whether an embedded file is there and cannot be opened: damaged, or not a database. */
export function isDamagedFile(place: TrackerPlace, error: unknown): boolean {
  return (
    place.databaseUrl === undefined &&
    existsSync(path.join(place.dataDir, SQLITE_FILE)) &&
    (layerFailure(error) === 'partial' || /CORRUPT|NOTADB/.test(driverCode(error) ?? ''))
  );
}

/** Puts the embedded file aside. @returns where it is now */
export function setFileAside({ dataDir }: TrackerPlace, now: Date): string {
  const file = path.join(dataDir, SQLITE_FILE);
  const aside = asideName(file, 'damaged', now.getTime());
  setAside(file, aside);
  return aside;
}
