/**
 * Opens the project's store and makes sure that it is this project's: a `meta` row in the store and a small
 * file in the folder remember each other, and the repository's first commit vouches for both.
 */
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { databaseError } from '../errors.ts';
import { CONFIGURATION_DEFAULTS } from '../domain/configuration.ts';
import { newRecordId } from '../domain/ids.ts';
import { findRootCommit } from './git/repository.ts';
import type { QueryLog, Session } from './sql/connection.ts';
import { openPostgres } from './sql/postgres.ts';
import { findProject, type ProjectRow } from './sql/queries/configuration.ts';
import { SqlStore } from './sql/sql-store.ts';
import { openSqlite } from './sql/sqlite.ts';
import type { Store } from './store.ts';

export interface OpenOptions {
  projectDir: string;
  /** The tracker's own folder; made, with a `.gitignore` for all of it, when missing. */
  dataDir: string;
  slug: { value: string; explicit: boolean };
  /** Undefined for the embedded SQLite. */
  databaseUrl: string | undefined;
  /** Where the migrations of the database in use are; by default those shipped with the program. */
  migrationsFolder?: string;
  logQuery?: QueryLog | undefined;
}

export const SQLITE_FILE = 'worktrail.db';
const MEMORY_FILE = 'project.json';
const SYSTEM_ACTOR = 'worktrail';

/** What the folder remembers of the project it belongs to. */
interface Memory {
  project_id: string;
  project_slug: string;
}

/**
 * Opens, and at the first start makes, the project's store. Safe when many processes do so at once.
 * @throws DatabaseError when the store cannot be opened, or belongs to another project; nothing is changed then
 */
