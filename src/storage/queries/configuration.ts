/** The project configuration, the project's identity, and where the feed stands. */
import { getTableColumns, sql } from 'drizzle-orm';
import { databaseError } from '../../domain/errors.ts';
import type { Configuration } from '../../domain/configuration.ts';
import { canBeProject } from '../../domain/project-name.ts';
import type { Connection } from '../database/connection.ts';

export async function findConfiguration(c: Connection): Promise<Configuration> {
  const rows = await c.statement('configuration', (db, t) => db.select().from(t.configuration)).execute();
  return required(rows[0], 'project_configuration');
}

/** The configuration and, in the same query, how many changes to it wait for a decision. */
export async function findConfigurationWithConflicts(
  c: Connection,
): Promise<Configuration & { open_conflicts: number }> {
  const rows = await c
    .statement('configuration_with_conflicts', (db, { configuration: t, openConflicts: o }) =>
      db
        .select({
          ...getTableColumns(t),
          open_conflicts: sql<number>`(select count(*) from ${o} where ${o.record_id} = ${t.id})`,
        })
        .from(t),
    )
    .execute();
  return required(rows[0], 'project_configuration');
}

export interface ProjectRow {
  project_id: string;
  project_slug: string;
  root_commit: string | null;
  created_at: string;
}

/** Which project the store belongs to; undefined before its first start. */
export async function findProject(c: Connection): Promise<ProjectRow | undefined> {
  const { id: _id, ...columns } = getTableColumns(c.tables.meta);
  const rows = await c.db.select(columns).from(c.tables.meta);
  const project = rows[0];
  if (project === undefined || canBeProject(project.project_id, project.project_slug)) return project;
  throw databaseError(
    'store',
    'the project in it has a name or an id that Worktrail gives to none',
    'Somebody else may have made this database. Look at it, move it elsewhere, then start again. Nothing was changed.',
  );
}

export interface FeedPosition {
  /** Grows with every change; never goes back. */
  seq: number;
  changed_at: string;
}

export async function findFeedPosition(c: Connection): Promise<FeedPosition> {
  const rows = await c
    .statement('feed', (db, t) => db.select({ seq: t.feed.seq, changed_at: t.feed.changed_at }).from(t.feed))
    .execute();
  return required(rows[0], 'feed');
}

function required<T>(row: T | undefined, table: string): T {
  if (row !== undefined) return row;
  throw databaseError(
    'store',
    `the table ${table} has lost its only row`,
    'Run `worktrail doctor`, and restore a backup if there is one.',
  );
}
