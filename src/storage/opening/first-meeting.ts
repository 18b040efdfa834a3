/**
 * Whether a folder may use the project that a shared PostgreSQL holds under its name.
 *
 * What lies in the folder decides nothing alone: a slug in `worktrail.config.json` and `.worktrail/project.json` may
 * have come with a repository of somebody else. What counts is that the two began with the same commit, that this user
 * has worked with the project in this folder before, or that a person named the project here.
 */
import { databaseError, type TrackerError } from '../../domain/errors.ts';
import { agree, forget, isAgreed, realFolder, type Agreement } from '../../config/agreements.ts';
import { findRootCommit } from '../git/repository.ts';
import { parsePostgresUrl, placeOf } from '../primary/postgres-address.ts';
import type { Client } from '../primary/postgres-driver.ts';
import type { ProjectRow } from '../queries/configuration.ts';
import type { Memory, PrimaryOptions } from './primary-options.ts';

/** A folder and the shared database that it is about to use. */
export type Meeting = Pick<PrimaryOptions, 'projectDir' | 'slug'> & { databaseUrl: string };

type Met = Pick<ProjectRow, 'project_id' | 'project_slug' | 'root_commit'>;

/** Why a folder may not use a project. */
export interface Doubt {
  /** In words that go after "the store holds the project X, and …". */
  why: string;
  /** Whether a person may settle it by naming the project here. */
  canBeNamed: boolean;
}

/** Undefined when the folder may use the project. @param memory what the folder remembers */
export async function whyNotOurs(
  { projectDir, slug, databaseUrl }: Meeting,
  project: Met,
  memory: Memory | undefined,
): Promise<Doubt | undefined> {
  const isRemembered = memory?.project_id === project.project_id;
  if (memory !== undefined && !isRemembered)
    return { why: 'this folder remembers another project', canBeNamed: false };
  if (isRemembered && isAgreed(meetingOf(projectDir, project))) return undefined;
  if (project.project_slug !== slug.value) {
    return { why: `that is another name than "${slug.value}"`, canBeNamed: false };
  }
  const isNamedHere = isAgreed(joining(projectDir, slug.value, databaseUrl));
  const root = await findRootCommit(projectDir);
  if (root !== null && project.root_commit !== null) {
    // A history that was rewritten begins otherwise; then the folder has to remember the project as well.
    if (root === project.root_commit || (isNamedHere && isRemembered)) return undefined;
    return { why: 'that project began with another first commit', canBeNamed: isRemembered };
  }
  if (isNamedHere || (slug.explicit && slug.isFromFile !== true)) return undefined;
  return {
    why: 'a project of that name is there already, and nothing proves that it is this one (no common first commit)',
    canBeNamed: true,
  };
}

export function strangerError(
  { projectDir, slug }: Pick<PrimaryOptions, 'projectDir' | 'slug'>,
  source: 'sqlite' | 'postgres',
  project: Pick<ProjectRow, 'project_id' | 'project_slug'>,
  { why, canBeNamed }: Doubt,
): TrackerError {
  const join = canBeNamed
    ? `If it is the project of this folder, a person has to say so: run \`worktrail trust --project-slug ${project.project_slug}\` in ${projectDir}, or set WORKTRAIL_PROJECT_SLUG=${project.project_slug}. To keep them apart,`
    : `To join that project, set project.slug to "${project.project_slug}" in worktrail.config.json in the right repository; to keep them apart,`;
  return databaseError(
    source,
    `the store holds the project "${project.project_slug}" (${project.project_id}), and ${why}`,
    `${join} set project.slug to another name than "${slug.value}". Nothing was changed.`,
  );
}

/**
 * Before anything of a schema is altered.
 * @param schema as `schemaName` makes it
 * @param meeting with the name under which the folder goes
 * @throws DatabaseError when the project in it is not the folder's
 */
export async function refuseStranger(
  client: Client,
  schema: string,
  meeting: Meeting,
  memory: Memory | undefined,
): Promise<void> {
  const { quoteIdentifier } = await import('../primary/postgres-driver.ts');
  const [project] = await client.unsafe<Met[]>(
    `select project_id, project_slug, root_commit from ${quoteIdentifier(schema)}.meta`,
  );
  if (project === undefined) return;
  const doubt = await whyNotOurs(meeting, project, memory);
  if (doubt !== undefined) throw strangerError(meeting, 'postgres', project, doubt);
}

/** Remembers, outside of the folder, that it works with this project. Where that cannot be kept, each start proves it. */
export function recordMeeting(
  projectDir: string,
  project: Pick<ProjectRow, 'project_id' | 'project_slug'>,
): void {
  const meeting = meetingOf(projectDir, project);
  if (isAgreed(meeting)) return;
  try {
    agree(meeting);
  } catch {
    // A user without a folder of their own: a container, a service.
  }
}

/** For a project that was not founded after all. */
export function forgetMeeting(
  projectDir: string,
  project: Pick<ProjectRow, 'project_id' | 'project_slug'>,
): void {
  try {
    forget(meetingOf(projectDir, project));
  } catch {
    // Nobody has a project of that id.
  }
}

/** That a person wants the folder to join the project of this name there. */
export function joining(projectDir: string, slug: string, databaseUrl: string): Agreement {
  return {
    kind: 'project',
    folder: realFolder(projectDir),
    slug,
    place: placeOf(parsePostgresUrl(databaseUrl)),
  };
}

function meetingOf(
  projectDir: string,
  { project_id, project_slug }: Pick<ProjectRow, 'project_id' | 'project_slug'>,
): Agreement {
  return { kind: 'met', folder: realFolder(projectDir), slug: project_slug, project_id };
}
