/**
 * Opens the project's primary store and makes sure that it is this project's: a `meta` row in the store and a small
 * file in the folder remember each other, and the repository's first commit vouches for both.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseError } from '../../domain/errors.ts';
import { CONFIGURATION_DEFAULTS } from '../../domain/configuration.ts';
import { newRecordId } from '../../domain/ids.ts';
import { canBeProject } from '../../domain/project-name.ts';
import { readPlainFile } from '../../platform/plain-file.ts';
import { prepareDataDir, unwritableFolder } from './data-folder.ts';
import { forgetMeeting, recordMeeting, refuseStranger, strangerError, whyNotOurs } from './first-meeting.ts';
import { findRootCommit } from '../git/repository.ts';
import { FILE_MODE } from '../../platform/file-modes.ts';
import { refreshDerived } from '../apply/derived.ts';
import type { Session } from '../database/connection.ts';
import { codedError } from '../database/driver-errors.ts';
import type { Client } from '../primary/postgres-driver.ts';
import { parsePostgresUrl, placeOf } from '../primary/postgres-address.ts';
import type { PostgresOptions } from '../primary/postgres.ts';
import { findProject, type ProjectRow } from '../queries/configuration.ts';
import { SqlStore, type Primary } from '../primary/sql-store.ts';
import { openSqlite } from '../primary/sqlite.ts';
import type { Memory, PrimaryOptions } from './primary-options.ts';

export const SQLITE_FILE = 'worktrail.db';
const MEMORY_FILE = 'project.json';
const MEMORY_MAX_BYTES = 16 * 1024;
const SYSTEM_ACTOR = 'worktrail';
/** Giving an id back takes a transaction of the database. */
const CLAIM_LOOKS_MAX = 40;
const CLAIM_LOOK_PAUSE_MS = 50;

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
  const { migrationsFolder, logQuery, timeouts, patience } = options;
  const common = { logQuery, ...(migrationsFolder !== undefined && { migrationsFolder }) };
  const { session, state } =
    options.databaseUrl === undefined
      ? await openSqlite({ file, ...common })
      : await openOnPostgres({
          url: options.databaseUrl,
          schema: schemaName(options.slug.value),
          ...(timeouts !== undefined && { timeouts }),
          ...(patience !== undefined && { patience }),
          beforeFirst: async (client) => {
            refuseEmptied(remembered, options);
            await refuseSecondName(client, options);
          },
          beforeUpgrade: async (client) => {
            const { databaseUrl } = options;
            if (databaseUrl === undefined || options.isMoving === true) return;
            const schema = schemaName(options.slug.value);
            await refuseStranger(client, schema, { ...options, databaseUrl }, remembered);
          },
          ...common,
        });
  try {
    const project = await identify(session, options, remembered);
    if (state === 'current') await refreshDerived(session);
    const memory = readMemory(options.dataDir);
    if (memory?.project_id !== project.project_id || memory.store !== session.source) {
      writeMemory(options.dataDir, { ...project, store: session.source });
    }
    const location =
      options.databaseUrl === undefined ? file : publicUrl(options.databaseUrl, options.slug.value);
    return new SqlStore(session, state, location, { quotas: options.quotas, witness: options.witness });
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Loaded when it is asked for: who works on SQLite does not wait for PostgreSQL's driver. */
async function openOnPostgres(options: PostgresOptions) {
  const { openPostgres } = await import('../primary/postgres.ts');
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
  const saved = lastSaved(dataDir);
  const copy =
    saved === undefined ? 'a backup of it' : `the copy that a program saved when it was lost (${saved})`;
  throw databaseError(
    'sqlite',
    `${file} is ${size === 0 ? 'empty' : 'missing'}, although this folder had a tracker`,
    `Put the file, or ${copy}, back in its place. To begin anew on purpose, move ${path.join(dataDir, MEMORY_FILE)} elsewhere first. Nothing was changed.`,
  );
}

/** See `primary/lost-files.ts`. */
function lastSaved(dataDir: string): string | undefined {
  const names = readdirSync(dataDir).filter((name) => /^worktrail\.saved-.*\.db$/.test(name));
  const last = names.sort().at(-1);
  return last === undefined ? undefined : path.join(dataDir, last);
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
function refuseEmptied(remembered: Memory | undefined, { dataDir, slug }: PrimaryOptions): void {
  if (remembered?.store !== 'postgres') return;
  if (remembered.project_slug !== slug.value) throw otherName(remembered, slug.value);
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
async function refuseSecondName(client: Client, options: PrimaryOptions): Promise<void> {
  if (options.slug.explicit) return;
  const root = await findRootCommit(options.projectDir);
  if (root === null) return;
  const { findProjects } = await import('../primary/postgres.ts');
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
  return `${placeOf(parsePostgresUrl(databaseUrl))} (schema ${schemaName(slug)})`;
}

export function readMemory(dataDir: string): Memory | undefined {
  const file = path.join(dataDir, MEMORY_FILE);
  try {
    const content = readPlainFile(file, { maxBytes: MEMORY_MAX_BYTES, inside: path.dirname(dataDir) });
    if (content === undefined) return undefined;
    const { project_id, project_slug, store } = JSON.parse(content.toString('utf8')) as Memory;
    return canBeProject(project_id, project_slug) ? { project_id, project_slug, store } : undefined;
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

/** An id that another process of this folder is about to give back, because another folder was faster, counts for nothing. */
async function settledMemory(dataDir: string, found: ProjectRow | undefined): Promise<Memory | undefined> {
  for (let looks = CLAIM_LOOKS_MAX; ; looks -= 1) {
    const memory = readMemory(dataDir);
    const isClaim = memory !== undefined && memory.store === undefined;
    if (found === undefined || !isClaim || memory.project_id === found.project_id || looks === 0)
      return memory;
    await sleep(CLAIM_LOOK_PAUSE_MS);
  }
}

function writeTemporary(dataDir: string, { project_id, project_slug, store }: Memory): string {
  const temporary = path.join(dataDir, `${MEMORY_FILE}.${randomUUID()}.tmp`);
  try {
    writeFileSync(temporary, `${JSON.stringify({ project_id, project_slug, store }, null, 2)}\n`, {
      flag: 'wx',
      mode: FILE_MODE,
    });
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
  const memory =
    session.source === 'postgres' ? await settledMemory(options.dataDir, found) : readMemory(options.dataDir);
  if (found === undefined && session.source === 'postgres') refuseEmptied(remembered, options);
  const project = found ?? (await foundClaimed(session, options, memory));
  const { databaseUrl } = options;
  // The embedded file lies in the project's own folder: that is vouching enough.
  if (databaseUrl === undefined) {
    if (memory === undefined || memory.project_id === project.project_id) return project;
    throw strangerError(options, session.source, project, {
      why: 'this folder remembers another project',
      canBeNamed: false,
    });
  }
  if (
    memory !== undefined &&
    memory.project_id !== project.project_id &&
    memory.project_slug !== options.slug.value
  )
    throw otherName(memory, options.slug.value);
  const foundedHere = found === undefined && readMemory(options.dataDir)?.project_id === project.project_id;
  const isOurs = foundedHere || (options.isMoving === true && memory?.project_id === project.project_id);
  const doubt = isOurs ? undefined : await whyNotOurs({ ...options, databaseUrl }, project, memory);
  if (doubt !== undefined) throw strangerError(options, session.source, project, doubt);
  recordMeeting(options.projectDir, project);
  return project;
}

/** The settings name another project than the one that this folder has worked with. */
function otherName({ project_slug }: Memory, configured: string) {
  return databaseError(
    'postgres',
    `project.slug says "${configured}", and this folder has worked with the project "${project_slug}"`,
    `Set project.slug in worktrail.config.json to "${project_slug}", or take it out. Nothing was changed.`,
    codedError('OTHER_NAME', 'another project is configured'),
  );
}

/** Founds the project under the id that the folder remembers, or claims one; gives the claim back if another folder was faster. */
async function foundClaimed(
  session: Session,
  options: PrimaryOptions,
  memory: Memory | undefined,
): Promise<ProjectRow> {
  const proposed = { project_id: newRecordId(), project_slug: options.slug.value };
  // Before anybody can meet the project: another process of this folder must not take it for a stranger.
  if (memory === undefined && session.source === 'postgres') recordMeeting(options.projectDir, proposed);
  const claim = memory ?? claimMemory(options.dataDir, proposed);
  let project: ProjectRow | undefined;
  try {
    project = await founding(session, options, claim.project_id);
    return project;
  } finally {
    if (project?.project_id !== proposed.project_id) forgetMeeting(options.projectDir, proposed);
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
