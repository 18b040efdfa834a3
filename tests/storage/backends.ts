// What the storage suite runs against. A further tier joins by adding itself to `backends`.
import path from 'node:path';
import { describe, inject } from 'vitest';
import { openPrimary, schemaName } from '../../src/storage/opening/open-primary.ts';
import { openStore, type OpenOptions } from '../../src/storage/opening/open-store.ts';
import { openPostgres } from '../../src/storage/primary/postgres.ts';
import type { Primary } from '../../src/storage/primary/sql-store.ts';
import type { DataSource } from '../../src/storage/contract/store.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import '../support/global-setup.ts'; // the type of inject('postgresUrl')
import { attachPostgres, makeTemplate, postgresSkipReason } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { Tracker } from './tracker.ts';

export interface Backend {
  name: string;
  /** What its answers say they came from. */
  source: DataSource;
  /** Why it cannot be tested on this machine; undefined if it must be. */
  skipReason(): string | undefined;
  /** An empty place to keep a project in; given away at the end of the test (or file) that asked for it. */
  place(options?: PlaceOptions): Promise<OpenOptions>;
}

export interface PlaceOptions {
  /** Make the project's folder a git repository with one commit. */
  git?: boolean;
  /** A database of PostgreSQL without any table, where the first who opens it is to make them. */
  bare?: boolean;
}

const sqlite: Backend = {
  name: 'sqlite',
  source: 'sqlite',
  skipReason: () => undefined,
  place: async (options) => inFolder(await temporaryProject(options), undefined),
};

const postgres: Backend = {
  name: 'postgres',
  source: 'postgres',
  skipReason: postgresSkipReason,
  place: async (options) =>
    inFolder(
      await temporaryProject(options),
      await (options?.bare === true ? freshDatabase() : databaseWithSchema()),
    ),
};

export const backends: readonly Backend[] = [sqlite, postgres];

/** The suite once per backend; a backend that this machine lacks becomes a skipped test with the reason. */
export function describeEachBackend(name: string, body: (backend: Backend) => void): void {
  describe.each(backends)(`${name} on $name`, (backend) => {
    const reason = backend.skipReason();
    if (reason !== undefined) return describeUnless(reason, backend.name, () => undefined);
    body(backend);
  });
}

/** An empty database of the run's server, dropped at the end of the test (or file) that asked for it. */
export async function freshDatabase(): Promise<string> {
  const server = attachPostgres(inject('postgresUrl'));
  const url = await server.createDatabase();
  cleanUpLater(() => server.stop());
  return url;
}

/** The same with the tables of `inFolder`'s project, and no row in them: a copy takes a fifth of the time that making them does. */
export async function databaseWithSchema(): Promise<string> {
  const [url, template] = [inject('postgresUrl'), inject('postgresTemplate')];
  await (templateIsMade ??= makeTemplate(url, template, async (made) => {
    const { session } = await openPostgres({ url: made, schema: schemaName(SLUG) });
    await session.close();
  }));
  const server = attachPostgres(url);
  cleanUpLater(() => server.stop());
  return await server.createDatabase(undefined, { template });
}

let templateIsMade: Promise<void> | undefined;

const SLUG = 'test-project';

/** For what a test prepares, or where its point is not how long a server is waited for: a busy machine takes its time. */
export const UNHURRIED = { connectMs: 10_000, queryMs: 20_000 };

/** How `openStore` is told about a project in `projectDir`, with the database of a test. */
export function inFolder(projectDir: string, databaseUrl: string | undefined): OpenOptions {
  return {
    projectDir,
    dataDir: path.join(projectDir, '.worktrail'),
    slug: { value: SLUG, explicit: false },
    databaseUrl,
  };
}

/** A tracker with nothing in it but the default configuration, whose database may be slow. */
export async function openTracker(backend: Backend, options?: PlaceOptions): Promise<Tracker> {
  return openTrackerAt({ ...(await backend.place(options)), timeouts: UNHURRIED });
}

/** The tracker in a place, as another process would open it; its store is closed before the place goes. */
export async function openTrackerAt(place: OpenOptions): Promise<Tracker> {
  const store = await openStore(place);
  cleanUpLater(() => store.close());
  return new Tracker(store, place);
}

/** Opens the database of a place beside whoever uses it, for as long as the work takes. */
export async function withPrimary<T>(place: OpenOptions, work: (primary: Primary) => Promise<T>): Promise<T> {
  const primary = await openPrimary(place);
  try {
    return await work(primary);
  } finally {
    await primary.close();
  }
}
