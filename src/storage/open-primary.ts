/**
 * Opens the project's primary store and makes sure that it is this project's: a `meta` row in the store and a small
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
import type { Sql } from 'postgres';
import { databaseError } from '../errors.ts';
import type { Quotas } from '../domain/quotas.ts';
import { CONFIGURATION_DEFAULTS } from '../domain/configuration.ts';
import { newRecordId } from '../domain/ids.ts';
import { findRootCommit } from './git/repository.ts';
import type { QueryLog, Session, SourceName } from './sql/connection.ts';
import type { PostgresOptions, PostgresTimeouts } from './sql/postgres.ts';
import { findProject, type ProjectRow } from './sql/queries/configuration.ts';
import { SqlStore, type Primary } from './sql/sql-store.ts';
import { openSqlite } from './sql/sqlite.ts';

export interface PrimaryOptions {
  projectDir: string;
  /** The tracker's own folder; made, with a `.gitignore` for all of it, when missing. */
  dataDir: string;
  slug: { value: string; explicit: boolean };
  /** Undefined for the embedded SQLite. */
  databaseUrl: string | undefined;
  /** Of PostgreSQL; what is not given has its default. */
  timeouts?: Partial<PostgresTimeouts>;
  /** Where the migrations of the database in use are; by default those shipped with the program. */
  migrationsFolder?: string;
  /** How much the project may hold; generous by default. */
  quotas?: Quotas;
  logQuery?: QueryLog | undefined;
  /** The folder's embedded tracker is being moved to PostgreSQL: what is founded there is that one. */
  isMoving?: boolean;
}

export const SQLITE_FILE = 'worktrail.db';
const MEMORY_FILE = 'project.json';
const SYSTEM_ACTOR = 'worktrail';

/** What the folder remembers of the project it belongs to. */
export interface Memory {
  project_id: string;
  project_slug: string;
  /** The kind of store it worked with last. */
  store?: SourceName | undefined;
}

/**
 * Opens, and at the first start makes, the project's store. Safe when many processes do so at once.
 * @throws DatabaseError when the store cannot be opened, or belongs to another project; nothing is changed then
 */
