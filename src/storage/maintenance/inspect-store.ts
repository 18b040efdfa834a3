/** Looks at the store that the settings name without making, migrating or changing anything. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TrackerError, databaseError } from '../../domain/errors.ts';
import { SQLITE_FILE, publicUrl, schemaName, slugOfFolder } from '../opening/open-primary.ts';
import { openDatabaseImage } from '../primary/database-file.ts';
import { openToLook } from '../primary/open-in-place.ts';
import { codedError, describeDriverError, remedyOf } from '../database/driver-errors.ts';
import { readMigrations, schemaState, type SchemaState } from '../primary/migrate.ts';
import { explained } from '../primary/postgres-driver.ts';
import * as postgresStore from '../primary/postgres.ts';
import { refuseForeignInTracker } from '../primary/schema-objects.ts';
import { checkPlaceForSchema, hasAllRights } from '../primary/postgres-server.ts';
import { engineVersion, isOurs, lastApplied } from '../primary/tracker-file.ts';
import type { PrimaryOptions } from '../opening/primary-options.ts';

export interface StoreSighting {
  source: 'sqlite' | 'postgres';
  /** Where it is, without secrets. */
  location: string;
  /** Undefined when it could not be asked. */
  engine?: string;
  /** Whether the project's tables are there. */
  exists: boolean;
  /** Null without tables. */
  schema: SchemaState | null;
  /** Why it cannot be used, in our words; null when it can. */
  problem: string | null;
  /** What to change, where more is known than that there is a problem: a mistake in the settings, a missing module. */
  remedy: string | null;
  /** What the user lacks of a PostgreSQL that can be used otherwise, and how that is mended; null when nothing. */
  lacking: { problem: string; remedy: string } | null;
}

export async function inspectStore(
  options: Pick<PrimaryOptions, 'dataDir' | 'databaseUrl' | 'slug'>,
): Promise<StoreSighting> {
  const { databaseUrl, dataDir } = options;
  const slug = slugOfFolder(options);
  return databaseUrl === undefined
    ? await inspectSqlite(path.join(dataDir, SQLITE_FILE))
    : await inspectPostgres(databaseUrl, slug.value);
}

export function unavailableError({ source, problem, remedy }: StoreSighting): TrackerError {
  return databaseError(
    source,
    problem ?? 'it cannot be used',
    remedy ?? 'Run `worktrail doctor` to see the state of the store.',
  );
}

export function outdatedError({ source }: StoreSighting): TrackerError {
  return databaseError(
    source,
    'its schema is older than this program, and a dry run does not change it',
    'Run `worktrail migrate`, then repeat the call.',
  );
}

async function inspectSqlite(file: string): Promise<StoreSighting> {
  const sighting: StoreSighting = {
    source: 'sqlite',
    location: file,
    exists: false,
    schema: null,
    problem: null,
    remedy: null,
    lacking: null,
  };
  try {
    const there = existsSync(file);
    const database = there ? await openToLook(file) : openDatabaseImage();
    try {
      sighting.engine = engineVersion(database);
      const tables = Number(database.prepare('select count(*) from sqlite_master').pluck().get());
      // A file without any table is one that is just being made.
      sighting.exists = tables > 0;
      if (sighting.exists && !isOurs(database)) {
        sighting.problem = `${file} is a database of another program`;
      } else if (sighting.exists) {
        const migrations = readMigrations('sqlite');
        refuseForeignInTracker(database, migrations);
        sighting.schema = schemaState(lastApplied(database), migrations);
      }
    } finally {
      database.close();
    }
  } catch (error) {
    sighting.exists = true;
    sighting.problem = `${file}: ${describeDriverError(error)}`;
    if (error instanceof TrackerError) sighting.remedy = error.next;
  }
  return sighting;
}

async function inspectPostgres(url: string, slug: string): Promise<StoreSighting> {
  const schema = schemaName(slug);
  const sighting: StoreSighting = {
    source: 'postgres',
    location: publicUrl(url, slug),
    exists: false,
    schema: null,
    problem: null,
    remedy: null,
    lacking: null,
  };
  try {
    await postgresStore.withServer({ url, schema }, async (client, { engine }) => {
      sighting.engine = engine;
      const applied = await postgresStore.lastApplied(client, schema);
      if (applied === undefined) return await checkPlaceForSchema(client, schema);
      sighting.exists = true;
      sighting.schema = schemaState(applied, readMigrations('postgres'));
      if (!(await hasAllRights(client, schema))) sighting.lacking = lackingRights({ url, schema });
    });
  } catch (error) {
    sighting.problem = describeDriverError(error);
    sighting.remedy = remedyOf(error) ?? null;
  }
  return sighting;
}

function lackingRights(place: { url: string; schema: string }): StoreSighting['lacking'] {
  const lacking = explained(codedError('42501', 'a right is missing'), place);
  return { problem: describeDriverError(lacking), remedy: remedyOf(lacking) ?? '' };
}
