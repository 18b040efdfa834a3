// A project on one of the two databases, as real servers share it, and SQL past them to see what is stored.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import type { OpenOptions } from '../../src/storage/opening/open-store.ts';
import { SQLITE_FILE, schemaName } from '../../src/storage/opening/open-primary.ts';
import { backends, describeEachBackend, type Backend, type PlaceOptions } from '../storage/backends.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { PATIENT_DATABASE } from '../support/patient-database.ts';

const LOCK_PATIENCE_MS = 30_000;

export type Row = Record<string, unknown>;

export interface Place {
  source: 'sqlite' | 'postgres';
  project: string;
  /** How the store is opened without a server. */
  store: OpenOptions;
  /** The arguments of `serve` that name the database and offer every tool. */
  args: readonly string[];
  /** Runs one statement over a connection of its own. */
  rows(statement: string): Promise<Row[]>;
  /** Runs statements in a transaction that stays open, with its locks, until the returned function is called. */
  hold(...statements: string[]): Promise<() => Promise<void>>;
}

/** The suite once per database; `newPlace` gives an empty project on it. */
export function describeEachDatabase(
  name: string,
  body: (newPlace: (options?: PlaceOptions) => Promise<Place>, source: Place['source']) => void,
): void {
  describeEachBackend(name, (backend) => {
    body((options) => placeOn(backend, options), backend.source === 'postgres' ? 'postgres' : 'sqlite');
  });
}

/** An empty project on the embedded SQLite, for what only a file can suffer. */
export const newSqlitePlace = (): Promise<Place> => newPlaceOn('sqlite');

/** One on PostgreSQL, for what only the copy of a database can suffer. */
export const newPostgresPlace = (): Promise<Place> => newPlaceOn('postgres');

async function newPlaceOn(wanted: Place['source']): Promise<Place> {
  const backend = backends.find(({ source }) => source === wanted);
  if (backend === undefined) throw new Error(`no backend is ${wanted}`);
  return await placeOn(backend);
}

async function placeOn(backend: Backend, options?: PlaceOptions): Promise<Place> {
  const given = await backend.place(options);
  const { projectDir, slug, databaseUrl } = given;
  // Folders of tests have names of chance; with the slug fixed, the store can also be opened past the program.
  await writeFile(
    path.join(projectDir, 'worktrail.config.json'),
    JSON.stringify({ project: { slug: slug.value }, database: PATIENT_DATABASE }),
  );
  const access =
    databaseUrl === undefined
      ? sqliteAccess(given.dataDir)
      : postgresAccess(databaseUrl, schemaName(slug.value));
  return {
    source: databaseUrl === undefined ? 'sqlite' : 'postgres',
    project: projectDir,
    store: { ...given, slug: { ...slug, explicit: true } },
    args: ['--toolsets', 'all', '--database', databaseUrl ?? 'embedded'],
    ...access,
  };
}

type Access = Pick<Place, 'rows' | 'hold'>;

function sqliteAccess(dataDir: string): Access {
  const open = () => new Database(path.join(dataDir, SQLITE_FILE), { timeout: LOCK_PATIENCE_MS });
  return {
    rows: (statement) => {
      const database = open();
      try {
        const prepared = database.prepare<[], Row>(statement);
        if (prepared.reader) return Promise.resolve(prepared.all());
        prepared.run();
        return Promise.resolve([]);
      } finally {
        database.close();
      }
    },
    hold: (...statements) => {
      const database = open();
      database.exec('begin immediate');
      for (const statement of statements) database.exec(statement);
      const release = once(() => {
        database.close();
        return Promise.resolve();
      });
      cleanUpLater(release);
      return Promise.resolve(release);
    },
  };
}

function postgresAccess(url: string, schema: string): Access {
  const connect = () =>
    postgres(url, { max: 1, onnotice: () => undefined, connection: { search_path: schema } });
  return {
    rows: async (statement) => {
      const connection = connect();
      try {
        return [...(await connection.unsafe<Row[]>(statement))];
      } finally {
        await connection.end();
      }
    },
    hold: async (...statements) => {
      const connection = connect();
      await connection.unsafe('begin');
      for (const statement of statements) await connection.unsafe(statement);
      const release = once(() => connection.end({ timeout: 0 }));
      cleanUpLater(release);
      return release;
    },
  };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
