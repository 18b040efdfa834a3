/** Where a tracker is moved to: a schema on PostgreSQL, under a name of its own until the copy is whole. */
import { sql } from 'drizzle-orm';
import type { TrackerError } from '../../domain/errors.ts';
import { stableJson } from '../../domain/json.ts';
import { schemaName } from '../opening/open-primary.ts';
import type { Connection, Session } from '../database/connection.ts';
import * as postgresStore from '../primary/postgres.ts';
import type { Client } from '../primary/postgres-driver.ts';
import { findFeedPosition, type ProjectRow } from '../queries/configuration.ts';
import { clearTables } from '../database/table-copy.ts';
import { inOurWords, refused } from './refused.ts';
import { sideBySide } from './rows.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

/** Long enough for a batch over a slow line. */
export const TIMEOUTS: postgresStore.PostgresTimeouts = {
  connectMs: 10_000,
  queryMs: 120_000,
  statementMs: 100_000,
  lockMs: 30_000,
};
/** No slug has a dot, so that this is no other project's schema. */
const STAGING_SUFFIX = '.new';

/** The schema that is copied to, open. */
export interface Target {
  session: Session;
  schema: string;
  /** Whether it is still to be renamed. */
  isStaging: boolean;
}

/**
 * The schema to copy to: one that an earlier run left, or a new one.
 * @throws DatabaseError when another project, or this one gone on by itself, is there: it stays as it is
 */
export async function openTarget(
  url: string,
  slug: PrimaryOptions['slug'],
  project: ProjectRow,
  source: Connection,
): Promise<Target> {
  const final = schemaName(slug.value);
  const staging = `${final}${STAGING_SUFFIX}`;
  const found = await lookAt(url, final, async (client) => ({
    final: await projectIn(client, final),
    staging: await projectIn(client, staging),
    others: await postgresStore.findProjects(client),
  }));
  const there = found.final ?? found.staging;
  if (there !== undefined) refuseOther(there, project, found.final === undefined ? staging : final);
  const second = found.others.find(
    ({ project_slug, root_commit }) =>
      project.root_commit !== null && root_commit === project.root_commit && project_slug !== slug.value,
  );
  if (second !== undefined && !slug.explicit) throw secondName(second.project_slug, slug.value);
  let schema = found.final === undefined ? staging : final;
  let session = await openSchema(url, schema);
  try {
    if ((await relationTo(source, session)) === 'earlier') {
      // Others must not meet it while it is filled anew.
      if (schema === final) {
        await rename(session, final, staging);
        await session.close();
        schema = staging;
        session = await openSchema(url, schema);
      }
      await session.write((c) => clearTables(c));
    }
    return { session, schema, isStaging: schema === staging };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function openSchema(url: string, schema: string): Promise<Session> {
  const { session, state } = await postgresStore.openPostgres({ url, schema, timeouts: TIMEOUTS });
  if (state === 'current') return session;
  await session.close();
  throw refused(
    'postgres',
    'what is there was made by a newer Worktrail',
    'Update Worktrail here to the version that the others use, then move the tracker.',
  );
}

/**
 * How far the copy is. An `earlier` one has nothing of its own: the tracker here went on after it was made.
 * @throws DatabaseError when it has gone on by itself
 */
async function relationTo(source: Connection, target: Session): Promise<'earlier' | 'same'> {
  const here = await findFeedPosition(source);
  const [there] = await target.read((c) => c.db.select().from(c.tables.feed));
  if (there === undefined || there.seq === here.seq) return 'same';
  const conclusion =
    'Look at both with `worktrail history`, with and without the address of PostgreSQL; the tracker here goes on with its file. To move it beside the other one, set project.slug in worktrail.config.json to another name.';
  if (there.seq > here.seq) {
    throw refused(
      'postgres',
      `it has this project already and has gone on: it stands at change ${there.seq}, the tracker here at ${here.seq}`,
      conclusion,
    );
  }
  await target.read(async (c) => {
    for await (const { mine, theirs } of sideBySide(source, c, 'changes')) {
      if (theirs === undefined || (mine !== undefined && stableJson(mine) === stableJson(theirs))) continue;
      throw refused(
        'postgres',
        'it has this project already, with changes that are not made here',
        conclusion,
      );
    }
  });
  return 'earlier';
}

/** Gives the copy the name by which everybody finds the tracker; one that has it already is left alone. */
export async function publish({ session, schema, isStaging }: Target, slug: string): Promise<void> {
  if (isStaging) await rename(session, schema, schemaName(slug));
}

async function rename(session: Session, from: string, to: string): Promise<void> {
  await session.write(async (c) => {
    await c.db.execute(sql`alter schema ${sql.identifier(from)} rename to ${sql.identifier(to)}`);
    // The functions of its triggers look for their tables in the schema by name, whoever alters a row.
    const name = to.replaceAll("'", "''");
    await c.db.execute(
      sql.raw(`do $$ declare one regprocedure; begin
        for one in select oid from pg_proc where pronamespace = (select oid from pg_namespace where nspname = '${name}') loop
          execute format('alter function %s set search_path = %I', one, '${name}');
        end loop;
      end $$`),
    );
  });
}

/** The project that is there under a name, and the server's version; changes nothing. */
export async function lookForProject(
  url: string,
  slug: string,
): Promise<{ project: ProjectThere | undefined; engine: string }> {
  const schema = schemaName(slug);
  return await lookAt(url, schema, async (client, { engine }) => ({
    project: await projectIn(client, schema),
    engine,
  }));
}

/** The id is null where a schema was made and no project put into it. */
export interface ProjectThere {
  project_id: string | null;
}

/** What a schema holds; undefined where there is none of ours. Changes nothing. */
async function projectIn(client: Client, schema: string): Promise<ProjectThere | undefined> {
  if ((await postgresStore.lastApplied(client, schema)) === undefined) return undefined;
  // The driver's own quoting would take the dot in a name for two names.
  const rows = await client.unsafe<ProjectThere[]>(`select project_id from "${schema}".meta`);
  return rows[0] ?? { project_id: null };
}

function refuseOther({ project_id }: ProjectThere, project: ProjectRow, schema: string): void {
  // Nothing but a move makes a staging schema, and its first row is the project's.
  const isBegun = project_id === null && schema.endsWith(STAGING_SUFFIX);
  if (isBegun || project_id === project.project_id) return;
  const holds = project_id === null ? 'no project' : `another project (${project_id})`;
  throw refused(
    'postgres',
    `the name "${project.project_slug}" is taken there: the schema ${schema} holds ${holds}`,
    'Check the address. If it is the right one, ask whoever looks after that database what the schema is.',
  );
}

async function lookAt<T>(
  url: string,
  schema: string,
  look: (client: Client, server: { engine: string }) => Promise<T>,
): Promise<T> {
  try {
    return await postgresStore.withServer({ url, schema }, look);
  } catch (error) {
    throw inOurWords(error);
  }
}

function secondName(there: string, here: string): TrackerError {
  return refused(
    'postgres',
    `this repository has a tracker there already, under the name "${there}"; here it is called "${here}"`,
    `To keep two trackers, set project.slug to "${here}" in worktrail.config.json.`,
  );
}