export async function openStore(options: OpenOptions): Promise<Store> {
  prepareDataDir(options.dataDir);
  const file = path.join(options.dataDir, SQLITE_FILE);
  if (options.databaseUrl === undefined) refuseEmptied(file, options.dataDir);
  const { migrationsFolder, logQuery } = options;
  const common = { logQuery, ...(migrationsFolder !== undefined && { migrationsFolder }) };
  const { session, state } =
    options.databaseUrl === undefined
      ? await openSqlite({ file, ...common })
      : await openPostgres({ url: options.databaseUrl, schema: schemaName(options.slug.value), ...common });
  try {
    const project = await identify(session, options);
    if (readMemory(options.dataDir)?.project_id !== project.project_id) writeMemory(options.dataDir, project);
    const location =
      options.databaseUrl === undefined ? file : publicUrl(options.databaseUrl, options.slug.value);
    return new SqlStore(session, state, location);
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** A file cut to nothing opens like a new one: where a tracker was, that is a loss, not a beginning. */
function refuseEmptied(file: string, dataDir: string): void {
  if (readMemory(dataDir) === undefined || statSync(file, { throwIfNoEntry: false })?.size !== 0) return;
  throw databaseError(
    'sqlite',
    `${file} is empty, although this folder had a tracker`,
    'Put a backup of the file in its place. If there never was anything in it, move the empty file elsewhere and start again. Nothing was changed.',
  );
}

export function schemaName(slug: string): string {
  return `worktrail_${slug.replaceAll('-', '_')}`;
}

/** Where a PostgreSQL store is, without the secrets of its URL. */
export function publicUrl(databaseUrl: string, slug: string): string {
  const url = new URL(databaseUrl);
  return `${url.host}${url.pathname} (schema ${schemaName(slug)})`;
}

function prepareDataDir(dataDir: string): void {
  const ignoreFile = path.join(dataDir, '.gitignore');
  try {
    mkdirSync(dataDir, { recursive: true });
    if (!existsSync(ignoreFile))
      writeFileSync(ignoreFile, '# Local files of Worktrail; nothing here is for git.\n*\n');
  } catch (error) {
    throw unwritableFolder(dataDir, error);
  }
}

function unwritableFolder(dataDir: string, cause: unknown) {
  return databaseError(
    'sqlite',
    `the folder ${dataDir} cannot be made or written`,
    'Check who owns the project folder and the free disk space, then start again.',
    cause,
  );
}

function readMemory(dataDir: string): Memory | undefined {
  const file = path.join(dataDir, MEMORY_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const memory = JSON.parse(readFileSync(file, 'utf8')) as Partial<Memory>;
    return typeof memory.project_id === 'string' && typeof memory.project_slug === 'string'
      ? { project_id: memory.project_id, project_slug: memory.project_slug }
      : undefined;
  } catch {
    // A damaged memory is no memory: the store and the repository still have to agree.
    return undefined;
  }
}

function writeMemory(dataDir: string, memory: Memory): void {
  renameSync(writeTemporary(dataDir, memory), path.join(dataDir, MEMORY_FILE));
}

/** The id of a project about to be founded: the same for all processes that start in this folder at once. */
function claimMemory(dataDir: string, claimed: Memory): Memory {
  const temporary = writeTemporary(dataDir, claimed);
  try {
    linkSync(temporary, path.join(dataDir, MEMORY_FILE));
    return claimed;
  } catch {
    // Someone else was faster, the memory is damaged, or the file system has no links.
    const theirs = readMemory(dataDir);
    if (theirs === undefined) writeMemory(dataDir, claimed);
    return theirs ?? claimed;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function writeTemporary(dataDir: string, { project_id, project_slug }: Memory): string {
  const temporary = path.join(dataDir, `${MEMORY_FILE}.${randomUUID()}.tmp`);
  try {
    writeFileSync(temporary, `${JSON.stringify({ project_id, project_slug }, null, 2)}\n`);
  } catch (error) {
    throw unwritableFolder(dataDir, error);
  }
  return temporary;
}

async function identify(session: Session, options: OpenOptions): Promise<ProjectRow> {
  const found = await session.read(findProject);
  // Read after the store: whoever founds a project has written its folder's memory before.
  const memory = readMemory(options.dataDir);
  const project = found ?? (await foundClaimed(session, options, memory));
  if (memory?.project_id === project.project_id) return project;
  if (memory !== undefined)
    throw otherProject(session, options, project, 'this folder remembers another project');
  // The embedded file lies in the project's own folder: that is vouching enough.
  if (session.source === 'sqlite') return project;
  const foundedHere = found === undefined && readMemory(options.dataDir)?.project_id === project.project_id;
  if (foundedHere) return project;
  await checkFirstMeeting(session, options, project);
  return project;
}

/** A folder that never met this store: the first commits must agree, or a person must have named the project. */
async function checkFirstMeeting(session: Session, options: OpenOptions, project: ProjectRow): Promise<void> {
  const root = await findRootCommit(options.projectDir);
  if (root !== null && project.root_commit !== null) {
    if (root === project.root_commit) return;
    throw otherProject(session, options, project, 'that project began with another first commit');
  }
  if (options.slug.explicit) return;
  throw otherProject(
    session,
    options,
    project,
    'a project of that name is there already, and nothing proves that it is this one (no common first commit)',
  );
}

function otherProject(session: Session, options: OpenOptions, project: ProjectRow, why: string) {
  return databaseError(
    session.source,
    `the store holds the project "${project.project_slug}" (${project.project_id}), and ${why}`,
    `To join that project, set project.slug to "${project.project_slug}" in worktrail.config.json in the right repository; to keep them apart, set project.slug to another name than "${options.slug.value}". Nothing was changed.`,
  );
}

/** Founds the project under the id that the folder remembers, or claims one; gives the claim back if another folder was faster. */
async function foundClaimed(
  session: Session,
  options: OpenOptions,
  memory: Memory | undefined,
): Promise<ProjectRow> {
  const proposed = { project_id: newRecordId(), project_slug: options.slug.value };
  const claim = memory ?? claimMemory(options.dataDir, proposed);
  let project: ProjectRow | undefined;
  try {
    project = await founding(session, options, claim.project_id);
    return project;
  } finally {
    if (claim === proposed && project?.project_id !== claim.project_id) {
      rmSync(path.join(options.dataDir, MEMORY_FILE), { force: true });
    }
  }
}

/** The first start: the project's identity, the feed at 0 and the default configuration, whoever comes first. */
async function founding(session: Session, options: OpenOptions, project_id: string): Promise<ProjectRow> {
  const root_commit = await findRootCommit(options.projectDir);
  return await session.write(async (c) => {
    const now = new Date().toISOString();
    const { meta, feed, configuration } = c.tables;
    await c.db
      .insert(meta)
      .values({
        id: 1,
        project_id,
        project_slug: options.slug.value,
        root_commit,
        created_at: now,
      })
      .onConflictDoNothing();
    const project = await findProject(c);
    if (project === undefined) throw new Error('the project row is missing right after it was written');
    await c.db.insert(feed).values({ id: 1, seq: 0, changed_at: project.created_at }).onConflictDoNothing();
    await c.db
      .insert(configuration)
      .values({
        id: project.project_id,
        version: 1,
        ...CONFIGURATION_DEFAULTS,
        created_at: project.created_at,
        updated_at: project.created_at,
        created_by: SYSTEM_ACTOR,
        updated_by: SYSTEM_ACTOR,
      })
      .onConflictDoNothing();
    return project;
  });
}