export async function openPrimary(given: PrimaryOptions): Promise<Primary> {
  // Read before the store is looked at: what the folder remembers later may be of a project founded meanwhile.
  const remembered = readMemory(given.dataDir);
  const options = { ...given, slug: slugOfFolder(given) };
  prepareDataDir(options.dataDir);
  const file = path.join(options.dataDir, SQLITE_FILE);
  if (options.databaseUrl === undefined) refuseLost(file, options.dataDir);
  else if (options.isMoving !== true) refuseUnmoved(file, options.dataDir);
  const { migrationsFolder, logQuery, timeouts } = options;
  const common = { logQuery, ...(migrationsFolder !== undefined && { migrationsFolder }) };
  const { session, state } =
    options.databaseUrl === undefined
      ? await openSqlite({ file, ...common })
      : await openOnPostgres({
          url: options.databaseUrl,
          schema: schemaName(options.slug.value),
          ...(timeouts !== undefined && { timeouts }),
          beforeFirst: async (client) => {
            refuseEmptied(remembered, options.dataDir);
            await refuseSecondName(client, options);
          },
          ...common,
        });
  try {
    const project = await identify(session, options, remembered);
    const memory = readMemory(options.dataDir);
    if (memory?.project_id !== project.project_id || memory.store !== session.source) {
      writeMemory(options.dataDir, { ...project, store: session.source });
    }
    const location =
      options.databaseUrl === undefined ? file : publicUrl(options.databaseUrl, options.slug.value);
    return new SqlStore(session, state, location, options.quotas);
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Loaded when it is asked for: who works on SQLite does not wait for PostgreSQL's driver. */
async function openOnPostgres(options: PostgresOptions) {
  const { openPostgres } = await import('./sql/postgres.ts');
  return await openPostgres(options);
}

/** A project keeps its name when its folder gets another one: what the folder remembers counts unless a name is set. */
export function slugOfFolder({
  slug,
  dataDir,
}: Pick<PrimaryOptions, 'slug' | 'dataDir'>): PrimaryOptions['slug'] {
  const remembered = slug.explicit ? undefined : readMemory(dataDir)?.project_slug;
  return remembered === undefined ? slug : { value: remembered, explicit: false };
}

/** A file that is missing, or cut to nothing, opens like a new one: where a tracker was, that is a loss. */
function refuseLost(file: string, dataDir: string): void {
  const memory = readMemory(dataDir);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (memory?.store === 'postgres') {
    throw databaseError(
      'sqlite',
      'the tracker of this folder is on PostgreSQL, and no address of it is set here',
      `Set DATABASE_URL, or database.url in worktrail.config.json. To begin an embedded tracker beside it on purpose, move ${path.join(dataDir, MEMORY_FILE)} elsewhere first. Nothing was changed.`,
    );
  }
  const lost = memory !== undefined && (size === 0 || (size === undefined && memory.store === 'sqlite'));
  if (!lost) return;
  throw databaseError(
    'sqlite',
    `${file} is ${size === 0 ? 'empty' : 'missing'}, although this folder had a tracker`,
    `Put the file, or a backup of it, back in its place. To begin anew on purpose, move ${path.join(dataDir, MEMORY_FILE)} elsewhere first. Nothing was changed.`,
  );
}

/** A tracker that is embedded is not left behind in silence for an empty one on PostgreSQL. */
function refuseUnmoved(file: string, dataDir: string): void {
  if (readMemory(dataDir)?.store !== 'sqlite' || !existsSync(file)) return;
  throw databaseError(
    'postgres',
    `this folder has an embedded tracker (${file}), and it has not been moved to PostgreSQL`,
    'Run `worktrail migrate --to-postgres URL`: it copies and verifies every row and leaves the file. Until then, unset the address of PostgreSQL. Nothing was changed.',
  );
}

/**
 * What was there and is gone is not founded again: an empty database behind the address is not the truth.
 * @param remembered what the folder knew before the database was looked at
 * @throws DatabaseError
 */
function refuseEmptied(remembered: Memory | undefined, dataDir: string): void {
  if (remembered?.store !== 'postgres') return;
  throw databaseError(
    'postgres',
    `the database does not have the project "${remembered.project_slug}" (${remembered.project_id}), which this folder has worked with`,
    `Check DATABASE_URL, or restore the database. To begin anew on purpose, move ${path.join(dataDir, MEMORY_FILE)} elsewhere first. Nothing was changed.`,
  );
}

/**
 * A clone in a folder of another name would found a second tracker of the same repository beside the first,
 * and see nothing of it. Where a person named the project, or nothing is known of its first commit, it may.
 * @throws DatabaseError naming the project that is there
 */
async function refuseSecondName(client: Sql, options: PrimaryOptions): Promise<void> {
  if (options.slug.explicit) return;
  const root = await findRootCommit(options.projectDir);
  if (root === null) return;
  const { findProjects } = await import('./sql/postgres.ts');
  const same = (await findProjects(client)).find(
    // Another process may be founding it under this name at this moment.
    ({ root_commit, project_slug }) => root_commit === root && project_slug !== options.slug.value,
  );
  if (same === undefined) return;
  throw databaseError(
    'postgres',
    `this repository has a tracker there already, under the name "${same.project_slug}"; here it would be called "${options.slug.value}" after its folder`,
    `Set project.slug to "${same.project_slug}" in worktrail.config.json (and commit it) to join; to keep two trackers, set it to another name, such as "${options.slug.value}". Nothing was changed.`,
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

export function prepareDataDir(dataDir: string): void {
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

export function readMemory(dataDir: string): Memory | undefined {
  const file = path.join(dataDir, MEMORY_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const memory = JSON.parse(readFileSync(file, 'utf8')) as Partial<Memory>;
    return typeof memory.project_id === 'string' && typeof memory.project_slug === 'string'
      ? { project_id: memory.project_id, project_slug: memory.project_slug, store: memory.store }
      : undefined;
  } catch {
    // A damaged memory is no memory: the store and the repository still have to agree.
    return undefined;
  }
}

export function writeMemory(dataDir: string, memory: Memory): void {
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

function writeTemporary(dataDir: string, { project_id, project_slug, store }: Memory): string {
  const temporary = path.join(dataDir, `${MEMORY_FILE}.${randomUUID()}.tmp`);
  try {
    writeFileSync(temporary, `${JSON.stringify({ project_id, project_slug, store }, null, 2)}\n`);
  } catch (error) {
    throw unwritableFolder(dataDir, error);
  }
  return temporary;
}

async function identify(
  session: Session,
  options: PrimaryOptions,
  remembered: Memory | undefined,
): Promise<ProjectRow> {
  const found = await session.read(findProject);
  // Read after the store: whoever founds a project has written its folder's memory before.
  const memory = readMemory(options.dataDir);
  if (found === undefined && session.source === 'postgres') refuseEmptied(remembered, options.dataDir);
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
async function checkFirstMeeting(
  session: Session,
  options: PrimaryOptions,
  project: ProjectRow,
): Promise<void> {
  if (project.project_slug !== options.slug.value) {
    throw otherProject(session, options, project, `that is another name than "${options.slug.value}"`);
  }
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

function otherProject(session: Session, options: PrimaryOptions, project: ProjectRow, why: string) {
  return databaseError(
    session.source,
    `the store holds the project "${project.project_slug}" (${project.project_id}), and ${why}`,
    `To join that project, set project.slug to "${project.project_slug}" in worktrail.config.json in the right repository; to keep them apart, set project.slug to another name than "${options.slug.value}". Nothing was changed.`,
  );
}

/** Founds the project under the id that the folder remembers, or claims one; gives the claim back if another folder was faster. */
async function foundClaimed(
  session: Session,
  options: PrimaryOptions,
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
async function founding(session: Session, options: PrimaryOptions, project_id: string): Promise<ProjectRow> {
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
